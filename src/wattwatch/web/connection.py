"""One connection: requests in turn, each bounded in size and time, or one stream."""

import contextlib
import select
import socket
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from wattwatch.web.dispatch import Dispatcher
from wattwatch.web.http import Problem, Request, Response, ServerStopping, Stream
from wattwatch.web.wire import (
    CONTINUE,
    STREAM_END,
    STREAM_HEAD,
    Head,
    check_head_size,
    chunk,
    find_head_end,
    parse_head,
    problem_response,
    response_bytes,
)

_PIECE_BYTES: Final = 64 * 1024
_DRAINED_BYTES: Final = 4 * 2**20
_DRAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take of us."""

    connections: int = 64  # at a time, for TCP and for the socket each
    request_seconds: float = 10.0  # from the first byte of a request to its last, and for sending
    idle_seconds: float = 60.0  # between requests: a scrape every 30 s keeps its connection
    body_bytes: int = 2**20


class _Gone(Exception):  # noqa: N818 - the ordinary end of a connection
    """The other side has closed, or has nothing more to say."""


class Connection:
    """Serves one accepted socket; `stop_fd` becomes readable when the server goes down."""

    def __init__(
        self,
        accepted: socket.socket,
        dispatcher: Dispatcher,
        limits: Limits,
        *,
        over_socket: bool,
        stop_fd: int,
    ) -> None:
        self._socket = accepted
        self._dispatcher = dispatcher
        self._limits = limits
        self._over_socket = over_socket
        self._stop_fd = stop_fd
        self._buffer = bytearray()

    def serve(self) -> None:
        """Answer until one side has had enough; the socket is closed after."""
        with self._socket, contextlib.suppress(OSError, _Gone):
            while self._serve_one():
                pass

    def abort(self) -> None:
        """Let nothing more come in: an idle connection ends, a busy one after its answer."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def cut(self) -> None:
        """End the connection at once."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _serve_one(self) -> bool:
        head = None
        try:
            deadline = self._wait_for_request()
            head = self._read_head(deadline)
            body = self._read_body(head, deadline)
        except Problem as problem:
            self._refuse(problem, head)
            return False
        request = Request(
            head.method, head.path, head.query, {}, head.headers, body, over_socket=self._over_socket
        )
        answer = self._dispatcher.answer(request)
        if isinstance(answer, Stream):
            self._serve_stream(answer, head)
            return False
        keep_alive = head.keep_alive and not is_readable(self._stop_fd)
        self._send(response_bytes(answer, head, keep_alive=keep_alive))
        return keep_alive

    def _wait_for_request(self) -> float:
        """The deadline of a request whose first byte is there."""
        if not self._buffer:
            try:
                self._receive(time.monotonic() + self._limits.idle_seconds)
            except Problem as problem:
                raise _Gone from problem  # asked nothing: needs no answer
        return time.monotonic() + self._limits.request_seconds

    def _read_head(self, deadline: float) -> Head:
        while not (end := find_head_end(self._buffer)):
            check_head_size(self._buffer)
            self._receive(deadline)
        check_head_size(self._buffer[:end])
        head = bytes(self._buffer[:end])
        del self._buffer[:end]
        return parse_head(head, self._limits.body_bytes)

    def _read_body(self, head: Head, deadline: float) -> bytes:
        if head.expects_continue and len(self._buffer) < head.body_bytes:
            self._send(CONTINUE)
        while len(self._buffer) < head.body_bytes:
            self._receive(deadline)
        body = bytes(self._buffer[: head.body_bytes])
        del self._buffer[: head.body_bytes]
        return body

    def _receive(self, deadline: float) -> None:
        """More bytes; Problem 408 past the deadline, however busily the other side dribbles."""
        remaining_seconds = deadline - time.monotonic()
        if remaining_seconds <= 0:
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, "the request took too long")
        self._socket.settimeout(remaining_seconds)
        try:
            data = self._socket.recv(_PIECE_BYTES)
        except TimeoutError as error:
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, "the request took too long") from error
        if not data:
            raise _Gone
        self._buffer += data

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(self._limits.request_seconds)  # for all of it, by sendall's own rule
        self._socket.sendall(data)

    def _refuse(self, problem: Problem, head: Head | None) -> None:
        response = problem_response(problem.status, problem.detail)
        self._send(response_bytes(response, head, keep_alive=False))
        self._drain()

    def _drain(self) -> None:
        """Take what is still coming for a moment: closing on it would reset our answer away."""
        self._socket.shutdown(socket.SHUT_WR)
        self._buffer.clear()
        deadline = time.monotonic() + _DRAIN_SECONDS
        drained_bytes = 0
        with contextlib.suppress(Problem):
            while drained_bytes < _DRAINED_BYTES:
                self._receive(deadline)
                drained_bytes += len(self._buffer)
                self._buffer.clear()

    def _serve_stream(self, stream: Stream, head: Head) -> None:
        if head.is_http_1_0 or head.method == "HEAD":
            response: Response = problem_response(
                HTTPStatus.BAD_REQUEST, "a stream needs HTTP/1.1 and a body"
            )
            self._send(response_bytes(response, head, keep_alive=False))
            return
        self._send(STREAM_HEAD)
        peer = StreamPeer(self._socket, self._stop_fd, self._limits.request_seconds)
        if self._dispatcher.serve(stream, peer):
            self._send(STREAM_END)


class StreamPeer:
    """The other side of a stream (see `Peer`)."""

    def __init__(self, accepted: socket.socket, stop_fd: int, send_seconds: float) -> None:
        self._socket = accepted
        self._stop_fd = stop_fd
        self._send_seconds = send_seconds

    def send_line(self, line: bytes) -> None:
        """Send one line; OSError if the other side is gone or does not read, ServerStopping if we are."""
        if is_readable(self._stop_fd):
            raise ServerStopping
        self._socket.settimeout(self._send_seconds)
        self._socket.sendall(chunk(line))

    def wait_closed(self, seconds: float) -> bool:
        """Wait at most that long; True as soon as the other side has closed; ServerStopping if we do."""
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
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
        self._socket.settimeout(0)
        try:
            return not self._socket.recv(_PIECE_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            return True


def is_readable(descriptor: int) -> bool:
    """Whether something, or the end, can be read from a descriptor now."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
