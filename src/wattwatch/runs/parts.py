"""Pieces of a run boot by boot: instants of two boots have no difference. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from wattwatch.reading import Instant
from wattwatch.runs.partition import Piece
from wattwatch.runs.run import Stamp


@dataclass(frozen=True, slots=True)
class Part:
    """A piece's share of one boot; beyond a one-sided edge nothing was, or will be, read."""

    phase: str
    start: Instant
    end: Instant
    one_sided_start: bool = False
    one_sided_end: bool = False
    over: bool = False  # that boot is over: a gap that is open stays so


@dataclass(frozen=True, slots=True)
class BootReach:
    """The first and the last instant of a boot at which anything was read."""

    first: Instant
    last: Instant


def boot_parts(
    piece: Piece, boots: Iterable[Stamp], now: Stamp, reach: Callable[[str], BootReach | None]
) -> Iterator[Part]:
    """The parts of a piece: in a boot that is not its first or last, all that was read in it.

    `boots` are those in which its run was measured after a reboot. The time between the parts is in none.
    """
    first, last = piece.start.at, piece.end.at
    is_open, over = last == now.at, last.boot_id != now.at.boot_id
    if first.boot_id == last.boot_id:
        yield Part(piece.phase, first, last, one_sided_end=is_open, over=over)
        return
    if (seen := reach(first.boot_id)) and first.boot_seconds < seen.last.boot_seconds:
        yield Part(piece.phase, first, seen.last, one_sided_end=True, over=True)
    for boot in boots:
        inside = piece.start.is_before(boot) and boot.is_before(piece.end)
        if inside and boot.at.boot_id != last.boot_id and (seen := reach(boot.at.boot_id)):
            yield Part(
                piece.phase, seen.first, seen.last, one_sided_start=True, one_sided_end=True, over=True
            )
    if (seen := reach(last.boot_id)) and seen.first.boot_seconds < last.boot_seconds:
        yield Part(piece.phase, seen.first, last, one_sided_start=True, one_sided_end=is_open, over=over)
