"""One connection: requests in turn, each bounded in size and time, or one stream."""

import contextlib
import logging
import socket
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from wattwatch.web.dispatch import Dispatcher
from wattwatch.web.http import Problem, Request, Response, Stream
from wattwatch.web.link import Link, PlainHttp
from wattwatch.web.security import WebSecurity
from wattwatch.web.stream import StreamPeer, is_readable
from wattwatch.web.wire import (
    CONTINUE,
    STREAM_END,
    STREAM_HEAD,
    Head,
    check_head_size,
    find_head_end,
    parse_head,
    problem_response,
    response_bytes,
)

logger = logging.getLogger(__name__)

_DRAINED_BYTES: Final = 4 * 2**20
_DRAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take of us."""

    connections: int = 64  # at a time, for TCP and for the socket each
    request_seconds: float = 10.0  # from the first byte of a request to its last, and for sending
    idle_seconds: float = 60.0  # between requests: a scrape every 30 s keeps its connection
    handshake_seconds: float = 5.0  # of TLS, from the connection on
    patience_seconds: float = 1.0  # who lets us wait longer is hung up when its place is needed
    body_bytes: int = 2**20


class _Gone(Exception):  # noqa: N818 - the ordinary end of a connection
    """The other side has closed, or has nothing more to say."""


@dataclass(frozen=True, slots=True)
class Origin:
    """How a connection came in."""

    over_socket: bool
    address: str = ""  # of the client, over TCP


class Connection:
    """Serves one accepted socket; `stop_fd` becomes readable when the server goes down."""

    def __init__(  # noqa: PLR0913 - what a connection is made of, all from one place
        self,
        accepted: socket.socket,
        origin: Origin,
        dispatcher: Dispatcher,
        limits: Limits,
        *,
        security: WebSecurity | None,
        stop_fd: int,
    ) -> None:
        self._link = Link(accepted)
        self._dispatcher = dispatcher
        self._limits = limits
        self._security = None if origin.over_socket else security
        self._stop_fd = stop_fd
        self._buffer = bytearray()
        self.origin = origin
        self.is_cut = False
        self.waiting_since: float | None = time.monotonic()  # for the client; None while we are at work

    def serve(self) -> None:
        """Answer until one side has had enough; the socket is closed after."""
        try:
            with contextlib.suppress(OSError, _Gone):
                self._secure()
                while not is_readable(self._stop_fd) and self._serve_one():
                    pass
        finally:
            self._link.close()

    def abort(self) -> None:
        """Let nothing more come in: an idle connection ends, a busy one after its answer."""
        self._link.shut(socket.SHUT_RD)

    def cut(self) -> None:
        """End the connection at once."""
        self.is_cut = True
        self._link.shut(socket.SHUT_RDWR)

    def _secure(self) -> None:
        """TLS, if web.yml asks for it: here, in the connection's own thread, a slow client harms nobody."""
        secured = self._security.current() if self._security else None
        if self._security is None or secured is None or secured.context is None:
            return
        try:
            self._link.secure(secured.context, time.monotonic() + self._limits.handshake_seconds)
            secured.check_client(self._link.peer_certificate)
        except PlainHttp:
            self._refuse(Problem(HTTPStatus.BAD_REQUEST, "this port speaks HTTPS: ask for https://"), None)
            raise _Gone from None
        except OSError as error:
            self._security.note_failure(self.origin.address, error)
            raise

    def _serve_one(self) -> bool:
        head = None
        try:
            deadline = self._wait_for_request()
            head = self._read_head(deadline)
            body = self._read_body(head, deadline)
        except Problem as problem:
            self._refuse(problem, head)
            return False
        answer = self._answer(head, body)
        if isinstance(answer, Stream):
            self._serve_stream(answer, head)
            return False
        keep_alive = head.keep_alive and not is_readable(self._stop_fd)
        self._send(response_bytes(answer, head, keep_alive=keep_alive))
        return keep_alive

    def _answer(self, head: Head, body: bytes) -> Response | Stream:
        request = Request(
            head.method,
            head.path,
            head.query,
            {},
            head.headers,
            body,
            over_socket=self.origin.over_socket,
            peer=self.origin.address,
            fields=head.fields,
        )
        self.waiting_since, begun = None, time.monotonic()
        answer = self._dispatcher.answer(request)
        if (seconds := time.monotonic() - begun) > self._limits.request_seconds:
            logger.warning("%s %s took %.1f s", head.method, head.path[:200], seconds)
        return answer

    def _wait_for_request(self) -> float:
        """The deadline of a request whose first byte is there."""
        if not self._buffer:  # it has been waited for since the last answer was sent
            try:
                self._receive(time.monotonic() + self._limits.idle_seconds)
            except Problem as problem:
                raise _Gone from problem  # asked nothing: needs no answer
        self.waiting_since = time.monotonic()
        return self.waiting_since + self._limits.request_seconds

    def _read_head(self, deadline: float) -> Head:
        seen_bytes = 0
        while not (end := find_head_end(self._buffer, seen_bytes)):
            check_head_size(self._buffer)
            seen_bytes = len(self._buffer)
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
        try:
            data = self._link.receive(deadline)
        except TimeoutError as error:
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, "the request took too long") from error
        if not data:
            raise _Gone
        self._buffer += data

    def _send(self, data: bytes) -> None:
        self.waiting_since = time.monotonic()
        self._link.send(data, self.waiting_since + self._limits.request_seconds)

    def _refuse(self, problem: Problem, head: Head | None) -> None:
        response = problem_response(problem.status, problem.detail)
        self._send(response_bytes(response, head, keep_alive=False))
        self._drain()

    def _drain(self) -> None:
        """Take what is still coming for a moment: closing on it would reset our answer away."""
        self._link.shut(socket.SHUT_WR)
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
            cause = "a stream needs HTTP/1.1 and a body"
            response = problem_response(HTTPStatus.BAD_REQUEST, cause)
            self._send(response_bytes(response, head, keep_alive=False))
            return
        self._send(STREAM_HEAD)
        self.waiting_since = None
        peer = StreamPeer(self._link, self._stop_fd, self._limits.request_seconds)
        if self._dispatcher.serve(stream, peer):
            self._send(STREAM_END)
