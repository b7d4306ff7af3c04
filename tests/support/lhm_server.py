"""A LibreHardwareMonitor web server on loopback, as far as it is asked, and everything it can do wrong."""

import base64
import gzip
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DOCUMENTS = Path(__file__).parents[1] / "data/lhm"
LOGIN_PAGE = b"<HTML><HEAD><TITLE>401 Unauthorized</TITLE></HEAD></HTML>"


def document(name: str = "lhm-0.9.7-numbers") -> bytes:
    """One of the documents of tests/data/lhm."""
    return (DOCUMENTS / f"{name}.json").read_bytes()


@dataclass
class FakeLhm:
    """What the server answers, and what it was asked."""

    url: str = ""
    body: bytes = field(default_factory=document)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    login: str = ""  # USER:PASSWORD
    pack: bool = True
    cut: bool = False  # the connection ends in the middle of the body
    pause: threading.Event | None = None  # the body is held back until it is set
    drip_seconds: float = 0.0  # time from byte to byte
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer_to(self, authorization: str) -> tuple[int, bytes]:
        expected = "Basic " + base64.b64encode(self.login.encode()).decode()
        if self.login and authorization != expected:
            return 401, LOGIN_PAGE
        return self.status, self.body


class _Handler(BaseHTTPRequestHandler):
    fake: FakeLhm

    def do_GET(self) -> None:
        fake = self.fake
        fake.asked.append((self.command, self.path))
        status, body = fake.answer_to(self.headers.get("Authorization", ""))
        packed = fake.pack and "gzip" in self.headers.get("Accept-Encoding", "")
        body = gzip.compress(body) if packed else body
        self.send_response(status)
        if packed:
            self.send_header("Content-Encoding", "gzip")
        for name, value in ({"Content-Length": str(len(body))} | fake.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:10])
        if fake.pause is not None:
            fake.pause.wait(10)
        rest = body[10 : len(body) // 2] if fake.cut else body[10:]
        if not fake.drip_seconds:
            self.wfile.write(rest)
            return
        for byte in rest:
            self.wfile.write(bytes((byte,)))
            time.sleep(fake.drip_seconds)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no news."""


@contextmanager
def lhm_server(tls: ssl.SSLContext | None = None, **options: object) -> Iterator[FakeLhm]:
    """A running server, with `tls` behind a proxy as it were; its answers may be changed at any time."""
    fake = FakeLhm(**options)  # type: ignore[arg-type]
    handler = type("Handler", (_Handler,), {"fake": fake})
    server = _Server(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    fake.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}/data.json"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        if fake.pause is not None:
            fake.pause.set()
        server.shutdown()
        server.server_close()
        thread.join()
