"""Which handler answers a request, and whether it may be asked at all."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import unquote

from wattwatch.errors import StoreError, WattwatchError
from wattwatch.web.guard import Guard
from wattwatch.web.http import Peer, Problem, Request, Response, Route, ServerStopping, Stream
from wattwatch.web.wire import problem_response

logger = logging.getLogger(__name__)


class Dispatcher:
    """Routes, behind a guard. Whatever a handler does, there is an answer."""

    def __init__(self, routes: Sequence[Route], guard: Guard) -> None:
        self._routes = [(route, route.path.split("/")) for route in routes]
        self._guard = guard

    def answer(self, request: Request) -> Response | Stream:
        """The handler's answer, problem JSON where there is none; with the headers that web.yml adds."""
        answer = self._answer(request)
        added = self._guard.headers(request)
        if not added or isinstance(answer, Stream):
            return answer
        own = {name.lower() for name, _ in answer.headers}  # what a handler says itself stands
        added = tuple((name, value) for name, value in added if name.lower() not in own)
        return replace(answer, headers=(*answer.headers, *added))

    def _answer(self, request: Request) -> Response | Stream:
        try:
            self._guard.check(request)
            route, path_values = self._find(request)
            self._guard.check_write(request, route)
            return route.handler(replace(request, path_values=path_values))
        except Problem as problem:
            return problem_response(problem.status, problem.detail, problem.headers)
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
            methods = ", ".join(sorted({*allowed, *(["HEAD"] if "GET" in allowed else [])}))
            cause = f"this path takes {methods}"
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, cause, (("Allow", methods),))
        raise Problem(HTTPStatus.NOT_FOUND, f"there is nothing at {unquote(request.path)[:200]!r}")


def _status_of(error: WattwatchError) -> HTTPStatus:
    is_passing = isinstance(error, StoreError)
    return HTTPStatus.SERVICE_UNAVAILABLE if is_passing else HTTPStatus.INTERNAL_SERVER_ERROR


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
