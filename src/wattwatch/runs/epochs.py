"""Figures of epochs: many short intervals of a run, each read off the energy curve at its exact edges.

Neighbouring epochs are read together, and what cannot change any more is remembered, so that a thousand of
them cost little more than the time that they cover.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wattwatch.clock import rfc3339
from wattwatch.reading import Instant, Reading
from wattwatch.runs.energy import Curve, EnergyFigures, Look, settled_energy, window_energy
from wattwatch.runs.hosts import value_at
from wattwatch.runs.parts import Part
from wattwatch.runs.run import Epoch, Stamp
from wattwatch.runs.tracks import edge_uncertainty_joules
from wattwatch.store.base import EnergyHistory, Span

SETTLED_SECONDS: Final = 10.0
"""After that no reading comes that is still near the edge of an epoch."""

_LOOK_SECONDS: Final = 300.0  # as long as a chunk of the store: what is read at once


@dataclass(frozen=True, slots=True)
class EpochFigures:
    """What an epoch cost on this node."""

    energy: EnergyFigures = field(default_factory=EnergyFigures)
    edge_uncertainty_joules: float = 0.0
    temperature_max_celsius: float | None = None

    def __add__(self, later: "EpochFigures") -> "EpochFigures":
        """Both together; `later` goes on where this one ends, or in another boot."""
        peaks = (self.temperature_max_celsius, later.temperature_max_celsius)
        return EpochFigures(
            self.energy + later.energy,
            self.edge_uncertainty_joules + later.edge_uncertainty_joules,
            max((peak for peak in peaks if peak is not None), default=None),
        )


@dataclass(frozen=True, slots=True)
class EpochPlace:
    """An epoch, how long it is so far, and where it lies boot by boot."""

    epoch: Epoch
    duration_microseconds: int
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class EpochSight:
    """How epochs are looked at: off which curve, beside which temperature, and when."""

    history: EnergyHistory
    curve: Curve | None
    zone_id: str | None
    now: Instant
    final: bool = False  # what is open will not be filled any more


@dataclass(frozen=True, slots=True)
class _Cut:
    """A stretch of one epoch that is read at once."""

    epoch_id: str
    span: Span
    edges: tuple[Instant, ...]  # those of the epoch's edges that it has
    decided: bool


@dataclass(frozen=True, slots=True)
class _View:
    """What the store has of some minutes."""

    look: Look | None
    degrees: Sequence[Reading]
    degree_seconds: Sequence[float]


@dataclass(slots=True)
class EpochBook:
    """Remembers the figures of epochs that cannot change any more; not safe from two threads at once."""

    _settled: dict[str, EpochFigures] = field(default_factory=dict)

    def knows(self, epoch: Epoch) -> bool:
        """Whether an epoch need not be looked at again."""
        return epoch.epoch_id in self._settled

    def figures(self, places: Iterable[EpochPlace], sight: EpochSight) -> dict[str, EpochFigures]:
        """Figures of epochs by id, in order of their places, as they are now."""
        places = [place for place in places if place.epoch.epoch_id not in self._settled]
        found = {place.epoch.epoch_id: EpochFigures() for place in places}
        open_ids = set()
        for batch in _batches(cut for place in places for cut in _cuts(place)):
            view = _view(batch, sight)
            for cut in batch:
                figures, is_settled = _of_cut(cut, view)
                found[cut.epoch_id] += figures
                if not is_settled:
                    open_ids.add(cut.epoch_id)
        for place in places:
            key = place.epoch.epoch_id
            found[key] = _with_missing(found[key], place.duration_microseconds)
            if key not in open_ids and (sight.final or _is_past(place, sight.now)):
                self._settled[key] = found[key]
        return self._settled | found


def _is_past(place: EpochPlace, now: Instant) -> bool:
    """Whether an epoch ended so long ago that its edges are known."""
    end = place.epoch.end
    if end is None:
        return False
    return end.at.boot_id != now.boot_id or now.boot_seconds > end.at.boot_seconds + SETTLED_SECONDS


def _with_missing(figures: EpochFigures, duration_microseconds: int) -> EpochFigures:
    """What is not covered of an epoch, the time between boots too, is missing."""
    energy = figures.energy
    covered = energy.sampled_microseconds + energy.recovered_microseconds
    gap = max(0, duration_microseconds - covered) - energy.missing_microseconds
    added = EnergyFigures(missing_microseconds=gap)
    return EpochFigures(energy + added, figures.edge_uncertainty_joules, figures.temperature_max_celsius)


def _cuts(place: EpochPlace) -> Iterator[_Cut]:
    for part in place.parts:
        start = part.start
        while start.boot_seconds < part.end.boot_seconds:
            end = start.plus(_LOOK_SECONDS)
            end = end if end.boot_seconds < part.end.boot_seconds else part.end
            edges = tuple(edge for edge in (start, end) if edge in (part.start, part.end))
            yield _Cut(place.epoch.epoch_id, Span(start, end), edges, part.over)
            start = end


def _batches(cuts: Iterable[_Cut]) -> Iterator[list[_Cut]]:
    """Cuts that lie within some minutes of one boot, together."""
    batch: list[_Cut] = []
    for cut in cuts:
        if batch and not _is_near(batch[0].span.start, cut.span):
            yield batch
            batch = []
        batch.append(cut)
    if batch:
        yield batch


def _is_near(start: Instant, span: Span) -> bool:
    if start.boot_id != span.start.boot_id or span.start.boot_seconds < start.boot_seconds:
        return False
    return span.end.boot_seconds - start.boot_seconds <= _LOOK_SECONDS


def _view(batch: Sequence[_Cut], sight: EpochSight) -> _View:
    span = Span(batch[0].span.start, batch[-1].span.end)
    degrees: list[Reading] = []
    if sight.zone_id is not None:
        found = sight.history.readings(sight.zone_id, span)
        degrees = [reading for reading in found if reading.at.boot_id == span.start.boot_id]
    return _View(_look(span, sight), degrees, [reading.at.boot_seconds for reading in degrees])


def _look(span: Span, sight: EpochSight) -> Look | None:
    """The curve a little beyond the edges: how fast the power changes there is their doubt."""
    if sight.curve is None:
        return None
    reach_seconds = max((supply.timing.edge_seconds for supply in sight.curve.supplies), default=0.0)
    start = span.start.plus(-min(reach_seconds, span.start.boot_seconds))
    return sight.curve.look(sight.history, Span(start, span.end.plus(reach_seconds)), decided=sight.final)


def _of_cut(cut: _Cut, view: _View) -> tuple[EpochFigures, bool]:
    """Figures of a cut, and whether its energy is settled."""
    degrees = _highest_celsius(cut.span, view)
    if view.look is None:
        return EpochFigures(temperature_max_celsius=degrees), True
    start, end = cut.span.start, cut.span.end
    energy = window_energy(view.look, start, end)
    settled = cut.decided or settled_energy(view.look, start, end).settled_until == end
    doubts = (edge_uncertainty_joules(track, edge) for edge in cut.edges for track in view.look.tracks)
    return EpochFigures(energy, sum(doubts), degrees), settled


def _highest_celsius(span: Span, view: _View) -> float | None:
    """The highest temperature in a span; in one too short for a reading, that next to its end."""
    first = bisect_left(view.degree_seconds, span.start.boot_seconds)
    last = bisect_left(view.degree_seconds, span.end.boot_seconds)
    if inside := view.degrees[first:last]:
        return max(reading.value for reading in inside)
    return value_at(view.degrees[max(0, first - 1) : last + 1], span.end, one_sided=True)


def epoch_documents(
    epochs: Iterable[Epoch],
    figures: Mapping[str, EpochFigures],
    utc_seconds: Callable[[Stamp], float],
    duration_seconds: Callable[[Epoch], float],
) -> list[dict[str, Any]]:
    """The `epochs` of a run's document; of one without figures the energy is unknown."""
    return [
        epoch_document(epoch, figures.get(epoch.epoch_id), utc_seconds, duration_seconds(epoch))
        for epoch in epochs
    ]


