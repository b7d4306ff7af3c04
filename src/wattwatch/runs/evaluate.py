"""Figures of runs from the store. What is settled is remembered: a long run costs its last seconds."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from wattwatch.errors import StoreError
from wattwatch.reading import Channel, Instant, Reading
from wattwatch.runs.conditions import condition_channels
from wattwatch.runs.edges import Edge, EdgeChannels, EdgeReader, edge_channels, growth_between
from wattwatch.runs.energy import EnergyFigures, window_energy
from wattwatch.runs.epochs import SETTLED_SECONDS, EpochBook, EpochFigures, EpochPlace, EpochSight
from wattwatch.runs.figures import Figures, NodeFacts, Progress, RunFigures, RunHistory
from wattwatch.runs.hosts import CpuUse, GaugeFigures, preferred_zones, value_at
from wattwatch.runs.memo import ConditionsMemo, EnergyMemo, FoldMemo, GrowthMemo, gauge_memo
from wattwatch.runs.partition import Piece, partition, union
from wattwatch.runs.parts import BootReach, Part, boot_parts
from wattwatch.runs.run import Epoch, Run, Stamp
from wattwatch.sampling.snapshot import Primary
from wattwatch.store.base import Span

MEMORY_CHANNEL: Final = "host/memory/used_bytes"
OBSERVER_CHANNEL: Final = "self/process/cpu_seconds"

_OPEN_GAP_SECONDS: Final = 3600.0  # a gap is filled or refused at the latest this long after it began
_MARK_LAG_SECONDS: Final = 1.0  # a phase mark may come that late and still lower no counter
_BOOT_END_SECONDS: Final = 1e12  # later than any instant of a boot, and microseconds still fit in 64 bits
_MICROSECONDS: Final = 1_000_000
_EPOCHS_A_LOOK: Final = 200  # bounds what a tick costs after a restart in a run with thousands of them
_NO_CHANNELS: Final = EdgeChannels((), {}, (), ())


@dataclass(slots=True)
class _PartMemo:
    energy: EnergyMemo
    fallback: EnergyMemo
    temperature: FoldMemo[GaugeFigures]
    memory: FoldMemo[GaugeFigures]
    observer: GrowthMemo
    conditions: ConditionsMemo

    def is_beyond(self, end: Instant) -> bool:
        """Whether it has taken in more than the time before an instant."""
        memos = (self.energy, self.fallback, self.temperature, self.memory, self.observer)
        return any(memo.until.boot_seconds > end.boot_seconds for memo in memos)


@dataclass(slots=True)
class _RunMemo:
    edges: EdgeReader
    supplies: tuple[Primary | None, Primary | None]
    zone: Channel | None = None
    parts: dict[tuple[str, Instant], _PartMemo] = field(default_factory=dict)
    epochs: EpochBook = field(default_factory=EpochBook)
    epochs_tried: int = 0  # so many have been looked at as time went on

    def of(self, part: Part) -> _PartMemo:
        """The memo of a part, which starts where the part does; anew if a late mark ended it in the past."""
        start = part.start
        known = self.parts.get((part.phase, start))
        if known is None or known.is_beyond(part.end):
            memos = (
                EnergyMemo(start),
                EnergyMemo(start),
                gauge_memo(start),
                gauge_memo(start),
                GrowthMemo(start),
                ConditionsMemo(start),
            )
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
    telling: tuple[Channel, ...] = ()  # what may have disturbed it is told from these
    final: bool = False  # what is open will not be filled any more


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

    def seconds_since(self, start: Stamp) -> Callable[[Instant], float]:
        """How far an instant is from a stamp; of another boot by UTC, which is asked once a boot."""
        offsets = {start.at.boot_id: -start.at.boot_seconds}

        def seconds(at: Instant) -> float:
            if at.boot_id not in offsets:
                utc_seconds = self.utc_seconds(Stamp(at, start.utc_seconds))
                offsets[at.boot_id] = utc_seconds - self.utc_seconds(start) - at.boot_seconds
            return round(at.boot_seconds + offsets[at.boot_id], 6)

        return seconds

    def parts(self, run: Run, now: Stamp, facts: NodeFacts) -> list[Part]:
        """Where a run lies, boot by boot; one that goes on, up to now."""
        piece = Piece("", run.start, run.end or now)
        return list(boot_parts(piece, run.boots, now, lambda boot_id: self._reach(boot_id, facts)))

    def progress(self, run: Run, now: Stamp, facts: NodeFacts) -> Progress:
        """Settled energy by phase, and the temperatures so far."""
        look = self._look(run, now, facts)
        self._settle_epochs(look)
        settled, temperature = True, GaugeFigures()
        phases, fallback = defaultdict[str, EnergyFigures](EnergyFigures), dict[str, EnergyFigures]()
        for part in self._parts(look, partition(run.windows, now)):
            settled &= self._settle(look, part)
            memo = look.memo.of(part)
            phases[part.phase] += memo.energy.settled
            if facts.fallback is not None:
                fallback[part.phase] = fallback.get(part.phase, EnergyFigures()) + memo.fallback.settled
            temperature += self._temperature(look, part)
        return Progress(phases, temperature, settled and not run.is_open, fallback)

    def is_settled(self, run: Run, now: Stamp, facts: NodeFacts) -> bool:
        """Whether nothing of a run that has ended can change any more."""
        end = run.end or now
        waited_seconds = self.seconds_between(end, now)
        if waited_seconds > _OPEN_GAP_SECONDS + facts.timing.limit_seconds:
            return True
        is_late = waited_seconds > facts.timing.limit_seconds
        if not is_late and not self.host_is_read(end.at):
            return False
        if is_late and self.is_silent(now.at.boot_id, facts):
            return True
        return self.progress(run, now, facts).settled

    def figures(self, run: Run, now: Stamp, facts: NodeFacts, *, final: bool = False) -> RunFigures:
        """Figures of a run as they are now; of one that runs, up to now.

        They are `final` where nothing is waited for any more: the fallback then stands in for what is open.
        """
        known = self._history.channels()
        look = replace(
            self._look(run, now, facts),
            channels=edge_channels(known, facts.supplies, facts.meters),
            telling=condition_channels(known, facts.meters),
            final=final,
        )
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

    def epochs(
        self,
        run: Run,
        now: Stamp,
        facts: NodeFacts,
        epochs: Sequence[Epoch],
        *,
        final: bool = False,
    ) -> dict[str, EpochFigures]:
        """Figures of these epochs of a run (and of settled ones) by id, as they are now."""
        return self._of_epochs(replace(self._look(run, now, facts), final=final), epochs)

    def epoch_seconds(self, epoch: Epoch, now: Stamp) -> float:
        """How long an epoch is; an open one, up to now."""
        return self.seconds_between(epoch.start, epoch.end or now)

    def between(self, start: Instant, end: Instant, facts: NodeFacts) -> tuple[EnergyFigures, CpuUse | None]:
        """Energy and CPU use between two instants of a boot that are past."""
        channels = edge_channels(self._history.channels(), facts.supplies, facts.meters)
        reader = EdgeReader(self._history)
        before, after = (reader.read(at, channels, end, one_sided=False) for at in (start, end))
        curve, growth = facts.curve, growth_between(before, after, channels)
        if curve is None:
            return EnergyFigures(), growth.cpu
        return window_energy(curve.look(self._history, Span(start, end)), start, end), growth.cpu

    def first_reading(self, at: Instant, facts: NodeFacts) -> Instant | None:
        """The first instant of an instant's boot at which the primary, or else the host, was read."""
        reach = self._reach(at.boot_id, facts)
        return None if reach is None else reach.first

    def host_is_read(self, at: Instant) -> bool:
        """Whether the host's counters are known at an instant: they were read then or later."""
        return any(_is_from(reading, at) for reading in self._history.readings(MEMORY_CHANNEL, Span(at, at)))

    def is_silent(self, boot_id: str, facts: NodeFacts) -> bool:
        """Whether a channel of the primary was never read in a boot: then nothing of that boot comes."""
        first = (self._outermost(supply.channel.id, Instant(boot_id, 0.0)) for supply in facts.supplies)
        return not facts.supplies or None in first

    def last_reading(self, boot_id: str, facts: NodeFacts) -> Instant | None:
        """The last instant of a boot at which the primary, or else the host, was read."""
        reach = self._reach(boot_id, facts)
        return None if reach is None else reach.last

    def _of_epochs(self, look: _Look, epochs: Sequence[Epoch]) -> dict[str, EpochFigures]:
        book, facts, zone = look.memo.epochs, look.facts, look.memo.zone
        zone_id = zone.id if zone else None
        sight = EpochSight(self._history, facts.curve, zone_id, look.now.at, look.final)
        places = (self._place(look, epoch) for epoch in epochs if not book.knows(epoch))
        return book.figures(places, sight)

    def _place(self, look: _Look, epoch: Epoch) -> EpochPlace:
        piece = Piece("", epoch.start, epoch.end or look.now)
        microseconds = round(self.epoch_seconds(epoch, look.now) * _MICROSECONDS)
        return EpochPlace(epoch, microseconds, tuple(self._parts(look, [piece])))

    def _settle_epochs(self, look: _Look) -> None:
        """Take in epochs that have ended since: once each, so that the end of a run has little to read."""
        memo, now = look.memo, look.now.at
        waiting = islice(look.run.epochs, memo.epochs_tried, memo.epochs_tried + _EPOCHS_A_LOOK)
        ended = [epoch for epoch in waiting if _is_long_over(epoch, now)]
        if ended:
            memo.epochs_tried += len(ended)
            self._of_epochs(look, ended)

    def _look(self, run: Run, now: Stamp, facts: NodeFacts) -> _Look:
        memo = self._memos.get(run.run_id)
        if memo is None or memo.supplies != (facts.primary, facts.fallback):
            # After a change of the primary a run is read anew: its figures are of one source, as they say.
            memo = _RunMemo(EdgeReader(self._history), (facts.primary, facts.fallback))
            self._memos[run.run_id] = memo
        if memo.zone is None:
            memo.zone = self._hottest_zone(run.start.at, facts)
        return _Look(run, now, facts, memo)

    def _hottest_zone(self, at: Instant, facts: NodeFacts) -> Channel | None:
        zones = preferred_zones(self._history.channels(), facts.meters)
        celsius = {zone: self._value_near(zone.id, at) for zone in zones}
        known = {zone: value for zone, value in celsius.items() if value is not None}
        return max(known, key=known.__getitem__) if known else None

    def _value_near(self, channel_id: str, at: Instant) -> float | None:
        return value_at(self._history.readings(channel_id, Span(at, at)), at, one_sided=True)

    def _settle(self, look: _Look, part: Part) -> bool:
        """Take in the energy of a part that is decided; whether that is all of it."""
        memo, end = look.memo.of(part), part.end
        if look.run.is_open and end == look.now.at:
            end = end.plus(-_MARK_LAG_SECONDS)
        curves = ((memo.energy, look.facts.curve), (memo.fallback, look.facts.fallback_curve))
        settled = True
        for energy, curve in curves:
            if curve is not None:
                energy.advance(self._history, curve, end, decided=part.over)
                settled &= energy.until == part.end
        return settled

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
        decided = part.over or look.final
        curves = ((memo.energy, facts.curve), (memo.fallback, facts.fallback_curve))
        energy, fallback = (
            EnergyFigures() if curve is None else of.up_to(history, curve, part.end, decided=decided)
            for of, curve in curves
        )
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
            fallback,
            memo.conditions.up_to(history, look.telling, part.end),
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
        read, channels, now = look.memo.edges.read, look.channels, look.now.at
        return (
            read(part.start, channels, now, one_sided=part.one_sided_start),
            read(part.end, channels, now, one_sided=part.one_sided_end),
        )

    def _parts(self, look: _Look, pieces: tuple[Piece, ...] | list[Piece]) -> Iterator[Part]:
        for piece in pieces:
            yield from boot_parts(
                piece, look.run.boots, look.now, lambda boot_id: self._reach(boot_id, look.facts)
            )

    def _reach(self, boot_id: str, facts: NodeFacts) -> BootReach | None:
        """From the first to the last reading of any power channel; of the host, where there is none."""
        reaches = [
            reach for supply in facts.every_supply if (reach := self._reach_of(supply.channel.id, boot_id))
        ]
        if not reaches:
            return self._reach_of(MEMORY_CHANNEL, boot_id)
        first = min((reach.first for reach in reaches), key=_boot_seconds)
        return BootReach(first, max((reach.last for reach in reaches), key=_boot_seconds))

    def _reach_of(self, channel_id: str, boot_id: str) -> BootReach | None:
        first = self._outermost(channel_id, Instant(boot_id, 0.0))
        last = self._outermost(channel_id, Instant(boot_id, _BOOT_END_SECONDS))
        return BootReach(first, last) if first and last else None

    def _outermost(self, channel_id: str, at: Instant) -> Instant | None:
        """The one instant of a boot next to its beginning or end at which a channel was read."""
        found = self._history.readings(channel_id, Span(at, at))
        return next((reading.at for reading in found if reading.at.boot_id == at.boot_id), None)


def _boot_seconds(at: Instant) -> float:
    return at.boot_seconds


def _is_long_over(epoch: Epoch, now: Instant) -> bool:
    if epoch.end is None:
        return False
    end = epoch.end.at
    return end.boot_id != now.boot_id or now.boot_seconds > end.boot_seconds + SETTLED_SECONDS


def _joined(one: Figures | None, later: Figures) -> Figures:
    return later if one is None else one + later


def _is_from(reading: Reading, at: Instant) -> bool:
    return reading.at.boot_id == at.boot_id and reading.at.boot_seconds >= at.boot_seconds
