"""The ledger: an append-only log of what happened to runs, in a SQLite file of its own.

A run start, phase mark, end or result is on disk when the call returns. Several processes may append to
one file. A full disk loses nothing while the process lives: events are kept and written later.
"""

import json
import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from threading import RLock
from typing import Any, Final

from wattwatch.errors import StoreError
from wattwatch.reading import Instant
from wattwatch.runs.events import Event, EventKind, LedgerState, fold_run
from wattwatch.runs.run import Run, Stamp, UnknownRun
from wattwatch.runs.several import NodePart

logger = logging.getLogger("wattwatch.ledger")

NOT_LISTED: Final = ("phases", "epochs", "warnings")
"""What is long in a run's document, and left out where runs are listed."""

_VERSION: Final = 1
_BUSY_SECONDS: Final = 15.0
_OPEN_ATTEMPTS: Final = 50
_RETRY_SECONDS: Final = 0.05
_MICROSECONDS: Final = 1_000_000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    boot_microseconds INTEGER NOT NULL,
    utc_seconds REAL NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_run ON events (run_id, kind);
"""
_INSERT: Final = "INSERT OR IGNORE INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)"
# Results and parts are large and seldom wanted: the fold needs only to know that there is one.
_NEW_EVENTS: Final = """
SELECT event_id, run_id, kind, boot_id, boot_microseconds, utc_seconds,
       CASE WHEN kind IN ('result', 'part') THEN '{}' ELSE data END
FROM events WHERE seq > ? ORDER BY run_id, seq
"""
_EVENTS_OF_RUN: Final = """
SELECT event_id, run_id, kind, boot_id, boot_microseconds, utc_seconds,
       CASE WHEN kind IN ('result', 'part') THEN '{}' ELSE data END
FROM events WHERE run_id = ?
"""
_WHOLE_EVENTS: Final = """
SELECT event_id, run_id, kind, boot_id, boot_microseconds, utc_seconds, data FROM events WHERE run_id = ?
"""
# Of a row with max() SQLite takes the other columns as well: the last result of each run.
_SUMMARIES: Final = """
SELECT run_id, max(event_id),
       CASE json_valid(data) WHEN 1 THEN json_remove(data, '$.phases', '$.epochs', '$.warnings') ELSE data END
