"""Runs over HTTP: opened and held, marked with phases, ended, and read (DESIGN sections 4 and 6)."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from wattwatch.clock import rfc3339
from wattwatch.errors import RunError, StoreError
from wattwatch.reading import Instant
from wattwatch.runs.archive import MOST_POINTS
from wattwatch.runs.choice import RunChoice, labels_from_text
from wattwatch.runs.exchange import event_document
from wattwatch.runs.run import RunConflict, RunRequest, RunState, Stamp, UnknownRun
from wattwatch.runs.service import RunService
from wattwatch.web.http import (
    Handler,
    Peer,
    Problem,
    Request,
    Response,
    Route,
    Stream,
    json_body,
    json_response,
)

_HEARTBEAT_SECONDS: Final = 1.0
_MOST_LISTED: Final = 10_000
_MOST_BOOT_SECONDS: Final = 1e11
_EXIT_STATUSES: Final = 2**32


def run_routes(service: RunService) -> list[Route]:
    """Every route of runs, for the web server."""
    return [
        Route("GET", "/v1/runs", _told(lambda request: _list(service, request))),
        Route("POST", "/v1/runs", _told(lambda request: _open(service, request)), is_remote=True),
        Route("GET", "/v1/runs/{run_id}", _told(lambda request: _get(service, request))),
        Route("GET", "/v1/runs/{run_id}/phases", _told(lambda request: _phases(service, request))),
        Route("GET", "/v1/runs/{run_id}/events", _told(lambda request: _events(service, request))),
        Route("GET", "/v1/runs/{run_id}/curves", _told(lambda request: _curves(service, request))),
        Route("POST", "/v1/runs/{run_id}/start", _told(lambda r: _start(service, r)), is_remote=True),
        Route("POST", "/v1/runs/{run_id}/phases", _told(lambda r: _phase(service, r)), is_remote=True),
        Route("POST", "/v1/runs/{run_id}/epochs", _told(lambda r: _epoch(service, r)), is_remote=True),
        Route("POST", "/v1/runs/{run_id}/parts", _told(lambda r: _parts(service, r))),
        Route("POST", "/v1/runs/{run_id}/labels", _told(lambda r: _label(service, r))),
        Route("POST", "/v1/runs/{run_id}/delete", _told(lambda r: _delete(service, r))),
        Route("POST", "/v1/runs/{run_id}/end", _told(lambda r: _end(service, r)), is_remote=True),
    ]


def _told(handler: Handler) -> Handler:
    """The handler, with our errors told as problems."""

    def answer(request: Request) -> Response | Stream:
        with _problems():
            return handler(request)

    return answer


@contextmanager
def _problems() -> Iterator[None]:
    try:
        yield
    except UnknownRun as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error
    except RunConflict as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from error
    except RunError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, str(error)) from error
    except StoreError as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error


def _list(service: RunService, request: Request) -> Response:
    """The newest runs, of those that the query wants: `experiment=`, `name=`, `state=`, `label=k%3Dv` …"""
    choice = RunChoice(
        experiment=request.query.get("experiment", ""),
        name=request.query.get("name", ""),
        labels=labels_from_text(value for key, value in request.fields if key == "label"),
        state=request.query.get("state", ""),
        prefix=request.query.get("prefix", ""),
    )
    limit = _count(request, "limit", "100", _MOST_LISTED)
    return json_response({"runs": service.list(limit, choice.checked())})


def _count(request: Request, key: str, default: str, most: int) -> int:
    text = request.query.get(key, default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise Problem(HTTPStatus.BAD_REQUEST, f"{key}: a number from 1 to {most}")
    return int(text)


def _get(service: RunService, request: Request) -> Response:
    return json_response(service.get(_run_id(request)))


def _phases(service: RunService, request: Request) -> Response:
    """When the phases were: `phase` is null for untagged time, `ended_at` while one is open.

    `start` is the same instant as `started_at`, by the boot clock, which no change of the wall clock moves.
    """
    run_id = _run_id(request)
    windows = [
        {
            "window_id": window.window_id,
            "phase": window.phase or None,
            "started_at": rfc3339(started),
            "start": {"boot_id": window.start.at.boot_id, "boot_seconds": window.start.at.boot_seconds},
            "ended_at": None if ended is None else rfc3339(ended),
        }
        for window, started, ended in service.windows(run_id)
    ]
    gap_seconds = service.facts.timing.limit_seconds
    return json_response({"run_id": run_id, "gap_seconds": gap_seconds, "windows": windows})


def _events(service: RunService, request: Request) -> Response:
    """All that the ledger has of a run, without secrets: for an export."""
    run_id = _run_id(request)
    return json_response({"run_id": run_id, "events": [event_document(e) for e in service.events(run_id)]})


def _label(service: RunService, request: Request) -> Response:
    """`{"labels": {"lr": "0.1", "old": null}}` sets the one and removes the other."""
    run = service.label(_run_id(request), _labels(json_body(request), removable=True))
    return json_response({"run_id": run.run_id, "labels": dict(run.labels)})


def _delete(service: RunService, request: Request) -> Response:
    run_id = _run_id(request)
    service.delete(run_id)
    return json_response({"run_id": run_id, "deleted": True})


def _curves(service: RunService, request: Request) -> Response:
    """What is drawn of a run, in seconds from its start, in at most `points` points a curve."""
    run_id = _run_id(request)
    most_points = _count(request, "points", str(MOST_POINTS), MOST_POINTS)
    windows = service.windows(run_id)
    first = windows[0][1] if windows else 0.0
    bands = [
        {
            "phase": window.phase,
            "start_seconds": round(started - first, 6),
            "end_seconds": None if ended is None else round(ended - first, 6),
        }
        for window, started, ended in windows
        if window.phase
    ]
    series = [one.to_json() for one in service.curves(run_id, most_points)]
    return json_response({"run_id": run_id, "phases": bands, "series": series})


def _open(service: RunService, request: Request) -> Response | Stream:
    """Open a run; one whose id is known is told again, or with its owner's token held again."""
    body = json_body(request)
    wanted = RunRequest(
        run_id=_text(body, "run_id"),
        name=_text(body, "name"),
        experiment=_text(body, "experiment"),
        phase=_text(body, "phase"),
        command=_text(body, "command"),
        labels=_labels(body),
        hold=_flag(body, "hold"),
        armed=_flag(body, "armed"),
    )
    token = _text(body, "token")
    if token:
        return _held(service, wanted.run_id, service.resume(wanted.run_id, token), token)
    known = service.known(wanted.run_id) if wanted.run_id else None
    if known is not None and not wanted.hold and known.is_open:
        return json_response({"run_id": known.run_id, "state": known.state.value})
    opened = service.start(wanted, service.stamp(_instant(body, "at")))
    run_id = opened.run.run_id
    if wanted.hold:
        return _held(service, run_id, service.hold(run_id), opened.token)
    answer = {"run_id": run_id, "state": opened.run.state.value, "window_id": opened.window_id}
    return json_response(answer, HTTPStatus.CREATED)


