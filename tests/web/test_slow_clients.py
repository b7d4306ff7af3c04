"""Clients that take their time: they cost a place for a while, and never that of others."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.raw_http import answer, ask, connected, is_closed, request_bytes
from support.tls import Pki, connected_tls
from support.web_node import serving
from wattwatch.web.connection import Limits
from wattwatch.web.http import Request, Response, Route
from wattwatch.web.server import WebServer

LARGE = b"line of text\n" * 400_000
IMPATIENT = Limits(connections=4, patience_seconds=0.0)


class Slow:
    """A handler that takes as long as the test wants."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()

    def __call__(self, _: Request) -> Response:
        self.begun.release()
        self.go_on.wait(20)
        return Response(b"slow\n")


@pytest.fixture(name="slow")
def _slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.go_on.set()


def routes(slow: Slow) -> list[Route]:
    return [
        Route("GET", "/", lambda _: Response(b"hello\n")),
        Route("GET", "/large", lambda _: Response(LARGE)),
        Route("GET", "/slow", slow),
        Route("POST", "/", lambda _: Response(b"never")),
    ]


@contextlib.contextmanager
def many(server: WebServer, sent: bytes, count: int = 4) -> Iterator[list[socket.socket]]:
    """Connections that have said that much, in order of age."""
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(count):
            connections.append(stack.enter_context(connected(server)))
            connections[-1].sendall(sent)
        yield connections


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: te",
        b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc",
        request_bytes("GET", "/large"),
    ],
    ids=["says nothing", "half a head", "half a body", "does not read"],
)
def test_places_that_are_only_held_are_taken_from_the_oldest(slow: Slow, sent: bytes) -> None:
    with serving(routes(slow), limits=IMPATIENT) as server, many(server, sent):
        for _ in range(3):  # they hold all places, and a scrape comes all the same
            assert ask(server).body == b"hello\n"


def test_the_oldest_goes_first(slow: Slow) -> None:
    with serving(routes(slow), limits=IMPATIENT) as server, many(server, b"") as idle:
        for connection in idle:  # one after the other: threads that answer at once have no order
            connection.sendall(request_bytes("GET", "/"))
            assert answer(connection).status == 200
        idle[0].sendall(request_bytes("GET", "/"))  # the first has come again: the second waits for longest
        assert answer(idle[0]).status == 200
        assert ask(server).status == 200
        assert is_closed(idle[1])
        for connection in (idle[0], *idle[2:]):
            connection.sendall(request_bytes("GET", "/"))
            assert answer(connection).status == 200


def test_who_is_being_served_keeps_his_place(slow: Slow) -> None:
    sent = request_bytes("GET", "/slow")
    with serving(routes(slow), limits=IMPATIENT) as server, many(server, sent) as busy:
        for _ in busy:
            assert slow.begun.acquire(timeout=20)
        assert ask(server).status == 503
        slow.go_on.set()
        assert [answer(connection).body for connection in busy] == [b"slow\n"] * 4


def test_a_crowd_that_has_just_come_is_not_thrown_out(slow: Slow) -> None:
    limits = Limits(connections=4, patience_seconds=3600.0)
    with serving(routes(slow), limits=limits) as server, many(server, b"") as crowd:
        with connected(server) as one_more:
            assert answer(one_more).status == 503
        for connection in crowd:
            connection.sendall(request_bytes("GET", "/"))
            assert answer(connection).status == 200


def test_one_too_many_over_tls_is_hung_up_without_plain_text(slow: Slow, tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    limits = Limits(connections=1, patience_seconds=3600.0)
    with (
        serving(routes(slow), limits=limits, web_config=pki.web_yml()) as server,
        connected_tls(server, pki.trusting()) as first,
    ):
        with connected(server) as one_more:
            assert is_closed(one_more)
        first.sendall(request_bytes("GET", "/"))
        assert answer(first).status == 200


def test_pipelined_requests_are_answered_in_turn_and_use_no_more_memory(slow: Slow) -> None:
    """Ten thousand requests in one go: what is not read yet stays in the kernel, and with the client."""
    with serving(routes(slow)) as server, connected(server) as connection:
        count = 10_000

        def ask_all() -> None:
            connection.sendall(request_bytes("GET", "/") * count)

        asker = threading.Thread(target=ask_all)
        asker.start()
        received, tail = 0, b""
        while received < count:
            data = tail + connection.recv(65536)
            received += data.count(b"hello\n")
            tail = data[-5:]
        asker.join()
        assert received == count


def test_a_pipeliner_that_does_not_read_is_dropped(slow: Slow) -> None:
    limits = Limits(request_seconds=0.3)
    with serving(routes(slow), limits=limits) as server, connected(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        with pytest.raises(OSError):  # noqa: PT011 - reset or broken pipe
            ask_until_dropped(connection)
        assert ask(server).status == 200


def ask_until_dropped(connection: socket.socket) -> None:
    while True:
        connection.sendall(request_bytes("GET", "/large"))


def test_a_handler_that_takes_long_is_told_of(slow: Slow, caplog: pytest.LogCaptureFixture) -> None:
    with (
        serving(routes(slow), limits=Limits(request_seconds=0.05)) as server,
        connected(server) as connection,
    ):
        connection.sendall(request_bytes("GET", "/slow"))
        assert slow.begun.acquire(timeout=20)
        threading.Event().wait(0.06)
        slow.go_on.set()
        assert answer(connection).body == b"slow\n"
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("GET /slow took 0.")
