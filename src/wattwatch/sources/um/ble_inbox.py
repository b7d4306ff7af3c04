"""What has come from a meter and was not read yet, between the thread of the radio and that of the reader."""

import threading
import time

from wattwatch.clock import Clock
from wattwatch.reading import Instant


class Inbox:
    """Bytes in order of coming, and when the first of them came; every method may be called by any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._data = bytearray()
        self._first_at: Instant | None = None
        self._ended = False

    def put(self, data: bytes) -> None:
        """Bytes have come."""
        at = self._clock.now()
        with self._changed:
            if self._first_at is None:
                self._first_at = at
            self._data += data
            self._changed.notify_all()

    def end(self) -> None:
        """No more will come: whoever waits is let go at once."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether no more will come."""
        return self._ended

    def drop(self) -> None:
        """Forget what came, so that the next byte is the first."""
        with self._changed:
            self._data.clear()
            self._first_at = None

    def wait(self, count: int, deadline_at: float) -> bool:
        """Whether so many bytes are here, once they are, no more will come, or it is too late."""
        with self._changed:
            return self._changed.wait_for(
                lambda: len(self._data) >= count or self._ended, max(deadline_at - time.monotonic(), 0.0)
            ) and (len(self._data) >= count)

    def take(self, count: int) -> tuple[bytes, Instant | None]:
        """At most so many bytes, and when the first byte since the last drop came."""
        with self._changed:
            data = bytes(self._data[:count])
            del self._data[:count]
            return data, self._first_at
