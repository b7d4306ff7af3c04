"""Events of the ledger, and the fold that makes runs of them, whatever their order of arrival."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cmp_to_key
from typing import Any

from wattwatch.reading import Instant
from wattwatch.runs.run import Epoch, Run, RunState, Stamp, Window


class EventKind(StrEnum):
    """What happened to a run."""

    RUN_OPENED = "run_opened"
    RUN_STARTED = "run_started"  # the exact start edge, later than the opening
    WINDOW_OPENED = "window_opened"
    WINDOW_CLOSED = "window_closed"
    RUN_ENDED = "run_ended"
    BOOT_SEEN = "boot_seen"  # the node is measured again after a reboot
    EPOCH_OPENED = "epoch_opened"  # closes the former
    EPOCH_CLOSED = "epoch_closed"
    LABEL = "label"
    RESULT = "result"
    PART = "part"  # what another node of the run measured
    DELETED = "deleted"  # hides the run; the log only grows


@dataclass(frozen=True, slots=True)
class Event:
    """One fact of a run. `event_id` is a ULID: the same id is the same event."""

    event_id: str
    run_id: str
    kind: EventKind
    stamp: Stamp
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LedgerState:
    """Every run that was opened, by id."""

    runs: Mapping[str, Run]


def replay(events: Iterable[Event]) -> LedgerState:
    """The ledger that these events tell: duplicates and order of arrival change nothing.

    Of events that contradict each other (two ends of one run) the one made first counts; of labels and
    results the last. Events of a run whose opening is not among them are left out.
    """
    by_run: dict[str, dict[str, Event]] = defaultdict(dict)
    for event in events:
        by_run[event.run_id][event.event_id] = event
    runs = (fold_run(list(of_run.values())) for of_run in by_run.values())
    return LedgerState({run.run_id: run for run in sorted(filter(None, runs), key=lambda run: run.run_id)})


def fold_run(events: list[Event]) -> Run | None:
    """The run of its events; None without its opening."""
    ordered = sorted(events, key=lambda event: event.event_id)
    opened = _first(ordered, EventKind.RUN_OPENED)
    if opened is None:
        return None
    marked = _first(ordered, EventKind.RUN_STARTED)
    ended = _first(ordered, EventKind.RUN_ENDED)
    result = _last(ordered, EventKind.RESULT)
    start = _start(opened, marked, ended)
    end = None if ended is None else _later(ended.stamp, start)
    data = opened.data
    return Run(
        run_id=opened.run_id,
        node=data["node"],
        name=data["name"],
        experiment=data["experiment"],
        phase=data["phase"],
        command=data["command"],
        labels=_labels(opened, ordered),
        start=start,
        armed=data.get("armed", False) and marked is None and ended is None,
        end=end,
        state=RunState.RUNNING if ended is None else RunState(ended.data["state"]),
        exit_status=None if ended is None else ended.data.get("exit_status"),
        hold=data["hold"],
        token_hash=data["token_hash"],
        keeper=data.get("keeper", ""),
        windows=_windows(ordered, start, end),
        epochs=_epochs(ordered, start, end),
        boots=tuple(_boots(ordered)),
        last_event=max((event.stamp for event in ordered), key=in_time_order),
        final_at=None if result is None else result.stamp,
        deleted=_first(ordered, EventKind.DELETED) is not None,
    )


def _start(opened: Event, marked: Event | None, ended: Event | None) -> Stamp:
    """The opening edge: as opened, or later if whoever opened it said so afterwards."""
    if marked is not None:
        return _later(opened.stamp, marked.stamp)
    if ended is not None and ended.data.get("start"):
        return _later(opened.stamp, stamp_from_json(ended.data["start"]))
    return opened.stamp


def _windows(ordered: list[Event], start: Stamp, end: Stamp | None) -> tuple[Window, ...]:
    opened: dict[str, Event] = {}
    closed: dict[str, Event] = {}
    for event in ordered:
        if event.kind is EventKind.WINDOW_OPENED:
            opened.setdefault(event.data["window_id"], event)
        elif event.kind is EventKind.WINDOW_CLOSED:
            closed.setdefault(event.data["window_id"], event)
    windows = [_clipped(_window(event, closed.get(key)), start, end) for key, event in opened.items()]
    return tuple(sorted(windows, key=lambda window: in_time_order(window.start)))


def _window(opened: Event, closed: Event | None) -> Window:
    data = opened.data
    return Window(
        window_id=data["window_id"],
        run_id=opened.run_id,
        node=data["node"],
        step=data.get("step", ""),
        phase=data["phase"],
        attempt=data.get("attempt", 0),
        start=opened.stamp,
        end=None if closed is None else closed.stamp,
        opening=data.get("opening", data["window_id"]),
        outer=tuple((phase, opening) for phase, opening in data.get("outer", ())),
    )


def _clipped(window: Window, start: Stamp, end: Stamp | None) -> Window:
    """The window within its run; one that lies outside is empty."""
    opening = _later(window.start, start)
    closing = window.end
    if end is not None:
        opening = _earlier(opening, end)
        closing = end if closing is None else _earlier(closing, end)
    return replace(window, start=opening, end=None if closing is None else _later(closing, opening))


def _epochs(ordered: list[Event], start: Stamp, end: Stamp | None) -> tuple[Epoch, ...]:
    """Epochs within their run; each ends where it was closed, at the latest where the next begins."""
    opened: dict[str, Event] = {}
    closed: dict[str, Event] = {}
    for event in ordered:
        if event.kind is EventKind.EPOCH_OPENED:
            opened.setdefault(event.data["epoch_id"], event)
        elif event.kind is EventKind.EPOCH_CLOSED:
            closed.setdefault(event.data["epoch_id"], event)
    marks = sorted(opened.values(), key=lambda event: in_time_order(event.stamp))
    bounds = [*(later.stamp for later in marks[1:]), end]
    return tuple(
        _epoch(mark, closed.get(mark.data["epoch_id"]), (start, bound, end))
        for mark, bound in zip(marks, bounds, strict=False)
    )


def _epoch(opened: Event, closed: Event | None, within: tuple[Stamp, Stamp | None, Stamp | None]) -> Epoch:
    """The epoch from the start of its run on, at most to the next one, and to the end of its run."""
    start, bound, end = within
    opening = _later(opened.stamp, start)
    opening = opening if end is None else _earlier(opening, end)
    closing = None if closed is None else closed.stamp
    for limit in (bound, end):
        if limit is not None:
            closing = limit if closing is None else _earlier(closing, limit)
    return Epoch(
        epoch_id=opened.data["epoch_id"],
        epoch=opened.data["epoch"],
        start=opening,
        end=None if closing is None else _later(closing, opening),
        values={} if closed is None else closed.data["values"],
    )


def _boots(ordered: list[Event]) -> Iterable[Stamp]:
    seen = set()
    for event in ordered:
        if event.kind is EventKind.BOOT_SEEN and event.stamp.at.boot_id not in seen:
            seen.add(event.stamp.at.boot_id)
            yield event.stamp


def _labels(opened: Event, ordered: list[Event]) -> dict[str, str]:
    labels = dict(opened.data.get("labels", {}))
    for event in ordered:
        if event.kind is EventKind.LABEL:
            labels[event.data["key"]] = event.data["value"]
    return {key: value for key, value in labels.items() if value is not None}  # None: removed


@cmp_to_key
def in_time_order(one: Stamp, other: Stamp) -> int:
    """A sort key for stamps: -1, 0 or 1 as one is earlier, neither, or later."""
    return other.is_before(one) - one.is_before(other)


def _first(ordered: list[Event], kind: EventKind) -> Event | None:
    return next((event for event in ordered if event.kind is kind), None)


def _last(ordered: list[Event], kind: EventKind) -> Event | None:
    return next((event for event in reversed(ordered) if event.kind is kind), None)


def _later(one: Stamp, other: Stamp) -> Stamp:
    return other if one.is_before(other) else one


def _earlier(one: Stamp, other: Stamp) -> Stamp:
    return other if other.is_before(one) else one


def stamp_to_json(stamp: Stamp) -> dict[str, Any]:
    """A stamp as JSON."""
    return {
        "boot_id": stamp.at.boot_id,
        "boot_seconds": stamp.at.boot_seconds,
        "utc_seconds": stamp.utc_seconds,
    }


def stamp_from_json(document: Mapping[str, Any]) -> Stamp:
    """The stamp that `stamp_to_json` wrote."""
    return Stamp(Instant(document["boot_id"], document["boot_seconds"]), document["utc_seconds"])
