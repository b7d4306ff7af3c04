"""Bootstrap intervals (Efron 1987), seeded. The resampling is scipy's."""

import warnings
from collections.abc import Callable, Sequence
from typing import Final, Literal

import numpy as np
from scipy import stats

from wattwatch.report.stats.records import CONFIDENCE, Estimate
from wattwatch.report.stats.sample import Sample, is_constant

LEAST_COUNT: Final = 3  # two values have but three different resamples
_RESAMPLES: Final = 9_999
_VALUES_AT_A_TIME: Final = 250_000  # 2 MB: a Pi has other work for its memory

Statistic = Callable[..., Sample]  # of one or more samples, along `axis`


def has_interval(samples: Sequence[Sample]) -> bool:
    """Whether a bootstrap can say anything: at least three values each, and not all the same."""
    return all(sample.size >= LEAST_COUNT for sample in samples) and not all(map(is_constant, samples))


def estimate(samples: Sequence[Sample], statistic: Statistic, seed: int) -> tuple[Estimate, bool]:
    """The statistic with its BCa 95 % interval, and whether the interval had to be a percentile one.

    BCa is not defined where leaving out any one value changes nothing (a median amid ties): its acceleration
    is then 0/0. The same resamples then give the plain percentile interval. Without interval if there is none
    (see `has_interval`).
    """
    value = float(statistic(*samples, axis=-1))
    if not has_interval(samples):
        return Estimate(value), False
    low, high = _interval(samples, statistic, seed, "BCa")
    if is_percentile := not np.isfinite([low, high]).all():
        low, high = _interval(samples, statistic, seed, "percentile")
    return Estimate(value, low, high), is_percentile


def _interval(
    samples: Sequence[Sample], statistic: Statistic, seed: int, method: Literal["BCa", "percentile"]
) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # NaN is told by the caller
        warnings.simplefilter("ignore", RuntimeWarning)  # 0/0 on the way to it
        found = stats.bootstrap(
            samples,
            statistic,
            n_resamples=_RESAMPLES,
            batch=max(1, _VALUES_AT_A_TIME // max(sample.size for sample in samples)),
            confidence_level=CONFIDENCE,
            method=method,
            vectorized=True,
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return float(found.low), float(found.high)
