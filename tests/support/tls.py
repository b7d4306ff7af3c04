"""Certificates made for a test, files of web.yml around them, and requests over TLS."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import trustme

from support.raw_http import Answer, answer, connected, request_bytes
from wattwatch.web.server import WebServer

PASSWORD = "correct horse"  # noqa: S105 - a test's
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
"""Of the lowest cost that there is: tests are about who gets in, not about how long it takes."""


class Pki:
    """An authority, and the files of it in a directory: server.pem, server.key, ca.pem, client.pem."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(str(directory / "ca.pem"))
        self.renew_server()
        self.client("client")

    def renew_server(self, authority: trustme.CA | None = None) -> None:
        """A new certificate and key of the server, in place of the old."""
        made = (authority or self.authority).issue_cert("localhost", "127.0.0.1")
        (self.directory / "server.pem").write_bytes(b"".join(p.bytes() for p in made.cert_chain_pems))
        (self.directory / "server.key").write_bytes(made.private_key_pem.bytes())

    def client(self, name: str, *names: str, authority: trustme.CA | None = None) -> Path:
        """A file with key and certificate of a client."""
        made = (authority or self.authority).issue_cert(*(names or (f"{name}.example.org",)))
        path = self.directory / f"{name}.pem"
        path.write_bytes(made.private_key_and_cert_chain_pem.bytes())
        return path

    def web_yml(self, *lines: str, tls: tuple[str, ...] = (), users: dict[str, str] | None = None) -> Path:
        """A web.yml with TLS by relative paths; more lines of `tls_server_config`, users, anything else."""
        path = self.directory / "web.yml"
        own = ["tls_server_config:", "  cert_file: server.pem", "  key_file: server.key"]
        own += [f"  {line}" for line in tls]
        own += ["basic_auth_users:", *(f"  {k}: {v}" for k, v in users.items())] if users else []
        path.write_text("\n".join([*own, *lines, ""]))
        return path

    def trusting(self, client: Path | None = None) -> ssl.SSLContext:
        """A client's context that trusts this authority."""
        context = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
        if client is not None:
            context.load_cert_chain(client)
        return context


MUTUAL = ("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: ca.pem")


@contextmanager
def connected_tls(server: WebServer, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with connected(server) as plain, context.wrap_socket(plain, server_hostname="localhost") as secure:
        yield secure


def ask_tls(
    server: WebServer, context: ssl.SSLContext, path: str = "/", headers: dict[str, str] | None = None
) -> Answer:
    """One request over TLS, on a connection of its own."""
    with connected_tls(server, context) as connection:
        connection.sendall(request_bytes("GET", path, headers))
        return answer(connection)
