"""What a store finds on disk when it opens: its database, tail files that are not in it yet, and damage."""

import logging
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from wattwatch.errors import StoreError
from wattwatch.store.boots import BootBook
from wattwatch.store.counters import CounterBook
from wattwatch.store.database import Database, is_damage
from wattwatch.store.segment import BootTimes, Layouts, Segment
from wattwatch.store.tail import read_tail, tail_numbers, tail_path
from wattwatch.store.tailfile import discard, read

logger = logging.getLogger(__name__)

_WITH_IT: Final = ("", "-wal", "-shm")


@dataclass(slots=True)
class Facts:
    """What a database says beside its chunks."""

    boots: list[BootTimes] = field(default_factory=list)
    state: bytes | None = None
    consumed_segment: int = 0


@dataclass(slots=True)
class Opened:
    """A database, or why there is none."""

    database: Database | None
    facts: Facts
    damaged: str = ""  # the name that a damaged file was given
    trouble: str = ""


@dataclass(slots=True)
class Found:
    """Everything that a store goes on from."""

    opened: Opened
    boots: BootBook
    book: CounterBook
    segments: list[Segment]
    next_number: int

    def mark(self, path: Path, *, simulated: bool) -> None:
        """Note that a new store is simulated, or not; StoreError if it has data of the other kind."""
        has_data = any(boot.last_us is not None for boot in self.boots)
        if self.book.simulated and not simulated:
            raise StoreError(
                f"{path} holds simulated readings, for good: "
                "measure into another state directory, e.g. --config with [store] path = "
                f'"/var/lib/wattwatch/{path.name}"'
            )
        if simulated and has_data and not self.book.simulated:
            other = path.parent.with_name(path.parent.name + "-simulated") / path.name
            raise StoreError(
                f"{path} holds measured readings: "
                f'simulate into a state directory of its own, e.g. [store] path = "{other}"'
            )
        self.book.simulated = simulated

    def close(self) -> None:
        """Let go of the database."""
        if self.opened.database is not None:
            self.opened.database.close()


def bytes_on_disk(path: Path) -> int:
    """Bytes of the database, its write-ahead log and the tail files; damaged files are not counted."""
    files = [path.with_name(path.name + suffix) for suffix in _WITH_IT]
    files += [tail_path(path, number) for number in tail_numbers(path)]
    return sum(_size(file) for file in files)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # not there, or just gone
        return 0


def find(path: Path, layouts: Layouts, checkpoint_pages: int, utc_seconds: float) -> Found:
    """What is at this path; StoreError if a newer program wrote it."""
    opened = open_database(path, layouts, checkpoint_pages, utc_seconds)
    boots = BootBook()
    for boot in opened.facts.boots:
        boots.merge(boot)
    book = _book(opened.facts.state)
    segments: list[Segment] = []
    numbers = tail_numbers(path)
    for number in numbers:
        if number <= opened.facts.consumed_segment:
            discard(tail_path(path, number))
        elif (read := _read(path, number, layouts, utc_seconds)) is not None:
            segment, book = read
            segments.append(segment)
            boots.merge(segment.boot)
    return Found(opened, boots, book, segments, max([*numbers, opened.facts.consumed_segment]) + 1)


def _book(state: bytes | None) -> CounterBook:
    try:
        return CounterBook() if state is None else CounterBook.from_state(state)
    except StoreError as error:
        logger.error("store: %s; they start again", error)  # noqa: TRY400 - one line, for people
        return CounterBook()


def _read(
    path: Path, number: int, layouts: Layouts, utc_seconds: float
) -> tuple[Segment, CounterBook] | None:
    file = tail_path(path, number)
    try:
        if not read(file):  # killed before it had written a word
            discard(file)
            return None
        tail = read_tail(file, number, layouts)
    except (StoreError, OSError) as error:
        logger.error("store: %s cannot be read: %s; moved to %s", file, error, move_aside(file, utc_seconds))  # noqa: TRY400 - one line, for people
        return None
    if tail.damaged_bytes:
        logger.warning("store: %d bytes of %s were torn or damaged and left out", tail.damaged_bytes, file)
    tail.segment.state = tail.book.state()
    tail.segment.in_file = True
    return tail.segment, tail.book


def open_database(path: Path, layouts: Layouts, checkpoint_pages: int, utc_seconds: float) -> Opened:
    """The database at a path, a new one if there is none or it is damaged; or none, and why."""
    try:
        return _open(path, layouts, checkpoint_pages)
    except sqlite3.Error as error:
        if not is_damage(error):
            return Opened(None, Facts(), trouble=f"{path}: {error}")
        damaged = move_aside(path, utc_seconds)
        logger.error("store: %s is damaged (%s); moved to %s, a new one is begun", path, error, damaged)  # noqa: TRY400 - one line, for people
    facts = _salvaged(path.with_name(damaged))
    try:
        opened = _open(path, layouts, checkpoint_pages)
    except sqlite3.Error as error:
        return Opened(None, facts, damaged, f"{path}: {error}")
    return Opened(opened.database, facts, damaged)


def _open(path: Path, layouts: Layouts, checkpoint_pages: int) -> Opened:
    database = Database(path, layouts, checkpoint_pages)
    reader = database.reader
    try:
        facts = Facts(reader.boots(), reader.meta("state"), reader.meta("consumed_segment") or 0)
        reader.channels()  # reads every layout: what is broken there is found now
    except sqlite3.Error:
        database.close()
        raise
    return Opened(database, facts)


def move_aside(path: Path, utc_seconds: float) -> str:
    """The new name, in the same directory, of a damaged file; what belongs to it goes along."""
    stamp = datetime.fromtimestamp(utc_seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
    name = base = f"{path.name}.damaged-{stamp}"
    count = 1
    while path.with_name(name).exists():
        count += 1
        name = f"{base}-{count}"
    for suffix in _WITH_IT:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(path.with_name(name + suffix))
    return name


def _salvaged(path: Path) -> Facts:
    """What can still be read of a damaged file beside its chunks: boots and counters."""
    columns = "boot_id, first_us, last_us, offset_seconds, synchronised_offset_seconds"
    rows = _salvage(path, f"SELECT {columns} FROM boots ORDER BY id")  # noqa: S608 - a constant
    boots = [BootTimes(boot_id, None, *rest) for boot_id, _, *rest in rows]  # the readings are gone
    state = _salvage(path, "SELECT value FROM meta WHERE key = 'state'")
    return Facts(boots, state[0][0] if state else None)


def _salvage(path: Path, sql: str) -> list[tuple[Any, ...]]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()
    except sqlite3.Error:
        return []
