"""Requests and responses as values: handlers are functions, the server only carries them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `path_values` holds what the route's `{name}` parts matched."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    path_values: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # lower-case names
    body: bytes = b""
    over_socket: bool = False  # the Unix socket; not every write is taken over TCP
    peer: str = ""  # address of the client, over TCP
    fields: tuple[tuple[str, str], ...] = ()  # of the query, also those that come twice


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class ServerStopping(Exception):  # noqa: N818 - a state, not a fault
    """This server is going down: it says nothing about the other side of a stream.

    Raised out of `Peer` so that a held run is not taken for one whose owner is lost; let it pass.
    """


class Peer(Protocol):
    """The other side of a stream."""

    def send_line(self, line: bytes) -> None:
        """Send one line; OSError if the other side is gone, ServerStopping if we are."""
        ...

    def wait_closed(self, seconds: float) -> bool:
        """Wait at most that long; True as soon as the other side has closed.

        Raises ServerStopping when it is this server that goes down.
        """
        ...


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer of JSON lines that stays open while `serve` runs; then the connection is closed."""

    serve: Callable[[Peer], None]


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """An answer of RFC 9457 problem JSON; `detail` is one line for the user."""

    def __init__(self, status: int, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


Handler = Callable[[Request], Response | Stream]


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path such as `/v1/runs/{run_id}/end`, and what answers it.

    Writes are taken over the Unix socket only, unless `is_remote`: then over TCP too, with the token.
    """

    method: str
    path: str
    handler: Handler
    is_remote: bool = False


def json_response(document: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(document, separators=(",", ":")).encode() + b"\n", "application/json", status)


def json_body(request: Request) -> dict[str, Any]:
    """The JSON object of a request's body, {} for an empty one; Problem 400 for anything else."""
    try:
        document = json.loads(request.body or b"{}")
    except ValueError as error:
        raise Problem(400, f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise Problem(400, "the body is nested too deep") from error
    if not isinstance(document, dict):
        raise Problem(400, "the body must be a JSON object")
    return document
