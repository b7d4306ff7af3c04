"""The curves of a run as the store has them: the power that stood for its node, and its temperature."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.reading import Channel, Instant, Kind
from wattwatch.runs.archive import POWER, TEMPERATURE, Series
from wattwatch.runs.energy import Curve, Supply
from wattwatch.runs.figures import NodeFacts
from wattwatch.runs.parts import Part
from wattwatch.runs.thinning import Thinner
from wattwatch.sampling.combine import MICROSECONDS, Coverage, microseconds
from wattwatch.sampling.energy_channels import gap_limit_seconds
from wattwatch.store.base import EnergyHistory, Span

AROUND_SECONDS: Final = 5.0
"""A curve shows this much before the start and after the end of its run."""

_LOOK_SECONDS: Final = 3600.0  # what is read at once, of a sum

_Point = tuple[Instant, float] | None
"""An instant and a value; None where the curve is broken."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run to draw: where it lies boot by boot, and how an instant is put in seconds from its start."""

    parts: Sequence[Part]
    seconds: Callable[[Instant], float]
    duration_seconds: float
    most_points: int

    def thinner(self) -> Thinner:
        """Takes the points of one curve."""
        return Thinner(-AROUND_SECONDS, self.duration_seconds + AROUND_SECONDS, self.most_points)


def run_series(
    recorded: Recorded, node: Mapping[str, Any], history: EnergyHistory, facts: NodeFacts
) -> list[Series]:
    """Power and temperature of a run, whose figures on this node are `node` of its document.

    What the store has no readings of any more is left out.
    """
    spans = [_around(part) for part in recorded.parts]
    every = history.channels()
    found = []
    if curve := _curve(node, every, facts):
        zone = curve.supplies[0].channel.zone if len(curve.supplies) == 1 else ""
        lines = _lines(recorded, (_power_points(curve, history, span) for span in spans))
        found.append(Series(node["node"], node["source"], zone, POWER, lines))
    if heat := _heat(node, every, facts):
        limit_seconds = _limit_seconds(heat, facts)
        points = (_read_points(heat, history, span, limit_seconds) for span in spans)
        found.append(Series(node["node"], heat.source, heat.zone, TEMPERATURE, _lines(recorded, points)))
    return [series for series in found if series.lines]


def _around(part: Part) -> Span:
    start = part.start.plus(-min(AROUND_SECONDS, part.start.boot_seconds))
    return Span(start, part.end.plus(AROUND_SECONDS))


def _curve(node: Mapping[str, Any], every: Iterable[Channel], facts: NodeFacts) -> Curve | None:
    """What stood for the node: the primary, if it still is what the document names."""
    if facts.curve is not None and facts.primary and facts.primary.source == node["source"]:
        return facts.curve
    of_source = (c for c in every if c.source == node["source"] and c.kind is Kind.POWER)
    channel = next(of_source, None)
    return None if channel is None else Curve([Supply(channel, facts.timing)])


def _heat(node: Mapping[str, Any], every: Iterable[Channel], facts: NodeFacts) -> Channel | None:
    """The temperature that the document names; of several zones of that name not a meter's own."""
    zone = (node["temperature_celsius"] or {}).get("zone")
    found = [channel for channel in every if channel.quantity == TEMPERATURE and channel.zone == zone]
    return min(found, key=lambda channel: channel.source in facts.meters, default=None)


def _limit_seconds(channel: Channel, facts: NodeFacts) -> float:
    interval_seconds = facts.intervals.get(channel.source, facts.interval_seconds)
    return gap_limit_seconds(facts.gap_seconds, interval_seconds)


def _lines(
    recorded: Recorded, curves: Iterable[Iterable[_Point]]
) -> tuple[tuple[tuple[float, float], ...], ...]:
    """The points of every part, thinned, broken where they are and between the parts."""
    thinner = recorded.thinner()
    for points in curves:
        thinner.interrupt()
        for point in points:
            if point is None:
                thinner.interrupt()
            elif math.isfinite(point[1]):
                thinner.add(recorded.seconds(point[0]), point[1])
    return thinner.lines()


def _power_points(curve: Curve, history: EnergyHistory, span: Span) -> Iterator[_Point]:
    """Readings of one power channel; of a counter or a sum, the mean power of each step at its end."""
    supply = curve.supplies[0]
    if len(curve.supplies) == 1 and supply.channel.kind is Kind.POWER:
        yield from _read_points(supply.channel, history, span, supply.timing.limit_seconds)
        return
    start = span.start
    while start.boot_seconds < span.end.boot_seconds:
        end = min(start.plus(_LOOK_SECONDS), span.end, key=lambda at: at.boot_seconds)
        yield from _step_points(curve, history, Span(start, end))
        start = end


def _step_points(curve: Curve, history: EnergyHistory, span: Span) -> Iterator[_Point]:
    look = curve.look(history, span, decided=True)
    for stretch in look.stretches(microseconds(span.start), microseconds(span.end)):
        if stretch.coverage is Coverage.SAMPLED and stretch.microseconds:
            watts = stretch.joules / stretch.microseconds * MICROSECONDS
            yield Instant(span.start.boot_id, stretch.end_microseconds / MICROSECONDS), watts
        else:
            yield None


def _read_points(
    channel: Channel, history: EnergyHistory, span: Span, limit_seconds: float
) -> Iterator[_Point]:
    """Readings in a span, broken where they are further apart than the limit."""
    before = span.start.boot_seconds
    for reading in history.readings(channel.id, span):
        seconds = reading.at.boot_seconds
        if not span.start.boot_seconds <= seconds <= span.end.boot_seconds:
            continue  # the neighbours, which exact edges are made of
        if seconds - before > limit_seconds:
            yield None
        before = seconds
        yield reading.at, reading.value
