"""A sample as every statistic here takes it: finite, in ascending order."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Sample = NDArray[np.float64]


def sample_of(values: Sequence[float]) -> Sample:
    """The values in ascending order, so that no result depends on the order of the runs.

    ValueError for none, and for one that is not finite: unknown figures are left out by the caller.
    """
    sample = np.sort(np.asarray(values, dtype=np.float64))
    if sample.size == 0:
        raise ValueError("a sample needs at least one value")
    if not np.isfinite(sample).all():
        raise ValueError("a sample has only finite values: leave out what is unknown")
    return sample


def is_constant(sample: Sample) -> bool:
    """Whether all values are the same: no spread can be told from it."""
    return bool(sample[0] == sample[-1])
