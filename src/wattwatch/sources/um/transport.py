"""How bytes go to a meter and come back: the seam between the meter and serial ports, sockets, radios."""

from dataclasses import dataclass
from typing import Final, Protocol

from wattwatch.reading import Instant

STALE_BYTES: Final = 4096  # so many waiting bytes are dropped before a request; a flood is not waited out
BUSY_TRIES: Final = 3  # a UM24C refuses a second connection straight after a close
BUSY_PAUSE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, and the two instants between which the meter looked at its display."""

    data: bytes
    written_at: Instant
    first_byte_at: Instant


class Transport(Protocol):
    """An open connection to one meter, with at most one request outstanding."""

    def exchange(self, request: bytes, reply_bytes: int, deadline_seconds: float) -> Reply:
        """The next `reply_bytes` bytes after writing `request`; fewer if the deadline cut them off.

        Bytes that came before the request are dropped. An empty request writes and drops nothing: it goes
        on reading the reply to the one before. With `reply_bytes` 0 nothing is waited for: a command that
        is never answered, its `first_byte_at` being the instant of writing. Raises SourceUnavailable with
        reason `timeout` if not one byte came, `hangup` if the other end is gone or this one was closed, else
        `io`; after any of these the connection is of no further use.
        """
        ...

    def close(self) -> None:
        """Release the connection; an exchange of another thread ends soon. Harmless when called twice."""
        ...
