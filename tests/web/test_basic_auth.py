"""Passwords over TCP: what they open, what they do not, and how often one may guess."""

import base64
import contextlib
import threading
from pathlib import Path

import bcrypt
import pytest

from support.raw_http import Answer, answer, ask, ask_unix, connected, request_bytes
from support.tls import HASH, PASSWORD
from support.web_node import serving
from wattwatch.errors import ConfigError
from wattwatch.web import guard, security
from wattwatch.web.guard import Guard
from wattwatch.web.http import Problem, Request, Response, Route
from wattwatch.web.security import WebSecurity
from wattwatch.web.server import WebServer

TOKEN = "t0ken"  # noqa: S105 - a test's
ROUTES = [
    Route("GET", "/", lambda _: Response(b"page", headers=(("X-Frame-Options", "deny"),))),
    Route("GET", "/metrics", lambda _: Response(b"metrics")),
    Route("GET", "/-/healthy", lambda _: Response(b"healthy")),
    Route("GET", "/v1/sources", lambda _: Response(b"sources")),
    Route("POST", "/v1/runs", lambda _: Response(b"written")),
]


def basic(name: str = "alice", password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(name="web_yml")
def _web_yml(tmp_path: Path) -> Path:
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users:\n  alice: {HASH}\n")
    return path


@pytest.fixture(name="token_file")
def _token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/nothing"])
def test_every_path_is_closed_without_a_password(web_yml: Path, path: str) -> None:
    with serving(ROUTES, web_config=web_yml) as server:
        found = ask(server, path=path)
        assert found.status == 401
        assert found.headers["www-authenticate"] == 'Basic realm="wattwatch", charset="UTF-8"'
        assert ask(server, path=path, headers=basic()).status == (404 if path == "/nothing" else 200)


def test_the_socket_asks_for_none(web_yml: Path, tmp_path: Path) -> None:
    with serving(ROUTES, web_config=web_yml, socket_path=tmp_path / "s"):
        assert ask_unix(tmp_path / "s", path="/metrics").body == b"metrics"
        assert ask_unix(tmp_path / "s", path="/v1/sources").body == b"sources"


@pytest.mark.parametrize(
    "authorization",
    [
        basic(password="wrong")["Authorization"],  # noqa: S106
        basic(name="bob")["Authorization"],
        basic(name="Alice")["Authorization"],
        "Basic",
        "Basic ====",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic ä",
        "Digest " + base64.b64encode(b"alice").decode(),
        "Bearer wrong",
    ],
)
def test_nothing_else_opens(web_yml: Path, token_file: Path, authorization: str) -> None:
    with serving(ROUTES, web_config=web_yml, token_file=token_file) as server:
        headers = {"Authorization": authorization}
        assert ask(server, path="/metrics", headers=headers).status == 401
        assert ask(server, path="/v1/sources", headers=headers).status == 401


def test_a_token_opens_everything_a_password_not_v1(web_yml: Path, token_file: Path) -> None:
    with serving(ROUTES, web_config=web_yml, token_file=token_file) as server:
        assert ask(server, path="/v1/sources", headers=BEARER).body == b"sources"
        assert ask(server, path="/metrics", headers=BEARER).body == b"metrics"
        refused = ask(server, path="/v1/sources", headers=basic())
        assert refused.status == 403
        assert "[server] token_file" in refused.json["detail"]
        asked = ask(server, path="/v1/sources")
        assert (asked.status, asked.headers["www-authenticate"]) == (401, "Bearer")
        assert ask(server, "POST", "/v1/runs", basic(), b"{}").status == 403


def test_without_a_token_file_v1_says_so_to_those_with_a_password_only(web_yml: Path) -> None:
    with serving(ROUTES, web_config=web_yml) as server:
        assert ask(server, path="/v1/sources").status == 401
        found = ask(server, path="/v1/sources", headers=basic())
    assert found.status == 403
    assert "set [server] token_file" in found.json["detail"]


def test_headers_of_the_file_are_sent_and_a_handlers_own_stand(tmp_path: Path) -> None:
    web_yml = tmp_path / "web.yml"
    web_yml.write_text(
        "http_server_config: {headers: {X-Frame-Options: sameorigin, Strict-Transport-Security: max-age=9}}"
    )
    with serving(ROUTES, web_config=web_yml, socket_path=tmp_path / "s") as server:
        for path, frame in (("/", "deny"), ("/metrics", "sameorigin"), ("/nothing", "sameorigin")):
            found = ask(server, path=path)
            assert (found.headers["x-frame-options"], found.headers["strict-transport-security"]) == (
                frame,
                "max-age=9",
            )
            assert found.headers["x-content-type-options"] == "nosniff"
        assert "x-frame-options" not in ask_unix(tmp_path / "s", path="/metrics").headers


def test_requests_are_limited_as_the_file_says(tmp_path: Path) -> None:
    web_yml = tmp_path / "web.yml"
    web_yml.write_text("rate_limit: {interval: 1h, burst: 3}")
    with serving(ROUTES, web_config=web_yml, socket_path=tmp_path / "s") as server:
        assert [ask(server, path="/metrics").status for _ in range(5)] == [200, 200, 200, 429, 429]
        assert ask_unix(tmp_path / "s", path="/metrics").status == 200


class TestGuessing:
    """By hand, with a clock of our own."""

    @pytest.fixture(name="seconds")
    def _seconds(self) -> list[float]:
        return [0.0]

    @pytest.fixture(name="door")
    def _door(self, web_yml: Path, token_file: Path, seconds: list[float]) -> Guard:
        return Guard(token_file, None, WebSecurity(web_yml), now=lambda: seconds[0])

    def status(self, door: Guard, headers: dict[str, str], peer: str = "10.0.0.1", path: str = "/") -> int:
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            door.check(Request("GET", path, headers=lower, peer=peer))
        except Problem as problem:
            return problem.status
        return 200

    def test_ten_wrong_ones_then_one_a_second(self, door: Guard, seconds: list[float]) -> None:
        wrong = basic(password="wrong")  # noqa: S106
        assert [self.status(door, wrong) for _ in range(12)] == [401] * 10 + [429] * 2
        seconds[0] += 1
        assert [self.status(door, wrong) for _ in range(2)] == [401, 429]

    def test_while_shut_out_even_the_right_one_is_no_answer(self, door: Guard, seconds: list[float]) -> None:
        assert self.status(door, basic()) == 200  # it is remembered, and cheap to compare
        for _ in range(10):
            self.status(door, basic(password="wrong"))  # noqa: S106
        assert self.status(door, basic()) == 429
        assert self.status(door, BEARER) == 429
        assert self.status(door, {}) == 401  # no guess
        assert self.status(door, basic(), peer="10.0.0.2") == 200  # another's business
        seconds[0] += 1
        assert self.status(door, basic()) == 200

    def test_the_right_one_costs_no_try(self, door: Guard) -> None:
        assert {self.status(door, basic()) for _ in range(50)} == {200}
        assert {self.status(door, BEARER, path="/v1/sources") for _ in range(50)} == {200}

    def test_tokens_are_limited_too(self, door: Guard) -> None:
        wrong = {"Authorization": "Bearer guess"}
        found = [self.status(door, wrong, path="/v1/sources") for _ in range(12)]
        assert found == [401] * 10 + [429] * 2

    def test_how_long_to_wait_is_said(self, door: Guard) -> None:
        headers = {"authorization": basic(password="wrong")["Authorization"]}  # noqa: S106
        for _ in range(10):
            with pytest.raises(Problem):
                door.check(Request("GET", "/", headers=headers, peer="10.0.0.1"))
        with pytest.raises(Problem) as caught:
            door.check(Request("GET", "/", headers=headers, peer="10.0.0.1"))
        assert caught.value.headers == (("Retry-After", "1"),)

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("2001:db8::1", "2001:db8::ffff:1", True),
            ("2001:db8::1", "2001:db8:0:1::1", False),
            ("::ffff:10.0.0.1", "10.0.0.1", True),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
            ("fe80::1%eth0", "fe80::2", True),
            ("10.0.0.1", "10.0.0.2", False),
        ],
    )
    def test_an_ipv6_network_counts_as_one(self, door: Guard, one: str, other: str, *, same: bool) -> None:
        for _ in range(10):
            self.status(door, basic(password="wrong"), peer=one)  # noqa: S106
        assert self.status(door, basic(), peer=other) == (429 if same else 200)


