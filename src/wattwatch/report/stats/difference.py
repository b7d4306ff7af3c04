"""Whether two groups differ, how surely, and by how much."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from wattwatch.report.stats import describe, means, ranks, resample
from wattwatch.report.stats.records import ALPHA, Caution, Difference, Estimate
from wattwatch.report.stats.sample import Sample, is_constant, sample_of

Method = Literal["mann-whitney", "welch"]

_LEAST_COUNT: Final = 2


def difference(
    one: Sequence[float], other: Sequence[float], *, method: Method = "mann-whitney", seed: int = 0
) -> Difference:
    """`other` against `one`: p, shift in the figure's unit, effect, and ratio, with 95 % intervals.

    "mann-whitney": U (exact for groups up to 50 without equal values; else the caution "p-approximated" says
    what was done), Hodges-Lehmann shift, Cliff's delta, ratio of medians. "welch": t, difference of means,
    Hedges' g, ratio of means. Ratios have a BCa bootstrap interval (a percentile one where BCa is not
    defined) if all values are positive. p is None for fewer than two values in a group. ValueError for no
    values, or one not finite.
    """
    one_sample, other_sample = sample_of(one), sample_of(other)
    made = _by_ranks if method == "mann-whitney" else _by_means
    return made(one_sample, other_sample, seed)


def p_value(one: Sequence[float], other: Sequence[float], *, method: Method = "mann-whitney") -> float | None:
    """The two-sided p-value that `difference` gives, alone: what simulations call."""
    test = ranks.p_value if method == "mann-whitney" else means.p_value
    return test(sample_of(one), sample_of(other))


def _by_ranks(one: Sample, other: Sample, seed: int) -> Difference:
    return Difference(
        method="mann-whitney",
        p_value=ranks.p_value(one, other),
        shift=ranks.hodges_lehmann(one, other),
        effect_name="Cliff's delta",
        effect=ranks.cliffs_delta(one, other),
        ratio=_ratio(one, other, describe.median, seed),
        cautions=tuple(_cautions_of_ranks(one, other)),
    )


def _by_means(one: Sample, other: Sample, seed: int) -> Difference:
    return Difference(
        method="welch",
        p_value=means.p_value(one, other),
        shift=means.difference_of_means(one, other),
        effect_name="Hedges' g",
        effect=means.hedges_g(one, other),
        ratio=_ratio(one, other, describe.mean, seed),
        cautions=tuple(_cautions_of_means(one, other)),
    )


def _ratio(one: Sample, other: Sample, centre: resample.Statistic, seed: int) -> Estimate | None:
    """`other` over `one`; None unless both centres are positive, no interval unless all values are."""

    def ratio_of_centres(one: Sample, other: Sample, axis: int = -1) -> Any:
        return centre(other, axis=axis) / centre(one, axis=axis)

    if min(centre(one), centre(other)) <= 0:
        return None
    if min(one[0], other[0]) <= 0:
        return Estimate(float(ratio_of_centres(one, other)))
    return resample.estimate([one, other], ratio_of_centres, seed)[0]


def _cautions_of_ranks(one: Sample, other: Sample) -> Iterator[Caution]:
    if ranks.smallest_p_value(one.size, other.size) >= ALPHA or min(one.size, other.size) < _LEAST_COUNT:
        least = ranks.least_count()
        yield Caution(
            "too-few-repetitions",
            f"{one.size} and {other.size} repetitions cannot show any difference at p < {ALPHA:.2g}, "
            f"however large: make at least {least} and {least}",
        )
    if min(one.size, other.size) < _LEAST_COUNT:
        return
    if is_constant(one) and is_constant(other):
        yield _no_spread()
    elif approximated := ranks.approximation_caution(one, other):
        yield approximated


def _cautions_of_means(one: Sample, other: Sample) -> Iterator[Caution]:
    if min(one.size, other.size) < _LEAST_COUNT:
        yield Caution(
            "too-few-repetitions",
            f"{one.size} and {other.size} repetitions: Welch's test needs at least 2 in each group",
        )
    elif is_constant(one) and is_constant(other):
        yield _no_spread()


def _no_spread() -> Caution:
    return Caution("no-spread", "all repetitions of each group are equal: their spread is unknown")
