"""Which handler answers a request, and whether it may be asked at all."""

import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from wattwatch.errors import StoreError, WattwatchError
from wattwatch.web.http import Peer, Problem, Request, Response, Route, ServerStopping, Stream
from wattwatch.web.wire import problem_response

logger = logging.getLogger(__name__)

_READS: Final = frozenset({"GET", "HEAD"})
_BEARER: Final = "bearer "


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may ask what: all over the Unix socket, whose file mode decides; over TCP by bearer token."""

    token_file: Path | None = None
    socket_path: Path | None = None

    def check(self, request: Request) -> None:
        """Problem 401 or 403 for a request that is not allowed."""
        if request.over_socket:
            return
        if request.path == "/v1" or request.path.startswith("/v1/"):
            self._check_token(request.headers.get("authorization", ""))
        if request.method not in _READS:
            raise Problem(HTTPStatus.FORBIDDEN, f"writes are taken on the Unix socket only: {self._socket}")

    @property
    def _socket(self) -> str:
        return str(self.socket_path) if self.socket_path else "[server] socket"

    def _check_token(self, authorization: str) -> None:
        if self.token_file is None:
            cause = f"/v1 over TCP needs a token: set [server] token_file, or use the socket {self._socket}"
            raise Problem(HTTPStatus.FORBIDDEN, cause)
        # Read at every request: a mounted secret is replaced without our being told.
        expected = read_token(self.token_file)
        is_bearer = authorization.lower().startswith(_BEARER)
        given = authorization[len(_BEARER) :].strip() if is_bearer else ""
        # Header bytes were read as ISO 8859-1; these are again those that were sent.
        if not hmac.compare_digest(given.encode("iso-8859-1", "replace"), expected.encode()):
            cause = "send `Authorization: Bearer TOKEN` with the token of [server] token_file"
            raise Problem(HTTPStatus.UNAUTHORIZED, cause)


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


class Dispatcher:
    """Routes, behind a guard. Whatever a handler does, there is an answer."""

    def __init__(self, routes: Sequence[Route], guard: Guard) -> None:
        self._routes = [(route, route.path.split("/")) for route in routes]
        self._guard = guard

    def answer(self, request: Request) -> Response | Stream:
        """The handler's answer; problem JSON where there is none."""
        try:
            self._guard.check(request)
            route, path_values = self._find(request)
            return route.handler(replace(request, path_values=path_values))
        except Problem as problem:
            return _problem(problem)
        except WattwatchError as error:  # its text is one line for the user
            logger.warning("%s %s: %s", request.method, request.path, error)
            return problem_response(_status_of(error), str(error))
        except Exception:  # the service runner: one broken handler must not end the measuring
            logger.exception("%s %s failed", request.method, request.path)
            return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of ours: see the daemon's log")

    def serve(self, stream: Stream, peer: Peer) -> bool:
        """Run a stream to its end; False if it broke off, for whichever reason."""
        try:
            stream.serve(peer)
        except (OSError, ServerStopping):
            return False
        except Exception:  # the service runner, as above
            logger.exception("a stream failed")
            return False
        return True

    def _find(self, request: Request) -> tuple[Route, dict[str, str]]:
        method = "GET" if request.method == "HEAD" else request.method
        parts = request.path.split("/")
        allowed = []
        for route, pattern in self._routes:
            values = _match(pattern, parts)
            if values is not None and route.method == method:
                return route, values
            if values is not None:
                allowed.append(route.method)
        if allowed:
            raise _NotAllowedError(sorted({*allowed, *(["HEAD"] if "GET" in allowed else [])}))
        raise Problem(HTTPStatus.NOT_FOUND, f"there is nothing at {unquote(request.path)[:200]!r}")


def _status_of(error: WattwatchError) -> HTTPStatus:
    is_passing = isinstance(error, StoreError)
    return HTTPStatus.SERVICE_UNAVAILABLE if is_passing else HTTPStatus.INTERNAL_SERVER_ERROR


class _NotAllowedError(Problem):
    def __init__(self, methods: list[str]) -> None:
        self.allow = ", ".join(methods)
        super().__init__(HTTPStatus.METHOD_NOT_ALLOWED, f"this path takes {self.allow}")


def _problem(problem: Problem) -> Response:
    headers: tuple[tuple[str, str], ...] = ()
    if isinstance(problem, _NotAllowedError):
        headers = (("Allow", problem.allow),)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers = (("WWW-Authenticate", "Bearer"),)
    return problem_response(problem.status, problem.detail, headers)


def _match(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    """What the `{name}` parts stand for, decoded; None if the path is another."""
    if len(pattern) != len(parts):
        return None
    values = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{") and part:
            values[wanted[1:-1]] = unquote(part)
        elif wanted != part:
            return None
    return values