def _held(service: RunService, run_id: str, ticket: int, token: str) -> Stream:
    """A stream for as long as the run goes on: its closing by the other side is the loss of the owner."""
    first = {"run_id": run_id, "token": token, "gap_seconds": service.facts.timing.limit_seconds}

    def serve(peer: Peer) -> None:
        # ServerStopping passes through: the run stays open, and its owner comes back with the token.
        try:
            peer.send_line(_line(first))
            while service.is_open(run_id):
                if peer.wait_closed(_HEARTBEAT_SECONDS):
                    break
                peer.send_line(_line({"run_id": run_id, "state": RunState.RUNNING.value}))
        except OSError:
            pass  # gone as well
        service.release(run_id, ticket)

    return Stream(serve)


def _start(service: RunService, request: Request) -> Response:
    run = service.mark_start(_run_id(request), _stamp(service, json_body(request), "at"))
    return json_response({"run_id": run.run_id, "started_at": rfc3339(run.start.utc_seconds)})


def _phase(service: RunService, request: Request) -> Response:
    """`{"phase": NAME}` opens, with `"nested": true` inside the open one; `{"close": true}` ends."""
    body, run_id = json_body(request), _run_id(request)
    at, window_id = _stamp(service, body, "at"), _text(body, "window_id")
    if _flag(body, "close"):
        following = service.close_phase(run_id, at, window_id)
        return json_response({"run_id": run_id, "window_id": following})
    phase = _text(body, "phase")
    if not phase:
        raise Problem(HTTPStatus.BAD_REQUEST, 'phase: a name such as "training", or "close": true')
    opened = service.open_phase(run_id, phase, at, nested=_flag(body, "nested"), window_id=window_id)
    answer = {"run_id": run_id, "window_id": opened, "phase": phase, "started_at": rfc3339(at.utc_seconds)}
    return json_response(answer, HTTPStatus.CREATED)


