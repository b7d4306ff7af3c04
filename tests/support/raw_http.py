"""HTTP as bytes on a socket: what no decent client would send, and what comes back."""

import contextlib
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from wattwatch.web.server import WebServer


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def connected(server: WebServer, seconds: float = 20.0) -> Iterator[socket.socket]:
    """A TCP connection to a server."""
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds) as connection:
        yield connection


@contextmanager
def connected_unix(path: Path, seconds: float = 20.0) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        connection.connect(str(path))
        yield connection


def answer(connection: socket.socket, method: str = "GET") -> Answer:
    """The next answer on a connection; ConnectionError if it is closed without one."""
    response = HTTPResponse(connection, method=method)
    try:
        response.begin()
        body = response.read()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, body)
    finally:
        response.close()


def ask(
    server: WebServer,
    method: str = "GET",
    path: str = "/",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> Answer:
    """One request over TCP, on a connection of its own."""
    with connected(server) as connection:
        connection.sendall(request_bytes(method, path, headers, body))
        return answer(connection, method)


def ask_unix(
    path_of_socket: Path,
    method: str = "GET",
    path: str = "/",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> Answer:
    """One request over the Unix socket."""
    with connected_unix(path_of_socket) as connection:
        connection.sendall(request_bytes(method, path, headers, body))
        return answer(connection, method)


def request_bytes(method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: test", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side closes, which is waited for."""
    with contextlib.suppress(ConnectionError):
        return connection.recv(1) == b""
    return True
