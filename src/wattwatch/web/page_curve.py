"""The power of the last minutes as a curve to draw, for the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from wattwatch.reading import Channel, Instant, Kind
from wattwatch.report.series import Gap, Point, Trace, step_powers, summed, trace
from wattwatch.sampling.energy_channels import gap_limit_seconds
from wattwatch.sampling.snapshot import Snapshot
from wattwatch.store.base import EnergyHistory, Span

_WINDOWS_SECONDS: Final = (60.0, 120.0, 300.0, 600.0)
WINDOW_SECONDS: Final = _WINDOWS_SECONDS[-1]
_MOST_POINTS: Final = 500


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """Power over the last minutes: seconds count from now, so all are negative or zero."""

    trace: Trace
    window_seconds: float  # how far back the drawing goes
    mean_watts: float | None  # over the time that was covered

    @property
    def missing_seconds(self) -> float:
        """Time in gaps."""
        return sum(gap.end_seconds - gap.start_seconds for gap in self.trace.gaps)


def primary_power_points(history: EnergyHistory, snapshot: Snapshot, limit_seconds: float) -> list[Point]:
    """Power of the node's primary since `WINDOW_SECONDS`, seconds counted from now.

    The sum of several channels stands where all of them are known. Empty without a primary. StoreError.
    """
    if snapshot.primary is None:
        return []
    now = snapshot.at
    span = Span(Instant(now.boot_id, max(0.0, now.boot_seconds - WINDOW_SECONDS)), now)
    channels = snapshot.primary.channels
    first, *others = (channel_power_points(history, channel, span, limit_seconds) for channel in channels)
    for other in others:
        first = summed(first, other, limit_seconds)
    since = span.start.boot_seconds
    return [Point(at - now.boot_seconds, watts) for at, watts in first if since <= at <= now.boot_seconds]


def channel_power_points(
    history: EnergyHistory, channel: Channel, span: Span, limit_seconds: float
) -> list[Point]:
    """Power of one channel in boot seconds; of a counter the mean of each step, standing at its end."""
    readings = [Point(r.at.boot_seconds, r.value) for r in history.readings(channel.id, span)]
    return readings if channel.kind is Kind.POWER else step_powers(readings, limit_seconds)


def power_curve(history: EnergyHistory, snapshot: Snapshot, gap_seconds: float) -> PowerCurve | None:
    """The curve of the last minutes; None if there is nothing to draw. StoreError."""
    limit_seconds = gap_limit_seconds(gap_seconds, _interval_seconds(snapshot))
    points = primary_power_points(history, snapshot, limit_seconds)
    if not points:
        return None
    drawn = trace("Power", "W", points, limit_seconds, _MOST_POINTS)
    first, last = points[0][0], points[-1][0]
    window_seconds = next((seconds for seconds in _WINDOWS_SECONDS if seconds >= -first), WINDOW_SECONDS)
    if -last > limit_seconds:
        drawn = Trace(drawn.label, drawn.unit, drawn.lines, (*drawn.gaps, Gap(last, 0.0)))
    return PowerCurve(drawn, window_seconds, _mean_watts(points, limit_seconds))


def _interval_seconds(snapshot: Snapshot) -> float:
    """That of the primary's slowest source; 0 without a primary."""
    names = () if snapshot.primary is None else snapshot.primary.sources
    described = (status.description for status in snapshot.sources)
    return max((source.interval_seconds for source in described if source.name in names), default=0.0)


def _mean_watts(points: Sequence[Point], limit_seconds: float) -> float | None:
    """Trapezoid over covered time: missing time adds neither energy nor coverage."""
    steps = [(b - a, (p + q) / 2) for (a, p), (b, q) in pairwise(points) if 0 < b - a <= limit_seconds]
    covered_seconds = sum(seconds for seconds, _ in steps)
    return sum(seconds * watts for seconds, watts in steps) / covered_seconds if covered_seconds else None
