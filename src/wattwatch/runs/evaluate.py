"""Figures of runs from the store. What is settled is remembered: a long run costs its last seconds."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from wattwatch.errors import StoreError
from wattwatch.reading import Channel, Instant, Reading
from wattwatch.runs.edges import Edge, EdgeChannels, EdgeReader, edge_channels, growth_between
from wattwatch.runs.energy import EnergyFigures
from wattwatch.runs.figures import Figures, NodeFacts, Progress, RunFigures, RunHistory
from wattwatch.runs.hosts import GaugeFigures, preferred_zones, value_at
from wattwatch.runs.memo import EnergyMemo, GaugeMemo, GrowthMemo
from wattwatch.runs.partition import Piece, partition, union
from wattwatch.runs.parts import BootReach, Part, boot_parts
from wattwatch.runs.run import Run, Stamp
from wattwatch.store.base import Span

MEMORY_CHANNEL: Final = "host/memory/used_bytes"
OBSERVER_CHANNEL: Final = "self/process/cpu_seconds"

_MARK_LAG_SECONDS: Final = 1.0  # a phase mark may come that late and still lower no counter
_BOOT_END_SECONDS: Final = 1e12  # later than any instant of a boot, and microseconds still fit in 64 bits
_MICROSECONDS: Final = 1_000_000
_NO_CHANNELS: Final = EdgeChannels(None, {}, (), ())


@dataclass(slots=True)
class _PartMemo:
    energy: EnergyMemo
    temperature: GaugeMemo
    memory: GaugeMemo
    observer: GrowthMemo


@dataclass(slots=True)
class _RunMemo:
    edges: EdgeReader
    zone: Channel | None = None
    parts: dict[tuple[str, Instant], _PartMemo] = field(default_factory=dict)

    def of(self, part: Part) -> _PartMemo:
        """The memo of a part, which starts where the part does."""
        start = part.start
        if (part.phase, start) not in self.parts:
            memos = EnergyMemo(start), GaugeMemo(start), GaugeMemo(start), GrowthMemo(start)
            self.parts[part.phase, start] = _PartMemo(*memos)
        return self.parts[part.phase, start]


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at a run: at which instant, and what to look at."""

    run: Run
    now: Stamp
    facts: NodeFacts
    memo: _RunMemo
    channels: EdgeChannels = _NO_CHANNELS  # named where edges are looked at


