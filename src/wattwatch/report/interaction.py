"""Whether what one factor does depends on the other, in words: ratios of ratios of mean energy."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

from wattwatch.report.groups import known_values
from wattwatch.report.stats import resample
from wattwatch.report.stats.describe import mean
from wattwatch.report.stats.records import Estimate
from wattwatch.report.stats.sample import Sample, sample_of
from wattwatch.report.study import Group

_FACTORS: Final = 2
_MOST_SENTENCES: Final = 6
_ENERGY: Final = "energy_joules"
Cells = Mapping[tuple[str, str], Group]


def interaction_text(groups: Sequence[Group], by: Sequence[str], seed: int) -> str:
    """A sentence for each pair of levels of both factors; "" unless there are two factors of two levels."""
    if len(by) != _FACTORS:
        return ""
    cells = {(group.factors[by[0]], group.factors[by[1]]): group for group in groups}
    firsts, seconds = (sorted({key[place] for key in cells}) for place in range(_FACTORS))
    corners = [(a, b) for a in combinations(firsts, 2) for b in combinations(seconds, 2)]
    said = [text for a, b in corners for text in _said(cells, a, b, seed)]
    more = (
        f" ({len(said) - _MOST_SENTENCES} more pairs are not written out.)"
        if len(said) > _MOST_SENTENCES
        else ""
    )
    return " ".join(said[:_MOST_SENTENCES]) + more


def _said(cells: Cells, a: tuple[str, str], b: tuple[str, str], seed: int) -> Iterator[str]:
    """How the step from b[0] to b[1] differs between a[0] and a[1]."""
    corners = [(a[0], b[0]), (a[0], b[1]), (a[1], b[0]), (a[1], b[1])]
    empty = [
        corner
        for corner in corners
        if corner not in cells or not known_values(cells[corner].counted, _ENERGY)
    ]
    if empty:
        yield f"There is no energy for {', '.join(empty[0])}: {b[1]} against {b[0]} cannot be judged."
        return
    samples = [sample_of(known_values(cells[corner].counted, _ENERGY)) for corner in corners]
    if min(sample[0] for sample in samples) <= 0:
        return
    steps = [_estimate(samples[:2], _ratio, seed), _estimate(samples[2:], _ratio, seed)]
    between = _estimate(samples, _ratio_of_ratios, seed)
    yield (
        f"{b[1]} against {b[0]} changes the energy by {_percent(steps[0])} on {a[0]} and by "
        f"{_percent(steps[1])} on {a[1]}; {_verdict(between)}."
    )


def _estimate(samples: Sequence[Sample], statistic: resample.Statistic, seed: int) -> Estimate:
    return resample.estimate(samples, statistic, seed)[0]


def _ratio(one: Sample, other: Sample, axis: int = -1) -> Any:
    return mean(other, axis=axis) / mean(one, axis=axis)


def _ratio_of_ratios(
    one: Sample, stepped: Sample, other: Sample, other_stepped: Sample, axis: int = -1
) -> Any:
    return _ratio(other, other_stepped, axis) / _ratio(one, stepped, axis)


def _percent(ratio: Estimate) -> str:
    text = f"{ratio.value - 1:+.1%}"
    if ratio.low is None or ratio.high is None:
        return text
    return f"{text} [{ratio.low - 1:+.1%}, {ratio.high - 1:+.1%}]"


def _verdict(ratio: Estimate) -> str:
    if ratio.low is None or ratio.high is None:
        return "too few runs to say whether these two differ"
    text = f"ratio of the two {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"
    if ratio.low <= 1 <= ratio.high:
        return f"a difference between these two is not shown by these data ({text})"
    return f"these two differ ({text})"
