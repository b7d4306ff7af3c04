"""The disk side of a store: tail files, the database, and what happens when either cannot be written."""

import logging
import sqlite3
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import StoreError
from wattwatch.store.base import Commit
from wattwatch.store.database import Database, is_damage
from wattwatch.store.files import Opened, bytes_on_disk, move_aside, open_database
from wattwatch.store.prune import Bounds
from wattwatch.store.recent import Recent, Row
from wattwatch.store.segment import BootTimes, Layouts, Segment, instant_of
from wattwatch.store.tail import TailWriter, read_tail, tail_path
from wattwatch.store.tailfile import discard

logger = logging.getLogger(__name__)

_PAGE_BYTES: Final = 4096
_CHECKPOINT_PAGES: Final = 256  # the write-ahead log is folded in when it is this long
_LOG_SHARE: Final = 16  # but it takes at most this part of a small store


@dataclass(frozen=True, slots=True)
class DiskLimits:
    """How old readings may become, and how large everything on disk together."""

    retention_seconds: float
    max_bytes: int

    @property
    def checkpoint_pages(self) -> int:
        """Pages of write-ahead log that are worth waiting for."""
        return max(8, min(_CHECKPOINT_PAGES, self.max_bytes // _LOG_SHARE // _PAGE_BYTES))


class Disk:
    """Where commits go. The committing thread calls `append` and `begin_tail`, the keeper all else."""

    def __init__(
        self, path: Path, limits: DiskLimits, found: Opened, parts: tuple[Recent, Layouts, Clock]
    ) -> None:
        self._path = path
        self.limits = limits
        self._recent, self._layouts, self._clock = parts
        self._lock = self._recent.lock
        self._tails: dict[int, tuple[Segment, TailWriter]] = {}  # open files by number
        self._damage = ""
        self.trouble = ""  # why readings are kept in memory, if they are
        self.damaged = ""  # the name that a damaged database was given
        self.database: Database | None = None
        self._take(found)

    def _take(self, opened: Opened) -> None:
        """Use a database; a new one is given the boots and counters that are known."""
        self.database = opened.database
        self.damaged = opened.damaged or self.damaged
        if opened.trouble:
            self._degrade(opened.trouble)
        if opened.database is None or (opened.facts.state is not None and not opened.damaged):
            return
        with self._lock:
            boots = [replace(boot, first_us=None) for boot in self._recent.boots]
            state = self._recent.book.state()
        try:
            opened.database.keep(boots, state)
        except sqlite3.Error as error:
            self._degrade(f"{self._path}: {error}")

    # The committing thread.

    def begin_tail(self) -> None:
        """Begin the tail file of the active segment."""
        if (writer := self._new_tail(self._recent.active.number)) is not None:
            self._write_to(writer)

    def _new_tail(self, number: int) -> TailWriter | None:
        path = tail_path(self._path, number)
        try:
            return TailWriter(path, self._recent.boot, self._recent.book)
        except OSError as error:
            self._degrade(f"{path}: {error.strerror}")
            return None

    def _write_to(self, writer: TailWriter) -> None:
        segment = self._recent.active
        segment.in_file = True
        self._tails[segment.number] = (segment, writer)

    def append(self, commit: Commit, rows: list[Row]) -> int:
        """Write a commit to the tail file, if there is one; bytes of that file."""
        segment, writer = self._tails.get(self._recent.active.number, (None, None))
        if segment is None or writer is None:
            return 0
        try:
            writer.append(commit, rows)
        except OSError as error:
            self._lose(segment, error)
        return writer.size_bytes

    def _lose(self, segment: Segment, error: OSError) -> None:
        """A file can no longer be relied on: its segment lives in memory until the database has it."""
        with self._lock:
            _, writer = self._tails.pop(segment.number)
            segment.in_file = False
        writer.close()
        self._degrade(f"{writer.path}: {error.strerror}")

    def _degrade(self, reason: str) -> None:
        if not self.trouble:
            logger.error("store: %s; readings are kept in memory until the disk can be written", reason)
        self.trouble = reason

    # The keeper, and whoever needs something on the disk now.

    def sync(self) -> None:
        """Have every commit so far on the disk; trouble is noted, not raised."""
        with self._lock:
            tails = list(self._tails.values())
        for segment, writer in tails:
            try:
                writer.sync()
            except OSError as error:
                self._lose(segment, error)
                continue
            with self._lock:
                idle = segment is not self._recent.active and segment.number in self._tails
                if idle:
                    del self._tails[segment.number]
            if idle:
                writer.close()

    def compact(self) -> None:
        """Turn every sealed segment into chunks, as far as the disk allows."""
        while (segment := self._oldest_sealed()) is not None:
            if not self._consume(segment):
                return
        with self._lock:
            whole = self.database is not None and self._recent.active.number in self._tails
            if whole and self.trouble:
                logger.warning("store: %s can be written again", self._path)
                self.trouble = ""

    def recover(self) -> None:
        """Try to come back from memory to the disk."""
        if self.database is None:
            self._take(open_database(self._path, self._layouts, self.limits.checkpoint_pages, self._utc()))
        with self._lock:
            active = self._recent.active.number
            if active not in self._tails and (writer := self._new_tail(active + 1)) is not None:
                self._recent.seal()
                self._write_to(writer)
        self.compact()

    def report(self, error: sqlite3.Error) -> bool:
        """What a reader met; True if the keeper has to see to it."""
        logger.error("store: reading %s: %s", self._path, error)
        if is_damage(error):
            self._damage = str(error)
        return bool(self._damage)

    def repair(self) -> None:
        """Replace the database if a reader found it damaged."""
        if self._damage:
            self._replace(self._damage)

    def close(self) -> None:
        """Put everything into the database, and close all files."""
        with self._lock:
            self._recent.seal()
        self.sync()
        self.compact()
        with self._lock:
            tails = [writer for _, writer in self._tails.values()]
        for writer in tails:
            writer.close()
        if self.database is not None:
            self.database.close()

    def _oldest_sealed(self) -> Segment | None:
        with self._lock:
            return self._recent.oldest_sealed()

    def _consume(self, segment: Segment) -> bool:
        with self._lock:
            if not self._recent.hold(segment):
                return True  # let go of since it was found
        whole = self._whole(segment)
        if whole.commits and not self._store(whole):
            with self._lock:
                segment.held = False
            return False
        with self._lock:
            self._recent.remove(segment)
            _, writer = self._tails.pop(segment.number, (None, None))
        if writer is not None:
            writer.close()
        with suppress(OSError):  # then it is deleted when the store is opened next
            discard(tail_path(self._path, segment.number))
        return True

    def _whole(self, segment: Segment) -> Segment:
        if not segment.parked:
            return segment
        try:
            whole = read_tail(tail_path(self._path, segment.number), segment.number, self._layouts).segment
        except (StoreError, OSError) as error:
            logger.error("store: %s; its readings are lost", error)  # noqa: TRY400 - one line, for people
            return Segment(segment.number, segment.boot)
        whole.state = segment.state
        return whole

    def _store(self, segment: Segment) -> bool:
        for _ in range(2):  # the second time in the file that replaces a damaged one
            if self.database is None:
                return False
            try:
                if self.database.write(segment, self._bounds()):
                    self._restrict(self.database.reader.boots())
            except (sqlite3.Error, OSError) as error:
                if isinstance(error, OSError) or not is_damage(error):
                    self._degrade(f"{self._path}: {error}")
                    self.database.fold_log()  # on a full disk this gives room
                    return False
                self._replace(str(error))
            else:
                return True
        return False

    def _restrict(self, boots: list[BootTimes]) -> None:
        with self._lock:
            self._recent.restrict(boots)

    def _bounds(self) -> Bounds:
        with self._lock:
            boot = self._recent.boot
            now = instant_of(boot.boot_id, boot.last_us or 0)
            oldest_us = self._recent.boots.oldest_us(now, self.limits.retention_seconds)
        # Log and tail files will be as large again as they are now.
        other_bytes = bytes_on_disk(self._path) - self._path.stat().st_size
        return Bounds(self.limits.max_bytes - other_bytes, oldest_us)

    def _replace(self, reason: str) -> None:
        """Move a damaged database aside and go on with a new one."""
        self._damage = ""
        database, self.database = self.database, None
        if database is not None:
            with suppress(sqlite3.Error):
                database.close()
        try:
            self.damaged = move_aside(self._path, self._utc())
        except OSError as error:
            self._degrade(str(error))
            return
        logger.error(
            "store: %s is damaged (%s); moved to %s, a new one is begun", self._path, reason, self.damaged
        )
        self._restrict([])
        self._take(open_database(self._path, self._layouts, self.limits.checkpoint_pages, self._utc()))

    def _utc(self) -> float:
        return self._clock.now().boot_seconds + self._clock.wall().unix_minus_boot_seconds
