"""A meter behind a pyserial URL: /dev/rfcomm0, a pseudo-terminal, rfc2217://HOST:PORT, socket://HOST:PORT.

The only module that imports pyserial; it is imported when such a meter is opened.
"""

import contextlib
import errno
import fcntl
import os
import select
import sys
import termios
import threading
import time
from typing import Final, Protocol

from wattwatch.clock import Clock
from wattwatch.errors import MissingExtra
from wattwatch.sources.um.protocol import FRAME_BYTES
from wattwatch.sources.um.serial_errors import (
    closed,
    explain_lost,
    explain_open,
    is_momentarily_busy,
    no_answer,
)
from wattwatch.sources.um.transport import BUSY_PAUSE_SECONDS, BUSY_TRIES, STALE_BYTES, Reply

try:
    import serial
except ModuleNotFoundError as error:
    raise MissingExtra("meters on a serial port need pyserial: pip install 'wattwatch[serial]'") from error

_BAUD: Final = 9600  # means nothing to an RFCOMM port; some value has to be set
# pyserial's own timeout never changes: setting it anew renegotiates an rfc2217 port each time. The deadline
# is kept in steps of this length, and a close from another thread is noticed as fast.
_STEP_SECONDS: Final = 0.05
_GATHER_SECONDS: Final = 0.02


class SerialTransport:
    """An open serial port or socket, held for us alone."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Opens the port; SourceUnavailable or SourceUnsupported says why not and what to do."""
        self._url = url
        self._clock = clock
        self._exchanging = threading.Lock()
        self._closing = threading.Event()
        self._port = _open(url)
        is_terminal = "://" not in url
        self._bytes: _Bytes = _TerminalBytes(self._port.fileno()) if is_terminal else _PortBytes(self._port)

    def exchange(self, request: bytes, reply_bytes: int, deadline_seconds: float) -> Reply:
        """The reply to a request; see Transport."""
        with self._exchanging:
            if self._closing.is_set():
                raise closed(self._url)
            try:
                return self._exchange(request, reply_bytes, time.monotonic() + deadline_seconds)
            except OSError as error:
                raise explain_lost(self._url, error) from error

    def close(self) -> None:
        """Close the port; an exchange under way ends within one step."""
        self._closing.set()
        with self._exchanging:
            _close(self._port)

    def _exchange(self, request: bytes, reply_bytes: int, deadline_at: float) -> Reply:
        if request:
            self._bytes.drop_stale()
            self._bytes.write(request)
        written_at = self._clock.now()
        if not reply_bytes:
            return Reply(b"", written_at, written_at)
        data = self._some(min(reply_bytes, self._bytes.first_bytes), deadline_at)
        first_byte_at = self._clock.now()
        if not data:
            raise no_answer(self._url)
        while len(data) < reply_bytes:
            self._let_gather(reply_bytes - len(data), deadline_at)
            if not (more := self._some(reply_bytes - len(data), deadline_at)):
                break
            data += more
        return Reply(data, written_at, first_byte_at)

    def _let_gather(self, count: int, deadline_at: float) -> None:
        """Wait a little for the rest of a frame, which dribbles in: each piece costs a wake-up."""
        if self._bytes.waiting() < count:
            time.sleep(min(_GATHER_SECONDS, max(0.0, deadline_at - time.monotonic())))

    def _some(self, most: int, deadline_at: float) -> bytes:
        """What comes next, at most so many bytes; none if the deadline passes first."""
        while (left_seconds := deadline_at - time.monotonic()) > 0:
            if self._closing.is_set():
                raise closed(self._url)
            if data := self._bytes.read(most, min(left_seconds, _STEP_SECONDS)):
                return data
        return b""


class _Bytes(Protocol):
    """How bytes get in and out of an open port; OSError if the other end is gone."""

    first_bytes: int  # to ask for, to be told of the first one as soon as it comes

    def waiting(self) -> int: ...

    def drop_stale(self) -> None: ...

    def write(self, data: bytes) -> None: ...

    def read(self, most: int, seconds: float) -> bytes: ...


class _PortBytes:
    """By pyserial, for its URLs; `read` waits for all it is asked for, as long as the port's own timeout."""

    first_bytes = 1

    def __init__(self, port: serial.Serial) -> None:
        self._port = port

    def waiting(self) -> int:
        return self._port.in_waiting

    def drop_stale(self) -> None:
        # Not reset_input_buffer: over rfc2217 it costs a round trip, over a flooding socket it never ends.
        dropped = 0
        while dropped < STALE_BYTES and (waiting := self._port.in_waiting):
            dropped += len(self._port.read(min(waiting, STALE_BYTES - dropped)))

    def write(self, data: bytes) -> None:
        self._port.write(data)

    def read(self, most: int, seconds: float) -> bytes:
        del seconds
        return self._port.read(most)


class _TerminalBytes:
    """By the descriptor of a terminal that pyserial has set up: a third of the CPU time of its own calls."""

    first_bytes = FRAME_BYTES

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def waiting(self) -> int:
        return int.from_bytes(fcntl.ioctl(self._descriptor, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)

    def drop_stale(self) -> None:
        dropped = 0
        while dropped < STALE_BYTES and (data := self.read(STALE_BYTES - dropped, 0.0)):
            dropped += len(data)

    def write(self, data: bytes) -> None:
        os.write(self._descriptor, data)  # of one byte, for which there always is room

    def read(self, most: int, seconds: float) -> bytes:
        if not self._poll.poll(1000 * seconds):
            return b""
        if data := os.read(self._descriptor, most):
            return data
        raise OSError(errno.EIO, "the other end of the terminal is gone")


def _open(url: str) -> serial.Serial:
    for tries_left in reversed(range(BUSY_TRIES)):
        try:
            return _open_once(url)
        except (OSError, ValueError) as error:
            if tries_left == 0 or not is_momentarily_busy(error):
                raise explain_open(url, error) from error
        time.sleep(BUSY_PAUSE_SECONDS)
    raise AssertionError(url)  # the last try returns or raises


def _open_once(url: str) -> serial.Serial:
    port = serial.serial_for_url(url, do_not_open=True, baudrate=_BAUD, timeout=_STEP_SECONDS)
    if "://" not in url:
        port.exclusive = True
        port.write_timeout = 1.0  # rfc2217 knows none; a single byte never waits long elsewhere
    port.open()
    return port


def _close(port: serial.Serial) -> None:
    # Where the peer was faster, pyserial's shutdown fails and it forgets its socket without closing it.
    left_open = getattr(port, "_socket", None)
    with contextlib.suppress(OSError):
        port.close()
    if left_open is not None:
        left_open.close()


def open_serial(url: str, clock: Clock) -> SerialTransport:
    """A connection to the meter behind a URL, made anew.

    Raises SourceUnavailable (reason `absent`, `permission`, `busy` or `io`) or SourceUnsupported, with one
    line on cause and next step.
    """
    return SerialTransport(url, clock)
