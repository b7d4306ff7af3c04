"""What a measured energy may be off by: spread, baseline, meter class, edges, gaps (GUM: JCGM 100:2008).

Bounds (half widths of a class, of an edge, of a gap) are taken as rectangular: standard uncertainty a/√3.
Standard uncertainties are added in squares, and stated as k = 2. Light: no numpy.

The functions speak of joules over seconds. For mean power give watts as joules over 1 second.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from statistics import fmean, stdev
from typing import Final

from wattwatch.report.stats.records import Estimate

COVERAGE_FACTOR: Final = 2  # k: about 95 %
USUAL_VOLTS: Final = 5.0


@dataclass(frozen=True, slots=True)
class MeterClass:
    """Half widths of what a meter may be off by: a share of the power, and a constant part."""

    gain_ratio: float
    offset_watts: float


@dataclass(frozen=True, slots=True)
class _Digits:
    """A meter's class as its manual has it: ±(ratio of the reading + digits), digits in volts and amperes."""

    volts_ratio: float
    volts_digits: float
    amperes_ratio: float
    amperes_digits: float


# UM24C: manual of the A3-B, which is compatible, ±(0.2 % + 1 digit of 10 mV), ±(0.8 % + 3 digits of 1 mA).
# UM34C: its manual of 2019-09-25, the same. UM25C: ±(0.5 ‰ + 2 digits of 1 mV), ±(1 ‰ + 4 digits of 0.1 mA),
# as davatorium/um25c-client has it.
_UM_CLASSES: Final = {
    "UM24C": _Digits(0.002, 0.010, 0.008, 0.003),
    "UM34C": _Digits(0.002, 0.010, 0.008, 0.003),
    "UM25C": _Digits(0.0005, 0.002, 0.001, 0.0004),
}


def power_class(meter_model: str, volts: float = USUAL_VOLTS) -> MeterClass | None:
    """The class of a meter's power at a voltage; None where no manual states one (RAPL, hwmon, plugs).

    Power is V·I: both ratios and the digits of V are a share of the power, the digits of I times V a
    constant. Worst case, hence the sum. ValueError for a voltage that is not positive.
    """
    if not volts > 0:
        raise ValueError(f"a meter's class is stated at a voltage above 0, got {volts:g}")
    digits = _UM_CLASSES.get(meter_model.strip().upper())
    if digits is None:
        return None
    gain_ratio = digits.volts_ratio + digits.amperes_ratio + digits.volts_digits / volts
    return MeterClass(gain_ratio, digits.amperes_digits * volts)


@dataclass(frozen=True, slots=True)
class MeteredEnergy:
    """The mean energy of a group by one meter: of one node, or of the one node that there is."""

    joules: float
    seconds: float  # mean covered time
    meter: MeterClass | None  # None: not known


@dataclass(frozen=True, slots=True)
class Budget:
    """Standard uncertainties of a group's mean energy, shown apart. None is unknown."""

    spread_joules: float | None  # type A: standard deviation of the repetitions' mean
    baseline_joules: float | None
    gain_joules: float | None
    offset_joules: float | None
    edges_joules: float | None
    gaps_joules: float | None

    @property
    def combined_joules(self) -> float | None:
        """The root of the sum of squares; None if any part is unknown."""
        return _root_sum_square(
            [
                self.spread_joules,
                self.baseline_joules,
                self.gain_joules,
                self.offset_joules,
                self.edges_joules,
                self.gaps_joules,
            ]
        )


def gross_budget(
    repetitions_joules: Sequence[float],
    metered: Sequence[MeteredEnergy],
    *,
    edges_joules: float | None,
    gaps_joules: float | None,
) -> Budget:
    """Of the mean gross energy; `edges_joules` and `gaps_joules` are mean half widths of a repetition.

    They are not divided by the root of the count: what cuts an edge short does so each time. Several meters
    are taken as independent.
    """
    return Budget(
        spread_joules=_type_a(repetitions_joules),
        baseline_joules=0.0,
        gain_joules=_gain(metered),
        offset_joules=_offset(metered),
        edges_joules=_rectangular(edges_joules),
        gaps_joules=_rectangular(gaps_joules),
    )


def net_budget(
    repetitions_joules: Sequence[float],
    metered: Sequence[MeteredEnergy],
    *,
    baseline_uncertainty_joules: float | None,
    edges_joules: float | None,
    gaps_joules: float | None,
) -> Budget:
    """Of the mean net energy: u² = type A² + (t·u_baseline)² + (gain·net)² + edges² + gaps².

    `metered` has net joules. `baseline_uncertainty_joules` is t·u_baseline, u a standard uncertainty in
    watts. The offset of a meter is in the baseline too, and cancels.
    """
    return Budget(
        spread_joules=_type_a(repetitions_joules),
        baseline_joules=baseline_uncertainty_joules,
        gain_joules=_gain(metered),
        offset_joules=0.0,
        edges_joules=_rectangular(edges_joules),
        gaps_joules=_rectangular(gaps_joules),
    )


def mean_energy(repetitions_joules: Sequence[float], budget: Budget) -> Estimate | None:
    """The mean ± its combined uncertainty at k = 2; None if any part of it is unknown."""
    combined = budget.combined_joules
    if combined is None:
        return None
    centre = fmean(repetitions_joules)
    return Estimate(centre, centre - COVERAGE_FACTOR * combined, centre + COVERAGE_FACTOR * combined)


def resolution_joules(
    one: Sequence[MeteredEnergy], other: Sequence[MeteredEnergy], *, same_meters: bool, is_net: bool = False
) -> float | None:
    """The difference of two mean energies that their meters alone can make, at k = 2; None if not known.

    Same meters (given in the same order): the gain is common, so it scales the difference and never makes
    one; the offset leaves what it does in the difference of the times, nothing in net energy. Different
    meters: gain and offset of both add to it.
    """
    if same_meters:
        parts = [_offset_of_time(a, b) for a, b in zip(one, other, strict=True)] if not is_net else [0.0]
    else:
        parts = [part for group in (one, other) for part in (_gain(group), _offset(group))]
    combined = _root_sum_square(parts)
    return None if combined is None else COVERAGE_FACTOR * combined


def is_resolvable(difference_joules: float, resolution_joules: float | None) -> bool | None:
    """Whether a difference is beyond what the meters can make; None if that is not known."""
    return None if resolution_joules is None else abs(difference_joules) > resolution_joules


def _type_a(values: Sequence[float]) -> float | None:
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else None


def _gain(metered: Iterable[MeteredEnergy]) -> float | None:
    return _root_sum_square(
        _rectangular(None if part.meter is None else part.meter.gain_ratio * part.joules) for part in metered
    )


def _offset(metered: Iterable[MeteredEnergy]) -> float | None:
    return _root_sum_square(
        _rectangular(None if part.meter is None else part.meter.offset_watts * part.seconds)
        for part in metered
    )


def _offset_of_time(one: MeteredEnergy, other: MeteredEnergy) -> float | None:
    if one.meter is None:
        return None
    return _rectangular(one.meter.offset_watts * (other.seconds - one.seconds))


def _rectangular(half_width: float | None) -> float | None:
    """The standard uncertainty of a bound: a/√3."""
    return None if half_width is None else abs(half_width) / sqrt(3)


def _root_sum_square(parts: Iterable[float | None]) -> float | None:
    known = list(parts)
    found = [part for part in known if part is not None]
    return hypot(*found) if len(found) == len(known) else None
