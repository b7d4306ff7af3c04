"""Bytes as requests to the real web server: well-formed answers or a close, never a 500, and it goes on."""

import atexit
import functools
import io
import socket
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from typing import Any

from laws import strict_json
from scratch import scratch
from support.web_node import FakeNode
from wattwatch.web.connection import Limits
from wattwatch.web.http import Request, Response, Route, json_body, json_response
from wattwatch.web.server import WebServer
from wattwatch.web.v1 import read_routes

_SECONDS = 10.0
_GOOD = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_FAULT = 500


def _echo(request: Request) -> Response:
    return json_response(json_body(request))


@functools.cache
def _server() -> WebServer:
    directory = scratch("http")
    token = directory / "token"
    token.write_text("secret")
    routes = [*read_routes(FakeNode().view()), Route("POST", "/v1/echo/{word}", _echo)]
    server = WebServer(
        routes,
        listen="127.0.0.1:0",
        socket_path=directory / "s",
        token_file=token,
        limits=Limits(request_seconds=_SECONDS, idle_seconds=_SECONDS),
    )
    server.start()
    atexit.register(server.stop)
    return server


def check(data: bytes) -> None:
    """The first byte chooses TCP or the socket; the rest is sent, and half the connection closed."""
    over_socket = bool(data[:1] and data[0] & 1)
    _check_answers(_sent(data[1:], over_socket=over_socket))
    good = _sent(_GOOD, over_socket=over_socket)
    assert good.startswith(b"HTTP/1.1 200 OK\r\n"), good[:100]
    assert good.endswith(b"wattwatch is healthy\n")


def _sent(data: bytes, *, over_socket: bool) -> bytes:
    """All that comes back until the server closes; a timeout is a finding."""
    with _connected(over_socket=over_socket) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError, OSError):
            pass  # it has refused already
        return b"".join(_pieces(connection))


def _connected(*, over_socket: bool) -> socket.socket:
    server = _server()
    connection = socket.socket(socket.AF_UNIX if over_socket else socket.AF_INET)
    connection.settimeout(2 * _SECONDS)
    connection.connect(str(scratch("http") / "s") if over_socket else ("127.0.0.1", server.port))
    return connection


def _pieces(connection: socket.socket) -> Iterator[bytes]:
    try:
        while piece := connection.recv(65536):
            yield piece
    except ConnectionResetError:
        return


class _Received:
    """What HTTPResponse needs of a socket."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
        return self._file


class _Kept(io.BytesIO):
    """HTTPResponse closes its file; the next answer is in it still."""

    def close(self) -> None:
        pass


def _check_answers(received: bytes) -> None:
    """Answers in a row, each whole; of HEAD without their body."""
    file = _Kept(received)
    while file.tell() < len(received):
        start = file.tell()
        if received.startswith(b"HTTP/1.1 100 Continue\r\n\r\n", start):
            file.seek(start + 25)
            continue
        _check_answer(file, received)


def _check_answer(file: io.BytesIO, received: bytes) -> None:
    start = file.tell()
    response = HTTPResponse(_Received(file))  # type: ignore[arg-type] # as much of a socket as it uses
    try:
        response.begin()
    except HTTPException as error:
        raise AssertionError(f"no HTTP: {received[start : start + 200]!r}") from error
    assert response.status != _FAULT, received[start : start + 400]
    length = int(response.headers["Content-Length"])
    body_at = file.tell()
    if received[body_at : body_at + 8] == b"HTTP/1.1" or body_at == len(received):
        return  # of HEAD
    body = file.read(length)
    assert len(body) == length, "cut short"
    if response.headers["Content-Type"].endswith("json") and "Content-Encoding" not in response.headers:
        strict_json(body)
