"""Simulated series of two groups of runs, for the calibration of verdicts. All figures are made up."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwatch.report.stats.difference import Method, p_value
from wattwatch.report.stats.planning import power
from wattwatch.report.stats.records import ALPHA
from wattwatch.report.stats.trend import confounded_order, drift

MEAN_JOULES: Final = 100.0
SPREAD_RATIO: Final = 0.05  # run-to-run standard deviation
GAIN_RATIO: Final = 0.012  # half width of a UM24C's class: drawn once for each trial, common to both groups
COUNT: Final = 10


@dataclass(frozen=True, slots=True)
class Trial:
    """Energies in order of start, and the places of the runs in the whole series."""

    one_joules: list[float]
    other_joules: list[float]
    one_places: list[int]
    other_places: list[int]


@dataclass(frozen=True, slots=True)
class World:
    """What is true: the ratio of the groups, and how the figures drift from run to run."""

    ratio: float = 1.0
    drift_ratio: float = 0.0  # of the mean, each run
    is_shuffled: bool = True


def trials(world: World, number: int, seed: int) -> Iterator[Trial]:
    """Ten runs against ten, on one meter, `number` times."""
    rng = np.random.default_rng(seed)
    return (_trial(world, rng) for _ in range(number))


def _trial(world: World, rng: np.random.Generator) -> Trial:
    places = rng.permutation(2 * COUNT) if world.is_shuffled else np.arange(2 * COUNT)
    one, other = np.sort(places[:COUNT]), np.sort(places[COUNT:])
    gain = 1 + rng.uniform(-GAIN_RATIO, GAIN_RATIO)

    def joules(at: NDArray[np.int_], ratio: float) -> list[float]:
        runs = 1 + SPREAD_RATIO * rng.standard_normal(COUNT)
        found: list[float] = (gain * MEAN_JOULES * ratio * (1 + world.drift_ratio * at) * runs).tolist()
        return found

    return Trial(joules(one, 1.0), joules(other, world.ratio), one.tolist(), other.tolist())


def positive_rate(world: World, number: int, seed: int, method: Method = "mann-whitney") -> float:
    """Share of trials whose verdict is a difference."""
    p_values = (p_value(t.one_joules, t.other_joules, method=method) for t in trials(world, number, seed))
    return float(np.mean([p is not None and p < ALPHA for p in p_values]))


def theory(ratio: float, method: Method = "mann-whitney") -> float:
    """The power that planning computes for the pooled spread of both groups."""
    deviation = SPREAD_RATIO * MEAN_JOULES * float(np.sqrt((1 + ratio**2) / 2))
    return power(deviation, MEAN_JOULES * (ratio - 1), COUNT, method=method)


@dataclass(frozen=True, slots=True)
class Warned:
    """Shares of trials with each warning."""

    drift_between: float
    not_shuffled: float
    drift: float  # within either group


def warned(world: World, number: int, seed: int) -> Warned:
    """How often each warning of drift appears."""
    codes, drifts = [], 0
    for t in trials(world, number, seed):
        found = confounded_order(t.one_joules, t.other_joules, t.one_places, t.other_places)
        codes.append(found.code if found else "")
        drifts += any(drift(values) is not None for values in (t.one_joules, t.other_joules))
    return Warned(
        codes.count("drift-between") / number, codes.count("not-shuffled") / number, drifts / number
    )
