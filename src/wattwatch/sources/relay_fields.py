"""Fields of another daemon's answer, none of them believed unseen; all of them raise ValueError or TypeError.

What comes in here is stored, exported and integrated: a NaN, a time of 1e300 s, or a name that is no text
would do its harm far from here.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from wattwatch.errors import SourceUnavailable
from wattwatch.reading import Channel, Kind, MeterIdentity, Quality, Scope
from wattwatch.sources.base import CounterLimits, RelaySpec

_LONGEST_TEXT: Final = 250
_LONGEST_SAID: Final = 150
_GREATEST: Final = 1e15  # of any unit: beyond is no measurement
_LONGEST_INTERVAL_SECONDS: Final = 3600.0  # as the configuration allows
_MALFORMED: Final = (KeyError, IndexError, TypeError, ValueError, OverflowError)


@contextmanager
def sense(url: str, cause: str) -> Iterator[None]:
    """SourceUnavailable (`invalid`) for a document that cannot be made sense of in here."""
    try:
        yield
    except _MALFORMED as error:
        raise SourceUnavailable(f"{url}: {cause}: {said(repr(error))}", "invalid") from error


def said(value: Any) -> str:
    """What is only shown to people: one line, never long."""
    return " ".join(str(value).split())[:_LONGEST_SAID]


def number(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _GREATEST:
        raise ValueError(f"no number: {said(repr(value)[:_LONGEST_SAID])}")
    return float(value)


def text(value: Any) -> str:
    """A text that can be a label; it may be empty."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise ValueError(f"no text: {said(repr(value)[:_LONGEST_SAID])}")
    return value


def interval_seconds(value: Any) -> float:
    """The interval of a source."""
    seconds = number(value)
    if not 0 < seconds <= _LONGEST_INTERVAL_SECONDS:
        raise ValueError(f"no interval: {seconds}")
    return seconds


def limits(row: Mapping[str, Any]) -> CounterLimits:
    """What a counter can do; `max_watts` is null where nothing is known."""
    range_joules, watts = number(row["range_joules"]), row["max_watts"]
    max_watts = math.inf if watts is None else number(watts)
    if range_joules < 0 or max_watts <= 0:
        raise ValueError("limits of a counter below zero")
    return CounterLimits(range_joules, max_watts)


def channel(spec: RelaySpec, row: Mapping[str, Any]) -> Channel:
    """A channel under this source's name."""
    zone, quantity = text(row["zone"]), text(row["quantity"])
    if not zone or not quantity:
        raise ValueError("a channel without a name")
    quality = Quality.SIMULATED if spec.simulated else Quality(row["quality"])
    return Channel(spec.name, zone, quantity, Kind(row["kind"]), Scope(row["scope"]), quality)


def channels(spec: RelaySpec, rows: Any) -> tuple[Channel, ...]:
    """The channels of a list, each once."""
    found = tuple(channel(spec, row) for row in rows)
    if len({one.id for one in found}) != len(found):
        raise ValueError("a channel stands there twice")
    return found


def identity(document: Mapping[str, Any] | None) -> MeterIdentity | None:
    """The accumulator of a meter; None for a source that has none."""
    if not document:
        return None
    group = document["group"]
    if not isinstance(group, int):
        raise TypeError("group: a whole number")
    return MeterIdentity(
        text(document["model"]),
        text(document["address"]),
        group,
        number(document["full_scale_watts"]),
    )
