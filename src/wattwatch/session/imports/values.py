"""Numbers and instants as programs of many countries write them. Pure.

What can be read in two ways is never guessed: a whole file is looked at, and if nothing in it decides, the
user is asked.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final

from wattwatch.errors import WattwatchError

DATE_ORDERS: Final = ("ymd", "mdy", "dmy")
DECIMALS: Final = (".", ",")

_SLASHED: Final = re.compile(r"(?<!\d)(\d{1,2})([/-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})")
_YEAR_FIRST: Final = re.compile(r"(\d{4})([/.-])(\d{1,2})\2(\d{1,2})")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|[+-]?\.\d+")
_THOUSANDS: Final = re.compile(r"[+-]?\d{1,3},\d{3}")
_MOST_MONTHS: Final = 12
_NOON: Final = 12
_MILLISECONDS_FROM: Final = 1e11  # a Unix time beyond that is one in milliseconds
_UNIX_FROM: Final = 1e8  # a number below that is no Unix time (1973)
_DIGITS: Final = 6
_CENTURY: Final = 2000


class ImportProblem(WattwatchError):  # noqa: N818 - it becomes an error when the line is known
    """Why a cell cannot be read, without its place."""


@dataclass(slots=True)
class Numerals:
    """How a file writes numbers, found by looking at all of them."""

    decimal: str = ""  # "" while it is not known
    is_certain: bool = False
    doubtful_line: int = 0  # the first number that may be thousands or a decimal

    def look(self, line: int, text: str) -> None:
        """Take note of a number."""
        if self.is_certain or "," not in text:
            return
        comma, dot = text.rfind(","), text.rfind(".")
        if dot >= 0:
            self.decimal, self.is_certain = ("," if comma > dot else "."), True
        elif text.count(",") > 1:
            self.decimal, self.is_certain = ".", True
        elif _THOUSANDS.fullmatch(text.strip()) and not text.strip().lstrip("+-").startswith("0"):
            self.doubtful_line = self.doubtful_line or line
        else:
            self.decimal, self.is_certain = ",", True

    def settled(self, wanted: str = "") -> str:
        """The decimal sign; ImportProblem if nothing in the file tells."""
        if wanted:
            return wanted
        if self.doubtful_line and not self.is_certain:
            raise ImportProblem(
                f"line {self.doubtful_line}: the comma may part decimals or thousands: pass --decimal , or ."
            )
        return self.decimal or "."


def number_of(text: str, decimal: str) -> float:
    """The number that a text is; ImportProblem for anything else."""
    plain = text.strip().replace("\u00a0", "").replace(" ", "")
    thousands = "." if decimal == "," else ","
    plain = plain.replace(thousands, "").replace(",", ".")
    if not _NUMBER.fullmatch(plain):
        raise ImportProblem(f"{text[:40]!r} is no number")
    return float(plain)


@dataclass(slots=True)
class DateOrder:
    """In which order a file writes day and month, found by looking at all of its dates."""

    order: str = ""
    line: int = 0  # where it was decided
    doubtful_line: int = 0

    def look(self, line: int, text: str) -> None:
        """Take note of a date; ImportProblem if it contradicts one before."""
        found = _SLASHED.search(text)
        if found is None or _YEAR_FIRST.search(text):
            return
        first, second = int(found[1]), int(found[3])
        order = "dmy" if first > _MOST_MONTHS else "mdy" if second > _MOST_MONTHS else ""
        if not order:
            self.doubtful_line = self.doubtful_line or line
        elif self.order and order != self.order:
            raise ImportProblem(
                f"line {line}: {text!r} contradicts line {self.line}: days and months are mixed"
            )
        elif not self.order:
            self.order, self.line = order, line

    def settled(self, wanted: str = "") -> str:
        """The order of dates with slashes; ImportProblem if nothing in the file tells."""
        if wanted:
            return wanted
        if self.doubtful_line and not self.order:
            raise ImportProblem(
                f"line {self.doubtful_line}: day and month cannot be told apart: pass --date-order dmy or mdy"
            )
        return self.order or "ymd"


def local_datetime(text: str, order: str) -> datetime:
    """The date and time that a text is, with its zone if it names one; ImportProblem for anything else."""
    plain = text.strip()
    try:
        return datetime.fromisoformat(plain)
    except ValueError:
        pass
    found = _CLOCK.search(plain)
    if found is None:
        raise ImportProblem(f"{text[:40]!r} is no date and time")
    # Core Temp writes the time first.
    year, month, day = _date(f"{plain[: found.start()]} {plain[found.end() :]}".strip(" ,T-"), order)
    fraction = (found[4] or "").ljust(_DIGITS, "0")[:_DIGITS]
    hour = int(found[1])
    if found[5]:
        hour = hour % _NOON + (_NOON if found[5].lower() == "pm" else 0)
    try:
        return datetime(year, month, day, hour, int(found[2]), int(found[3] or 0), int(fraction))  # noqa: DTZ001
    except ValueError as error:
        raise ImportProblem(f"{text[:40]!r} is no date and time: {error}") from error


def _date(text: str, order: str) -> tuple[int, int, int]:
    if found := _YEAR_FIRST.fullmatch(text):
        return int(found[1]), int(found[3]), int(found[4])
    if found := _DOTTED.fullmatch(text):
        return _year(found[3]), int(found[2]), int(found[1])
    if found := _SLASHED.fullmatch(text):
        first, second, year = int(found[1]), int(found[3]), _year(found[4])
        return (year, second, first) if order == "dmy" else (year, first, second)
    raise ImportProblem(f"{text[:40]!r} is no date and time")


def _year(text: str) -> int:
    """A year of four digits, or of two in this century."""
    return int(text) + (_CENTURY if len(text) == 2 else 0)  # noqa: PLR2004 - said above


@dataclass(slots=True)
class Instants:
    """Texts as UTC, one after the other: local times pass summer time's ends in order."""

    order: str = "ymd"
    zone: tzinfo | None = None
    begin_utc_seconds: float | None = None  # of times that count from the start of the log
    last_utc_seconds: float = field(default=float("-inf"))

    def utc_seconds(self, text: str) -> float:
        """UTC in seconds; ImportProblem if it cannot be told, or lies before the one before."""
        found = self._utc_seconds(text)
        if found < self.last_utc_seconds:
            raise ImportProblem(
                f"{text[:40]!r}: time runs back; sort the file, or import its parts one by one"
            )
        self.last_utc_seconds = found
        return found

    def _utc_seconds(self, text: str) -> float:
        if _NUMBER.fullmatch(text.strip().replace(",", ".")):
            return self._of_number(float(text.strip().replace(",", ".")))
        local = local_datetime(text, self.order)
        if local.tzinfo is not None:
            return local.timestamp()
        if self.zone is None:
            raise ImportProblem(
                f"{text[:40]!r} has no time zone: pass --time-zone, such as Europe/Berlin, or UTC"
            )
        return self._of_local(local, text)

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

    def _of_local(self, local: datetime, text: str) -> float:
        """UTC of a local time: the first of the two that summer time's end may mean, unless time ran back."""
        first = local.replace(tzinfo=self.zone, fold=0)
        if first.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != local:
            raise ImportProblem(f"{text[:40]!r}: there was no such time in {self.zone}: summer time began")
        found = first.timestamp()
        second = local.replace(tzinfo=self.zone, fold=1).timestamp()
        return second if found < self.last_utc_seconds <= second else found
