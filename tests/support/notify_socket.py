"""A service manager's ear, in this process: what a daemon told it, in order."""

import socket
import threading
from types import TracebackType
from typing import Self


class NotifySocket:
    """A datagram socket as $NOTIFY_SOCKET names it; `address` may be an abstract one, with an @."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.messages: list[dict[str, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        while data := self._socket.recv(4096):
            self.messages.append(dict(line.split("=", 1) for line in data.decode().splitlines()))

    def values(self, name: str) -> list[str]:
        """Every value that was given to a name."""
        return [message[name] for message in list(self.messages) if name in message]

    def close(self) -> None:
        """Stop listening; all that was sent before is in `messages` then."""
        name = self._socket.getsockname()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", name)
        self._thread.join(10)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
