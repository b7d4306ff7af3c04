"""The idle power of a node. Pure.

A measured baseline is a run like any other that carries a label; its epochs are minutes. So it is kept,
exported and deleted as runs are, and its curve can be looked at.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import ceil, sqrt
from statistics import stdev
from typing import Any, Final

from wattwatch.clock import rfc3339
from wattwatch.runs.labels import BASELINE, GOVERNOR
from wattwatch.runs.run import RunState

LEAST_COVERED_RATIO: Final = 0.95
"""Below it a measurement of idle power is none."""

LEAST_MINUTES: Final = 60
"""Idle minutes that have to be known before idle power is told from what was measured anyway."""

_OLD_SECONDS: Final = 30 * 86400.0
_APART_KELVIN: Final = 10.0
_AUTO_PERCENTILE: Final = 5.0
_DAY_SECONDS: Final = 86400.0

Document = Mapping[str, Any]


class BaselineKind(StrEnum):
    """What ran while it was measured."""

    BARE = "bare"
    PLATFORM = "platform"  # with K3s, Kubeflow … running
    AUTO = "auto"  # told from idle minutes of the last day


MEASURED_KINDS: Final = (BaselineKind.BARE, BaselineKind.PLATFORM)


@dataclass(frozen=True, slots=True)
class Baseline:
    """Mean idle power, and how it was measured."""

    kind: BaselineKind
    node: str
    watts: float
    minute_means_watts: tuple[float, ...]
    measured_utc_seconds: float  # its end
    duration_seconds: float
    source: str
    scope: str
    quality: str
    temperature_celsius: float | None = None  # mean
    governor: str = ""
    run_id: str = ""  # of the run that measured it

    @property
    def spread_watts(self) -> float | None:
        """Standard deviation of the 1-minute means; None of fewer than two."""
        means = self.minute_means_watts
        return stdev(means) if len(means) > 1 and self.kind is not BaselineKind.AUTO else None

    @property
    def uncertainty_watts(self) -> float | None:
        """Standard uncertainty of the mean, by the spread of the 1-minute means (GUM 4.2); None of one."""
        spread = self.spread_watts
        return None if spread is None else spread / sqrt(len(self.minute_means_watts))

    def document(self) -> dict[str, Any]:
        """As `baseline` of a node in a run's document."""
        return {
            "kind": self.kind.value,
            "watts": self.watts,
            "uncertainty_watts": self.uncertainty_watts,
            "measured_at": rfc3339(self.measured_utc_seconds),
            "run_id": self.run_id or None,
        }

    def net_joules(self, joules: float, covered_seconds: float) -> float:
        """Energy above idle: gross less idle power over the covered time; negative below it."""
        return joules - self.watts * covered_seconds


def baseline_of(document: Document) -> Baseline | None:
    """The baseline that a run measured; None if it is no such run, failed, or has too many gaps."""
    kind = document["labels"].get(BASELINE)
    node = next((node for node in document["nodes"] if node["mean_power_watts"] is not None), None)
    if kind not in MEASURED_KINDS or node is None or document["state"] != RunState.SUCCEEDED:
        return None
    if (node["covered_ratio"] or 0.0) < LEAST_COVERED_RATIO or document["ended_at"] is None:
        return None
    minutes = (
        epoch["mean_power_watts"]
        for epoch in document["epochs"]
        if (epoch["covered_ratio"] or 0.0) >= LEAST_COVERED_RATIO
    )
    degrees = node["temperature_celsius"]
    return Baseline(
        kind=BaselineKind(kind),
        node=node["node"],
        watts=node["mean_power_watts"],
        minute_means_watts=tuple(minutes),
        measured_utc_seconds=datetime.fromisoformat(document["ended_at"]).timestamp(),
        duration_seconds=document["duration_seconds"],
        source=node["source"],
        scope=node["scope"],
        quality=node["quality"],
        temperature_celsius=degrees["mean"] if degrees else None,
        governor=document["labels"].get(GOVERNOR, ""),
        run_id=document["run_id"],
    )


def auto_watts(minute_means_watts: Sequence[float]) -> float | None:
    """Idle power by idle minutes: their 5th percentile (nearest rank); None while there are too few."""
    if len(minute_means_watts) < LEAST_MINUTES:
        return None
    rank = ceil(_AUTO_PERCENTILE / 100 * len(minute_means_watts))
    return sorted(minute_means_watts)[rank - 1]


def chosen(baselines: Iterable[Baseline], node: str, *, has_platform: bool) -> Baseline | None:
    """The newest one of a node: with a platform if one runs there now, else of the bare machine."""
    kind = BaselineKind.PLATFORM if has_platform else BaselineKind.BARE
    fitting = (one for one in baselines if one.node == node and one.kind is kind)
    return max(fitting, key=lambda one: one.measured_utc_seconds, default=None)


def baseline_warnings(baseline: Baseline, node: Document, run_utc_seconds: float) -> Iterator[str]:
    """What speaks against net energy by this baseline, for a run that began then and its node's document.

    Temperatures are compared at the start of the run: its own work warms it afterwards.
    """
    if baseline.kind is BaselineKind.AUTO:
        return
    age_seconds = run_utc_seconds - baseline.measured_utc_seconds
    again = f"measure it again: wattwatch baseline measure --kind {baseline.kind}"
    if age_seconds > _OLD_SECONDS:
        yield f"the idle baseline is {age_seconds / _DAY_SECONDS:.0f} days old: {again}"
    was, now = (baseline.source, baseline.scope), (node["source"], node["scope"])
    if was != now:
        yield (
            f"the idle baseline was measured by {was[0]} ({was[1]}), this run by {now[0]} ({now[1]}): "
            f"net energy does not compare like with like; {again}"
        )
    degrees = node["temperature_celsius"]
    if degrees and baseline.temperature_celsius is not None:
        apart_kelvin = degrees["start"] - baseline.temperature_celsius
        if abs(apart_kelvin) > _APART_KELVIN:
            yield (
                f"the machine was {abs(apart_kelvin):.0f} °C {'warmer' if apart_kelvin > 0 else 'cooler'} "
                "at the start than in the idle baseline: leakage makes idle power depend on temperature"
            )
