import contextlib
import logging
import socket
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.raw_http import answer, ask, ask_unix, connected, connected_unix, is_closed, request_bytes
from support.web_node import serving
from wattwatch.errors import StoreError
from wattwatch.web.connection import Limits
from wattwatch.web.http import Problem, Request, Response, Route, json_response
from wattwatch.web.server import WebServer

SHORT = Limits(request_seconds=0.3, idle_seconds=0.3)


def hello(_: Request) -> Response:
    return Response(b"hello\n")


def echo(request: Request) -> Response:
    return json_response(
        {
            "method": request.method,
            "values": dict(request.path_values),
            "query": dict(request.query),
            "body": request.body.decode(),
            "over_socket": request.over_socket,
        }
    )


def broken(_: Request) -> Response:
    raise ZeroDivisionError("secret detail")


def refuse(_: Request) -> Response:
    raise Problem(409, "it is taken")


def no_store(_: Request) -> Response:
    raise StoreError("the store is closed")


ROUTES = [
    Route("GET", "/", hello),
    Route("GET", "/broken", broken),
    Route("GET", "/refused", refuse),
    Route("GET", "/store", no_store),
    Route("GET", "/things/{thing}/parts/{part}", echo),
    Route("POST", "/things", echo),
    Route("GET", "/large", lambda _: Response(b"line of text\n" * 100_000)),
]


def test_a_route_is_found_by_its_parts_which_are_decoded() -> None:
    with serving(ROUTES) as server:
        found = ask(server, path="/things/a%2Fb/parts/%C3%A9?x=1&y=")
    assert found.json["values"] == {"thing": "a/b", "part": "é"}
    assert found.json["query"] == {"x": "1", "y": ""}


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nothing", 404, None),
        ("GET", "/things/a/parts/", 404, None),
        ("GET", "/things", 405, "POST"),
        ("DELETE", "/", 405, "GET, HEAD"),
        ("OPTIONS", "/", 405, "GET, HEAD"),
        ("GET", "/refused", 409, None),
        ("GET", "/store", 503, None),
    ],
)
def test_what_is_not_there_is_problem_json(
    tmp_path: Path, method: str, path: str, status: int, allow: str | None
) -> None:
    socket_path = tmp_path / "s"
    with serving(ROUTES, listen="", socket_path=socket_path):
        found = ask_unix(socket_path, method, path)
    assert found.status == status
    assert found.headers["content-type"] == "application/problem+json"
    assert found.headers.get("allow") == allow
    assert found.json.keys() == {"type", "title", "status", "detail"}
    assert found.json["status"] == status


def test_a_broken_handler_is_logged_and_its_cause_is_kept_from_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(ROUTES) as server, caplog.at_level(logging.ERROR):
        found = ask(server, path="/broken")
        assert ask(server).body == b"hello\n"  # and the server goes on
    assert found.status == 500
    assert b"secret" not in found.body
    assert b"Traceback" not in found.body
    assert "secret detail" in caplog.text


def test_requests_follow_each_other_on_a_connection() -> None:
    with serving(ROUTES) as server, connected(server) as connection:
        for _ in range(3):
            connection.sendall(request_bytes("GET", "/"))
            assert answer(connection).body == b"hello\n"
        connection.sendall(request_bytes("GET", "/") * 2)  # pipelined
        assert connection.recv(65536).count(b"hello") >= 1
        connection.sendall(request_bytes("GET", "/", {"Connection": "close"}))
        while not is_closed(connection):
            pass


def test_head_answers_without_a_body() -> None:
    with serving(ROUTES) as server, connected(server) as connection:
        connection.sendall(request_bytes("HEAD", "/"))
        assert answer(connection, "HEAD").headers["content-length"] == "6"
        connection.sendall(request_bytes("GET", "/"))
        assert answer(connection).body == b"hello\n"


def test_the_go_ahead_is_given_when_it_is_waited_for(tmp_path: Path) -> None:
    socket_path = tmp_path / "s"
    with serving(ROUTES, listen="", socket_path=socket_path), connected_unix(socket_path) as connection:
        whole = request_bytes("POST", "/things", {"Expect": "100-continue"}, b"body")
        connection.sendall(whole[:-4])
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert answer(connection).json["body"] == "body"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /" + b"a" * 9000, 414),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000, 431),
        (b"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n" + b"x" * 2_000_000, 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", 411),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),  # TLS to a plain port
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400),
    ],
)
def test_what_is_too_large_or_no_http_is_answered_and_hung_up(sent: bytes, status: int) -> None:
    with serving(ROUTES) as server:
        with connected(server) as connection:
            connection.sendall(sent)
            found = answer(connection)
            assert found.status == status
            assert found.headers["connection"] == "close"
            assert is_closed(connection)
        assert ask(server).status == 200


