"""TLS on the TCP port: who gets in, who does not and why, and that nobody holds up the others."""

import contextlib
import logging
import os
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
import trustme

from support.raw_http import answer, ask, ask_unix, connected, is_closed, request_bytes
from support.tls import MUTUAL, Pki, ask_tls, connected_tls
from support.web_node import serving
from wattwatch.client import Client
from wattwatch.web import security
from wattwatch.web.connection import Limits
from wattwatch.web.http import Peer, Request, Response, Route, Stream

ROUTES = [
    Route("GET", "/", lambda _: Response(b"hello\n")),
    Route("GET", "/large", lambda _: Response(os.urandom(2**20))),
    Route("GET", "/who", lambda request: Response(request.peer.encode())),
]


@pytest.fixture(name="pki")
def _pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path / "pki")


@pytest.fixture(name="at_every_look")
def _at_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "_CHECK_SECONDS", 0.0)


def test_a_stream_over_tls_tells_how_it_ended(pki: Pki) -> None:
    ended: list[str] = []
    over = threading.Event()

    def serve(peer: Peer) -> None:
        peer.send_line(b'{"line": 1}')
        ended.append("closed" if peer.wait_closed(60.0) else "waited")
        over.set()

    routes = [Route("POST", "/hold", lambda _: Stream(serve), is_remote=True)]
    with serving(routes, web_config=pki.web_yml()) as server:
        with Client(server.url, ca_file=pki.directory / "ca.pem").stream("/hold", {}) as stream:
            assert next(iter(stream)) == {"line": 1}
            assert not over.wait(0.05)
        assert over.wait(20)
    assert ended == ["closed"]


def is_refused(server: object, context: ssl.SSLContext) -> bool:
    """Whether the server breaks off; in TLS 1.3 the client learns of it only when it reads."""
    with contextlib.suppress(OSError):
        ask_tls(server, context)  # type: ignore[arg-type]
        return False
    return True


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_over_tls(pki: Pki, version: ssl.TLSVersion) -> None:
    context = pki.trusting()
    context.maximum_version = version
    with serving(ROUTES, web_config=pki.web_yml()) as server:
        with connected_tls(server, context) as connection:
            for _ in range(3):
                connection.sendall(request_bytes("GET", "/"))
                assert answer(connection).body == b"hello\n"
            connection.sendall(request_bytes("GET", "/large"))
            assert len(answer(connection).body) == 2**20
        assert ask_tls(server, context, "/who").body == b"127.0.0.1"


def test_http_1_1_is_agreed_on_with_clients_that_could_do_more(pki: Pki) -> None:
    context = pki.trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        serving(ROUTES, web_config=pki.web_yml("http_server_config: {http2: true}")) as server,
        connected_tls(server, context) as connection,
    ):
        assert connection.selected_alpn_protocol() == "http/1.1"


def test_the_socket_stays_plain_and_asks_nobody(pki: Pki, tmp_path: Path) -> None:
    web_yml = pki.web_yml(tls=MUTUAL)
    with serving(ROUTES, socket_path=tmp_path / "s", web_config=web_yml):
        assert ask_unix(tmp_path / "s").body == b"hello\n"


def test_plain_http_is_told_so_as_go_does(pki: Pki) -> None:
    with serving(ROUTES, web_config=pki.web_yml()) as server, connected(server) as connection:
        connection.sendall(request_bytes("GET", "/"))
        found = answer(connection)
        assert found.status == 400
        assert "https://" in found.json["detail"]
        assert is_closed(connection)


@pytest.mark.parametrize("sent", [b"\x00" * 50, b"\x16\x03\x01", b"\x16" + b"\xff" * 300, b"\x80\x2e\x01"])
def test_what_is_no_handshake_is_hung_up(pki: Pki, sent: bytes) -> None:
    limits = Limits(handshake_seconds=0.2)
    with serving(ROUTES, web_config=pki.web_yml(), limits=limits) as server:
        with connected(server) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(sent)
            while connection.recv(1000):
                pass
        assert ask_tls(server, pki.trusting()).status == 200


