import os
from pathlib import Path

import pytest

from support.raw_http import ask, ask_unix
from support.web_node import serving
from wattwatch.errors import ConfigError
from wattwatch.web.http import Response, Route
from wattwatch.web.server import WebServer

TOKEN = "s3cret-tökén"  # noqa: S105 - a test's
ROUTES = [
    Route("GET", "/metrics", lambda _: Response(b"open")),
    Route("GET", "/v1/sources", lambda _: Response(b"data")),
    Route("POST", "/v1/runs", lambda _: Response(b"written"), is_remote=True),
    Route("PUT", "/v1/pods", lambda _: Response(b"written")),
    Route("POST", "/v1/runs/{run_id}/labels", lambda _: Response(b"written")),
]


@pytest.fixture(name="token_file")
def _token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n", encoding="utf-8")
    return path


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_metrics_are_open_and_v1_is_not() -> None:
    with serving(ROUTES) as server:
        assert ask(server, path="/metrics").body == b"open"
        found = ask(server, path="/v1/sources")
    assert found.status == 403
    assert "[server] token_file" in found.json["detail"]


def test_without_a_token_file_the_answer_names_the_key_and_the_socket(tmp_path: Path) -> None:
    socket_path = tmp_path / "wattwatch.sock"
    with serving(ROUTES, socket_path=socket_path) as server:
        found = ask(server, path="/v1/sources", headers=bearer("anything"))
        assert ask_unix(socket_path, path="/v1/sources").body == b"data"
    assert found.status == 403
    assert "[server] token_file" in found.json["detail"]
    assert str(socket_path) in found.json["detail"]


def test_even_what_does_not_exist_is_not_told_without_the_token(token_file: Path) -> None:
    with serving(ROUTES, token_file=token_file) as server:
        for path in ("/v1", "/v1/", "/v1/nothing", "/v1/sources?x=1"):
            assert ask(server, path=path).status == 401


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
        ("", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Bearer wrong", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
    ],
)
def test_only_the_token_opens_v1_over_tcp(token_file: Path, authorization: str, status: int) -> None:
    with serving(ROUTES, token_file=token_file) as server:
        headers = {"Authorization": authorization} if authorization else {}
        found = ask(server, path="/v1/sources", headers=headers)
    assert found.status == status
    assert (found.headers.get("www-authenticate") == "Bearer") is (status == 401)


@pytest.mark.parametrize(("method", "path"), [("PUT", "/v1/pods"), ("POST", "/v1/runs/r/labels")])
def test_what_is_not_of_a_runs_course_is_not_written_over_tcp_whoever_asks(
    token_file: Path, tmp_path: Path, method: str, path: str
) -> None:
    socket_path = tmp_path / "wattwatch.sock"
    with serving(ROUTES, token_file=token_file, socket_path=socket_path) as server:
        found = ask(server, method, path, bearer(TOKEN), b"{}")
        over_socket = ask_unix(socket_path, method, path, body=b"{}")
    assert found.status == 403
    assert str(socket_path) in found.json["detail"]
    assert over_socket.status == 200


def test_a_run_is_written_over_tcp_by_who_has_the_token(token_file: Path) -> None:
    with serving(ROUTES, token_file=token_file) as server:
        assert ask(server, "POST", "/v1/runs", bearer(TOKEN), b"{}").body == b"written"
        assert ask(server, "POST", "/v1/runs", bearer("wrong"), b"{}").status == 401
        assert ask(server, "POST", "/v1/runs", {}, b"{}").status == 401
    with serving(ROUTES) as server:
        assert ask(server, "POST", "/v1/runs", bearer(TOKEN), b"{}").status == 403


def test_a_replaced_token_counts_at_once_and_a_lost_one_closes_the_door(token_file: Path) -> None:
    with serving(ROUTES, token_file=token_file) as server:
        token_file.write_text("new")
        assert ask(server, path="/v1/sources", headers=bearer("new")).status == 200
        token_file.write_text("\n")
        assert ask(server, path="/v1/sources", headers=bearer("")).status == 403
        token_file.unlink()
        assert ask(server, path="/v1/sources", headers=bearer("new")).status == 403


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_token_file_without_a_token_is_said_at_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=rf"\[server\] token_file = '{path}': .*(read|empty)"):
        WebServer(ROUTES, listen="127.0.0.1:0", token_file=path).start()


def test_the_socket_has_its_mode(tmp_path: Path) -> None:
    socket_path = tmp_path / "wattwatch.sock"
    before = os.umask(0o000)
    try:
        with serving(ROUTES, listen="", socket_path=socket_path):
            assert socket_path.stat().st_mode & 0o777 == 0o660
    finally:
        os.umask(before)