@pytest.mark.parametrize(
    "beginning", [b"GET / HT", b"POST /things HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc"]
)
def test_a_request_that_does_not_go_on_is_dropped(beginning: bytes) -> None:
    with serving(ROUTES, limits=SHORT) as server, connected(server) as connection:
        connection.sendall(beginning)
        assert answer(connection).status == 408
        assert is_closed(connection)


def test_a_client_that_dribbles_is_dropped_however_busy_it_is() -> None:
    with serving(ROUTES, limits=SHORT) as server, connected(server) as connection:
        with contextlib.suppress(ConnectionError):
            for _ in range(10_000):
                connection.sendall(b"G")
                if _is_answered(connection, 0.02):
                    break
        assert answer(connection).status == 408


def _is_answered(connection: socket.socket, seconds: float) -> bool:
    connection.settimeout(seconds)
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False
    finally:
        connection.settimeout(20.0)


def test_a_client_that_says_nothing_is_hung_up_without_a_word() -> None:
    with serving(ROUTES, limits=SHORT) as server, connected(server) as connection:
        assert is_closed(connection)


def test_a_client_that_does_not_read_is_dropped() -> None:
    with serving(ROUTES, limits=SHORT) as server, connected(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ended = threading.Event()

        def ask_forever() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection.sendall(request_bytes("GET", "/large"))
            ended.set()

        asker = threading.Thread(target=ask_forever, daemon=True)
        asker.start()
        assert ended.wait(20)
        asker.join()


def test_too_many_connections_are_turned_away_and_room_is_made_again() -> None:
    with serving(ROUTES, limits=Limits(connections=2)) as server:
        with connected(server) as first, connected(server) as second:
            for connection in (first, second):
                connection.sendall(request_bytes("GET", "/"))
                assert answer(connection).status == 200
            with connected(server) as third:
                assert answer(third).status == 503
            second.close()
            assert _wait_for_room(server)
        assert _wait_for_room(server)


def _wait_for_room(server: WebServer) -> bool:
    for _ in range(1000):
        with contextlib.suppress(ConnectionError):
            if ask(server).status == 200:
                return True
    return False


def test_tcp_clients_cannot_take_the_sockets_places(tmp_path: Path) -> None:
    socket_path = tmp_path / "s"
    limits = Limits(connections=1)
    with (
        serving(ROUTES, socket_path=socket_path, limits=limits) as server,
        connected(server) as connection,
    ):
        connection.sendall(request_bytes("GET", "/"))
        assert answer(connection).status == 200
        assert ask_unix(socket_path).status == 200


def test_many_at_once_are_all_answered() -> None:
    with serving(ROUTES) as server:
        statuses: list[int] = []

        def several() -> None:
            statuses.extend(ask(server, path="/large").status for _ in range(5))

        threads = [threading.Thread(target=several) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 80


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=300))
def test_no_garbage_stops_the_server(garbage_server: WebServer, garbage: bytes) -> None:
    with connected(garbage_server) as connection, contextlib.suppress(OSError):
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert ask(garbage_server).body == b"hello\n"


@pytest.fixture(scope="module", name="garbage_server")
def _garbage_server() -> object:
    with serving(ROUTES) as server:
        yield server


def test_ipv6_is_served() -> None:
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    with serving(ROUTES, listen="[::1]:0") as server:
        assert server.address.startswith("[::1]:")
        assert ask(server).body == b"hello\n"


def test_all_addresses_are_served() -> None:
    with serving(ROUTES, listen=":0") as server:
        assert server.port
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(request_bytes("GET", "/"))
            assert answer(connection).body == b"hello\n"


def test_stopping_ends_idle_connections_lets_answers_end_and_leaves_nothing(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: Request) -> Response:
        begun.set()
        go_on.wait(20)
        return Response(b"slow\n")

    socket_path = tmp_path / "s"
    threads_before = set(threading.enumerate())
    server = WebServer([Route("GET", "/slow", slow)], listen="127.0.0.1:0", socket_path=socket_path)
    server.start()
    with connected(server) as idle, connected(server) as busy:
        busy.sendall(request_bytes("GET", "/slow"))
        assert begun.wait(20)
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        assert is_closed(idle)
        go_on.set()
        found = answer(busy)
        assert (found.body, found.headers["connection"]) == (b"slow\n", "close")
        stopper.join(20)
    assert not stopper.is_alive()
    assert not socket_path.exists()
    assert set(threading.enumerate()) <= threads_before
    server.stop()  # harmless twice


def test_a_handler_that_hangs_does_not_hold_up_the_stop() -> None:
    begun, forever = threading.Event(), threading.Event()

    def hang(_: Request) -> Response:
        begun.set()
        forever.wait(60)
        return Response(b"")

    server = WebServer([Route("GET", "/", hang)], listen="127.0.0.1:0")
    server.start()
    with connected(server) as connection:
        connection.sendall(request_bytes("GET", "/"))
        assert begun.wait(20)
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 30
        forever.set()
