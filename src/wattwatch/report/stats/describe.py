"""Repetitions of one figure in few numbers: centre, spread, range."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from wattwatch.report.stats import resample
from wattwatch.report.stats.records import Caution, Estimate, Summary
from wattwatch.report.stats.sample import Sample, is_constant, sample_of

# Lowest to highest of n values holds the population's median with 1 - 2^(1-n): 93.8 % for 5, 96.9 % for 6.
_LEAST_COUNT_FOR_MEDIAN: Final = 6


def summary(values: Sequence[float], *, seed: int = 0) -> Summary:
    """Count, median and mean with BCa bootstrap 95 % intervals, standard deviation and range.

    In the unit of the values; the same for the same values in any order and the same seed. Fewer than three
    values, or all the same, have no interval and a caution. ValueError for no values, or one not finite.
    """
    sample = sample_of(values)
    median_estimate, is_percentile = resample.estimate([sample], median, seed)
    mean_estimate, _ = resample.estimate([sample], mean, seed)
    return Summary(
        count=sample.size,
        median=median_estimate,
        mean=mean_estimate,
        standard_deviation=float(np.std(sample, ddof=1)) if sample.size > 1 else None,
        minimum=float(sample[0]),
        maximum=float(sample[-1]),
        cautions=tuple(_cautions(sample, median_estimate, is_percentile=is_percentile)),
    )


def median(values: Sample, axis: int = -1) -> Any:
    """The median along an axis."""
    return np.median(values, axis=axis)


def mean(values: Sample, axis: int = -1) -> Any:
    """The mean along an axis; the same for the same values in any order, to the last bit.

    Else a resample that is a permutation of the sample would fall beside its mean by rounding alone, and
    move the interval.
    """
    return np.mean(np.sort(values, axis=axis), axis=axis)


def _cautions(sample: Sample, centre: Estimate, *, is_percentile: bool) -> Iterator[Caution]:
    count = sample.size
    if count < resample.LEAST_COUNT:
        times = "1 repetition" if count == 1 else f"{count} repetitions"
        yield Caution(
            "too-few-repetitions",
            f"{times}: no interval can be given; make at least {_LEAST_COUNT_FOR_MEDIAN}",
        )
    elif is_constant(sample):
        yield Caution("no-spread", f"all {count} repetitions are equal: no interval can be given")
    elif count < _LEAST_COUNT_FOR_MEDIAN:
        yield Caution(
            "few-repetitions",
            f"{count} repetitions: even from lowest to highest holds the true median with only "
            f"{1 - 2 ** (1 - count):.0%}; make at least {_LEAST_COUNT_FOR_MEDIAN}",
        )
    if is_percentile and centre.low is not None:
        yield Caution(
            "bootstrap-percentile", "many equal repetitions: the median's interval is a percentile one"
        )
