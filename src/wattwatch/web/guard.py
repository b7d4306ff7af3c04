"""Who may ask what: everything over the Unix socket, whose file mode decides; over TCP by credentials.

`basic_auth_users` of web.yml closes everything on TCP, `/-/healthy` included, as in the exporter-toolkit.
Everything under `/v1` needs the bearer token of `[server] token_file`; who has it may also open and mark
runs, so that a run can be measured on several nodes. A request has one Authorization
header, so both cannot be sent at once. The token is the stronger credential (it opens the readings and
runs): a request that carries it needs no password. A password opens the page and `/metrics`; with it alone
`/v1` answers 403 and names the key.

Wrong passwords and tokens are limited for each address (IPv6: each /64), before anything is compared, so
that guessing is slow even where the right answer would be cheap; an address that has used up its tries is
answered 429 until one is refilled, whatever it sends.
"""

import base64
import binascii
import hmac
import ipaddress
import logging
import math
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wattwatch.web.buckets import TokenBuckets
from wattwatch.web.http import Problem, Request, Route
from wattwatch.web.security import WebSecurity

if TYPE_CHECKING:
    from wattwatch.web.passwords import Passwords

logger = logging.getLogger(__name__)

_READS: Final = frozenset({"GET", "HEAD"})
_FAILED_LOGINS: Final = 10
_REFILL_SECONDS: Final = 1.0
_IPV6_PREFIX: Final = 64
_BUSY_SECONDS: Final = 5
_BEARER: Final = (("WWW-Authenticate", "Bearer"),)
_BASIC: Final = (("WWW-Authenticate", 'Basic realm="wattwatch", charset="UTF-8"'),)


class Guard:
    """Lets a request through, or raises the Problem that answers it. `now` is a monotonic clock."""

    def __init__(
        self,
        token_file: Path | None = None,
        socket_path: Path | None = None,
        security: WebSecurity | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token_file = token_file
        self._socket = str(socket_path) if socket_path else "[server] socket"
        self._security = security
        self._failures = TokenBuckets(_FAILED_LOGINS, _REFILL_SECONDS, now)

    def check(self, request: Request) -> None:
        """Problem 401, 403 or 429 for a request that is not allowed."""
        if request.over_socket:
            return
        passwords = self._limited_passwords()
        if request.path == "/v1" or request.path.startswith("/v1/"):
            self._check_token(request, passwords)
            return
        if passwords is not None and not self._has_token(request):
            self._check_password(request, passwords)

    def check_write(self, request: Request, route: Route) -> None:
        """Problem 403 for a write over TCP that is not one of a run's course."""
        if request.method in _READS or request.over_socket or route.is_remote:
            return
        raise Problem(HTTPStatus.FORBIDDEN, f"taken on the Unix socket only: {self._socket}")

    def headers(self, request: Request) -> tuple[tuple[str, str], ...]:
        """The headers that web.yml adds to an answer."""
        if request.over_socket or self._security is None:
            return ()
        return self._security.current().headers

    def _limited_passwords(self) -> "Passwords | None":
        """The passwords in force, once `rate_limit` has let the request through."""
        if self._security is None:
            return None
        secured = self._security.current()
        if secured.requests is not None and (wait_seconds := secured.requests.take("")):
            raise _too_many("too many requests", wait_seconds)
        return secured.passwords

    def _check_token(self, request: Request, passwords: "Passwords | None") -> None:
        if self._has_token(request):
            return
        if passwords is not None:
            self._check_password(request, passwords, _BEARER)
        if self._token_file is None:
            cause = f"/v1 over TCP needs a token: set [server] token_file, or use the socket {self._socket}"
            raise Problem(HTTPStatus.FORBIDDEN, cause)
        read_token(self._token_file)  # says so if there is none
        cause = "send `Authorization: Bearer TOKEN` with the token of [server] token_file"
        if passwords is not None:
            raise Problem(HTTPStatus.FORBIDDEN, f"a password does not open /v1: {cause}")
        raise Problem(HTTPStatus.UNAUTHORIZED, cause, _BEARER)

    def _has_token(self, request: Request) -> bool:
        given = _credential(request, "bearer")
        if self._token_file is None or not given:
            return False
        # Read at every request: a mounted secret is replaced without our being told.
        expected = read_token(self._token_file).encode()
        # Header bytes were read as ISO 8859-1; these are again those that were sent.
        sent = given.encode("iso-8859-1", "replace")
        return self._attempt(request, lambda: hmac.compare_digest(sent, expected))

    def _check_password(
        self, request: Request, passwords: "Passwords", challenge: tuple[tuple[str, str], ...] = _BASIC
    ) -> None:
        given = _credential(request, "basic")
        if given and self._attempt(request, lambda: _is_good(passwords, given)):
            return
        cause = "send a user and password of basic_auth_users in [server] web_config"
        raise Problem(HTTPStatus.UNAUTHORIZED, cause, challenge)

    def _attempt(self, request: Request, is_good: Callable[[], bool]) -> bool:
        """Whether a credential is good; the try is taken first, so that many at a time are limited too."""
        key = _address_key(request.peer)
        if wait_seconds := self._failures.take(key):
            raise _too_many("too many wrong passwords or tokens from this address", wait_seconds)
        good = is_good()
        if good:
            self._failures.give_back(key)
        return good


def _too_many(cause: str, wait_seconds: float) -> Problem:
    seconds = max(1, math.ceil(wait_seconds))
    headers = (("Retry-After", str(seconds)),)
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, f"{cause}: try again in {seconds} s", headers)


def _credential(request: Request, scheme: str) -> str:
    """What follows `Bearer` or `Basic`; empty if the header has another scheme, or is not there."""
    given, _, credential = request.headers.get("authorization", "").partition(" ")
    return credential.strip() if given.lower() == scheme else ""


def _is_good(passwords: "Passwords", given: str) -> bool:
    from wattwatch.web.passwords import TooBusy  # noqa: PLC0415 - there are passwords, so there is bcrypt

    try:
        name, colon, password = base64.b64decode(given, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    try:
        return bool(colon) and passwords.are_good(name.decode("utf-8", "replace"), password)
    except TooBusy as error:
        headers = (("Retry-After", str(_BUSY_SECONDS)),)
        cause = "too many passwords are being checked"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, cause, headers) from error


def _address_key(address: str) -> str:
    """One key for a customer's whole IPv6 network: within it addresses are free to choose."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped:  # a dual-stack socket shows IPv4 so
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))


def read_token(token_file: Path) -> str:
    """The token in a file; Problem 403 if there is none."""
    try:
        token = token_file.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        logger.warning("[server] token_file %s cannot be read: %s", token_file, error)
        raise Problem(HTTPStatus.FORBIDDEN, "the file of [server] token_file cannot be read") from error
    if not token:
        raise Problem(HTTPStatus.FORBIDDEN, "the file of [server] token_file is empty")
    return token
