"""The union of a run's windows, cut into pieces of one phase each (law 4). Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from wattwatch.reading import Instant
from wattwatch.runs.events import in_time_order
from wattwatch.runs.run import MIXED, UNTAGGED, Stamp, Window


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a run in which one phase, a mixture of them, or none was open."""

    phase: str
    start: Stamp
    end: Stamp

    @property
    def key(self) -> tuple[str, Instant]:
        """What stays the same while the piece grows at its end."""
        return self.phase, self.start.at


def partition(windows: Iterable[Window], now: Stamp) -> tuple[Piece, ...]:
    """Disjoint pieces of the union of the windows, in order of time; open windows end now.

    Where windows of different phases overlap the piece is `mixed`; a window without a phase says nothing
    where another has one, and is `untagged` where it is alone.
    """
    edges: list[tuple[Stamp, str, int]] = []
    for window in windows:
        end = window.end or now
        if window.start.is_before(end):
            edges += [(window.start, window.phase, 1), (end, window.phase, -1)]
    edges.sort(key=lambda edge: in_time_order(edge[0]))
    pieces: list[Piece] = []
    active: Counter[str] = Counter()
    for (at, phase, change), following in pairwise(edges):
        active[phase] += change
        if +active and at.is_before(following[0]):
            _add(pieces, Piece(_one_phase(+active), at, following[0]))
    return tuple(pieces)


def union(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The pieces without their phases: adjoining ones are one."""
    whole: list[Piece] = []
    for piece in pieces:
        _add(whole, replace(piece, phase=""))
    return tuple(whole)


def _add(pieces: list[Piece], piece: Piece) -> None:
    """Append a piece, or prolong the last one if it adjoins with the same phase."""
    if pieces and pieces[-1].phase == piece.phase and pieces[-1].end.at == piece.start.at:
        pieces[-1] = replace(pieces[-1], end=piece.end)
    else:
        pieces.append(piece)


def _one_phase(active: Counter[str]) -> str:
    tagged = [phase for phase in active if phase]
    if not tagged:
        return UNTAGGED
    return tagged[0] if len(tagged) == 1 else MIXED
