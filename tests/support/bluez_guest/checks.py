"""Reading meters in the virtual machine, and telling the host what came of it: one line of JSON a check."""

import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from support.bluez_guest import METER
from wattwatch.clock import SystemClock
from wattwatch.errors import SourceError, SourceUnavailable
from wattwatch.sources.base import Source, UmSpec, UmTransport
from wattwatch.sources.um.meter import open_meter

Facts = dict[str, object]
TRIES = 6
LOST_SECONDS = 10.0


class Report:
    """Where the facts go: a serial port whose other end is a file of the host."""

    def __init__(self, port: Path) -> None:
        self._port: TextIO = port.open("w", encoding="ascii")

    def check(self, name: str, work: Callable[[], Facts]) -> None:
        """Do it, and say what came of it; a failure is a fact, too, and the next check is done."""
        began = time.monotonic()
        try:
            facts = work()
        except Exception:  # noqa: BLE001 - told to the host, whose test fails
            facts = {"error": traceback.format_exc()}
        facts = {"check": name, **facts, "seconds": round(time.monotonic() - began, 3)}
        print(json.dumps(facts), file=self._port, flush=True)


def meter(transport: UmTransport, address: str = METER, **more: object) -> Source:
    """wattwatch's own source, not connected yet."""
    spec = UmSpec(address=address, transport=transport, adapter="hci0", simulated=True, **more)  # type: ignore[arg-type]
    return open_meter(spec, SystemClock())


def milliseconds_of(work: Callable[[], object]) -> float:
    """How long it took."""
    began = time.monotonic()
    work()
    return round(1000 * (time.monotonic() - began), 2)


def watts_of(source: Source) -> float:
    """The power in one frame."""
    return next(
        reading.value for reading in source.read().readings if reading.channel.quantity == "power_watts"
    )


def frames(source: Source, count: int = 100) -> Facts:
    """Read so many frames; the first one makes the connection."""
    connect_milliseconds = milliseconds_of(source.read)
    watts: list[float] = []
    polls = sorted(milliseconds_of(lambda: watts.append(watts_of(source))) for _ in range(count))
    return {
        "connect_milliseconds": connect_milliseconds,
        "frames": len(watts),
        "lowest_watts": min(watts),
        "highest_watts": max(watts),
        "p50_milliseconds": polls[count // 2],
        "p99_milliseconds": polls[count * 99 // 100],
        "detail": source.description.detail,
    }


def failure(source: Source) -> Facts:
    """Why a read fails; AssertionError if it does not."""
    began = time.monotonic()
    try:
        source.read()
    except SourceError as error:
        return {
            "reason": getattr(error, "reason", "unsupported"),
            "message": str(error),
            "milliseconds": round(1000 * (time.monotonic() - began), 1),
        }
    raise AssertionError("it was read")


def until_read(source: Source) -> Facts:
    """Read until it succeeds, as the daemon does; what failed meanwhile."""
    failures: list[str] = []
    began = time.monotonic()
    while len(failures) < TRIES:
        try:
            source.read()
        except SourceUnavailable as error:
            failures.append(f"{error.reason}: {error}")
            time.sleep(0.1)
        else:
            return {"failures": failures, "back_milliseconds": round(1000 * (time.monotonic() - began), 1)}
    raise AssertionError(failures)


def drop(source: Source, drop_peer: Callable[[], None]) -> Facts:
    """Read, be dropped by the peer, notice that, and come back."""
    until_read(source)
    drop_peer()
    return {"lost": until_lost(source), **until_read(source)}


def until_lost(source: Source) -> Facts:
    """Read until that fails; bluetoothd takes 2 s to end a Low Energy connection that it is told to end."""
    began = time.monotonic()
    while time.monotonic() < began + LOST_SECONDS:
        try:
            source.read()
        except SourceUnavailable as error:
            return {
                "reason": error.reason,
                "message": str(error),
                "after_milliseconds": round(1000 * (time.monotonic() - began), 1),
            }
        time.sleep(0.05)
    raise AssertionError("still connected")


def reopen(source: Source, count: int) -> Facts:
    """Close and read again at once, many times."""
    failures: list[str] = []
    milliseconds = []
    for _ in range(count):
        source.close()
        back = until_read(source)
        failures += back["failures"]  # type: ignore[arg-type]
        milliseconds.append(back["back_milliseconds"])
    return {"times": count, "failures": failures, "slowest_milliseconds": max(milliseconds)}  # type: ignore[type-var]
