"""One clock: instants of this boot, and what is known of the wall clock beside them."""

import ctypes
import sys
import time
import uuid
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final, Protocol

from wattwatch.reading import Instant

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC: Final = 0x0040  # linux/timex.h
_TIME_ERROR: Final = 5  # adjtimex(2): clock not synchronised
_TIMEX_BYTES: Final = 208  # sizeof(struct timex) on 64-bit; 32-bit needs less
_SUSPEND_JUMP_SECONDS: Final = 2.0
_OFFSETS: Final = 32  # exchanges of which the best counts; drift between them is some parts per million


@dataclass(frozen=True, slots=True)
class WallOffset:
    """UTC minus boot seconds, and whether the kernel held the wall clock for synchronised."""

    unix_minus_boot_seconds: float
    synchronised: bool


class Clock(Protocol):
    """Where time comes from; tests pass their own."""

    def now(self) -> Instant:
        """The present instant, in whole microseconds."""
        ...

    def wall(self) -> WallOffset:
        """The present offset of UTC to the boot clock."""
        ...


class SystemClock:
    """CLOCK_BOOTTIME, which goes on in suspend; elsewhere monotonic time with suspends added."""

    def __init__(self) -> None:
        self._boot_id = _read_boot_id()
        self._has_boottime = hasattr(time, "CLOCK_BOOTTIME")
        self._suspended_seconds = 0.0
        self._wall_minus_monotonic = time.time() - time.monotonic()

    def now(self) -> Instant:
        """The present instant of this boot."""
        return Instant(self._boot_id, round(self._boot_seconds(), 6))

    def wall(self) -> WallOffset:
        """The present offset of UTC to the boot clock."""
        return WallOffset(round(time.time() - self._boot_seconds(), 6), clock_is_synchronised())

    def _boot_seconds(self) -> float:
        if self._has_boottime:
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e9
        difference = time.time() - time.monotonic()
        # A jump forward is taken for a suspend: at worst a stepped clock costs one gap, never a joule.
        jump_seconds = difference - self._wall_minus_monotonic
        if jump_seconds > _SUSPEND_JUMP_SECONDS:
            self._suspended_seconds += jump_seconds
        self._wall_minus_monotonic = difference
        return time.monotonic() + self._suspended_seconds


def _read_boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:  # not Linux: the boot time, to ten seconds, names the boot
        booted_at = round((time.time() - time.monotonic()) / 10)
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"wattwatch-boot-{booted_at}"))


def clock_is_synchronised() -> bool:
    """Whether the kernel holds the wall clock for disciplined (adjtimex(2)); False where it cannot tell."""
    if not sys.platform.startswith("linux"):
        return False
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0: read only
    state = _libc().adjtimex(buffer)
    status_offset = 8 + 4 * ctypes.sizeof(ctypes.c_long)  # after modes, offset, freq, maxerror, esterror
    if ctypes.sizeof(ctypes.c_long) == 4:  # noqa: PLR2004 - no padding after modes on 32-bit
        status_offset = 4 + 4 * 4
    status = int.from_bytes(buffer.raw[status_offset : status_offset + 4], sys.byteorder)
    return 0 <= state != _TIME_ERROR and not status & _STA_UNSYNC


@cache  # loading it anew cost ten times the call
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def rfc3339(unix_seconds: float) -> str:
    """RFC 3339 UTC with microseconds, as in every JSON that we write."""
    moment = datetime.fromtimestamp(unix_seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class ClockOffset:
    """How far another boot clock is ahead of ours: of the last exchanges, the one that took least time.

    With t1, t4 the instants of sending and receiving here, t2, t3 those of receiving and sending there:
    offset = ((t2 - t1) + (t3 - t4)) / 2, in doubt by half of (t4 - t1) - (t3 - t2) (RFC 5905, section 8).
    """

    def __init__(self) -> None:
        self._measured: deque[tuple[float, float]] = deque(maxlen=_OFFSETS)  # doubt, offset in seconds

    @property
    def is_unknown(self) -> bool:
        """Whether there was no exchange yet."""
        return not self._measured

    @property
    def seconds(self) -> float:
        """Seconds to add to this clock for the other's; the doubt is in `doubt_seconds`."""
        return min(self._measured)[1]

    @property
    def doubt_seconds(self) -> float:
        """The most by which the offset may be wrong."""
        return min(self._measured)[0]

    def add(self, sent: Instant, received: Instant, received_there: float, sent_there: float) -> None:
        """Take note of an exchange."""
        away_seconds = received.boot_seconds - sent.boot_seconds
        doubt_seconds = max(0.0, away_seconds - (sent_there - received_there)) / 2
        offset = ((received_there - sent.boot_seconds) + (sent_there - received.boot_seconds)) / 2
        self._measured.append((doubt_seconds, offset))

    def here(self, there_seconds: float, boot_id: str) -> Instant:
        """The instant of this boot at which the other clock showed so many seconds."""
        return Instant(boot_id, round(there_seconds - self.seconds, 6))

    def there_seconds(self, here: Instant) -> float:
        """What the other clock showed at an instant of this one."""
        return here.boot_seconds + self.seconds
