import os
import re
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from support.web_node import serving
from wattwatch.client import Client, LineStream, find_socket
from wattwatch.errors import ClientError
from wattwatch.web.http import Problem, Request, Response, Route, json_body, json_response
from wattwatch.web.listen import open_unix

NOWHERE = Path("/proc/1/nowhere.sock")


def taken(_: Request) -> Response:
    raise Problem(409, "run R1 has ended")


ROUTES = [
    Route("GET", "/v1/hello", lambda _: json_response({"a": [1, None]})),
    Route("GET", "/v1/text", lambda _: Response("é\n".encode())),
    Route("GET", "/v1/taken", taken),
    Route("POST", "/v1/echo", lambda request: json_response(json_body(request), 201)),
]


def test_documents_go_both_ways_over_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(ROUTES, listen="", socket_path=path):
        client = Client(f"unix:{path}")
        assert client.get_json("/v1/hello") == {"a": [1, None]}
        assert client.get_text("/v1/text") == "é\n"
        assert client.post_json("/v1/echo", {"x": "ü"}) == {"x": "ü"}


def test_over_tcp_the_token_is_sent(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("tökén")
    with serving(ROUTES, token_file=token_file) as server:
        assert Client(f"http://{server.address}", "tökén").get_json("/v1/hello") == {"a": [1, None]}
        with pytest.raises(ClientError, match="Authorization: Bearer") as caught:
            Client(f"http://{server.address}").get_json("/v1/hello")
    assert caught.value.status == 401


def test_ipv6_is_reached() -> None:
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    with serving([Route("GET", "/", lambda _: Response(b"x"))], listen="[::1]:0") as server:
        assert Client(f"http://{server.address}").get_text("/") == "x"


def test_the_detail_of_a_problem_is_the_message(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with (
        serving(ROUTES, listen="", socket_path=path),
        pytest.raises(ClientError, match=r"^run R1 has ended$") as caught,
    ):
        Client(f"unix:{path}").get_json("/v1/taken")
    assert caught.value.status == 409


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_nobody_there_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"no daemon at .*missing: start it with `watt") as caught:
        Client(f"unix:{tmp_path / 'missing'}").get_json("/")
    assert caught.value.status == 0
    with pytest.raises(ClientError, match=r"nothing listens on 127\.0\.0\.1:\d+: start it"):
        Client(f"http://127.0.0.1:{free_port()}").get_json("/")


def dead_socket(path: Path) -> Path:
    """The file that a killed daemon leaves behind."""
    with open_unix(path):
        pass
    return path


def test_a_dead_socket_says_what_to_do(tmp_path: Path) -> None:
    path = dead_socket(tmp_path / "dead")
    with pytest.raises(ClientError, match=r"no daemon answers at .*dead, its last one has ended: .*remove"):
        Client(f"unix:{path}").get_json("/")


@contextmanager
def answering(path: Path, data: bytes) -> Iterator[None]:
    """A server that reads a request, says something else than HTTP, and hangs up."""
    with open_unix(path) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(data)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            thread.join(20)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "talking to .* failed: .*; is it a wattwatch daemon"),
        (b"SSH-2.0-OpenSSH\r\n", "talking to .* failed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "talking to .* failed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", "is not JSON: is it a wattwatch daemon"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\nabcd", "^Bad Gateway$"),
        (b"HTTP/1.1 500 \r\nContent-Length: 2\r\n\r\n[]", "^no reason given$"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9" + b"0" * 30 + b"\r\n\r\n{", "talking to .* failed"),
        (b"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n{}", "^x$"),
        (b"HTTP/1.1 500 " + b"x" * 5000 + b"\r\n\r\n", "^x{800}$"),
        (b"HTTP/1.1 500 x\r\n\r\n" + b"[" * 100_000, "^x$"),
        (b'HTTP/1.1 400 x\r\nContent-Length: 18\r\n\r\n{"detail":"a\\nb"} ', "^a b$"),
    ],
)
def test_what_is_no_daemon_is_one_line(tmp_path: Path, data: bytes, cause: str) -> None:
    path = tmp_path / "s"
    with answering(path, data), pytest.raises(ClientError, match=cause) as caught:
        Client(f"unix:{path}").get_json("/v1/x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("line", [b"no JSON", b"\xff", b"[" * 100_000])
def test_a_stream_of_something_else_is_one_line(line: bytes) -> None:
    here, there = socket.socketpair()
    with there:
        there.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b'{"run_id": "r"}\n' + line + b"\n")
    response = HTTPResponse(here)
    response.begin()
    with LineStream(here, response) as lines:
        said = said_by(lines)
    response.close()
    assert re.fullmatch("the answer to .* is not JSON: is it a wattwatch daemon.", said)


def said_by(lines: Iterable[Any]) -> str:
    """The error that ends a stream; nothing of it is kept, for it would keep the connection."""
    try:
        assert [line for line in lines if line != {"run_id": "r"}] == []
    except ClientError as error:
        return str(error)
    return ""


def test_silence_ends_at_the_deadline(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with open_unix(path), pytest.raises(ClientError, match=r"no answer from .* within 0\.1 s"):
        Client(f"unix:{path}", deadline_seconds=0.1).get_json("/")


@pytest.mark.parametrize(
    "base", ["", "wattwatch.sock", "ftp://host:1", "http://", "http://h:99999", "http://["]
)
def test_an_address_that_is_none_says_what_is_expected(base: str) -> None:
    with pytest.raises(ClientError, match="is not an address"):
        Client(base)


def test_a_header_that_cannot_be_sent_is_one_line(tmp_path: Path) -> None:
    with open_unix(tmp_path / "s"), pytest.raises(ClientError, match="talking to"):
        Client(f"unix:{tmp_path / 's'}", token="a\nb").get_json("/")  # noqa: S106 - a test's


# Which socket: every place in its turn, and never past one that refuses.


def environment_in(directory: Path) -> dict[str, str]:
    (directory / "run/wattwatch").mkdir(parents=True)
    return {"XDG_RUNTIME_DIR": str(directory / "run"), "HOME": str(directory)}


def test_the_socket_is_looked_for_in_order(tmp_path: Path) -> None:
    environment = environment_in(tmp_path)
    user, system = tmp_path / "run/wattwatch/wattwatch.sock", tmp_path / "system.sock"
    explicit, named = tmp_path / "explicit.sock", tmp_path / "named.sock"
    with_name = environment | {"WATTWATCH_SOCKET": str(named)}
    assert find_socket(environment, system=system) is None
    with open_unix(system), open_unix(explicit), open_unix(named):
        assert find_socket(environment, system=system) == system
        with open_unix(user):
            assert find_socket(environment, system=system) == user
            assert find_socket(with_name, system=system) == named
            assert find_socket(with_name, explicit, system) == explicit


def test_where_no_socket_can_be_none_is_looked_for(tmp_path: Path) -> None:
    long_home = {"HOME": str(tmp_path / ("x" * 100))}
    assert find_socket(long_home, system=tmp_path / "system.sock") is None


def test_one_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    environment = environment_in(tmp_path)
    with open_unix(tmp_path / "system.sock"):
        for variables, explicit in (
            (environment, tmp_path / "missing"),
            (environment | {"WATTWATCH_SOCKET": str(tmp_path / "missing")}, None),
        ):
            with pytest.raises(ClientError, match=r"no daemon at .*missing"):
                find_socket(variables, explicit, tmp_path / "system.sock")


def test_one_that_refuses_is_never_passed_over(tmp_path: Path) -> None:
    environment = environment_in(tmp_path)
    dead_socket(tmp_path / "run/wattwatch/wattwatch.sock")
    with open_unix(tmp_path / "system.sock"), pytest.raises(ClientError, match="its last one has ended"):
        find_socket(environment, system=tmp_path / "system.sock")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every socket")
def test_one_that_may_not_be_used_names_the_group_here(tmp_path: Path) -> None:
    with open_unix(tmp_path / "s"):
        (tmp_path / "s").chmod(0)
        with pytest.raises(ClientError, match=r"permission denied .*usermod -aG wattwatch \$USER"):
            find_socket({}, system=tmp_path / "s")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_one_that_may_not_be_used_names_the_group() -> None:
    public = Path("/tmp") / f"wattwatch-test-{os.getpid()}"  # noqa: S108 - pytest's own is closed to others
    public.mkdir(mode=0o755)
    try:
        with open_unix(public / "s"):
            (public / "s").chmod(0o600)
            assert re.search(
                r"permission denied .*: sudo usermod -aG wattwatch \$USER", said_to_nobody(public)
            )
            public.chmod(0o700)
            assert "permission denied" in said_to_nobody(public)
    finally:
        (public / "s").unlink(missing_ok=True)
        public.rmdir()


def said_to_nobody(directory: Path) -> str:
    """What `find_socket` says to a user without rights."""
    os.seteuid(65534)
    try:
        find_socket({}, system=directory / "s")
    except ClientError as error:
        return str(error)
    finally:
        os.seteuid(0)
    return ""
