"""Dates as programs of many countries write them. Pure.

03/04/2026 is a day in March or in April: a whole file is looked at, and if nothing in it decides, the user is
asked. Dates with dots have the day first unless the user says otherwise; a year of four digits in front tells
the rest.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from wattwatch.session.imports.values import ImportProblem, shown

DATE_ORDERS: Final = ("ymd", "mdy", "dmy")

_PARTS: Final = re.compile(r"(?<!\d)(\d{1,2})([/-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_DOTTED: Final = re.compile(r"(\d{1,2})(\.)(\d{1,2})\.(\d{4}|\d{2})")
_YEAR_FIRST: Final = re.compile(r"(\d{4})([/.-])(\d{1,2})\2(\d{1,2})")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?")
_PLACES: Final[Mapping[str, tuple[int, int, int]]] = {"ymd": (0, 1, 2), "mdy": (2, 0, 1), "dmy": (2, 1, 0)}
_MONTHS: Final = 12
_DAYS: Final = 31
_NOON: Final = 12
_MICROSECOND_DIGITS: Final = 6
_YEAR_DIGITS: Final = 4
_CENTURY: Final = 2000
_DATES_AT_ONCE: Final = 64


@dataclass(slots=True)
class DateOrder:
    """In which order a file writes day, month and year, found by looking at all of its dates."""

    fits: frozenset[str] = frozenset(DATE_ORDERS)
    first_line: int = 0  # of a date that needs an order; 0: there is none
    _last: str = ""

    def look(self, line: int, text: str) -> None:
        """Take note of a date; ImportProblem if it contradicts those before."""
        found = _PARTS.search(text)
        if found is None or found[0] == self._last:
            return
        self._last = found[0]
        fits = self.fits & _orders(found)
        if not fits:
            raise ImportProblem(
                f"line {line}: {shown(text)} contradicts the dates before: days and months are mixed"
            )
        self.fits, self.first_line = fits, self.first_line or line

    def settled(self) -> str:
        """The order of dates; "" if none needs one, ImportProblem if nothing in the file tells."""
        if not self.first_line:
            return ""
        if len(self.fits) > 1:
            choice = " or ".join(sorted(self.fits))
            raise ImportProblem(
                f"line {self.first_line}: day and month cannot be told apart: pass --date-order {choice}"
            )
        return next(iter(self.fits))


def _orders(found: re.Match[str]) -> frozenset[str]:
    """The orders that three numbers can be a date in."""
    numbers = (int(found[1]), int(found[3]), int(found[4]))
    may = (order for order in DATE_ORDERS if order != "ymd" or len(found[4]) < _YEAR_DIGITS)
    return frozenset(order for order in may if _may_be(numbers, order))


def _may_be(numbers: tuple[int, int, int], order: str) -> bool:
    _, month, day = (numbers[place] for place in _PLACES[order])
    return 0 < month <= _MONTHS and 0 < day <= _DAYS


def local_datetime(text: str, order: str = "") -> datetime:
    """The date and time that a text is, with its zone if it names one; ImportProblem for anything else."""
    plain = text.strip()
    if plain[_YEAR_DIGITS : _YEAR_DIGITS + 1] == "-" and ":" in plain:
        try:
            return datetime.fromisoformat(plain)
        except ValueError:
            pass  # such as 2026-3-14 9:26
    found = _CLOCK.search(plain)
    if found is None:
        raise ImportProblem(f"{shown(text)} is no date and time")
    # Core Temp writes the time first.
    date = f"{plain[: found.start()]} {plain[found.end() :]}".strip(" ,T-")
    if not date:
        raise ImportProblem(f"{shown(text)} has no date: write it into the file, before or after the time")
    try:
        return _at(found, *_date(date, order))
    except ValueError as error:
        raise ImportProblem(f"{shown(text)} is no date and time: {error}") from error


def _at(found: re.Match[str], year: int, month: int, day: int) -> datetime:
    hour = int(found[1])
    if found[5]:
        if not 0 < hour <= _NOON:
            raise ValueError("hour must be in 1..12")
        hour = hour % _NOON + (_NOON if found[5].lower() == "pm" else 0)
    fraction = (found[4] or "").ljust(_MICROSECOND_DIGITS, "0")[:_MICROSECOND_DIGITS]
    return datetime(year, month, day, hour, int(found[2]), int(found[3] or 0), int(fraction))  # noqa: DTZ001


@lru_cache(_DATES_AT_ONCE)
def _date(text: str, order: str) -> tuple[int, int, int]:
    """Year, month and day; ValueError for anything else."""
    if found := _YEAR_FIRST.fullmatch(text):
        return int(found[1]), int(found[3]), int(found[4])
    found = _DOTTED.fullmatch(text) or _PARTS.fullmatch(text)
    if found is None:
        raise ValueError("its date is written in a way that is not known")
    if not order and found[2] != ".":
        raise ValueError("pass --date-order")
    parts = (found[1], found[3], found[4])
    year, month, day = (parts[place] for place in _PLACES[order or "dmy"])
    return _year(year), int(month), int(day)


def _year(text: str) -> int:
    """A year of four digits, or of two in this century."""
    return int(text) + (_CENTURY if len(text) < _YEAR_DIGITS else 0)