FROM events WHERE kind = 'result' AND run_id IN (SELECT value FROM json_each(?)) GROUP BY run_id
"""
_WITH_PARTS: Final = "SELECT DISTINCT run_id FROM events WHERE kind = 'part'"
_LAST_SEQ: Final = "SELECT coalesce(max(seq), 0) FROM events"
_PARTS: Final = "SELECT data FROM events WHERE run_id = ? AND kind = 'part' ORDER BY event_id"
_RESULT: Final = "SELECT data FROM events WHERE run_id = ? AND kind = 'result' ORDER BY event_id DESC LIMIT 1"


class Ledger:
    """Runs and windows of one file; its methods may be called from any thread."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; StoreError if that cannot be, or a newer wattwatch wrote it.

        A file that is damaged is moved aside and named in the log; a new one is begun.
        """
        self.path = path
        self._lock = RLock()
        self._last_seq = 0
        self._runs: dict[str, Run] = {}
        self._events_of_open: dict[str, dict[str, Event]] = {}
        self._unwritten: list[Event] = []
        self._failure = ""
        self._database = _open(path)
        self._read_new()

    @property
    def degraded(self) -> str:
        """Why the last events are in memory only; "" if all are on disk."""
        return f"{self.path}: {self._failure}" if self._unwritten else ""

    def append(self, *events: Event) -> None:
        """Make events durable together; those whose id is known already are left out.

        StoreError if the file is broken or closed; a full disk is waited for.
        """
        with self._lock:
            self._unwritten.extend(events)
            self.flush()
            self._read_new()

    @property
    def has_unwritten(self) -> bool:
        """Whether a full disk has refused something that `flush` would write."""
        return bool(self._unwritten)

    def flush(self) -> None:
        """Try again to write what a full disk refused; the first failure of a row is logged."""
        with self._lock:
            if not self._unwritten:
                return
            rows = [_row(event) for event in self._unwritten]
            try:
                with _immediate(self._database):
                    self._database.executemany(_INSERT, rows)
            except sqlite3.OperationalError as error:
                self._note_failure(str(error))
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: {error}") from error
            else:
                self._failure = ""
                self._unwritten.clear()

    def run(self, run_id: str) -> Run:
        """The run of an id; UnknownRun if there is none."""
        with self._lock:
            self._read_new()
            run = self._runs.get(run_id)
        if run is None:
            raise UnknownRun(f"no run {run_id!r}: see wattwatch runs list")
        if run.deleted:
            raise UnknownRun(f"run {run_id!r} was deleted")
        return run

    def has(self, run_id: str) -> bool:
        """Whether an id is taken, by a deleted run as well."""
        with self._lock:
            self._read_new()
            return run_id in self._runs

    def runs(self) -> tuple[Run, ...]:
        """Every run, what other processes appended included, in order of opening; without deleted ones."""
        return tuple(run for run in self.every_run() if not run.deleted)

    def every_run(self) -> tuple[Run, ...]:
        """Every run, deleted ones too, in order of opening."""
        with self._lock:
            self._read_new()
            return tuple(sorted(self._runs.values(), key=lambda run: (run.start.utc_seconds, run.run_id)))

    def state(self) -> LedgerState:
        """Every run, deleted ones too, by id."""
        return LedgerState({run.run_id: run for run in self.every_run()})

    def events(self, run_id: str) -> list[Event]:
        """Every event of a run, in the order in which they were made, results and parts in full."""
        with self._lock:
            rows = self._database.execute(_WHOLE_EVENTS, (run_id,)).fetchall()
            waiting = [event for event in self._unwritten if event.run_id == run_id]
        events = {event.event_id: event for event in (*map(_event, rows), *waiting)}
        return [events[event_id] for event_id in sorted(events)]

    def summaries(self, run_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Final documents by run id, without what is long in them; those that have none are left out.

        The database takes them apart: of a thousand runs that is ten times faster than to parse them here.
        """
        wanted = list(run_ids)
        with self._lock:
            rows = self._database.execute(_SUMMARIES, (json.dumps(wanted),)).fetchall()
            waiting = [event for event in self._unwritten if event.kind is EventKind.RESULT]
        found = {run_id: _summary(json.loads(summary)) for run_id, _, summary in rows}
        return found | {event.run_id: _summary(event.data) for event in waiting if event.run_id in wanted}

    def result(self, run_id: str) -> dict[str, Any] | None:
        """The final document of a run, or None while there is none."""
        with self._lock:
            waiting = [event for event in self._unwritten if _is_result_of(event, run_id)]
            if waiting:
                return dict(waiting[-1].data)
            row = self._database.execute(_RESULT, (run_id,)).fetchone()
        return None if row is None else json.loads(row[0])

    def run_ids_with_parts(self) -> frozenset[str]:
        """Runs that other nodes took part in."""
        with self._lock:
            rows = self._database.execute(_WITH_PARTS).fetchall()
            waiting = [event.run_id for event in self._unwritten if event.kind is EventKind.PART]
        return frozenset((*(row[0] for row in rows), *waiting))

    def parts(self, run_id: str) -> list[NodePart]:
        """What other nodes of a run measured, by their names; of one that was told twice the last."""
        with self._lock:
            rows = self._database.execute(_PARTS, (run_id,)).fetchall()
            waiting = [e.data for e in self._unwritten if e.run_id == run_id and e.kind is EventKind.PART]
        told = [NodePart.from_json(data) for data in (*(json.loads(row[0]) for row in rows), *waiting)]
        by_node = {part.node: part for part in told}
        return [by_node[node] for node in sorted(by_node)]

    def close(self) -> None:
        """Write what waits and close the file; harmless when called twice."""
        with self._lock:
            self.flush()
            self._database.close()

    def _note_failure(self, failure: str) -> None:
        if not self._failure:
            logger.error("ledger %s: not written, kept in memory: %s", self.path, failure)
        self._failure = failure

    def _read_new(self) -> None:
        """Fold again every run of which something was appended, by this process or another."""
        try:
            last_seq = self._database.execute(_LAST_SEQ).fetchone()[0]
            if last_seq != self._last_seq:
                rows = self._database.execute(_NEW_EVENTS, (self._last_seq,))
                for run_id, new in groupby(map(_event, rows), key=_run_id):
                    self._fold(run_id, new)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}") from error
        self._last_seq = last_seq
        for run_id in {event.run_id for event in self._unwritten}:
            self._fold(run_id, (event for event in self._unwritten if event.run_id == run_id))

    def _fold(self, run_id: str, new: Iterable[Event]) -> None:
        """Tell a run anew; the events of a run that goes on are kept, for it will be told often."""
        events = self._events_of_open.pop(run_id, None)
        if events is None:
            known = self._database.execute(_EVENTS_OF_RUN, (run_id,)) if run_id in self._runs else ()
            events = {event.event_id: event for event in map(_event, known)}
        events |= {event.event_id: event for event in new}
        run = fold_run(list(events.values()))
        if run is not None:
            self._runs[run_id] = run
        if run is None or run.is_open:
            self._events_of_open[run_id] = events


