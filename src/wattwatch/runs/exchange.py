"""Events of runs as they go from one machine to another: written, and checked when they are read. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from wattwatch.errors import RunError
from wattwatch.reading import Instant
from wattwatch.runs.document_check import check_document, number
from wattwatch.runs.events import Event, EventKind, stamp_from_json
from wattwatch.runs.run import (
    RunState,
    Stamp,
    check_command,
    check_epoch,
    check_labels,
    check_name,
    check_phase,
    check_run_id,
    check_values,
)
from wattwatch.runs.several import NodePart

_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_TIME_CHARACTERS: Final = 10  # of a ULID
_BOOT_CHARACTERS: Final = 64
_BOOT_ID: Final = re.compile(rf"[A-Za-z0-9._-]{{1,{_BOOT_CHARACTERS}}}")
_MOST_BOOT_SECONDS: Final = 1e11
_LATEST_UTC_SECONDS: Final = 253_402_300_799.0  # the last second of the year 9999
_MOST_OUTER: Final = 100
_SECRETS: Final = {"token_hash": "", "keeper": ""}
_WRONG: Final = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


def event_document(event: Event) -> dict[str, Any]:
    """An event as JSON, without what is of this machine only: the owner's token, the measuring process."""
    secrets = _SECRETS if event.kind is EventKind.RUN_OPENED else {}
    return {
        "event_id": event.event_id,
        "run_id": event.run_id,
        "kind": event.kind.value,
        "boot_id": event.stamp.at.boot_id,
        "boot_seconds": event.stamp.at.boot_seconds,
        "utc_seconds": event.stamp.utc_seconds,
        "data": {**event.data, **secrets},
    }


def checked_event(document: Any) -> Event:
    """The event that `event_document` wrote; RunError says what of it cannot be."""
    try:
        if not _ULID.fullmatch(document["event_id"]):
            raise RunError("event_id: expected a ULID, 26 letters and digits")
        run_id = check_run_id(document["run_id"])
        kind = EventKind(document["kind"])
        data = dict(document["data"])
        _CHECKS[kind](data)
        if kind is EventKind.RUN_OPENED:
            data |= _SECRETS
        json.dumps(data, allow_nan=False)  # what it does not know must be JSON, too
        if kind is EventKind.RESULT and data["run_id"] != run_id:
            raise RunError("the result is of another run")
        return Event(document["event_id"], run_id, kind, _stamp(document), data)
    except _WRONG as error:
        raise RunError(f"not an event of a run: {type(error).__name__}: {error}") from error


def provisional_result(events: list[Event], document: Mapping[str, Any]) -> Event:
    """The result as it is now, of a run that has none in the ledger yet.

    Its id follows from what it says: the same export gives the same event. It is later than every event that
    there is, and earlier than the final result that will come.
    """
    last = max(events, key=lambda event: event.event_id)
    digest = sha256(repr(sorted(document.items())).encode()).hexdigest().upper()
    event_id = f"{last.event_id[:_TIME_CHARACTERS]}ZZ{digest}"[: len(last.event_id)]
    return Event(event_id, last.run_id, EventKind.RESULT, last.stamp, dict(document))


def _stamp(document: Mapping[str, Any]) -> Stamp:
    boot_id = document["boot_id"]
    if not _BOOT_ID.fullmatch(boot_id):
        raise RunError(f"boot_id: 1 to {_BOOT_CHARACTERS} letters, digits, '.', '_', '-'")
    boot_seconds = number(document["boot_seconds"], 0.0, _MOST_BOOT_SECONDS)
    utc_seconds = number(document["utc_seconds"], -_LATEST_UTC_SECONDS, _LATEST_UTC_SECONDS)
    return Stamp(Instant(boot_id, round(boot_seconds, 6)), utc_seconds)


def _nothing(data: Mapping[str, Any]) -> None:
    del data


def _opened(data: Mapping[str, Any]) -> None:
    for key in ("node", "name", "experiment"):
        check_name(key, data[key])
    check_phase(data["phase"])
    check_command(data["command"])
    check_labels(data.get("labels", {}))
    _flag(data["hold"])
    _flag(data.get("armed", False))


def _window_opened(data: Mapping[str, Any]) -> None:
    check_run_id(data["window_id"])
    check_name("node", data["node"])
    check_name("step", data.get("step", ""))
    check_phase(data["phase"])
    check_run_id(data.get("opening", data["window_id"]))
    _whole(data.get("attempt", 0))
    outer = list(data.get("outer", ()))
    if len(outer) > _MOST_OUTER:
        raise RunError(f"outer: at most {_MOST_OUTER} phases, one in the other")
    for phase, opening in outer:
        check_phase(phase)
        check_run_id(opening)


def _window_closed(data: Mapping[str, Any]) -> None:
    check_run_id(data["window_id"])


def _ended(data: Mapping[str, Any]) -> None:
    if RunState(data["state"]) is RunState.RUNNING:
        raise RunError("state: a run ends as succeeded, failed, cancelled or lost")
    if data.get("exit_status") is not None:
        _whole(data["exit_status"])
    if data.get("start"):
        _stamp(data["start"])
        stamp_from_json(data["start"])


def _epoch_opened(data: Mapping[str, Any]) -> None:
    check_run_id(data["epoch_id"])
    _whole(data["epoch"])
    check_epoch(data["epoch"])


def _epoch_closed(data: Mapping[str, Any]) -> None:
    check_run_id(data["epoch_id"])
    check_values(data["values"])


def _label(data: Mapping[str, Any]) -> None:
    value = data["value"]
    check_labels({data["key"]: "" if value is None else value})


def _part(data: Mapping[str, Any]) -> None:
    part = NodePart.from_json(data)
    if part.document is not None:
        check_document(part.document)


def _flag(value: Any) -> None:
    if not isinstance(value, bool):
        raise RunError(f"{value!r}: expected true or false"[:200])


def _whole(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RunError(f"{value!r}: expected a whole number"[:200])


_CHECKS: Final[Mapping[EventKind, Callable[[Mapping[str, Any]], None]]] = {
    EventKind.RUN_OPENED: _opened,
    EventKind.RUN_STARTED: _nothing,
    EventKind.WINDOW_OPENED: _window_opened,
    EventKind.WINDOW_CLOSED: _window_closed,
    EventKind.RUN_ENDED: _ended,
    EventKind.BOOT_SEEN: _nothing,
    EventKind.EPOCH_OPENED: _epoch_opened,
    EventKind.EPOCH_CLOSED: _epoch_closed,
    EventKind.LABEL: _label,
    EventKind.RESULT: check_document,
    EventKind.PART: _part,
    EventKind.DELETED: _nothing,
}
