"""The tail: files to which every commit is appended as one record with a checksum.

A file begins with a header record: whose boot it is, the wall clock, and all counters as they stood, so that
it can be understood without the database. A record that is torn or damaged is skipped, and said.
"""

import json
import struct
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from wattwatch.errors import StoreError
from wattwatch.metrics import SeriesKey
from wattwatch.reading import Batch
from wattwatch.store.base import Commit
from wattwatch.store.counters import CounterBook
from wattwatch.store.records import gap_of, gap_row, layout_of, layout_row
from wattwatch.store.segment import BootTimes, Layout, Layouts, Segment, microseconds
from wattwatch.store.tailfile import TailFile, discard, read

_MARK: Final = b"\xabWw1"
_FRAME: Final = struct.Struct("<4sII")  # mark, bytes of the payload, its crc32
_IS_HEADER, _IS_COMMIT = b"HC"
# type, bytes of definitions, at, wall offset, synchronised, batches, counters
_COMMIT: Final = struct.Struct("<BIqd?II")
_BATCH: Final = struct.Struct("<Iq")  # layout, at
_COUNTER_BYTES: Final = 12  # series, value
_DEFLATE_LEVEL: Final = 1
_WINDOW_BITS: Final = -13
_SUFFIX: Final = ".tail-"


def tail_path(database: Path, number: int) -> Path:
    """Where the tail file of a number is."""
    return database.with_name(f"{database.name}{_SUFFIX}{number:08d}")


def tail_numbers(database: Path) -> list[int]:
    """Numbers of the tail files that are there, in order."""
    prefix = database.name + _SUFFIX
    names = [file.name.removeprefix(prefix) for file in database.parent.glob(f"{prefix}*")]
    return sorted(int(name) for name in names if name.isdigit())


class TailWriter:
    """Appends commits to one new file. Only the committing thread appends; any thread may sync."""

    def __init__(self, path: Path, boot: BootTimes, book: CounterBook) -> None:
        self._layouts: dict[Layout, int] = {}
        self._series: dict[SeriesKey, int] = {}
        self._file = TailFile(path)
        try:
            self._write(_header(boot, book))
        except OSError:
            self._file.close()
            discard(path)
            raise

    @property
    def path(self) -> Path:
        """Where it is on the disk."""
        return self._file.path

    @property
    def size_bytes(self) -> int:
        """How long it has become."""
        return self._file.size_bytes

    def append(self, commit: Commit, rows: list[tuple[Layout, "array[float]"]]) -> None:
        """Write a commit, whose batches are given as rows too; OSError leaves the file as it was."""
        definitions = self._definitions(commit, rows)
        head = _COMMIT.pack(
            _IS_COMMIT,
            len(definitions),
            microseconds(commit.at),
            commit.wall.unix_minus_boot_seconds,
            commit.wall.synchronised,
            len(rows),
            len(commit.counters),
        )
        parts = [head, definitions]
        for batch, (layout, values) in zip(commit.batches, rows, strict=True):
            parts += (_BATCH.pack(self._layouts[layout], microseconds(batch.at)), values.tobytes())
        parts.append(self._packed_counters(commit))
        self._write(b"".join(parts))

    def sync(self) -> None:
        """Have everything on the disk; OSError if it is not."""
        self._file.sync()

    def close(self) -> None:
        """Let go of the file; harmless when called twice."""
        self._file.close()

    def _write(self, payload: bytes) -> None:
        # A third of a millisecond on a Pi for half the bytes; each record by itself, so that one that is
        # damaged takes no other with it.
        packed = zlib.compress(payload, _DEFLATE_LEVEL, _WINDOW_BITS)
        self._file.append(_FRAME.pack(_MARK, len(packed), zlib.crc32(packed)) + packed)

    def _definitions(self, commit: Commit, rows: list[tuple[Layout, "array[float]"]]) -> bytes:
        """What this file has not named so far, and gaps: rare enough for JSON."""
        layouts = [[index, layout_row(layout)] for layout, index in self._new_layouts(rows)]
        series = [[index, *key] for key, index in self._new_series(commit)]
        if not (layouts or series or commit.gaps):
            return b""
        gaps = [gap_row(gap) for gap in commit.gaps]
        return json.dumps([layouts, series, gaps], separators=(",", ":")).encode()

    def _new_layouts(self, rows: list[tuple[Layout, "array[float]"]]) -> Iterator[tuple[Layout, int]]:
        for layout, _ in rows:
            if layout not in self._layouts:
                self._layouts[layout] = len(self._layouts)
                yield layout, self._layouts[layout]

    def _new_series(self, commit: Commit) -> Iterator[tuple[SeriesKey, int]]:
        for key in commit.counters:
            if key not in self._series:
                self._series[key] = len(self._series)
                yield key, self._series[key]

    def _packed_counters(self, commit: Commit) -> bytes:
        flat: list[float] = []
        for key, value in commit.counters.items():
            flat += (self._series[key], value)
        return _counters_struct(len(commit.counters)).pack(*flat)


@lru_cache(maxsize=64)
def _counters_struct(count: int) -> struct.Struct:
    return struct.Struct("<" + "Id" * count)


