"""The embedded store: a crash-safe tail of recent commits, and compressed chunks in SQLite behind it.

`append` writes a commit to the tail file by one `write` and does not wait for the disk. A keeper thread
syncs the tail and turns it into chunks. Whatever the disk does, `append` goes on: readings are then kept
in memory, for about an hour, and `health` says why.
"""

import heapq
import logging
import math
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Final, Self, TypeVar

from wattwatch.clock import Clock
from wattwatch.errors import StoreError
from wattwatch.metrics import SeriesKey
from wattwatch.reading import Batch, Channel, EnergyRecord, Instant, Reading
from wattwatch.store.base import Commit, Restored, Span, StoreHealth
from wattwatch.store.disk import Disk, DiskLimits
from wattwatch.store.files import bytes_on_disk, find
from wattwatch.store.keeper import Keeper
from wattwatch.store.lock import StoreLock
from wattwatch.store.reader import Reader
from wattwatch.store.recent import Recent
from wattwatch.store.segment import MICROSECONDS, Layouts, Slice, Window, instant_of, microseconds
from wattwatch.store.tail import checked, rows_of

logger = logging.getLogger(__name__)

CHUNK_SECONDS: Final = 300.0
"""How long a tail file grows before it becomes chunks: measured, see docs/design-notes.md."""

_TAIL_BYTES: Final = 4 * 2**20  # or until it is this large
_RETRY_SECONDS: Final = 60.0