def test_a_flood_of_guesses_runs_one_bcrypt_at_a_time(web_yml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = [0, 0]
    check = bcrypt.checkpw

    def counted(password: bytes, stored: bytes) -> bool:
        at_once[0] += 1
        at_once[1] = max(at_once)
        threading.Event().wait(0.005)
        good = check(password, stored)
        at_once[0] -= 1
        return good

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    monkeypatch.setattr(guard, "_FAILED_LOGINS", 1000)
    with serving(ROUTES, web_config=web_yml) as server:
        assert ask(server, path="/metrics", headers=basic()).status == 200
        statuses: list[int] = []

        def guess(number: int) -> None:
            found = ask(server, path="/metrics", headers=basic(password=f"guess-{number}"))
            statuses.append(found.status)

        threads = [threading.Thread(target=guess, args=(number,)) for number in range(30)]
        for thread in threads:
            thread.start()
        assert ask(server, path="/metrics", headers=basic()).status == 200  # the scrape waits for nobody
        for thread in threads:
            thread.join()
    assert statuses == [401] * 30
    assert at_once[1] == 1


class TestReload:
    @pytest.fixture(autouse=True)
    def _at_every_look(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(security, "_CHECK_SECONDS", 0.0)

    def on(self, server: WebServer, name: str, password: str) -> int:
        return ask(server, path="/metrics", headers=basic(name, password)).status

    def test_a_change_counts_on_connections_that_are_open(self, web_yml: Path) -> None:
        new = bcrypt.hashpw(b"new", bcrypt.gensalt(4)).decode()
        with serving(ROUTES, web_config=web_yml) as server, connected(server) as connection:

            def status(headers: dict[str, str]) -> Answer:
                connection.sendall(request_bytes("GET", "/metrics", headers))
                return answer(connection)

            assert status(basic()).status == 200
            web_yml.write_text(f"basic_auth_users: {{alice: {new}, bob: {HASH}}}")
            assert status(basic()).status == 401
            assert status(basic("alice", "new")).status == 200
            assert status(basic("bob")).status == 200

    def test_passwords_are_not_lost_by_a_change_of_the_file(self, web_yml: Path) -> None:
        with serving(ROUTES, web_config=web_yml) as server:
            for content in ("", "basic_auth_users:\n", "basic_auth_users: {alice: open}"):
                web_yml.write_text(content)
                assert ask(server, path="/metrics").status == 401
                assert self.on(server, "alice", PASSWORD) == 200

    def test_passwords_may_be_added(self, web_yml: Path) -> None:
        content = web_yml.read_text()
        web_yml.write_text("")
        with serving(ROUTES, web_config=web_yml) as server:
            assert ask(server, path="/metrics").status == 200
            web_yml.write_text(content)
            assert ask(server, path="/metrics").status == 401


def test_a_wrong_file_is_said_before_anything_listens(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}/web.yml: cannot be read"):
        WebServer(ROUTES, listen="127.0.0.1:0", web_config=tmp_path / "web.yml")


def test_dribbled_credentials_are_bounded_as_any_head(web_yml: Path) -> None:
    with serving(ROUTES, web_config=web_yml) as server, connected(server) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(request_bytes("GET", "/", {"Authorization": "Basic " + "A" * 100_000}))
        assert answer(connection).status == 431