def test_who_does_not_shake_hands_holds_up_nobody_and_is_hung_up(pki: Pki) -> None:
    limits = Limits(handshake_seconds=1.0, idle_seconds=60.0)
    with serving(ROUTES, web_config=pki.web_yml(), limits=limits) as server, contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connected(server)) for _ in range(5)]
        silent[0].sendall(b"\x16\x03\x01\x02")
        assert ask_tls(server, pki.trusting()).status == 200  # long before the second is over
        for connection in silent:
            with contextlib.suppress(ConnectionError):
                while connection.recv(1000):
                    pass  # closed, perhaps with an alert


def test_a_handshake_that_dribbles_is_hung_up(pki: Pki) -> None:
    limits = Limits(handshake_seconds=0.3)
    with serving(ROUTES, web_config=pki.web_yml(), limits=limits) as server, connected(server) as connection:
        connection.settimeout(0.01)
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"\x16\x03\x01\x40\x00")
            while True:
                connection.sendall(b"\x00")
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(100):
                        break


def test_a_client_that_does_not_read_is_dropped(pki: Pki) -> None:
    """Also one that reads a little now and then: the limit is for the whole answer."""
    limits = Limits(request_seconds=0.5)
    with (
        serving(ROUTES, web_config=pki.web_yml(), limits=limits) as server,
        connected_tls(server, pki.trusting()) as connection,
    ):
        connection.sendall(request_bytes("GET", "/large") * 40)
        received = 0
        until = time.monotonic() + 1.0
        with contextlib.suppress(OSError):
            while data := connection.recv(512 if time.monotonic() < until else 65536):
                received += len(data)
                if time.monotonic() < until:
                    threading.Event().wait(0.01)
    assert received < 40 * 2**20  # what the kernels had taken, not all that was asked for


class TestClientCertificates:
    def test_only_ours_get_in(self, pki: Pki) -> None:
        other = Pki(pki.directory / "other")
        with serving(ROUTES, web_config=pki.web_yml(tls=MUTUAL)) as server:
            assert ask_tls(server, pki.trusting(pki.directory / "client.pem")).status == 200
            assert is_refused(server, pki.trusting())
            context = pki.trusting(pki.client("stranger", authority=other.authority))
            assert is_refused(server, context)
            assert ask_tls(server, pki.trusting(pki.directory / "client.pem")).status == 200

    def test_the_log_says_why_but_not_for_each_of_many(
        self, pki: Pki, caplog: pytest.LogCaptureFixture
    ) -> None:
        with serving(ROUTES, web_config=pki.web_yml(tls=MUTUAL)) as server, caplog.at_level(logging.WARNING):
            for _ in range(20):
                assert is_refused(server, pki.trusting())
        lines = [record.getMessage() for record in caplog.records]
        assert 1 <= len(lines) <= 6
        assert "127.0.0.1: PEER_DID_NOT_RETURN_A_CERTIFICATE" in lines[0]

    @pytest.mark.parametrize(
        ("names", "good"),
        [
            (("prometheus.example.org",), True),
            (("a.example.org", "prometheus.example.org"), True),
            (("10.1.2.3",), True),
            (("fd00::7",), True),
            (("me@example.org",), True),
            (("prometheus.example.com",), False),
            (("*.example.org",), False),
            (("10.1.2.4",), False),
        ],
    )
    def test_names_are_compared_exactly(self, pki: Pki, names: tuple[str, ...], *, good: bool) -> None:
        sans = 'client_allowed_sans: [prometheus.example.org, 10.1.2.3, "fd00::7", me@example.org]'
        with serving(ROUTES, web_config=pki.web_yml(tls=(*MUTUAL, sans))) as server:
            assert is_refused(server, pki.trusting(pki.client("named", *names))) is not good

    def test_if_given_it_must_be_good(self, pki: Pki) -> None:
        tls = ("client_auth_type: VerifyClientCertIfGiven", "client_ca_file: ca.pem")
        other = Pki(pki.directory / "other")
        with serving(ROUTES, web_config=pki.web_yml(tls=tls)) as server:
            assert ask_tls(server, pki.trusting()).status == 200
            assert ask_tls(server, pki.trusting(pki.directory / "client.pem")).status == 200
            assert is_refused(server, pki.trusting(pki.client("stranger", authority=other.authority)))


