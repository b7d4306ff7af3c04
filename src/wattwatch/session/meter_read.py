"""Behind `wattwatch read`: one look at a meter after another, through the daemon if it holds the meter."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from wattwatch.clock import Clock, rfc3339
from wattwatch.errors import ClientError, SourceUnavailable
from wattwatch.session.meter_link import MeterLink, meter_link
from wattwatch.session.meter_place import HeldMeter, held_meter, meter_spec
from wattwatch.session.meter_view import MeterView, view_of_frame, view_of_source
from wattwatch.sources.base import UmTransport

LOOK_SECONDS: Final = 0.5  # the meter's display changes twice a second
RETRY_SECONDS: Final = 2.0

Look = Callable[[], MeterView]
Say = Callable[[str], None]


class MeterReading:
    """A meter that can be looked at; a context that releases what it holds."""

    def __init__(self, look: Look, close: Callable[[], None]) -> None:
        self._look = look
        self._stack = ExitStack()
        self._stack.callback(close)

    def once(self) -> MeterView:
        """One look; SourceUnavailable or ClientError says why not."""
        return self._look()

    def follow(self, say: Say, sleep: Callable[[float], None] = time.sleep) -> Iterator[MeterView]:
        """Looks without end, each at a newer frame; after the first one failures are said, and retried."""
        last = self._look()
        yield last
        failing = ""
        while True:
            sleep(RETRY_SECONDS if failing else LOOK_SECONDS)
            try:
                view = self._look()
            except (SourceUnavailable, ClientError) as error:
                if str(error) != failing:
                    failing = str(error)
                    say(f"{failing}; trying again")
                continue
            failing = ""
            if view.at != last.at:
                yield view
            last = view

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()


def open_reading(
    place: str, transport: UmTransport, environment: Mapping[str, str], socket: Path | None, clock: Clock
) -> MeterReading:
    """The meter at a place, through the daemon if it holds it, else to be opened by the first look.

    ConfigError if the place is none, ClientError for a daemon that refuses us, MissingExtra, SourceError.
    """
    spec = meter_spec(place, transport)
    held = held_meter(environment, socket, spec)
    if held is not None:
        return MeterReading(lambda: _look_through(held, place), lambda: None)
    link = meter_link(spec, clock)
    return MeterReading(lambda: _look_at(link, clock), link.close)


def _look_at(link: MeterLink, clock: Clock) -> MeterView:
    frame, at = link.frame()
    utc = rfc3339(at.boot_seconds + clock.wall().unix_minus_boot_seconds)
    return view_of_frame(link.where, link.way(), frame, utc)


def _look_through(held: HeldMeter, place: str) -> MeterView:
    source = held.source()
    if not source["up"]:
        why = source["last_error"] or "it has not been read yet: try again in a few seconds"
        raise SourceUnavailable(f"the daemon holds this meter (source {held.name}) but gets nothing: {why}")
    return view_of_source(place, source)
