"""A connected stream socket to a meter: the exchange on it, whoever made the connection."""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from wattwatch.clock import Clock
from wattwatch.sources.um.link_errors import no_answer
from wattwatch.sources.um.serial_errors import closed, explain_lost
from wattwatch.sources.um.transport import STALE_BYTES, Reply

# A close from another thread shuts the socket down, which ends a wait at once; this is the longest wait
# where a kernel should not tell.
_STEP_SECONDS: Final = 0.25
_READABLE: Final = select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLNVAL


class StreamTransport:
    """A Transport over a socket that is connected already, and belongs to it from now on."""

    def __init__(
        self, stream: socket.socket, place: str, clock: Clock, on_close: Callable[[], None] | None = None
    ) -> None:
        """`place` names the meter in error lines; `on_close` is called once, after closing."""
        stream.settimeout(0)
        self._stream = stream
        self._place = place
        self._clock = clock
        self._on_close = on_close
        self._exchanging = threading.Lock()
        self._closing = threading.Event()
        self.has_answered = False

    def exchange(self, request: bytes, reply_bytes: int, deadline_seconds: float) -> Reply:
        """The reply to a request; see Transport."""
        with self._exchanging:
            if self._closing.is_set():
                raise closed(self._place)
            try:
                return self._exchange(request, reply_bytes, time.monotonic() + deadline_seconds)
            except (OSError, EOFError) as error:
                if self._closing.is_set():
                    raise closed(self._place) from error
                raise explain_lost(self._place, error) from error

    def close(self) -> None:
        """Shut the connection down and let go of it; an exchange under way ends at once.

        Closing alone would not end a connection of which bluetoothd keeps a duplicate.
        """
        self._closing.set()
        hang_up(self._stream)
        with self._exchanging:
            self._stream.close()
            on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()

    def _exchange(self, request: bytes, reply_bytes: int, deadline_at: float) -> Reply:
        if request:
            self._drop_stale()
            self._write(request, deadline_at)
        written_at = self._clock.now()
        if not reply_bytes:
            return Reply(b"", written_at, written_at)
        data = self._receive(reply_bytes, deadline_at)
        first_byte_at = self._clock.now()
        if not data:
            raise no_answer(self._place)
        self.has_answered = True
        while len(data) < reply_bytes and (more := self._receive(reply_bytes - len(data), deadline_at)):
            data += more
        return Reply(data, written_at, first_byte_at)

    def _receive(self, count: int, deadline_at: float) -> bytes:
        """Up to `count` bytes, at least one; none if the deadline is over. EOFError at the end."""
        while self._wait(_READABLE, deadline_at):
            with contextlib.suppress(BlockingIOError):
                return self._stream.recv(count) or _end_of_file()
        return b""

    def _write(self, request: bytes, deadline_at: float) -> None:
        while request:
            if not self._wait(select.POLLOUT, deadline_at):
                raise TimeoutError
            with contextlib.suppress(BlockingIOError):
                request = request[self._stream.send(request) :]

    def _wait(self, events: int, deadline_at: float) -> bool:
        """Whether the socket is ready before the deadline."""
        waiting = select.poll()
        waiting.register(self._stream, events)
        while not self._closing.is_set():
            left_seconds = deadline_at - time.monotonic()
            if waiting.poll(1000 * max(0.0, min(left_seconds, _STEP_SECONDS))):
                return True
            if left_seconds <= 0:
                return False
        raise EOFError

    def _drop_stale(self) -> None:
        dropped = 0
        with contextlib.suppress(BlockingIOError):
            while dropped < STALE_BYTES:
                dropped += len(self._stream.recv(STALE_BYTES) or _end_of_file())


def hang_up(stream: socket.socket) -> None:
    """End a connection for everybody who holds it; harmless if it has ended, or is closed."""
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)


def _end_of_file() -> bytes:
    raise EOFError