def test_versions_suites_and_curves_are_kept_to(pki: Pki) -> None:
    tls = ("min_version: TLS12", "max_version: TLS12", "curve_preferences: [CurveP384]",
           "cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]")  # fmt: skip
    with serving(ROUTES, web_config=pki.web_yml(tls=tls)) as server:
        with connected_tls(server, pki.trusting()) as connection:
            assert connection.version() == "TLSv1.2"
            assert (connection.cipher() or ("",))[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"
        newer, other = pki.trusting(), pki.trusting()
        newer.minimum_version = ssl.TLSVersion.TLSv1_3
        other.set_ecdh_curve("prime256v1")
        assert is_refused(server, newer)
        assert is_refused(server, other)


@pytest.mark.usefixtures("at_every_look")
class TestReload:
    def test_a_new_certificate_counts_for_new_connections(
        self, pki: Pki, caplog: pytest.LogCaptureFixture
    ) -> None:
        with (
            serving(ROUTES, web_config=pki.web_yml()) as server,
            caplog.at_level(logging.INFO, "wattwatch.web.security"),
            connected_tls(server, pki.trusting()) as old,
        ):
            pki.renew_server(trustme.CA())
            assert is_refused(server, pki.trusting())  # an authority that we do not trust: it is the new one
            pki.renew_server()
            assert ask_tls(server, pki.trusting()).status == 200
            old.sendall(request_bytes("GET", "/"))
            assert answer(old).status == 200  # and who was there before stays
        assert [r.levelname for r in caplog.records if "changed, and in force" in r.getMessage()] == [
            "INFO"
        ] * 2

    def test_a_swapped_directory_is_noticed(self, pki: Pki) -> None:
        """As Kubernetes does it: the files are links through a link that is moved in one step."""
        first, second, mounted = (pki.directory / name for name in ("first", "second", "mounted"))
        Pki(first)
        renewed = Pki(second)
        mounted.symlink_to(first)
        (pki.directory / "web.yml").write_text(
            "tls_server_config: {cert_file: mounted/server.pem, key_file: mounted/server.key}"
        )
        with serving(ROUTES, web_config=pki.directory / "web.yml") as server:
            assert is_refused(server, renewed.trusting())
            (pki.directory / "next").symlink_to(second)
            (pki.directory / "next").rename(mounted)
            assert ask_tls(server, renewed.trusting()).status == 200

    @pytest.mark.parametrize("name", ["server.pem", "server.key", "web.yml"])
    @pytest.mark.parametrize("content", [None, b"", b"half a li"])
    def test_a_broken_file_keeps_what_was_in_force_and_is_told_of_once(
        self, pki: Pki, name: str, content: bytes | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        with serving(ROUTES, web_config=pki.web_yml()) as server, caplog.at_level(logging.WARNING):
            good = (pki.directory / name).read_bytes()
            if content is None:
                (pki.directory / name).unlink()
            else:
                (pki.directory / name).write_bytes(content)
            for _ in range(4):
                assert ask_tls(server, pki.trusting()).status == 200
            (line,) = [record.getMessage() for record in caplog.records]
            assert str(pki.directory / "web.yml") in line
            assert line.endswith("; what was in force stays")
            (pki.directory / name).write_bytes(good)
            assert ask_tls(server, pki.trusting()).status == 200

    def test_tls_is_not_lost_by_a_change_of_the_file(
        self, pki: Pki, caplog: pytest.LogCaptureFixture
    ) -> None:
        web_yml = pki.web_yml(tls=MUTUAL)
        with serving(ROUTES, web_config=web_yml) as server, caplog.at_level(logging.WARNING):
            web_yml.write_text("http_server_config:\n")
            assert is_refused(server, pki.trusting())
            assert ask(server).status == 400  # still HTTPS
            pki.web_yml()
            assert is_refused(server, pki.trusting())
        said = " ".join(record.getMessage() for record in caplog.records)
        assert "tls_server_config, client_auth_type is gone: restart to go on without" in said
        assert "web.yml: client_auth_type is gone" in said

    def test_more_protection_counts_at_once(self, pki: Pki) -> None:
        with serving(ROUTES, web_config=pki.web_yml()) as server:
            assert ask_tls(server, pki.trusting()).status == 200
            pki.web_yml(tls=MUTUAL)
            assert is_refused(server, pki.trusting())
            assert ask_tls(server, pki.trusting(pki.directory / "client.pem")).status == 200


def test_files_are_looked_at_every_few_seconds_only(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    look = security._stamp

    def counted(file: Path) -> tuple[int, ...] | None:
        looks.append(file)
        return look(file)

    monkeypatch.setattr(security, "_stamp", counted)
    seconds = [0.0]
    watched = security.WebSecurity(pki.web_yml(), now=lambda: seconds[0])
    looks.clear()
    for step in range(100):
        seconds[0] = step * 0.1
        watched.current()
    assert len(looks) == 3 * 3  # three files at 3.0, 6.0 and 9.0 s


def test_stopping_ends_idle_connections_and_handshakes(pki: Pki) -> None:
    others = set(threading.enumerate())
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving(ROUTES, web_config=pki.web_yml()))
        idle = stack.enter_context(connected_tls(server, pki.trusting()))
        silent = stack.enter_context(connected(server))
        idle.sendall(request_bytes("GET", "/"))
        assert answer(idle).status == 200
        begun = time.monotonic()
        server.stop()
        assert is_closed(silent)
        with contextlib.suppress(OSError):
            assert idle.recv(1) == b""
        assert time.monotonic() - begun < 30
    for thread in set(threading.enumerate()) - others:
        thread.join(20)
        assert not thread.is_alive()


def test_nothing_of_an_answer_goes_out_in_plain_text_when_stopped(pki: Pki) -> None:
    """The stopping thread shuts sockets that others write to: ssl's own shutdown would unmask them."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: Request) -> Response:
        begun.set()
        go_on.wait(20)
        return Response(b"secret " * 1000)

    seen = bytearray()
    with serving([Route("GET", "/slow", slow)], web_config=pki.web_yml()) as server:
        relay = Relay(server.port, seen)
        with (
            socket.create_connection(("127.0.0.1", relay.port), timeout=20) as plain,
            pki.trusting().wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(request_bytes("GET", "/slow"))
            assert begun.wait(20)
            stopper = threading.Thread(target=server.stop)
            stopper.start()
            while server._listeners:  # closed just before it begins to end connections
                pass
            go_on.set()
            assert answer(connection).body == b"secret " * 1000
            stopper.join(20)
        relay.close()
    assert len(seen) > 7000
    assert b"secret" not in seen


class Relay:
    """Passes one connection on, and keeps what the server says."""

    def __init__(self, port: int, seen: bytearray) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._run, args=(port, seen))]
        self._threads[0].start()

    def _run(self, port: int, seen: bytearray) -> None:
        client, _ = self._listener.accept()
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            back = threading.Thread(target=self._pass, args=(server, client, seen))
            back.start()
            self._pass(client, server, bytearray())
            back.join()

    def _pass(self, source: socket.socket, sink: socket.socket, seen: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                seen += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._threads[0].join(20)
        self._listener.close()
