import json
import socket
import threading
from pathlib import Path

import pytest

from support.raw_http import answer, connected, connected_unix, is_closed, request_bytes
from support.web_node import serving
from wattwatch.client import Client
from wattwatch.errors import ClientError
from wattwatch.web.connection import Limits
from wattwatch.web.http import Peer, Request, Response, Route, ServerStopping, Stream
from wattwatch.web.server import WebServer

QUICK = Limits(request_seconds=0.2, idle_seconds=0.2)


class Holder:
    """Holds a stream open, as a run does, and notes how it ended."""

    def __init__(self, lines: int = 1) -> None:
        self._lines = lines
        self.outcome = ""
        self.held = threading.Event()
        self.ended = threading.Event()
        self.finish = threading.Event()

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/v1/hold", self._answer),
            Route("GET", "/v1/get", self._answer),
            Route("GET", "/", lambda _: Response(b"hello")),
        ]

    def _answer(self, _: Request) -> Stream:
        return Stream(self._serve)

    def _serve(self, peer: Peer) -> None:
        try:
            for number in range(self._lines):
                peer.send_line(json.dumps({"line": number}).encode())
            self.held.set()
            while not self.finish.is_set():
                if peer.wait_closed(0.05):
                    self.outcome = "closed"
                    return
            peer.send_line(b'{"last": true}')
            self.outcome = "finished"
        except ServerStopping:
            self.outcome = "stopping"
            raise
        except OSError:
            self.outcome = "gone"
            raise
        finally:
            self.ended.set()


def test_lines_come_as_they_are_sent_and_the_end_is_in_good_order(tmp_path: Path) -> None:
    holder, path = Holder(lines=3), tmp_path / "s"
    with serving(holder.routes(), listen="", socket_path=path):
        with Client(f"unix:{path}").stream("/v1/hold", {}) as stream:
            lines = iter(stream)
            assert [next(lines)["line"] for _ in range(3)] == [0, 1, 2]
            holder.finish.set()
            assert list(lines) == [{"last": True}]
        assert holder.ended.wait(20)
    assert holder.outcome == "finished"


def test_a_client_that_closes_is_noticed(tmp_path: Path) -> None:
    holder, path = Holder(), tmp_path / "s"
    with serving(holder.routes(), listen="", socket_path=path):
        stream = Client(f"unix:{path}").stream("/v1/hold", {})
        assert holder.held.wait(20)
        stream.close()
        stream.close()
        assert holder.ended.wait(20)
    assert holder.outcome == "closed"


def test_a_client_that_is_gone_is_noticed_while_waiting_for_long(tmp_path: Path) -> None:
    noticed, path = threading.Event(), tmp_path / "s"

    def serve(peer: Peer) -> None:
        if peer.wait_closed(3600):
            noticed.set()

    routes = [Route("POST", "/hold", lambda _: Stream(serve))]
    with serving(routes, listen="", socket_path=path), connected_unix(path) as connection:
        connection.sendall(request_bytes("POST", "/hold"))
        assert connection.recv(12) == b"HTTP/1.1 200"
        connection.sendall(b"chatter is not the end")
        assert not noticed.wait(0.05)
        connection.close()
        assert noticed.wait(20)


def test_a_stopping_server_is_not_a_lost_owner(tmp_path: Path) -> None:
    holder, path = Holder(), tmp_path / "s"
    server = WebServer(holder.routes(), socket_path=path)
    server.start()
    stream = Client(f"unix:{path}").stream("/v1/hold", {})
    lines = iter(stream)
    assert next(lines) == {"line": 0}
    server.stop()
    assert holder.ended.wait(20)
    assert holder.outcome == "stopping"
    with pytest.raises(ClientError, match="broke off the stream"):
        next(lines)
    stream.close()


def test_a_stream_outlives_the_time_of_a_request(tmp_path: Path) -> None:
    holder, path = Holder(), tmp_path / "s"
    with (
        serving(holder.routes(), listen="", socket_path=path, limits=QUICK),
        Client(f"unix:{path}").stream("/v1/hold", {}) as stream,
    ):
        assert holder.held.wait(20)
        assert not holder.ended.wait(3 * QUICK.request_seconds)
        holder.finish.set()
        assert list(stream)[-1] == {"last": True}


def test_a_client_that_does_not_read_is_gone(tmp_path: Path) -> None:
    holder, path = Holder(lines=10**6), tmp_path / "s"
    with (
        serving(holder.routes(), listen="", socket_path=path, limits=QUICK),
        connected_unix(path) as connection,
    ):
        connection.sendall(request_bytes("POST", "/v1/hold"))
        assert holder.ended.wait(20)
    assert holder.outcome == "gone"


def test_closing_ends_an_iteration_in_another_thread(tmp_path: Path) -> None:
    holder, path = Holder(), tmp_path / "s"
    with serving(holder.routes(), listen="", socket_path=path):
        stream = Client(f"unix:{path}").stream("/v1/hold", {})
        found: list[object] = []
        reader = threading.Thread(target=lambda: found.extend(stream))
        reader.start()
        assert holder.held.wait(20)
        stream.close()
        reader.join(20)
        assert not reader.is_alive()
    assert found in ([], [{"line": 0}])


def test_a_stream_needs_http_1_1_and_does_not_run_for_head() -> None:
    holder = Holder()
    with serving([Route("GET", "/get", holder.routes()[1].handler)]) as server:
        with connected(server) as connection:
            connection.sendall(b"GET /get HTTP/1.0\r\n\r\n")
            assert answer(connection).status == 400
        with connected(server) as connection:
            connection.sendall(request_bytes("HEAD", "/get"))
            assert answer(connection, "HEAD").status == 400
    assert not holder.held.is_set()


def test_a_stream_that_fails_is_broken_off_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def serve(peer: Peer) -> None:
        peer.send_line(b"{}")
        raise ZeroDivisionError

    path, routes = tmp_path / "s", [Route("POST", "/x", lambda _: Stream(serve))]
    with (
        serving(routes, listen="", socket_path=path),
        Client(f"unix:{path}").stream("/x", {}) as stream,
    ):
        lines = iter(stream)
        assert next(lines) == {}
        with pytest.raises(ClientError, match="broke off"):
            next(lines)
    assert "ZeroDivisionError" in caplog.text


def test_a_refused_stream_is_a_client_error_with_its_status(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving([], listen="", socket_path=path), pytest.raises(ClientError, match="nothing at") as caught:
        Client(f"unix:{path}").stream("/nothing", {})
    assert caught.value.status == 404


def test_the_connection_is_closed_after_a_stream(tmp_path: Path) -> None:
    holder, path = Holder(), tmp_path / "s"
    holder.finish.set()
    with serving(holder.routes(), listen="", socket_path=path), connected_unix(path) as connection:
        connection.sendall(request_bytes("POST", "/v1/hold"))
        found = answer(connection)
        assert found.headers["content-type"] == "application/x-ndjson"
        assert found.body == b'{"line": 0}\n{"last": true}\n'
        assert is_closed(connection)


def test_a_half_closed_client_counts_as_closed(tmp_path: Path) -> None:
    holder, path = Holder(), tmp_path / "s"
    with serving(holder.routes(), listen="", socket_path=path), connected_unix(path) as connection:
        connection.sendall(request_bytes("POST", "/v1/hold"))
        assert holder.held.wait(20)
        connection.shutdown(socket.SHUT_WR)
        assert holder.ended.wait(20)
    assert holder.outcome == "closed"
