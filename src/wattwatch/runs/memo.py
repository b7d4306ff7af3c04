"""Figures of one part of a run that grow as readings come: what is settled is not read twice.

A part lies in one boot. That its figures may be cut anywhere and added again is what makes this right.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, Self, TypeVar

from wattwatch.reading import Channel, Instant, Reading
from wattwatch.runs.conditions import Conditions, conditions_of
from wattwatch.runs.energy import Curve, EnergyFigures, settled_energy, window_energy
from wattwatch.runs.hosts import GaugeFigures, counter_growth, gauge_figures
from wattwatch.store.base import EnergyHistory, Span

_SLICE_SECONDS: Final = 1800.0  # bounds the memory that reading a long run anew takes
_MICROSECOND: Final = 1e-6


def slices(start: Instant, end: Instant) -> Iterator[Span]:
    """The time from start to end in spans of at most half an hour; none if there is none."""
    while start.boot_seconds < end.boot_seconds:
        until = start.plus(_SLICE_SECONDS)
        until = until if until.boot_seconds < end.boot_seconds else end
        yield Span(start, until)
        start = until


@dataclass(slots=True)
class EnergyMemo:
    """Energy of a curve from a start on, settled up to `until`."""

    until: Instant
    settled: EnergyFigures = field(default_factory=EnergyFigures)

    def advance(self, history: EnergyHistory, curve: Curve, end: Instant, *, decided: bool = False) -> None:
        """Take in what is settled before `end`; all of it, if it is `decided` that open gaps stay open."""
        if decided:
            self.settled = self.up_to(history, curve, end, decided=True)
            self.until = end
        for span in slices(self.until, end):
            progress = settled_energy(curve.look(history, span), span.start, span.end)
            self.settled += progress.figures
            self.until = progress.settled_until
            if self.until != span.end:
                return

    def up_to(
        self, history: EnergyHistory, curve: Curve, end: Instant, *, decided: bool = False
    ) -> EnergyFigures:
        """Figures to `end`, with what is still open as missing; nothing of that is remembered."""
        figures = self.settled
        for span in slices(self.until, end):
            figures += window_energy(curve.look(history, span, decided=decided), span.start, span.end)
        return figures


class _Figures(Protocol):
    def __add__(self, later: Self, /) -> Self: ...


_Folded = TypeVar("_Folded", bound=_Figures)


@dataclass(slots=True)
class FoldMemo(Generic[_Folded]):
    """Figures of a channel's readings from a start on, by a `fold` whose results add up."""

    until: Instant  # readings before it are in the figures
    figures: _Folded
    fold: Callable[[list[Reading]], _Folded]

    def up_to(self, history: EnergyHistory, channel_id: str, end: Instant) -> _Folded:
        """Figures of every reading before `end`."""
        for span in slices(self.until, end):
            readings = list(history.readings(channel_id, span))
            inside = [reading for reading in readings if _is_within(reading, span)]
            self.figures += self.fold(inside)
            if not _is_passed(readings, span):  # more readings may still come that are in it
                self.until = inside[-1].at.plus(_MICROSECOND) if inside else self.until
                break
            self.until = span.end
        return self.figures


def gauge_memo(start: Instant) -> FoldMemo[GaugeFigures]:
    """First, mean and highest value of a gauge from a start on."""
    return FoldMemo(start, GaugeFigures(), gauge_figures)


@dataclass(slots=True)
class ConditionsMemo:
    """The worst of several channels from a start on; channels may be added at any time."""

    start: Instant
    channels: dict[str, FoldMemo[Conditions]] = field(default_factory=dict)

    def up_to(self, history: EnergyHistory, channels: Iterable[Channel], end: Instant) -> Conditions:
        """The worst before `end`."""
        worst = Conditions()
        for channel in channels:
            memo = self.channels.setdefault(channel.id, FoldMemo(self.start, Conditions(), conditions_of))
            worst += memo.up_to(history, channel.id, end)
        return worst


@dataclass(slots=True)
class GrowthMemo:
    """What a counter grew by from a start on; after a reset it counts from 0."""

    until: Instant
    growth: float | None = None  # None while nothing is known

    def up_to(self, history: EnergyHistory, channel_id: str, end: Instant) -> float | None:
        """The growth to `end`; None if no two readings tell anything of it."""
        rest: float | None = None
        for span in slices(self.until, end):
            readings = list(history.readings(channel_id, span))
            inside = [reading.at for reading in readings if _is_within(reading, span)]
            is_passed = _is_passed(readings, span)
            settled = span.end if is_passed else inside[-1] if inside else span.start
            self.growth = _both(self.growth, counter_growth(readings, span.start, settled))
            self.until = settled
            if not is_passed:  # the step over its end will be known when the next reading is there
                rest = counter_growth(readings, settled, span.end)
                break
        return _both(self.growth, rest)


def _both(one: float | None, other: float | None) -> float | None:
    """The sum of what is known of two."""
    return other if one is None else one if other is None else one + other


def _is_passed(readings: list[Reading], span: Span) -> bool:
    """Whether there is a reading at the end of a span or later: then none comes that is in it."""
    last = readings[-1].at if readings else span.start
    return last.boot_id == span.end.boot_id and last.boot_seconds >= span.end.boot_seconds


def _is_within(reading: Reading, span: Span) -> bool:
    return (
        reading.at.boot_id == span.start.boot_id
        and span.start.boot_seconds <= reading.at.boot_seconds < span.end.boot_seconds
    )
