"""The threaded web server: TCP and Unix socket, one thread that accepts, one per connection."""

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

from wattwatch.errors import ConfigError
from wattwatch.web.connection import Connection, Limits, Origin
from wattwatch.web.dispatch import Dispatcher
from wattwatch.web.guard import Guard, read_token
from wattwatch.web.http import Problem, Route
from wattwatch.web.listen import SocketFile, host_port, open_tcp, open_unix
from wattwatch.web.security import WebSecurity
from wattwatch.web.stream import is_readable
from wattwatch.web.wire import problem_response, response_bytes

logger = logging.getLogger(__name__)

_DEFAULT_LIMITS: Final = Limits()
_STOP_SECONDS: Final = 2.0
_RETRY_ACCEPT_SECONDS: Final = 0.1
_REQUEST_BYTES: Final = 64 * 1024
_BUSY: Final = response_bytes(
    problem_response(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections at a time: try again later"),
    None,
    keep_alive=False,
)


class WebServer:
    """Routes on TCP and on a Unix socket.

    `listen` is HOST:PORT (port 0: a free one), or "" for the socket only; `socket_path` may be None for
    TCP only. Over TCP `/v1` needs the token of `token_file`, and nothing can be written; `web_config` is a
    web.yml with TLS and passwords for TCP. ConfigError or MissingExtra if that cannot be put in force.
    """

    def __init__(  # noqa: PLR0913 - the keys of [server]
        self,
        routes: Sequence[Route],
        *,
        listen: str = "",
        socket_path: Path | None = None,
        token_file: Path | None = None,
        web_config: Path | None = None,
        limits: Limits = _DEFAULT_LIMITS,
    ) -> None:
        self._listen = listen
        self._socket_path = socket_path
        self._token_file = token_file
        self._security = None if web_config is None else WebSecurity(web_config)
        self._dispatcher = Dispatcher(routes, Guard(token_file, socket_path, self._security))
        self._limits = limits
        self._listeners: list[socket.socket] = []
        self._socket_file: SocketFile | None = None
        self._stop_fd, self._stop_write_fd = -1, -1
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, Connection] = {}
        self._acceptor = threading.Thread(target=self._accept_all, name="wattwatch-web", daemon=True)

    @property
    def address(self) -> str:
        """HOST:PORT that TCP is bound to, empty without TCP or before `start`."""
        for listener in self._listeners:
            if listener.family != socket.AF_UNIX:
                host, port = listener.getsockname()[:2]
                return host_port(host, port)
        return ""

    @property
    def url(self) -> str:
        """Where people look, such as `http://127.0.0.1:9816`; empty without TCP or before `start`."""
        scheme = "https" if self._is_secure else "http"
        return f"{scheme}://{self.address}" if self.address else ""

    @property
    def _is_secure(self) -> bool:
        return self._security is not None and self._security.current().context is not None

    @property
    def port(self) -> int:
        """The TCP port, 0 without TCP or before `start`."""
        return int(self.address.rpartition(":")[2] or 0)

    def start(self) -> None:
        """Listen, and answer from now on; ConfigError says what cannot be had and what to do."""
        self._check_token_file()
        try:
            if self._listen:
                self._listeners.append(open_tcp(self._listen))
            if self._socket_path:
                self._listeners.append(open_unix(self._socket_path))
                self._socket_file = SocketFile(self._socket_path)
        except ConfigError:
            self._close_listeners()
            raise
        self._stop_fd, self._stop_write_fd = os.pipe()
        self._acceptor.start()

    def stop(self) -> None:
        """Stop listening, let answers under way end (2 s at most), close the rest; harmless twice."""
        if self._stop_write_fd < 0:
            return
        os.close(self._stop_write_fd)  # readable at the other end from now on: all who wait on it wake
        self._stop_write_fd = -1
        self._acceptor.join()
        self._close_listeners()
        deadline = time.monotonic() + _STOP_SECONDS
        for connection in self._present().values():
            connection.abort()
        for thread in self._present():
            thread.join(max(0.0, deadline - time.monotonic()))
        for connection in self._present().values():
            connection.cut()
        if not self._present():  # else they may still look at it, and the number may be another's by then
            os.close(self._stop_fd)

    def _check_token_file(self) -> None:
        if self._token_file is None:
            return
        try:
            read_token(self._token_file)
        except Problem as problem:
            raise ConfigError(f"[server] token_file = '{self._token_file}': {problem.detail}") from problem

    def _present(self) -> dict[threading.Thread, Connection]:
        with self._lock:
            return dict(self._connections)

    def _close_listeners(self) -> None:
        if self._socket_file:
            self._socket_file.remove()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def _accept_all(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._stop_fd, selectors.EVENT_READ)
            for listener in self._listeners:
                listener.settimeout(0)
                selector.register(listener, selectors.EVENT_READ)
            while not is_readable(self._stop_fd):
                for key, _ in selector.select():
                    if isinstance(key.fileobj, socket.socket):
                        self._accept(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, address = listener.accept()
        except BlockingIOError:
            return  # gone before we came
        except OSError as error:  # out of descriptors: the listener stays readable, so pause
            logger.warning("cannot accept a connection: %s", error)
            time.sleep(_RETRY_ACCEPT_SECONDS)
            return
        over_socket = listener.family == socket.AF_UNIX
        if not over_socket:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._begin(accepted, Origin(over_socket, "" if over_socket else address[0]))

    def _begin(self, accepted: socket.socket, origin: Origin) -> None:
        connection = Connection(
            accepted,
            origin,
            self._dispatcher,
            self._limits,
            security=self._security,
            stop_fd=self._stop_fd,
        )
        thread = threading.Thread(
            target=self._run, args=(connection,), name="wattwatch-web-connection", daemon=True
        )
        with self._lock:
            has_room = self._has_room(over_socket=origin.over_socket)
            if has_room:
                self._connections[thread] = connection
        if has_room:
            thread.start()
        elif self._is_secure and not origin.over_socket:
            accepted.close()  # to say why would take a handshake
        else:
            _turn_away(accepted)

    def _has_room(self, *, over_socket: bool) -> bool:
        """Whether one more may come in; for that, who keeps us waiting longest may lose its place."""
        of_kind = (c for c in self._connections.values() if c.origin.over_socket == over_socket)
        present = [connection for connection in of_kind if not connection.is_cut]
        if len(present) < self._limits.connections:
            return True
        now = time.monotonic()
        waiting = [(since, id(c), c) for c in present if (since := c.waiting_since) is not None]
        if not waiting or now - min(waiting)[0] < self._limits.patience_seconds:
            return False
        min(waiting)[2].cut()
        return True

    def _run(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                del self._connections[threading.current_thread()]


def _turn_away(accepted: socket.socket) -> None:
    """Say that we are full, without waiting for anything."""
    with accepted, contextlib.suppress(OSError):
        accepted.settimeout(0)
        accepted.sendall(_BUSY)
        accepted.shutdown(socket.SHUT_WR)
        accepted.recv(_REQUEST_BYTES)  # closing on a request unread would reset our answer away
