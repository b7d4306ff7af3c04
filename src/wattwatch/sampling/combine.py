"""Several channels as one: their energy over the time in which all of them are known. Pure.

What is known of a channel is a row of adjoining stretches, each in one state; within a stretch energy grows
linearly, so that a part of it is its share of the time. A sum of disjoint supplies has the energy of all of
them while all are covered; a moment in which one is missing is missing for the sum, and what the others
measured then is no energy of the sum. Time is counted in whole microseconds.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

from wattwatch.reading import EnergyRecord, Instant

MICROSECONDS: Final = 1_000_000


class Coverage(Enum):
    """What is known of a stretch."""

    SAMPLED = auto()
    RECOVERED = auto()
    MISSING = auto()
    OPEN = auto()  # in no state yet: a gap that may still be filled, or readings that are still to come


Doubt = tuple[str, int, float]
"""The doubt of one filled gap: channel id, start in microseconds, joules."""


class Stretch(NamedTuple):
    """A part of an interval in one state (a tuple, as there is one for every reading)."""

    start_microseconds: int
    end_microseconds: int
    joules: float
    coverage: Coverage
    doubts: tuple[Doubt, ...] = ()  # of the filled gaps that it is part of

    @property
    def is_covered(self) -> bool:
        """Whether its energy is known."""
        return self.coverage in (Coverage.SAMPLED, Coverage.RECOVERED)

    @property
    def microseconds(self) -> int:
        """How long it is."""
        return self.end_microseconds - self.start_microseconds


def microseconds(instant: Instant) -> int:
    """Boot time in whole microseconds."""
    return round(instant.boot_seconds * MICROSECONDS)


def stretch_of(record: EnergyRecord) -> Stretch:
    """A record, which is all sampled, all recovered or all missing, as a stretch."""
    if record.missing_seconds:
        coverage = Coverage.MISSING
    else:
        coverage = Coverage.RECOVERED if record.recovered_seconds else Coverage.SAMPLED
    start = microseconds(record.start)
    doubts = ((record.channel.id, start, record.doubt_joules),) if record.doubt_joules else ()
    return Stretch(start, microseconds(record.end), record.joules, coverage, doubts)


def share(stretch: Stretch, start: int, end: int) -> Stretch:
    """The part of a stretch between two of its microseconds, with its share of the energy."""
    if start == stretch.start_microseconds and end == stretch.end_microseconds:
        return stretch
    joules = stretch.joules * ((end - start) / stretch.microseconds)
    return Stretch(start, end, joules, stretch.coverage, stretch.doubts)


def instead(stretch: Stretch, *, decided: bool = False) -> Stretch:
    """The stretch as another source sees it that stands in: known, without energy, where this is missing.

    What is open stays so, unless it is `decided` that nothing will fill it.
    """
    coverage = stretch.coverage
    if coverage is Coverage.MISSING or (decided and coverage is Coverage.OPEN):
        coverage = Coverage.SAMPLED
    elif stretch.is_covered:
        coverage = Coverage.MISSING
    return Stretch(stretch.start_microseconds, stretch.end_microseconds, 0.0, coverage)


class Combiner:
    """Adds the channels of a sum as their stretches come, in any order between the channels.

    The stretches of one channel come in order of time. Time that a channel leaves out is missing in it, and
    what lies before the start is of no interest. What one channel has said waits for the others.
    """

    def __init__(self, channels: int, start_microseconds: int = 0) -> None:
        self.at = start_microseconds  # up to here everything was given out
        self._waiting: list[deque[Stretch]] = [deque() for _ in range(channels)]
        self._until = [start_microseconds] * channels

    def put(self, channel: int, stretch: Stretch) -> None:
        """Take the next stretch of a channel, or what of it is new."""
        until, end = self._until[channel], stretch.end_microseconds
        if end <= until:
            return
        start = max(until, stretch.start_microseconds)
        if start > until:
            self._waiting[channel].append(Stretch(until, start, 0.0, Coverage.MISSING))
        self._waiting[channel].append(share(stretch, start, end))
        self._until[channel] = end

    def take(self) -> Iterator[Stretch]:
        """The stretches of the sum that have become known, in order of time."""
        frontier = min(self._until)
        while self.at < frontier:
            heads = [waiting[0] for waiting in self._waiting]
            end = min(head.end_microseconds for head in heads)
            yield _sum(heads, self.at, end)
            self.at = end
            for waiting in self._waiting:
                if waiting[0].end_microseconds == end:
                    waiting.popleft()

    def waiting(self) -> int:
        """How many stretches wait for other channels."""
        return sum(map(len, self._waiting))


def combined(channels: Sequence[Iterable[Stretch]], start: int) -> Iterator[Stretch]:
    """The sum of channels whose stretches adjoin, and all begin at `start` and end together."""
    if len(channels) == 1:
        return iter(channels[0])
    combiner = Combiner(len(channels), start)
    for index, stretches in enumerate(channels):
        for stretch in stretches:
            combiner.put(index, stretch)
    return combiner.take()


def _sum(heads: list[Stretch], start: int, end: int) -> Stretch:
    if len(heads) == 1:
        return share(heads[0], start, end)
    coverage = _common({head.coverage for head in heads})
    if coverage in (Coverage.MISSING, Coverage.OPEN):
        return Stretch(start, end, 0.0, coverage)
    parts = [share(head, start, end) for head in heads]
    doubts = tuple(doubt for part in parts for doubt in part.doubts)
    return Stretch(start, end, sum(part.joules for part in parts), coverage, doubts)


def _common(states: set[Coverage]) -> Coverage:
    """The state of all together: one that is missing takes the whole along, whatever the others do."""
    order = (Coverage.MISSING, Coverage.OPEN, Coverage.RECOVERED)
    return next((state for state in order if state in states), Coverage.SAMPLED)
