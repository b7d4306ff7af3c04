"""The bytes of one connection, plain or TLS: every receiving and sending has a deadline."""

import contextlib
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final

PIECE_BYTES: Final = 64 * 1024
_TLS_HANDSHAKE: Final = b"\x16"  # RFC 8446, 5.1: the type of the first record of every client


class PlainHttp(Exception):  # noqa: N818 - what came, not a fault of ours
    """A client speaks plain HTTP where TLS is asked for."""


class Link:
    """An accepted socket. Methods raise OSError (TimeoutError past a deadline, ssl.SSLError of TLS).

    Deadlines are in seconds of time.monotonic(). `shut` may be called from any thread.
    """

    def __init__(self, accepted: socket.socket) -> None:
        self._socket = accepted

    @property
    def socket(self) -> socket.socket:
        """For waiting on it, and for streams."""
        return self._socket

    def secure(self, context: ssl.SSLContext, deadline: float) -> None:
        """Shake hands as the server; PlainHttp if the client speaks HTTP without TLS."""
        self._wait_until(deadline)
        first = self._socket.recv(1, socket.MSG_PEEK)
        if first != _TLS_HANDSHAKE:
            if first.isalpha():
                raise PlainHttp
            raise ConnectionAbortedError("neither TLS nor HTTP")
        # From here on `shut`, in whichever thread, finds the wrapped one: the handshake is still to come.
        wrapped = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        self._socket = wrapped
        self._wait_until(deadline)
        wrapped.do_handshake()

    @property
    def peer_certificate(self) -> Mapping[str, Any] | None:
        """The verified certificate of the other side, as `getpeercert` tells it; None without one."""
        return self._socket.getpeercert() if isinstance(self._socket, ssl.SSLSocket) else None

    def receive(self, deadline: float) -> bytes:
        """What has come, empty at the end."""
        self._wait_until(deadline)
        return self._socket.recv(PIECE_BYTES)

    def send(self, data: bytes, deadline: float) -> None:
        """Send all of it by then. (`sendall` of ssl would begin its time limit anew with every record.)"""
        rest = memoryview(data)
        while rest:
            self._wait_until(deadline)
            rest = rest[self._socket.send(rest) :]

    def shut(self, how: int) -> None:
        """Shut the transport down one way or both; harmless when it is already."""
        with contextlib.suppress(OSError):
            # Not SSLSocket.shutdown: that would let another thread go on in plain text.
            socket.socket.shutdown(self._socket, how)

    def close(self) -> None:
        """Close, with the farewell that TLS wants if it can be said at once."""
        if isinstance(self._socket, ssl.SSLSocket):
            with contextlib.suppress(OSError, ValueError):
                self._socket.settimeout(0)
                self._socket.unwrap()  # sends close_notify; the answer is not waited for
        self._socket.close()

    def _wait_until(self, deadline: float) -> None:
        remaining_seconds = deadline - time.monotonic()
        if remaining_seconds <= 0:
            raise TimeoutError
        self._socket.settimeout(remaining_seconds)