def _run_id(event: Event) -> str:
    return event.run_id


def _summary(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in NOT_LISTED}


def _is_result_of(event: Event, run_id: str) -> bool:
    return event.kind is EventKind.RESULT and event.run_id == run_id


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _prepared(path)
    except sqlite3.OperationalError as error:
        raise StoreError(f"{path}: {error}; check the directory and its permissions") from error
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
        path.rename(aside)
        logger.error("ledger %s is damaged (%s): moved to %s, a new one begun", path, error, aside)  # noqa: TRY400 - one line
        return _prepared(path)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; check the directory and its permissions") from error


def _prepared(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None)
    try:
        _use_write_ahead_log(database)
        database.execute("PRAGMA synchronous = FULL")  # a mark is on disk when its call returns
        with _immediate(database):
            _check_version(path, database.execute("PRAGMA user_version").fetchone()[0])
            for statement in filter(str.strip, _SCHEMA.split(";")):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {_VERSION}")
    except (sqlite3.Error, StoreError):
        database.close()
        raise
    return database


def _check_version(path: Path, version: int) -> None:
    if version > _VERSION:
        raise StoreError(f"{path}: written by a newer wattwatch (format {version}): update this one")


def _use_write_ahead_log(database: sqlite3.Connection) -> None:
    """Switching the mode does not wait for other processes that do the same at once: try again."""
    for attempt in range(_OPEN_ATTEMPTS):
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt + 1 == _OPEN_ATTEMPTS:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


@contextmanager
def _immediate(database: sqlite3.Connection) -> Iterator[None]:
    """A transaction that takes the write lock at once, so that it waits instead of failing later."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # a full disk rolls back by itself
            database.execute("ROLLBACK")
        raise


def _row(event: Event) -> tuple[str | int | float, ...]:
    stamp = event.stamp
    return (
        event.event_id,
        event.run_id,
        event.kind.value,
        stamp.at.boot_id,
        round(stamp.at.boot_seconds * _MICROSECONDS),
        stamp.utc_seconds,
        json.dumps(dict(event.data), separators=(",", ":")),
    )


def _event(row: tuple[Any, ...]) -> Event:
    event_id, run_id, kind, boot_id, boot_microseconds, utc_seconds, data = row
    stamp = Stamp(Instant(boot_id, boot_microseconds / _MICROSECONDS), utc_seconds)
    return Event(event_id, run_id, EventKind(kind), stamp, json.loads(data))
