"""Local times as UTC: summer time begins with an hour that was not, and ends with one that was twice."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from wattwatch.session.imports.dates import local_datetime
from wattwatch.session.imports.table import Row
from wattwatch.session.imports.values import ImportProblem, shown

_OFFSET: Final = re.compile(r"(?:UTC)?([+-])(\d{1,2}):(\d{2})")
_PLAIN: Final = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+")
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - of local times as they are written
_QUARTER_MINUTES: Final = 15  # no offset changes within a quarter of an hour
_ALMOST_A_QUARTER: Final = timedelta(minutes=_QUARTER_MINUTES, microseconds=-1)
_MILLISECONDS_FROM: Final = 1e11  # a Unix time beyond that is one in milliseconds
_UNIX_FROM: Final = 1e8  # a number below that is no Unix time (1973)
NEIGHBOUR_SECONDS: Final = 600.0
"""A reading this near goes on without a gap."""

_CLOCK_SET_SECONDS: Final = 60.0  # a step back by less is a clock that was set, not summer time's end
_DAY_SECONDS: Final = 86400.0


def zone_of(name: str) -> tzinfo | None:
    """The zone of a name or an offset such as +02:00; None for "", ImportProblem for anything else."""
    if not name:
        return None
    if found := _OFFSET.fullmatch(name):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        if offset < timedelta(days=1):
            return timezone(offset if found[1] == "+" else -offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ImportProblem(
            f"--time-zone {shown(name)}: no such zone: pass such as Europe/Berlin, UTC or +02:00"
        ) from error


@dataclass(slots=True)
class TimeReader:
    """Reads the times of one log: each as the UTC that it may be, two in the hour that was twice."""

    order: str = ""  # of dates
    zone: tzinfo | None = None
    begin_utc_seconds: float | None = None  # of times that count from the start of the log
    _quarter: datetime | None = None
    _offsets: tuple[float, ...] | None = field(default=())  # of that quarter of an hour, if it has one only

    def utc_seconds(self, text: str) -> tuple[float, ...]:
        """What a text may be in UTC, the earlier first; ImportProblem if there is none."""
        plain = text.replace(",", ".") if text.count(",") == 1 else text
        if _PLAIN.fullmatch(plain.strip()):
            return (self._of_number(float(plain)),)
        local = local_datetime(text, self.order)
        if local.tzinfo is not None:
            return (local.timestamp(),)
        if self.zone is None:
            raise ImportProblem(
                f"{shown(text)} has no time zone: pass --time-zone, such as Europe/Berlin, or UTC"
            )
        found = self._of_local(local, self.zone)
        if not found:
            raise ImportProblem(f"{shown(text)}: there was no such time in {self.zone}: summer time began")
        return found

    def _of_number(self, value: float) -> float:
        if value >= _MILLISECONDS_FROM:
            return value / 1000
        if value >= _UNIX_FROM:
            return value
        if self.begin_utc_seconds is None:
            raise ImportProblem(
                "times count from the start of the log: pass --begin, such as 2026-03-01T12:00:00Z"
            )
        return self.begin_utc_seconds + value

    def _of_local(self, local: datetime, zone: tzinfo) -> tuple[float, ...]:
        quarter = local.replace(
            minute=local.minute - local.minute % _QUARTER_MINUTES, second=0, microsecond=0
        )
        if quarter != self._quarter:
            first, last = _offsets(quarter, zone), _offsets(quarter + _ALMOST_A_QUARTER, zone)
            self._quarter, self._offsets = quarter, first if first == last else None
        offsets = _offsets(local, zone) if self._offsets is None else self._offsets
        seconds = (local - _EPOCH).total_seconds()
        return tuple(seconds - offset for offset in offsets)


def _offsets(local: datetime, zone: tzinfo) -> tuple[float, ...]:
    """Seconds from UTC to a local time: none where it was left out, two where it was twice."""
    found: dict[float, None] = {}
    for fold in (0, 1):
        at = local.replace(tzinfo=zone, fold=fold)
        offset = at.utcoffset()
        if offset is not None and at.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local:
            found[offset.total_seconds()] = None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Moment:
    """A row, and what its time may be in UTC."""

    row: Row
    text: str
    utc_seconds: tuple[float, ...]

    @property
    def is_twice(self) -> bool:
        """Whether it is in the hour that was twice."""
        return len(self.utc_seconds) > 1


def in_time(moments: Iterable[Moment], before: float | None = None) -> Iterator[tuple[Row, float]]:
    """Rows with their UTC, in order; `before` is that of the row before the first.

    The hour that was twice is told by time that runs back in it, or by a neighbour on one side. ImportProblem
    names the line where neither tells, and where time runs back otherwise.
    """
    spell: list[Moment] = []
    for moment in moments:
        if spell and not (moment.is_twice and _is_near(spell[-1], moment)):
            after = None if moment.is_twice else moment.utc_seconds[0]
            for twice, utc_seconds in _told(spell, before, after):
                before = _checked(twice, utc_seconds, before)
                yield twice.row, utc_seconds
            spell = []
        if moment.is_twice:
            spell.append(moment)
        else:
            before = _checked(moment, moment.utc_seconds[0], before)
            yield moment.row, before
    for twice, utc_seconds in _told(spell, before, None):
        before = _checked(twice, utc_seconds, before)
        yield twice.row, utc_seconds


def _is_near(one: Moment, other: Moment) -> bool:
    return abs(other.utc_seconds[0] - one.utc_seconds[0]) < _DAY_SECONDS


def _checked(moment: Moment, utc_seconds: float, before: float | None) -> float:
    """The UTC; ImportProblem if the row before was later."""
    if before is not None and utc_seconds < before:
        raise ImportProblem(
            f"line {moment.row.line}: {shown(moment.text)}: time runs back: "
            "sort its rows, or name several files in order of time"
        )
    return utc_seconds


def _told(spell: Sequence[Moment], before: float | None, after: float | None) -> list[tuple[Moment, float]]:
    """Rows of an hour that was twice: which of the two each of them is in."""
    if not spell:
        return []
    second = _second_from(spell, before, after)
    return [(moment, moment.utc_seconds[place >= second]) for place, moment in enumerate(spell)]


def _second_from(spell: Sequence[Moment], before: float | None, after: float | None) -> int:
    """The place of the first row that is in the second of the two hours."""
    first = [moment.utc_seconds[0] for moment in spell]
    for place in range(1, len(first)):
        if first[place] < first[place - 1] - _CLOCK_SET_SECONDS:
            return place
    goes_on = before is not None and 0 <= first[0] - before <= NEIGHBOUR_SECONDS
    is_gone_on = after is not None and 0 <= after - spell[-1].utc_seconds[1] <= NEIGHBOUR_SECONDS
    if goes_on == is_gone_on:
        raise ImportProblem(
            f"line {spell[0].row.line}: {shown(spell[0].text)} was twice, when summer time ended, and "
            "nothing tells which it is: pass the clock's own offset, such as --time-zone +02:00 (or +01:00)"
        )
    return len(spell) if goes_on else 0