def _epoch(service: RunService, request: Request) -> Response:
    """`{"epoch": N}` opens and closes the former; with `"close": true` it ends, the open one without N."""
    body, run_id = json_body(request), _run_id(request)
    epoch, at = _whole(body, "epoch"), _stamp(service, body, "at")
    if _flag(body, "close"):
        figures = service.close_epoch(run_id, at, epoch, _numbers(body, "values"))
        return json_response({"run_id": run_id, **figures})
    if epoch is None:
        raise Problem(HTTPStatus.BAD_REQUEST, 'epoch: a whole number, or "close": true')
    opened = service.open_epoch(run_id, epoch, at)
    answer = {"run_id": run_id, "epoch": epoch, "started_at": rfc3339(opened.start.utc_seconds)}
    return json_response(answer, HTTPStatus.CREATED)


def _parts(service: RunService, request: Request) -> Response:
    """`{"parts": […]}`: what other nodes of the run measured, as whoever started it was told by them."""
    run_id = _run_id(request)
    service.add_parts(run_id, json_body(request).get("parts"))
    return json_response(service.get(run_id))


def _end(service: RunService, request: Request) -> Response:
    body = json_body(request)
    exit_status = body.get("exit_status")
    if exit_status is not None and not _is_exit_status(exit_status):
        raise Problem(HTTPStatus.BAD_REQUEST, "exit_status: a whole number of 32 bits")
    started = _instant(body, "started_at")
    run = service.end(
        _run_id(request),
        _state(body, exit_status),
        exit_status,
        _stamp(service, body, "at"),
        None if started is None else service.stamp(started),
    )
    return json_response({"run_id": run.run_id, "state": run.state.value})


def _state(body: Mapping[str, Any], exit_status: int | None) -> RunState:
    """The state given, or else that of the exit status."""
    text = _text(body, "state") or (RunState.FAILED if exit_status else RunState.SUCCEEDED)
    try:
        return RunState(text)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "state: succeeded, failed, cancelled or lost") from error


def _is_exit_status(value: Any) -> bool:
    """Whether it is what a process can end with; Windows has 32 bits of it."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return is_whole and -_EXIT_STATUSES <= value < _EXIT_STATUSES


def _run_id(request: Request) -> str:
    return request.path_values["run_id"]


def _stamp(service: RunService, body: Mapping[str, Any], key: str) -> Stamp:
    return service.stamp(_instant(body, key))


def _instant(body: Mapping[str, Any], key: str) -> Instant | float | None:
    """An instant as RFC 3339, or of the boot clock of this machine, which is exact; None if not given."""
    match body.get(key):
        case None:
            return None
        case {"boot_id": str(boot_id), "boot_seconds": int() | float() as seconds} if _is_time(seconds):
            return Instant(boot_id, round(float(seconds), 6))
        case str(text):
            return _utc_seconds(key, text)
    raise Problem(HTTPStatus.BAD_REQUEST, _allowed_instant(key))


def _utc_seconds(key: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, _allowed_instant(key)) from error
    if moment.tzinfo is None:
        raise Problem(HTTPStatus.BAD_REQUEST, _allowed_instant(key))
    return moment.timestamp()


def _is_time(seconds: float) -> bool:
    """Whether it can be a boot clock's: not negative, no NaN, no more than the ledger's integers hold."""
    return 0 <= seconds <= _MOST_BOOT_SECONDS


def _allowed_instant(key: str) -> str:
    return f'{key}: RFC 3339 with a zone, such as 2026-01-31T12:00:00.5Z, or {{"boot_id", "boot_seconds"}}'


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{key}: a string")
    if any("\ud800" <= character <= "\udfff" for character in value):  # JSON can escape half a character
        raise Problem(HTTPStatus.BAD_REQUEST, f"{key}: it holds half a character (a lone surrogate)")
    return value


def _flag(body: Mapping[str, Any], key: str) -> bool:
    value = body.get(key, False)
    if not isinstance(value, bool):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{key}: true or false")
    return value


def _whole(body: Mapping[str, Any], key: str) -> int | None:
    value = body.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{key}: a whole number")
    return value


def _numbers(body: Mapping[str, Any], key: str) -> dict[str, float | None]:
    values = body.get(key) or {}
    if not isinstance(values, dict) or not all(map(_is_number_or_null, values.values())):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{key}: an object of numbers, or null where there is none")
    return values


def _is_number_or_null(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _labels(body: Mapping[str, Any], *, removable: bool = False) -> dict[str, Any]:
    """The labels of a body; null, where that is allowed, is one to be removed."""
    labels = body.get("labels") or {}
    if not isinstance(labels, dict) or not all(
        isinstance(value, str) or (removable and value is None) for value in labels.values()
    ):
        raise Problem(HTTPStatus.BAD_REQUEST, "labels: an object of strings")
    return labels


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
