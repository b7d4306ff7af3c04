"""Our HTTP client: a daemon over its Unix socket, TCP or TLS, answers in JSON, failures in one line."""

import http.client
import json
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from wattwatch.errors import ClientError
from wattwatch.reading import Instant

SOCKET_NAME: Final = "wattwatch.sock"
SYSTEM_SOCKET: Final = Path("/run/wattwatch") / SOCKET_NAME
LONGEST_SOCKET_BYTES: Final = 107  # unix(7): 108 with the ending zero
_UNIX: Final = "unix:"
_DEFAULT_PORT: Final = 9816
_PIECE_BYTES: Final = 64 * 1024
# ValueError and OverflowError: http.client, of lengths that are none or larger than memory can be.
_FOREIGN: Final = (OSError, http.client.HTTPException, ValueError, OverflowError)
_LONGEST_CAUSE: Final = 200
_LONGEST_DETAIL: Final = 800
_JOIN_GROUP: Final = "sudo usermod -aG wattwatch $USER, then log in again"
_START: Final = "start it with `wattwatch daemon` or `sudo systemctl start wattwatch`"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A document and the two instants between which the other side made it."""

    document: Any
    sent_at: Instant
    received_at: Instant


class Client:
    """Requests to one daemon, a connection each.

    `base` is `unix:/path/to.sock`, `http://host:port` or `https://host:port`, whose certificate is checked
    against `ca_file`, else against the system's. `deadline_seconds` bounds the connecting and every wait
    for the next piece of an answer. All methods raise ClientError.
    """

    def __init__(
        self, base: str, token: str = "", deadline_seconds: float = 10.0, ca_file: Path | None = None
    ) -> None:
        self.base = base
        self._token = token
        self._deadline_seconds = deadline_seconds
        self._place = _place(base, ca_file)

    def get_json(self, path: str) -> Any:
        """The JSON document at a path such as `/v1/sources`."""
        return _document(self._exchange("GET", path), path)

    def exchange_json(self, path: str, now: Callable[[], Instant]) -> Exchange:
        """The JSON document at a path, with the instants of the request and of the answer's arrival."""
        sent_at = now()
        body = self._exchange("GET", path)
        received_at = now()
        return Exchange(_document(body, path), sent_at, received_at)

    def get_text(self, path: str) -> str:
        """The body at a path, as text."""
        return self._exchange("GET", path).decode("utf-8", "replace")

    def post_json(self, path: str, document: Any) -> Any:
        """The JSON answer to a JSON document; over TCP, writes need the token."""
        return _document(self._exchange("POST", path, json.dumps(document).encode()), path)

    def stream(self, path: str, document: Any) -> "LineStream":
        """The JSON lines that answer a document, as they come; close it, or leave its `with`, to end."""
        connection, response = self._open("POST", path, json.dumps(document).encode())
        try:
            _check(response)
        except BaseException:
            connection.close()
            raise
        return LineStream(connection.held_socket, response)

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> bytes:
        connection, response = self._open(method, path, body)
        try:
            return _check(response) or response.read()
        except _FOREIGN as error:
            raise self._broken(error) from error
        finally:
            response.close()
            connection.close()

    def _open(
        self, method: str, path: str, body: bytes | None
    ) -> tuple["_Connection", http.client.HTTPResponse]:
        connection = _Connection(self._place, self._deadline_seconds)
        headers: dict[str, str | bytes] = {"Accept": "*/*", "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}".encode()
        try:
            connection.request(method, path, body, headers)
            return connection, connection.getresponse()
        except _FOREIGN as error:
            connection.close()
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> ClientError:
        return ClientError(_cause(self._place, error, self._deadline_seconds))


class LineStream:
    """JSON lines of an answer that stays open; iteration ends when the daemon ends it in good order.

    A connection that breaks raises ClientError out of the iteration. `close` may be called from any
    thread, and ends an iteration that is waiting.
    """

    def __init__(self, held_socket: socket.socket, response: http.client.HTTPResponse) -> None:
        self._socket = held_socket
        self._response = response
        self._closed = False
        held_socket.settimeout(None)  # lines come when there is something to say

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        unfinished = b""
        while piece := self._piece():
            *lines, unfinished = (unfinished + piece).split(b"\n")
            yield from (_document(line, "the stream") for line in lines)

    def _piece(self) -> bytes:
        """What has come, empty at the end. (`readline` of http.client takes a broken chunk for the end.)"""
        try:
            return b"" if self._closed else self._response.read1(_PIECE_BYTES)
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
            # ValueError and AttributeError: http.client, when the file is closed under it by close().
            if self._closed:
                return b""
            raise ClientError("the daemon broke off the stream: it was stopped or killed") from error

    def close(self) -> None:
        """Tell the daemon that we are gone; harmless when called twice."""
        self._closed = True
        try:
            # Also wakes a reader in another thread; not SSLSocket's, which would let it go on in plain text.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:
            return  # gone already
        finally:
            self._socket.close()


class _Connection(http.client.HTTPConnection):
    """HTTP over TCP or a Unix socket; keeps hold of the socket, which http.client lets go of early."""

    def __init__(self, place: "_Place", deadline_seconds: float) -> None:
        super().__init__(place.host or "localhost", place.port, timeout=deadline_seconds)
        self._place = place
        self.held_socket: socket.socket

    def connect(self) -> None:
        """Connect, by path if there is one."""
        if self._place.path is None:
            super().connect()
            if self._place.tls is not None:
                self.sock = self._place.tls.wrap_socket(self.sock, server_hostname=self._place.host)
        else:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(str(self._place.path))
        self.held_socket = self.sock


class _Place:
    """Where a daemon is: a socket's path, or host and port, by TLS if `tls` is given."""

    def __init__(
        self,
        path: Path | None,
        host: str = "",
        port: int = _DEFAULT_PORT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.path = path
        self.host = host
        self.port = port
        self.tls = tls

    def __str__(self) -> str:
        return str(self.path) if self.path else f"{self.host}:{self.port}"


def _place(base: str, ca_file: Path | None) -> _Place:
    if base.startswith(_UNIX):
        return _Place(Path(base.removeprefix(_UNIX)))
    try:
        parts = urlsplit(base)
        port = parts.port or _DEFAULT_PORT
    except ValueError as error:
        raise ClientError(f"{base!r} is not an address: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ClientError(
            f"{base!r} is not an address: expected unix:/path/to.sock, http://host:port or https://host:port"
        )
    return _Place(None, parts.hostname, port, _tls(ca_file) if parts.scheme == "https" else None)


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ClientError(f"{ca_file} cannot be used as a certificate authority: {error}") from error


def _check(response: http.client.HTTPResponse) -> bytes:
    """Nothing for a good answer; ClientError with the problem's own words for another."""
    if response.status < http.client.BAD_REQUEST:
        return b""
    detail = response.reason
    try:
        problem = json.loads(response.read())
        detail = str(problem["detail"])
    except (*_FOREIGN, KeyError, TypeError, RecursionError):
        detail = detail or "no reason given"  # not from us: the status must do
    raise ClientError(" ".join(detail.split())[:_LONGEST_DETAIL] or "no reason given", response.status)


def _document(body: bytes, path: str) -> Any:
    """The JSON of an answer to `path`; ClientError for anything else."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ClientError(f"the answer to {path} is not JSON: is it a wattwatch daemon?") from error


def _cause(place: _Place, error: Exception, deadline_seconds: float) -> str:
    """One line: what failed, and what to do next."""
    match error:
        case FileNotFoundError():
            return f"no daemon at {place}: {_START}"
        case PermissionError():
            return f"permission denied on {place}: {_JOIN_GROUP}"
        case ConnectionRefusedError():
            return _refused(place)
        case TimeoutError():
            return f"no answer from {place} within {deadline_seconds:g} s: is that daemon stuck?"
    return _rare_cause(place, error)


def _rare_cause(place: _Place, error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return f"unknown host {place.host!r}: check the name"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {place} is not trusted ({error.verify_message}): name its CA in ca_file"
    said = " ".join(str(error).split())[:_LONGEST_CAUSE] or type(error).__name__
    return f"talking to {place} failed: {said}; is it a wattwatch daemon?"


def _refused(place: _Place) -> str:
    if place.path:
        return f"no daemon answers at {place}, its last one has ended: {_START}, or remove the file"
    return f"nothing listens on {place}: {_START}, or check [server] listen there"


def xdg_state_directory(environment: Mapping[str, str]) -> Path:
    """The user's own state directory, `<XDG state>/wattwatch`; without a home one below /tmp."""
    if base := environment.get("XDG_STATE_HOME"):
        return Path(base) / "wattwatch"
    if home := environment.get("HOME"):
        return Path(home) / ".local" / "state" / "wattwatch"
    return Path(tempfile.gettempdir()) / f"wattwatch-{os.getuid()}"


def user_socket(environment: Mapping[str, str]) -> Path:
    """The socket of a user's own daemon: below $XDG_RUNTIME_DIR, without one in the state directory."""
    if base := environment.get("XDG_RUNTIME_DIR"):
        return Path(base) / "wattwatch" / SOCKET_NAME
    return xdg_state_directory(environment) / SOCKET_NAME


def find_socket(
    environment: Mapping[str, str], explicit: Path | None = None, system: Path = SYSTEM_SOCKET
) -> Path | None:
    """The socket of the daemon to talk to, None if there is none.

    Looked for: `explicit`, $WATTWATCH_SOCKET, the XDG runtime one, the XDG state one, /run/wattwatch/.
    The first two must work when given. Raises ClientError, with the fix, for one that is there but
    refuses: measuring something else instead would not be what was asked for.
    """
    wanted = explicit or (Path(named) if (named := environment.get("WATTWATCH_SOCKET")) else None)
    if wanted is not None:
        _knock(wanted)
        return wanted
    own = xdg_state_directory(environment) / SOCKET_NAME
    for candidate in dict.fromkeys((user_socket(environment), own, system)):
        try:
            _knock(candidate)
        except _NoSocketError:
            continue
        return candidate
    return None


class _NoSocketError(ClientError):
    """There is nothing at the path."""


def _knock(path: Path) -> None:
    """Connect and hang up: only that tells a socket that answers from one that refuses."""
    if len(os.fsencode(path)) > LONGEST_SOCKET_BYTES:  # none can be bound there
        raise _NoSocketError(_cause(_Place(path), FileNotFoundError(), 1.0))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _NoSocketError(_cause(_Place(path), FileNotFoundError(), 1.0)) from error
        except OSError as error:
            raise ClientError(_cause(_Place(path), error, 1.0)) from error
