import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.raw_http import ask_unix
from support.web_node import serving
from wattwatch.errors import ConfigError
from wattwatch.web.http import Response, Route
from wattwatch.web.listen import SocketFile, host_port, open_tcp, open_unix, parse_listen
from wattwatch.web.server import WebServer

ROUTES = [Route("GET", "/", lambda _: Response(b"hello"))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9816", ("127.0.0.1", 9816)),
        ("[::1]:0", ("::1", 0)),
        (":9816", ("", 9816)),
        ("pi.local:65535", ("pi.local", 65535)),
    ],
)
def test_an_address_is_read_and_written_again(text: str, expected: tuple[str, int]) -> None:
    assert parse_listen(text) == expected
    assert host_port(*expected) == text


@given(st.text(st.sampled_from("[]:.0123456789ab \n٣"), max_size=12))
def test_no_text_is_half_an_address(text: str) -> None:
    try:
        host, port = parse_listen(text)
    except ValueError as error:
        line = str(error)
    else:
        line = "expected HOST:PORT"
        assert 0 <= port <= 65535
        assert (":" in host) == text.startswith("[")
        assert not set(host) & set("[] \n")
    assert line.startswith("expected HOST:PORT")


def test_a_port_in_use_is_one_line_with_the_address_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConfigError, match=rf"{address} is in use by another program: stop it") as caught:
            WebServer(ROUTES, listen=address).start()
    assert "\n" not in str(caught.value)


def test_a_failed_start_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = WebServer(ROUTES, listen="127.0.0.1:0", socket_path=tmp_path / "file" / "s")
    with pytest.raises(ConfigError, match=r"\[server\] socket = "):
        server.start()
    assert server.address == ""
    server.stop()


@pytest.mark.parametrize(
    ("listen", "cause"),
    [
        ("192.0.2.1:0", "no such address"),
        ("no-such-host.invalid:9816", "check host and port"),
        ("nonsense", "expected HOST:PORT"),
    ],
)
def test_an_address_that_cannot_be_had_says_why(listen: str, cause: str) -> None:
    with pytest.raises(ConfigError, match=cause) as caught:
        open_tcp(listen)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may take every port")
def test_a_port_of_the_system_says_what_to_choose() -> None:
    with pytest.raises(ConfigError, match="port of 1024 or above"):
        open_tcp("127.0.0.1:80")


def test_the_socket_of_a_killed_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.sock"
    code = (
        "import sys, time; from pathlib import Path; from wattwatch.web.listen import open_unix\n"
        "kept = open_unix(Path(sys.argv[1])); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with pytest.raises(ConfigError, match="another daemon answers there"):
            open_unix(path)
        process.send_signal(signal.SIGKILL)
    assert path.is_socket()
    with serving(ROUTES, listen="", socket_path=path):
        assert ask_unix(path).body == b"hello"
    assert not path.exists()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(ConfigError, match="a file that is no socket"):
        open_unix(path)
    assert path.read_text() == "data"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "link"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="a file that is no socket"):
        open_unix(path)


def test_a_path_too_long_for_a_socket_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="choose a path") as caught:
        open_unix(tmp_path / ("x" * 120))
    assert "\n" not in str(caught.value)


def test_the_directory_of_the_socket_is_made(tmp_path: Path) -> None:
    with serving(ROUTES, listen="", socket_path=tmp_path / "a" / "b.sock"):
        assert ask_unix(tmp_path / "a" / "b.sock").body == b"hello"


def test_the_socket_of_a_successor_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.sock"
    with open_unix(path):
        ours = SocketFile(path)
        path.rename(tmp_path / "moved")
        with open_unix(path):
            ours.remove()
            assert path.is_socket()