def epoch_document(
    epoch: Epoch,
    figures: EpochFigures | None,
    utc_seconds: Callable[[Stamp], float],
    duration_seconds: float,
) -> dict[str, Any]:
    """One epoch of a run's document: unknown is None, never 0; energy with missing time is a lower bound."""
    return {
        "epoch": epoch.epoch,
        "started_at": rfc3339(utc_seconds(epoch.start)),
        "ended_at": None if epoch.end is None else rfc3339(utc_seconds(epoch.end)),
        "duration_seconds": duration_seconds,
        **_figures_document(figures, duration_seconds),
        "values": dict(epoch.values),
    }


def _figures_document(figures: EpochFigures | None, duration_seconds: float) -> dict[str, float | None]:
    energy = EnergyFigures() if figures is None else figures.energy
    covered = energy.covered_seconds > 0
    ratio = energy.covered_seconds / duration_seconds if figures and duration_seconds else None
    return {
        "energy_joules": energy.joules if covered else None,
        "mean_power_watts": energy.mean_watts,
        "temperature_max_celsius": None if figures is None else figures.temperature_max_celsius,
        "covered_ratio": ratio,
        "sampled_seconds": energy.sampled_seconds if figures else None,
        "recovered_seconds": energy.recovered_seconds if figures else None,
        "missing_seconds": energy.missing_seconds if figures else None,
        "edge_uncertainty_joules": figures.edge_uncertainty_joules if figures and covered else None,
    }
