"""Which runs of a node went on at the same time. Pure.

Each of them gets the whole energy of the node while it went on (gross), so the energy of their common time is
in both; that must be said. A run inside another, started by its command, is no exception.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import Any, Final, NamedTuple

from wattwatch.runs.run import Run, Stamp

_NAMED: Final = 5
_MICROSECOND_DIGITS: Final = 6
_PREFIX: Final = "overlapped in time with"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Another run, and for how long both went on."""

    run_id: str
    seconds: float


class _Stay(NamedTuple):
    """A run in one boot of its node, by that boot's clock; without end where it went on into the next."""

    start_seconds: float
    end_seconds: float
    run: Run


def find_overlaps(runs: Iterable[Run], now: Stamp) -> dict[str, tuple[Overlap, ...]]:
    """The runs that overlapped each run, by its id, in order of their start; open runs reach up to now.

    Runs that only touch do not overlap.
    """
    boots: dict[tuple[str, str], list[_Stay]] = defaultdict(list)
    order = {}
    for number, run in enumerate(runs):
        order[run.run_id] = number
        for boot_id, stay in _stays(run, now):
            boots[run.node, boot_id].append(stay)
    pairs = {pair for stays in boots.values() for pair in _pairs(sorted(stays, key=_by_start))}
    found: dict[str, list[Overlap]] = defaultdict(list)
    known = {stay.run.run_id: stay.run for stays in boots.values() for stay in stays}
    for pair in pairs:
        one, other = (known[run_id] for run_id in pair)
        seconds = _common_seconds(one, other, now)
        if seconds > 0:
            found[one.run_id].append(Overlap(other.run_id, seconds))
            found[other.run_id].append(Overlap(one.run_id, seconds))
    return {
        run_id: tuple(sorted(those, key=lambda overlap: order[overlap.run_id]))
        for run_id, those in found.items()
    }


def _stays(run: Run, now: Stamp) -> Iterator[tuple[str, _Stay]]:
    first, last = run.start.at, (run.end or now).at
    if first.boot_id == last.boot_id:
        yield first.boot_id, _Stay(first.boot_seconds, last.boot_seconds, run)
        return
    yield first.boot_id, _Stay(first.boot_seconds, inf, run)
    for boot in run.boots:
        if boot.at.boot_id not in (first.boot_id, last.boot_id):
            yield boot.at.boot_id, _Stay(0.0, inf, run)
    yield last.boot_id, _Stay(0.0, last.boot_seconds, run)


def _by_start(stay: _Stay) -> tuple[float, str]:
    return stay.start_seconds, stay.run.run_id


def _pairs(stays: Sequence[_Stay]) -> Iterator[tuple[str, str]]:
    """Ids of runs that were there at once: each with those that have not ended when it begins."""
    present: list[tuple[float, str]] = []
    for stay in stays:
        while present and present[0][0] <= stay.start_seconds:
            heappop(present)
        yield from ((run_id, stay.run.run_id) for _, run_id in present)
        heappush(present, (stay.end_seconds, stay.run.run_id))


def _common_seconds(one: Run, other: Run, now: Stamp) -> float:
    """By the boot clock where both are of one boot, else by UTC."""
    edges = (one.start, one.end or now, other.start, other.end or now)
    by_boot = len({edge.at.boot_id for edge in edges}) == 1
    a, b, c, d = (edge.at.boot_seconds if by_boot else edge.utc_seconds for edge in edges)
    return round(min(b, d) - max(a, c), _MICROSECOND_DIGITS)


def with_overlaps(
    document: Mapping[str, Any], found: Sequence[Overlap], known: Mapping[str, Run]
) -> dict[str, Any]:
    """The document with its `overlaps` and, if it has warnings, one warning of them.

    `found` are those with runs that are `known`; what it says already of others, of another ledger, is kept.
    """
    stored = ((entry["run_id"], entry["seconds"]) for entry in document.get("overlaps", ()))
    merged = {run_id: seconds for run_id, seconds in stored if run_id not in known}
    merged |= {overlap.run_id: overlap.seconds for overlap in found}
    told: dict[str, Any] = {**document, "overlaps": [{"run_id": i, "seconds": s} for i, s in merged.items()]}
    if "warnings" in document:
        others = [text for text in document["warnings"] if not text.startswith(_PREFIX)]
        told["warnings"] = [*others, *([_warning(merged, known)] if merged else [])]
    return told


def _warning(seconds: Mapping[str, float], known: Mapping[str, Run]) -> str:
    """The runs by id and name, for people; of many the first few."""
    said = [
        f"{run_id}{_name(known.get(run_id))} for {of_run:.1f} s"
        for run_id, of_run in list(seconds.items())[:_NAMED]
    ]
    more = f" and {len(seconds) - _NAMED} more runs" if len(seconds) > _NAMED else ""
    kind = "run " if len(seconds) == 1 else "runs "
    return f"{_PREFIX} {kind}{', '.join(said)}{more}: the energy of that time is in each of them"


def _name(run: Run | None) -> str:
    words = () if run is None else filter(None, (run.name, "deleted" if run.deleted else ""))
    text = ", ".join(words)
    return f" ({text})" if text else ""