def _header(boot: BootTimes, book: CounterBook) -> bytes:
    synchronised = boot.synchronised_offset_seconds
    document = json.dumps([boot.boot_id, boot.last_us, boot.offset_seconds, synchronised]).encode()
    return struct.pack("<BI", _IS_HEADER, len(document)) + document + book.state()


@dataclass(frozen=True, slots=True)
class Tail:
    """What a tail file holds."""

    segment: Segment
    book: CounterBook  # as of its end
    damaged_bytes: int  # skipped; a torn last record is among them


def read_tail(path: Path, number: int, layouts: Layouts) -> Tail:
    """The content of a tail file; StoreError if not even its header can be read, OSError as of reading."""
    records, damaged_bytes = _records(read(path))
    if not records or records[0][0] != _IS_HEADER:
        raise StoreError(f"{path} has no header")
    boot, book = _read_header(records[0])
    replay = _Replay(Segment(number, boot), book, layouts)
    for payload in records[1:]:
        try:
            replay.apply(payload)
        except (KeyError, struct.error, ValueError):  # names what a damaged record had defined
            damaged_bytes += len(payload)
    return Tail(replay.segment, book, damaged_bytes)


def _records(data: bytes) -> tuple[list[bytes], int]:
    """Payloads whose checksum holds, and how many bytes do not belong to one."""
    records: list[bytes] = []
    position = good_bytes = 0
    while (position := data.find(_MARK, position)) >= 0:
        found = _payload_at(data, position)
        if found is None:
            position += 1
            continue
        payload, end = found
        records.append(payload)
        good_bytes += end - position
        position = end
    return records, len(data) - good_bytes


def _payload_at(data: bytes, position: int) -> tuple[bytes, int] | None:
    """The payload of the record there, and where it ends; None if there is no whole record."""
    start = position + _FRAME.size
    if start > len(data):
        return None
    _, size, checksum = _FRAME.unpack_from(data, position)
    packed = data[start : start + size]
    if len(packed) != size or zlib.crc32(packed) != checksum:
        return None
    try:
        payload = zlib.decompress(packed, _WINDOW_BITS)
    except zlib.error:
        return None
    return (payload, start + size) if payload else None


def _read_header(payload: bytes) -> tuple[BootTimes, CounterBook]:
    _, size = struct.unpack_from("<BI", payload)
    start = struct.calcsize("<BI")
    boot_id, last_us, offset_seconds, synchronised = json.loads(payload[start : start + size])
    boot = BootTimes(boot_id, None, last_us, offset_seconds, synchronised)
    return boot, CounterBook.from_state(payload[start + size :])


class _Replay:
    """Applies the records of a file to a segment and a book."""

    def __init__(self, segment: Segment, book: CounterBook, layouts: Layouts) -> None:
        self.segment = segment
        self._book = book
        self._layouts = layouts
        self._known_layouts: dict[int, Layout] = {}
        self._known_series: dict[int, SeriesKey] = {}

    def apply(self, payload: bytes) -> None:
        """Take one commit; KeyError if it names a layout or series that is not known."""
        _, size, at_us, offset_seconds, synchronised, batches, counters = _COMMIT.unpack_from(payload)
        position = _COMMIT.size + size
        self._define(payload[_COMMIT.size : position])
        segment = self.segment
        first_us = at_us
        for _ in range(batches):
            index, batch_us = _BATCH.unpack_from(payload, position)
            position += _BATCH.size
            layout = self._known_layouts[index]
            end = position + 8 * len(layout.channels)
            segment.add_rows(layout, batch_us, array("d", payload[position:end]))
            position, first_us = end, min(first_us, batch_us)
        self._count(payload[position : position + _COUNTER_BYTES * counters])
        segment.boot.see(offset_seconds, synchronised=synchronised)
        segment.boot.cover(first_us, at_us)
        segment.commits += 1

    def _define(self, definitions: bytes) -> None:
        if not definitions:
            return
        layouts, series, gaps = json.loads(definitions)
        self._known_layouts |= {index: layout_of(row, self._layouts) for index, row in layouts}
        self._known_series |= {index: (name, tuple(labels)) for index, name, labels in series}
        self.segment.gaps += [gap_of(self.segment.boot.boot_id, row) for row in gaps]

    def _count(self, packed: bytes) -> None:
        known = self._known_series
        pairs = struct.iter_unpack("<Id", packed)
        self._book.set({known[index]: value for index, value in pairs if index in known})


def checked(commit: Commit, boot_id: str) -> Commit:
    """The commit; ValueError if it holds instants of another boot than the store's."""
    instants = {commit.at.boot_id, *(batch.at.boot_id for batch in commit.batches)}
    for gap in commit.gaps:
        instants |= {gap.start.boot_id, gap.end.boot_id}
    if instants != {boot_id}:
        raise ValueError(f"a commit of boot {boot_id} holds instants of {sorted(instants)}")
    return commit


def rows_of(batches: tuple[Batch, ...], layouts: Layouts) -> list[tuple[Layout, "array[float]"]]:
    """Each batch as its layout and its values."""
    return [(layouts.of(batch), array("d", [r.value for r in batch.readings])) for batch in batches]
