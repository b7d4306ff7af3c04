"""Baselines for people and for programs, and what one draws more than another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.clock import rfc3339
from wattwatch.errors import MissingExtra
from wattwatch.report.words import UNKNOWN, watts_text
from wattwatch.runs.baseline import Baseline
from wattwatch.session.summary import table_lines
from wattwatch.units import text_from_seconds

_HOURS_A_MONTH: Final = 30.44 * 24  # the mean month of a year of 365.25 days
_APART_KELVIN: Final = 10.0
_LABEL_WIDTH: Final = 12


def baseline_document(baseline: Baseline) -> dict[str, Any]:
    """Everything of a baseline, for `--json`; unknown is None."""
    return {
        "node": baseline.node,
        **baseline.document(),
        "spread_watts": baseline.spread_watts,
        "minute_means_watts": list(baseline.minute_means_watts),
        "duration_seconds": baseline.duration_seconds,
        "temperature_celsius": baseline.temperature_celsius,
        "source": baseline.source,
        "scope": baseline.scope,
        "quality": baseline.quality,
        "governor": baseline.governor or None,
    }


def baseline_lines(baseline: Baseline) -> list[str]:
    """A baseline for people, a line each."""
    spread = baseline.spread_watts
    rows = [
        ("power", f"{_plus_minus(baseline.watts, baseline.uncertainty_watts)}  {_origin(baseline)}"),
        ("spread", f"{_milliwatts(spread)} between {len(baseline.minute_means_watts)} 1-minute means"),
        ("duration", text_from_seconds(baseline.duration_seconds)),
        ("temperature", _celsius(baseline.temperature_celsius)),
        ("governor", baseline.governor or "none"),
        ("measured", rfc3339(baseline.measured_utc_seconds)),
        ("run", baseline.run_id),
    ]
    head = f"idle baseline of {baseline.node}, {baseline.kind}"
    return [head, *(f"  {label:<{_LABEL_WIDTH}} {text}" for label, text in rows)]


def baseline_list_lines(baselines: Sequence[Baseline]) -> list[str]:
    """A table of baselines, or how to make the first."""
    if not baselines:
        return ["no baseline yet: wattwatch baseline measure makes one"]
    head = ("node", "kind", "power", "minutes", "°C", "source", "scope", "quality", "measured", "run")
    return table_lines([head, *map(_row, baselines)])


def _row(one: Baseline) -> tuple[str, ...]:
    degrees = UNKNOWN if one.temperature_celsius is None else f"{one.temperature_celsius:.1f}"
    return (
        one.node,
        one.kind.value,
        _plus_minus(one.watts, one.uncertainty_watts),
        str(len(one.minute_means_watts)),
        degrees,
        one.source,
        one.scope,
        one.quality,
        rfc3339(one.measured_utc_seconds).partition(".")[0].replace("T", " ") + "Z",
        one.run_id,
    )


@dataclass(frozen=True, slots=True)
class BaselineComparison:
    """What `other` draws more than `one`, with a 95 % interval; `warnings` are what speaks against it."""

    one: Baseline
    other: Baseline
    watts: float
    low_watts: float | None
    high_watts: float | None
    p_value: float | None
    warnings: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "one": baseline_document(self.one),
            "other": baseline_document(self.other),
            "watts": self.watts,
            "low_watts": self.low_watts,
            "high_watts": self.high_watts,
            "p_value": self.p_value,
            "kilowatt_hours_per_month": month_kilowatt_hours(self.watts),
            "low_kilowatt_hours_per_month": month_kilowatt_hours(self.low_watts),
            "high_kilowatt_hours_per_month": month_kilowatt_hours(self.high_watts),
            "warnings": list(self.warnings),
        }


def compare_baselines(one: Baseline, other: Baseline) -> BaselineComparison:
    """The difference of two baselines, by Welch's t of their 1-minute means; MissingExtra without scipy."""
    try:
        from wattwatch.report.stats.difference import difference  # noqa: PLC0415 - numpy, scipy
    except ModuleNotFoundError as error:
        raise MissingExtra("statistics need numpy and scipy: pip install 'wattwatch[report]'") from error
    low = high = p_value = None
    if one.minute_means_watts and other.minute_means_watts:
        found = difference(one.minute_means_watts, other.minute_means_watts, method="welch")
        p_value = found.p_value
        if found.shift is not None:
            low, high = found.shift.low, found.shift.high
    return BaselineComparison(
        one, other, other.watts - one.watts, low, high, p_value, tuple(_warnings(one, other))
    )


def _warnings(one: Baseline, other: Baseline) -> Iterator[str]:
    if one.node != other.node:
        yield f"of two nodes: {one.node} and {other.node}"
    if (one.source, one.scope) != (other.source, other.scope):
        yield f"measured by {one.source} ({one.scope}) and {other.source} ({other.scope}): not like with like"
    temperatures = (one.temperature_celsius, other.temperature_celsius)
    known = [celsius for celsius in temperatures if celsius is not None]
    if len(known) == len(temperatures) and max(known) - min(known) > _APART_KELVIN:
        yield f"{max(known) - min(known):.0f} °C apart: leakage makes idle power depend on temperature"
    if one.governor != other.governor:
        yield f"CPU governors differ: {one.governor or 'none'} and {other.governor or 'none'}"
    if min(len(one.minute_means_watts), len(other.minute_means_watts)) < 2:  # noqa: PLR2004 - a spread needs two
        yield "a baseline of one minute has no spread, so that there is no interval"
    if "simulated" in (one.quality, other.quality):
        yield "simulated: these are not powers of a machine"


def comparison_lines(found: BaselineComparison) -> list[str]:
    """A comparison in words, a line each."""
    one, other = found.one, found.other
    interval = month = ""
    if found.low_watts is not None and found.high_watts is not None:
        interval = f" [{found.low_watts:+.3f}, {found.high_watts:+.3f}] (95 %, Welch)"
        low, high = month_kilowatt_hours(found.low_watts), month_kilowatt_hours(found.high_watts)
        month = f" [{low:+.2f}, {high:+.2f}]"
    lines = [
        *(
            f"{each.kind:<9} {_plus_minus(each.watts, each.uncertainty_watts)}  {_origin(each)}"
            for each in (one, other)
        ),
        f"{other.kind} draws {found.watts:+.3f} W{interval} compared with {one.kind}",
        f"in a month of 30.44 days {month_kilowatt_hours(found.watts):+.2f} kWh{month}",
    ]
    return [*lines, *(f"warning: {warning}" for warning in found.warnings)]


def month_kilowatt_hours(watts: float | None) -> float | None:
    """Energy of a steady power over a mean month, in kWh."""
    return None if watts is None else watts * _HOURS_A_MONTH / 1000


def _plus_minus(watts: float, doubt_watts: float | None) -> str:
    return watts_text(watts) if doubt_watts is None else f"{watts:.3f} W ± {_milliwatts(doubt_watts)}"


def _origin(baseline: Baseline) -> str:
    return f"({baseline.quality}, {baseline.scope}: {baseline.source})"


def _milliwatts(watts: float | None) -> str:
    return UNKNOWN if watts is None else f"{watts * 1000:.1f} mW"


def _celsius(celsius: float | None) -> str:
    return UNKNOWN if celsius is None else f"{celsius:.1f} °C, mean"
