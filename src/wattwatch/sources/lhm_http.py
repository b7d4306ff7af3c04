"""Fetching data.json: one GET of one path, and what to do when it fails."""

import base64
import contextlib
import http.client
import socket
import ssl
import time
import zlib
from http import HTTPStatus
from pathlib import Path
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import SourceUnavailable
from wattwatch.reading import Instant, seconds_between
from wattwatch.sources.lhm_address import LhmAddress

_MOST_BYTES: Final = 4 * 2**20
_PIECE_BYTES: Final = 64 * 2**10
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_LONGEST_CAUSE: Final = 150
_RUN: Final = "is its web server on (Options → Remote Web Server → Run), and the port open in the firewall?"
_URL: Final = "set url to LibreHardwareMonitor's own http://host:8085/data.json"
# OverflowError: http.client, of a chunk larger than memory can be.
_FOREIGN: Final = (OSError, http.client.HTTPException, zlib.error, ValueError, OverflowError)


class LhmConnection:
    """One LibreHardwareMonitor. Each fetch connects anew; `close` ends one that is under way."""

    def __init__(self, address: LhmAddress, clock: Clock, user: str, password_file: Path | None) -> None:
        self._address = address
        self._clock = clock
        self._user = user
        self._password_file = password_file
        self._socket: socket.socket | None = None

    def fetch(self, deadline_seconds: float) -> tuple[bytes, Instant]:
        """The document, and the instant midway of request and answer; SourceUnavailable."""
        headers = self._headers()
        connection = self._connection(deadline_seconds)
        ends = time.monotonic() + deadline_seconds
        try:
            connection.connect()
            self._socket = held = connection.sock  # http.client itself lets go of it early
            begun = self._clock.now()
            connection.request("GET", self._address.path, headers=headers)
            with connection.getresponse() as response:
                at = begun.plus(seconds_between(begun, self._clock.now()) / 2)
                self._check(response)
                return self._document(response, held, ends), at
        except _FOREIGN as error:
            raise self._failed(error, deadline_seconds) from error
        finally:
            self._socket = None
            connection.close()

    def close(self) -> None:
        """End a fetch that is under way; harmless at any time, from any thread."""
        if held := self._socket:
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    def _connection(self, deadline_seconds: float) -> http.client.HTTPConnection:
        place = self._address
        if place.encrypted:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                place.host, place.port, timeout=deadline_seconds, context=context
            )
        return http.client.HTTPConnection(place.host, place.port, timeout=deadline_seconds)

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "Connection": "close"}
        if self._user:
            credentials = f"{self._user}:{self._password()}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(credentials).decode()}"
        return headers

    def _password(self) -> str:
        if self._password_file is None:
            return ""
        try:
            return self._password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            cause = error.strerror if isinstance(error, OSError) else "it is no text"
            raise SourceUnavailable(f"password_file {self._password_file}: {cause}", "permission") from error

    def _check(self, response: http.client.HTTPResponse) -> None:
        status = response.status
        if status == HTTPStatus.OK:
            return
        if status == HTTPStatus.UNAUTHORIZED:
            raise self._unauthorized()
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise self._refusal(f"redirects elsewhere, which is never followed: {_URL}")
        raise self._refusal(f"answers with status {status} to {self._address.path}: {_URL}")

    def _unauthorized(self) -> SourceUnavailable:
        if self._user:
            cause = f"refuses user {self._user!r}: check user and password_file against its own settings"
        else:
            cause = "asks for a password: set user and password_file"
        return SourceUnavailable(f"{self._address} {cause}", "permission")

    def _refusal(self, cause: str) -> SourceUnavailable:
        return SourceUnavailable(f"{self._address} {cause}", "invalid")

    def _document(self, response: http.client.HTTPResponse, held: socket.socket, ends: float) -> bytes:
        """The body, unpacked; TimeoutError when it takes too long, ValueError when it is too large."""
        packed = response.getheader("Content-Encoding", "").lower() == "gzip"
        unpack = zlib.decompressobj(_GZIP_WINDOW) if packed else None
        body = bytearray()
        while piece := self._piece(response, held, ends):
            body += unpack.decompress(piece, _MOST_BYTES + 1) if unpack else piece
            if len(body) > _MOST_BYTES:
                raise ValueError(f"more than {_MOST_BYTES} bytes")
        if unpack and not unpack.eof:
            raise ValueError("the packed document is cut short")
        if body.lstrip()[:1] == b"<":
            raise self._refusal(f"answers with a web page instead of JSON: {_URL}")
        return bytes(body)

    def _piece(self, response: http.client.HTTPResponse, held: socket.socket, ends: float) -> bytes:
        left_seconds = ends - time.monotonic()
        if left_seconds <= 0:
            raise TimeoutError
        held.settimeout(left_seconds)
        return response.read1(_PIECE_BYTES)

    def _failed(self, error: Exception, deadline_seconds: float) -> SourceUnavailable:
        place = self._address
        match error:
            case ConnectionRefusedError():
                return SourceUnavailable(f"nothing listens on {place.host}:{place.port}: {_RUN}", "absent")
            case TimeoutError():
                cause = (
                    f"no whole answer from {place.host}:{place.port} within {deadline_seconds:g} s: {_RUN}"
                )
                return SourceUnavailable(cause, "timeout")
            case socket.gaierror():
                return SourceUnavailable(f"unknown host {place.host!r}: check url", "absent")
        said = " ".join(str(error).split())[:_LONGEST_CAUSE] or type(error).__name__
        reason = "hangup" if isinstance(error, ConnectionError) else "garbage"
        return SourceUnavailable(f"talking to {place} failed: {said}", reason)
