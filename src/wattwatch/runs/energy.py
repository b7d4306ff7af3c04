"""Energy of an interval with exact edges, off the piecewise-linear cumulative energy curve. Pure.

What a channel's curve is stands in `tracks`; the curve of several is their sum where all are covered. Every
interval can be cut anywhere, and its parts add up. Time is counted in whole microseconds: every microsecond
is sampled, recovered or missing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wattwatch.reading import Instant
from wattwatch.runs.tracks import Supply, Timing, Track, stretches
from wattwatch.sampling.combine import (
    MICROSECONDS,
    Coverage,
    Doubt,
    Stretch,
    combined,
    instead,
    microseconds,
)
from wattwatch.store.base import EnergyHistory, Span

__all__ = [
    "Curve",
    "EnergyFigures",
    "Look",
    "Progress",
    "Supply",
    "Timing",
    "settled_energy",
    "window_energy",
]


@dataclass(frozen=True, slots=True)
class EnergyFigures:
    """Energy and coverage of an interval; those of adjoining intervals are added."""

    joules: float = 0.0
    sampled_microseconds: int = 0
    recovered_microseconds: int = 0
    missing_microseconds: int = 0
    peak_watts: float | None = None
    gap_doubts: frozenset[Doubt] = frozenset()  # of each filled gap

    def __add__(self, other: "EnergyFigures") -> "EnergyFigures":
        """Both together; a gap that both touch keeps its one doubt."""
        peaks = [peak for peak in (self.peak_watts, other.peak_watts) if peak is not None]
        return EnergyFigures(
            self.joules + other.joules,
            self.sampled_microseconds + other.sampled_microseconds,
            self.recovered_microseconds + other.recovered_microseconds,
            self.missing_microseconds + other.missing_microseconds,
            max(peaks, default=None),
            self.gap_doubts | other.gap_doubts,
        )

    @property
    def sampled_seconds(self) -> float:
        """Time between readings close enough to each other."""
        return self.sampled_microseconds / MICROSECONDS

    @property
    def recovered_seconds(self) -> float:
        """Time whose energy comes from the meter's own counter."""
        return self.recovered_microseconds / MICROSECONDS

    @property
    def missing_seconds(self) -> float:
        """Time of which nothing is known."""
        return self.missing_microseconds / MICROSECONDS

    @property
    def covered_seconds(self) -> float:
        """Sampled and recovered time."""
        return (self.sampled_microseconds + self.recovered_microseconds) / MICROSECONDS

    @property
    def duration_seconds(self) -> float:
        """All the time there was."""
        return self.duration_microseconds / MICROSECONDS

    @property
    def duration_microseconds(self) -> int:
        """All the time there was, in whole microseconds."""
        return self.sampled_microseconds + self.recovered_microseconds + self.missing_microseconds

    @property
    def mean_watts(self) -> float | None:
        """Energy over covered time; None if nothing is covered."""
        return self.joules / self.covered_seconds if self.covered_seconds else None

    @property
    def is_lower_bound(self) -> bool:
        """Whether energy is missing from the sum; it is never scaled up."""
        return self.missing_microseconds > 0

    @property
    def gap_doubt_joules(self) -> float:
        """The doubt of all filled gaps that were touched."""
        return sum(joules for _, _, joules in self.gap_doubts)


@dataclass(frozen=True, slots=True)
class Progress:
    """Figures of an interval up to where nothing can change any more."""

    figures: EnergyFigures
    settled_until: Instant


@dataclass(frozen=True, slots=True)
class Look:
    """What the store has of a curve in one span of a boot."""

    tracks: Sequence[Track]
    instead_of: Sequence[Track] = ()
    decided: bool = False  # what is open of those will not be filled any more

    def stretches(self, start: int, end: int) -> Iterator[Stretch]:
        """The curve between two microseconds, as adjoining stretches."""
        rows: list[Iterable[Stretch]] = [stretches(track, start, end) for track in self.tracks]
        if self.instead_of:
            whole = combined([stretches(track, start, end) for track in self.instead_of], start)
            rows.append(instead(stretch, decided=self.decided) for stretch in whole)
        return combined(rows, start)


@dataclass(frozen=True, slots=True)
class Curve:
    """The channels whose sum is read; only where one of `instead_of` is missing, if there are any."""

    supplies: Sequence[Supply]
    instead_of: Sequence[Supply] = ()

    def look(self, history: EnergyHistory, span: Span, *, decided: bool = False) -> Look:
        """What the store has of it in a span."""
        return Look(
            [supply.track(history, span) for supply in self.supplies],
            [supply.track(history, span) for supply in self.instead_of],
            decided,
        )


def window_energy(look: Look, start: Instant, end: Instant) -> EnergyFigures:
    """Figures of an interval of one boot; what is neither sampled nor a gap of the store is missing.

    Raises ValueError if the edges are of two boots, or the end comes first.
    """
    _check(start, end)
    return _sum(look, look.stretches(microseconds(start), microseconds(end)), start, end)


def settled_energy(look: Look, start: Instant, end: Instant) -> Progress:
    """Figures of the part of an interval, from its start on, in which everything is decided.

    It stops at the first stretch that is still open: a gap without its record, or the time after the last
    reading.
    """
    _check(start, end)
    settled = microseconds(start)
    decided = []
    for stretch in look.stretches(settled, microseconds(end)):
        if stretch.coverage is Coverage.OPEN:
            break
        decided.append(stretch)
        settled = stretch.end_microseconds
    until = Instant(start.boot_id, settled / MICROSECONDS)
    return Progress(_sum(look, decided, start, until), until)


def _check(start: Instant, end: Instant) -> None:
    if start.boot_id != end.boot_id:
        raise ValueError("an interval over two boots is given boot by boot")
    if end.boot_seconds < start.boot_seconds:
        raise ValueError("the end of an interval comes before its start")


def _sum(look: Look, parts: Iterable[Stretch], start: Instant, end: Instant) -> EnergyFigures:
    joules, spent, doubts = 0.0, dict.fromkeys(Coverage, 0), set[Doubt]()
    known = _peaks(look, start, end)
    peaks: list[float] = []
    for stretch in parts:
        joules += stretch.joules
        spent[stretch.coverage] += stretch.microseconds
        doubts.update(stretch.doubts)
        if known is None and stretch.coverage is Coverage.SAMPLED:
            peaks.append(stretch.joules / stretch.microseconds * MICROSECONDS)
    return EnergyFigures(
        joules,
        spent[Coverage.SAMPLED],
        spent[Coverage.RECOVERED],
        spent[Coverage.MISSING] + spent[Coverage.OPEN],
        max(peaks if known is None else known, default=None),
        frozenset(doubts),
    )


def _peaks(look: Look, start: Instant, end: Instant) -> list[float] | None:
    """The readings of one power channel; None where the mean power of steps has to stand for them."""
    if len(look.tracks) != 1 or look.tracks[0].is_counter or look.instead_of:
        return None
    first, last = microseconds(start), microseconds(end)
    return [watts for at, watts in look.tracks[0].points if first <= at <= last]
