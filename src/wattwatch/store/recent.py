"""The recent part of a store in memory: segments not yet in the database, counters, boots. No disk here."""

import threading
from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from wattwatch.clock import WallOffset
from wattwatch.reading import Batch, Channel, EnergyRecord
from wattwatch.store.base import Commit
from wattwatch.store.boots import BootBook
from wattwatch.store.counters import CounterBook
from wattwatch.store.segment import (
    MICROSECONDS,
    BootTimes,
    Layout,
    Segment,
    Slice,
    Window,
    microseconds,
)

_MEMORY_US: Final = 3600 * MICROSECONDS  # kept in memory while the disk cannot be written

Row = tuple[Layout, "array[float]"]


class Recent:
    """Whoever calls a method holds `lock`."""

    def __init__(self, boots: BootBook, book: CounterBook, segments: list[Segment], number: int) -> None:
        """Sealed segments of before, and the number of the first new one."""
        self.lock = threading.RLock()
        self.boots = boots
        self.book = book
        self._sealed = segments
        self._number = number

    def begin(self, boot_id: str, wall: WallOffset) -> None:
        """Go over to the present boot."""
        self.book.begin_boot(boot_id)
        self.boot = self.boots.begin(boot_id, wall)
        self.active = self._new_segment()

    def _new_segment(self) -> Segment:
        boot = self.boot
        times = BootTimes(boot.boot_id, None, None, boot.offset_seconds, boot.synchronised_offset_seconds)
        segment = Segment(self._number, times)
        self._number += 1
        return segment

    def seal(self) -> None:
        """Begin another segment; the active one is then ready for the database."""
        self.active.state = self.book.state()
        self._sealed.append(self.active)
        self.active = self._new_segment()

    def add(self, commit: Commit, rows: list[Row]) -> None:
        """Take a commit, whose batches are given as rows too."""
        at_us = first_us = microseconds(commit.at)
        for batch, (layout, values) in zip(commit.batches, rows, strict=True):
            batch_us = microseconds(batch.at)
            first_us = min(first_us, batch_us)
            self.active.add_rows(layout, batch_us, values)
        self.active.gaps += commit.gaps
        self.active.commits += 1
        for boot in (self.active.boot, self.boot):
            boot.see(commit.wall.unix_minus_boot_seconds, synchronised=commit.wall.synchronised)
            boot.cover(first_us, at_us)
        self.book.set(commit.counters)

    def oldest_sealed(self) -> Segment | None:
        """The segment that is to go into the database next."""
        return self._sealed[0] if self._sealed else None

    def hold(self, segment: Segment) -> bool:
        """Keep a sealed segment as it is while it is written; False if it is no longer here."""
        segment.held = segment in self._sealed
        return segment.held

    def remove(self, segment: Segment) -> None:
        """Forget a segment that is in the database."""
        self._sealed.remove(segment)

    def shed(self) -> int:
        """Let go of rows that are older than memory is for; how many commits no file has, and are lost."""
        horizon_us = (self.boot.last_us or 0) - _MEMORY_US
        old = [s for s in self._sealed if not (s.parked or s.held) and self._is_before(s, horizon_us)]
        for segment in old:
            if segment.in_file:
                segment.park()
            else:
                self._sealed.remove(segment)
        return sum(segment.commits for segment in old if not segment.in_file)

    def _is_before(self, segment: Segment, horizon_us: int) -> bool:
        boot = segment.boot
        return boot.boot_id != self.boot.boot_id or boot.last_us is None or boot.last_us < horizon_us

    # For readers.

    def _readable(self) -> list[Segment]:
        return [*(segment for segment in self._sealed if not segment.parked), self.active]

    def first_number(self) -> int:
        """The first segment that is here; whatever the database has of it and of later ones is here too."""
        return min(segment.number for segment in self._readable())

    def slices(self, channel_id: str, window: Window) -> list[Slice]:
        """Readings of a channel in the window and one on each side, per segment and layout."""
        return [part for segment in self._readable() for part in segment.slices(channel_id, window)]

    def batches(self, source: str, window: Window) -> list[list[Batch]]:
        """Batches of a source in the window, per segment and layout."""
        return [part for segment in self._readable() for part in segment.batches_of(source, window)]

    def gaps(self, channel_id: str, window: Window) -> list[EnergyRecord]:
        """Gaps of a channel that touch the window."""
        return [gap for segment in self._readable() for gap in segment.gaps_of(channel_id, window)]

    def channels(self) -> set[Channel]:
        """Channels that have readings here."""
        return {channel for s in self._readable() for layout in s.rows for channel in layout.channels}

    def last_batches(self) -> Iterator[Batch]:
        """The last batch of each segment and layout of the present boot, the newest segment last."""
        for segment in self._readable():
            if segment.boot.boot_id == self.boot.boot_id:
                yield from (rows.last(self.boot.boot_id) for rows in segment.rows.values())

    def restrict(self, boots: Iterable[BootTimes]) -> None:
        """Take note of how far back each boot's readings go, given how far back the database goes."""
        stored = {boot.boot_id: boot.first_us for boot in boots}
        for boot in self.boots:
            here = [s.boot.first_us for s in self._readable() if s.boot.boot_id == boot.boot_id]
            known = [us for us in (*here, stored.get(boot.boot_id)) if us is not None]
            boot.first_us = min(known, default=None)