_Row = tuple[int, float, Channel]
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How long readings are kept, in how many bytes, and how often the tail is synced."""

    retention_seconds: float = 30 * 86400.0
    max_bytes: int = 2 * 2**30
    sync_seconds: float = 30.0


class LocalStore:
    """Readings, gaps and counters of this machine. One thread appends; any thread reads."""

    def __init__(
        self, path: Path, limits: StoreLimits, lock: StoreLock, parts: tuple[Recent, Disk], layouts: Layouts
    ) -> None:
        """Use `open`."""
        self._layouts = layouts
        self._path = path
        self._sync_seconds = limits.sync_seconds
        self._retention_seconds = limits.retention_seconds
        self._process_lock = lock
        self._recent, self._disk = parts
        self._lock = self._recent.lock
        self._synced_at = self._retried_at = -math.inf  # boot seconds
        self._sync_due = self._retry_due = False
        self.restored = self._restore()
        self._disk.begin_tail()
        self._keeper = Keeper(self._work)
        self._keeper.wake()  # tail files of before become chunks

    @classmethod
    def open(cls, path: Path, *, boot_id: str, limits: StoreLimits, simulated: bool, clock: Clock) -> Self:
        """The store at a path, made if it is not there; `restored` is what a daemon goes on from.

        Raises StoreError, in one line with what to do, if another process has it, if it cannot be made, if
        it is of a newer version, or if it holds simulated readings and measured ones are coming, or reverse.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent}: {error.strerror}: set another [store] path") from error
        lock = StoreLock(path)
        with ExitStack() as undo:
            undo.callback(lock.close)
            layouts = Layouts()
            disk_limits = DiskLimits(limits.retention_seconds, limits.max_bytes)
            utc_seconds = clock.now().boot_seconds + clock.wall().unix_minus_boot_seconds
            found = find(path, layouts, disk_limits.checkpoint_pages, utc_seconds)
            undo.callback(found.close)
            found.mark(path, simulated=simulated)
            recent = Recent(found.boots, found.book, found.segments, found.next_number)
            recent.begin(boot_id, clock.wall())
            disk = Disk(path, disk_limits, found.opened, (recent, layouts, clock))
            store = cls(path, limits, lock, (recent, disk), layouts)
            undo.pop_all()
        return store

    def _restore(self) -> Restored:
        boot = self._recent.boot
        batches: list[Batch] = []
        try:
            if self._disk.database is not None:
                batches = self._disk.database.reader.last_batch_of_each(boot.boot_id)
        except sqlite3.Error as error:
            self._disk.report(error)  # the keeper, not yet there, will see to it
        batches = sorted([*batches, *self._recent.last_batches()], key=attrgetter("at.boot_seconds"))
        last_commit = None if boot.last_us is None else instant_of(boot.boot_id, boot.last_us)
        return Restored(last_commit, {batch.source: batch for batch in batches}, self._recent.book.current())

    # The committing thread.

    def append(self, commit: Commit) -> None:
        """Make a commit durable against the death of this process; the disk follows within `sync_seconds`.

        Trouble with the disk shows in `health` and is not raised. ValueError if instants of two boots meet.
        """
        checked(commit, self._recent.boot.boot_id)
        rows = rows_of(commit.batches, self._layouts)
        with self._lock:
            tail_bytes = self._disk.append(commit, rows)
            self._recent.add(commit, rows)
            turned = self._is_full(commit.at, tail_bytes) and self._turn(commit)
            due = self._note_due(commit.at.boot_seconds)
        if due or turned:
            self._keeper.wake()

    def _is_full(self, at: Instant, tail_bytes: int) -> bool:
        first_us = self._recent.active.boot.first_us or 0
        return microseconds(at) - first_us >= CHUNK_SECONDS * MICROSECONDS or tail_bytes >= _TAIL_BYTES

    def _turn(self, commit: Commit) -> bool:
        """Seal the active segment and begin another."""
        if commit.wall.synchronised:
            utc_seconds = commit.at.boot_seconds + commit.wall.unix_minus_boot_seconds
            self._recent.book.forget_unchanged(utc_seconds, self._retention_seconds)
        self._recent.seal()
        self._disk.begin_tail()
        if self._disk.trouble and (lost := self._recent.shed()):
            logger.error("store: %d commits are lost, memory holds about an hour", lost)
        return True

    def _note_due(self, at_seconds: float) -> bool:
        if at_seconds - self._synced_at >= self._sync_seconds:
            self._synced_at = at_seconds
            self._sync_due = True
        if not self._disk.trouble:
            self._retried_at = at_seconds
        elif at_seconds - self._retried_at >= _RETRY_SECONDS:
            self._retried_at = at_seconds
            self._retry_due = True
        return self._sync_due or self._retry_due

    def set_limits(self, limits: StoreLimits) -> None:
        """Go on with other limits; what is too old or too much goes with the next chunk."""
        with self._lock:
            self._sync_seconds = limits.sync_seconds
            self._retention_seconds = limits.retention_seconds
            self._disk.limits = DiskLimits(limits.retention_seconds, limits.max_bytes)

    def sync(self) -> None:
        """Return once every commit so far is on the disk, or `health` says why it is not."""
        self._disk.sync()

    def settle(self) -> None:
        """Return once the keeper thread has done all that is due: for tests and benchmarks."""
        self._keeper.settle()

    def close(self) -> None:
        """Put everything into the database and let go of the store."""
        self._keeper.stop()
        self._disk.close()
        self._process_lock.close()

    def _work(self) -> None:
        """What the keeper does."""
        with self._lock:
            sync_due, retry_due = self._sync_due, self._retry_due
            self._sync_due = self._retry_due = False
        if sync_due:
            self._disk.sync()
        self._disk.repair()
        if retry_due:
            self._disk.recover()
        elif not self._disk.trouble:
            self._disk.compact()

    # Readers.

    def readings(self, channel_id: str, span: Span) -> Iterator[Reading]:
        """Readings of a channel in a span, in order of time, one further on each side if there is one."""
        window = _window(span)
        with self._lock:
            before = self._recent.first_number()
            tail = self._recent.slices(channel_id, window)
        streams: list[Iterator[_Row]] = [_rows((part,)) for part in tail]
        with self._reading() as reader:
            streams += [self._guarded(_rows(parts)) for parts in reader.slices(channel_id, window, before)]
        merged = heapq.merge(*streams, key=itemgetter(0))
        for at_us, value, channel in _with_neighbours(merged, window):
            yield Reading(channel, value, instant_of(window.boot_id, at_us))

    def batches(self, source: str, span: Span) -> Iterator[Batch]:
        """Whole batches of a source in a span, with the meter's identity, in order of time."""
        window = _window(span)
        with self._lock:
            before = self._recent.first_number()
            streams: list[Iterable[Batch]] = [*self._recent.batches(source, window)]
        with self._reading() as reader:
            streams += [self._guarded(part) for part in reader.batches(source, window, before)]
        yield from heapq.merge(*streams, key=attrgetter("at.boot_seconds"))

    def gaps(self, channel_id: str, span: Span) -> Iterator[EnergyRecord]:
        """Recovered and missing stretches of a channel that touch the span, in order of time."""
        window = _window(span)
        with self._lock:
            before = self._recent.first_number()
            gaps = self._recent.gaps(channel_id, window)
        with self._reading() as reader:
            gaps += reader.gaps(channel_id, window, before)
        yield from sorted(gaps, key=attrgetter("start.boot_seconds", "end.boot_seconds"))

    def channels(self) -> tuple[Channel, ...]:
        """Every channel that has readings, by id."""
        with self._lock:
            channels = self._recent.channels()
        with self._reading() as reader:
            channels |= reader.channels()
        return tuple(sorted(channels, key=attrgetter("id", "quality")))

    def utc_seconds(self, instant: Instant) -> tuple[float, bool]:
        """UTC of an instant, and whether the clock of its boot was ever synchronised.

        By that boot's last synchronised offset, else by its last one. StoreError if the boot is not known.
        """
        with self._lock:
            return self._recent.boots.utc_seconds(instant)

    def spans(self, utc_start: float, utc_end: float) -> list[Span]:
        """Which stretches of which boots lie in a stretch of UTC, boots in order, as far as data reach."""
        with self._lock:
            return self._recent.boots.spans(utc_start, utc_end)

    def lifetime_counters(self) -> dict[SeriesKey, float]:
        """Totals of all counters over all boots of this store."""
        with self._lock:
            return self._recent.book.lifetime()

    def health(self) -> StoreHealth:
        """Bytes on disk, the last commit, and what is wrong, if anything is."""
        with self._lock:
            boot = self._recent.boot
            last_commit = None if boot.last_us is None else instant_of(boot.boot_id, boot.last_us)
        trouble = self._disk.trouble
        if not trouble and not self._keeper.alive:
            trouble = "the thread that writes chunks has ended: restart wattwatch"
        return StoreHealth(bytes_on_disk(self._path), last_commit, trouble, self._disk.damaged)

    @contextmanager
    def _reading(self) -> Iterator[Reader]:
        """The database's reader; what goes wrong in the block is noted, and the tail has to do."""
        database = self._disk.database
        try:
            yield database.reader if database is not None else Reader(None, self._layouts)
        except sqlite3.Error as error:
            self._failed(error)

    def _guarded(self, rows: Iterator[_Item]) -> Iterator[_Item]:
        try:
            yield from rows
        except sqlite3.Error as error:
            self._failed(error)

    def _failed(self, error: sqlite3.Error) -> None:
        if self._disk.report(error):
            self._keeper.wake()


def _window(span: Span) -> Window:
    if span.start.boot_id != span.end.boot_id:
        raise ValueError("a span lies in one boot")
    return Window(span.start.boot_id, microseconds(span.start), microseconds(span.end))


def _rows(parts: Iterable[Slice]) -> Iterator[_Row]:
    for part in parts:
        yield from zip(part.times_us, part.values, repeat(part.channel))


def _with_neighbours(rows: Iterator[_Row], window: Window) -> Iterator[_Row]:
    """Rows in the window, the last one before it and the first one after it."""
    before: _Row | None = None
    for row in rows:
        if row[0] < window.start_us:
            before = row
            continue
        if before is not None:
            yield before
            before = None
        yield row
        if row[0] > window.end_us:
            return
    if before is not None:
        yield before