class Evaluator:
    """Makes figures of runs; not safe to be called from two threads at once."""

    def __init__(self, history: RunHistory) -> None:
        self._history = history
        self._memos: dict[str, _RunMemo] = {}

    def forget(self, run_id: str) -> None:
        """Drop what is remembered of a run."""
        self._memos.pop(run_id, None)

    def utc_seconds(self, stamp: Stamp) -> float:
        """UTC of a stamp as it is known now; what was believed then, if the store knows nothing of it."""
        try:
            return self._history.utc_seconds(stamp.at)[0]
        except StoreError:
            return stamp.utc_seconds

    def seconds_between(self, start: Stamp, end: Stamp) -> float:
        """Seconds from one stamp to another; over two boots by UTC as it is known now."""
        if start.at.boot_id == end.at.boot_id:
            return round(end.at.boot_seconds - start.at.boot_seconds, 6)
        return max(0.0, self.utc_seconds(end) - self.utc_seconds(start))

    def progress(self, run: Run, now: Stamp, facts: NodeFacts) -> Progress:
        """Settled energy by phase, and the temperatures so far."""
        look = self._look(run, now, facts)
        settled, phases, temperature = True, dict[str, EnergyFigures](), GaugeFigures()
        for part in self._parts(look, partition(run.windows, now)):
            settled &= self._settle(look, part)
            so_far = phases.get(part.phase, EnergyFigures())
            phases[part.phase] = so_far + look.memo.of(part).energy.settled
            temperature += self._temperature(look, part)
        return Progress(phases, temperature, settled and not run.is_open)

    def figures(self, run: Run, now: Stamp, facts: NodeFacts) -> RunFigures:
        """Figures of a run as they are now; of one that runs, up to now."""
        channels = edge_channels(self._history.channels(), facts.power_id, facts.meter)
        look = replace(self._look(run, now, facts), channels=channels)
        pieces = partition(run.windows, now)
        phases: dict[str, Figures] = {}
        whole: Figures | None = None
        for piece in pieces:
            of_piece = self._of_piece(look, piece)
            phases[piece.phase] = _joined(phases.get(piece.phase), of_piece)
            whole = _joined(whole, of_piece)
        # A change of phase moves energy from one to the other, but makes none: only outer edges count.
        outer_parts = self._parts(look, union(pieces))
        uncertainty_joules = sum(
            edge.uncertainty_joules for part in outer_parts for edge in self._edges(look, part)
        )
        whole = replace(whole or Figures(), edge_uncertainty_joules=uncertainty_joules)
        return RunFigures(whole, phases, look.memo.zone.zone if look.memo.zone else "")

    def host_is_read(self, at: Instant) -> bool:
        """Whether the host's counters are known at an instant: they were read then or later."""
        return any(_is_from(reading, at) for reading in self._history.readings(MEMORY_CHANNEL, Span(at, at)))

    def is_silent(self, boot_id: str, facts: NodeFacts) -> bool:
        """Whether the primary was never read in a boot: then no gap of it can be filled."""
        return facts.power_id is None or self._outermost(facts.power_id, Instant(boot_id, 0.0)) is None

    def last_reading(self, boot_id: str, facts: NodeFacts) -> Instant | None:
        """The last instant of a boot at which the primary, or else the host, was read."""
        reach = self._reach(boot_id, facts)
        return None if reach is None else reach.last

    def _look(self, run: Run, now: Stamp, facts: NodeFacts) -> _Look:
        memo = self._memos.setdefault(run.run_id, _RunMemo(EdgeReader(self._history)))
        if memo.zone is None:
            memo.zone = self._hottest_zone(run.start.at, facts)
        return _Look(run, now, facts, memo)

    def _hottest_zone(self, at: Instant, facts: NodeFacts) -> Channel | None:
        zones = preferred_zones(self._history.channels(), facts.meter)
        celsius = {zone: self._value_near(zone.id, at) for zone in zones}
        known = {zone: value for zone, value in celsius.items() if value is not None}
        return max(known, key=known.__getitem__) if known else None

    def _value_near(self, channel_id: str, at: Instant) -> float | None:
        return value_at(self._history.readings(channel_id, Span(at, at)), at, one_sided=True)

    def _settle(self, look: _Look, part: Part) -> bool:
        """Take in the energy of a part that is decided; whether that is all of it."""
        memo, facts, end = look.memo.of(part).energy, look.facts, part.end
        if facts.power_id is None:
            return True
        if look.run.is_open and end == look.now.at:
            end = end.plus(-_MARK_LAG_SECONDS)
        gap = facts.open_gap_since()
        if gap is not None and gap.boot_id == end.boot_id and gap.boot_seconds < end.boot_seconds:
            end = gap
        memo.advance(self._history, facts.power_id, end, facts.timing, decided=part.over)
        return memo.until == part.end

    def _of_piece(self, look: _Look, piece: Piece) -> Figures:
        """Figures of a piece; what its parts do not cover, the time between boots too, is missing."""
        figures: Figures | None = None
        for part in self._parts(look, [piece]):
            figures = _joined(figures, self._of_part(look, part))
        figures = figures or Figures()
        energy = figures.energy
        duration = round(self.seconds_between(piece.start, piece.end) * _MICROSECONDS)
        missing = duration - energy.sampled_microseconds - energy.recovered_microseconds
        return replace(figures, energy=replace(energy, missing_microseconds=max(0, missing)))

    def _of_part(self, look: _Look, part: Part) -> Figures:
        history, facts, memo = self._history, look.facts, look.memo.of(part)
        energy = EnergyFigures()
        if facts.power_id is not None:
            energy = memo.energy.up_to(history, facts.power_id, part.end, facts.timing)
        before, after = self._edges(look, part)
        growth = growth_between(before, after, look.channels)
        memory = memo.memory.up_to(history, MEMORY_CHANNEL, part.end)
        zone_id = look.memo.zone.id if look.memo.zone else None
        return Figures(
            energy,
            before.uncertainty_joules + after.uncertainty_joules,
            growth.accumulator_joules,
            self._or_near(self._temperature(look, part), zone_id, part.end),
            self._or_near(memory, MEMORY_CHANNEL, part.end),
            growth.cpu,
            growth.network_bytes,
            memo.observer.up_to(history, OBSERVER_CHANNEL, part.end),
        )

    def _temperature(self, look: _Look, part: Part) -> GaugeFigures:
        zone = look.memo.zone
        if zone is None:
            return GaugeFigures()
        return look.memo.of(part).temperature.up_to(self._history, zone.id, part.end)

    def _or_near(self, figures: GaugeFigures, channel_id: str | None, at: Instant) -> GaugeFigures:
        """These figures, or if nothing was read in so short a part, the value next to its end."""
        if figures.count or channel_id is None:
            return figures
        value = self._value_near(channel_id, at)
        return figures if value is None else GaugeFigures(value, value, 1, value)

    def _edges(self, look: _Look, part: Part) -> tuple[Edge, Edge]:
        read, channels, timing, now = look.memo.edges.read, look.channels, look.facts.timing, look.now.at
        return (
            read(part.start, channels, timing, now, one_sided=part.one_sided_start),
            read(part.end, channels, timing, now, one_sided=part.one_sided_end),
        )

    def _parts(self, look: _Look, pieces: tuple[Piece, ...] | list[Piece]) -> Iterator[Part]:
        for piece in pieces:
            yield from boot_parts(
                piece, look.run.boots, look.now, lambda boot_id: self._reach(boot_id, look.facts)
            )

    def _reach(self, boot_id: str, facts: NodeFacts) -> BootReach | None:
        for channel_id in filter(None, (facts.power_id, MEMORY_CHANNEL)):
            first = self._outermost(channel_id, Instant(boot_id, 0.0))
            last = self._outermost(channel_id, Instant(boot_id, _BOOT_END_SECONDS))
            if first and last:
                return BootReach(first, last)
        return None

    def _outermost(self, channel_id: str, at: Instant) -> Instant | None:
        """The one instant of a boot next to its beginning or end at which a channel was read."""
        found = self._history.readings(channel_id, Span(at, at))
        return next((reading.at for reading in found if reading.at.boot_id == at.boot_id), None)


def _joined(one: Figures | None, later: Figures) -> Figures:
    return later if one is None else one + later


def _is_from(reading: Reading, at: Instant) -> bool:
    return reading.at.boot_id == at.boot_id and reading.at.boot_seconds >= at.boot_seconds
