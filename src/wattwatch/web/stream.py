"""The other side of a stream of lines."""

import select
import ssl
import time

from wattwatch.web.http import ServerStopping
from wattwatch.web.link import PIECE_BYTES, Link
from wattwatch.web.wire import chunk


class StreamPeer:
    """The other side of a stream (see `Peer`), over TLS too."""

    def __init__(self, link: Link, stop_fd: int, send_seconds: float) -> None:
        self._link = link
        self._stop_fd = stop_fd
        self._send_seconds = send_seconds

    def send_line(self, line: bytes) -> None:
        """Send one line; OSError if the other side is gone or does not read, ServerStopping if we are."""
        if is_readable(self._stop_fd):
            raise ServerStopping
        self._link.send(chunk(line), time.monotonic() + self._send_seconds)

    def wait_closed(self, seconds: float) -> bool:
        """Wait at most that long; True as soon as the other side has closed; ServerStopping if we do."""
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._link.socket, select.POLLIN)
        poll.register(self._stop_fd, select.POLLIN)
        while True:
            remaining_milliseconds = max(0.0, deadline - time.monotonic()) * 1000
            ready = poll.poll(remaining_milliseconds)
            # Looked at first: a stopping server shuts its sockets, which looks like a lost owner.
            if is_readable(self._stop_fd):
                raise ServerStopping
            if not ready:
                return False
            if self._has_ended():
                if is_readable(self._stop_fd):
                    raise ServerStopping
                return True

    def _has_ended(self) -> bool:
        """Whether the other side has closed; what it says meanwhile is of no interest."""
        self._link.socket.settimeout(0)
        try:
            return not self._link.socket.recv(PIECE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):  # of TLS: half a record, or one of its own
            return False
        except OSError:
            return True


def is_readable(descriptor: int) -> bool:
    """Whether something, or the end, can be read from a descriptor now."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
