"""Recent readings in memory: what the tail files hold, in columns that readers can slice."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

from wattwatch.reading import Batch, Channel, EnergyRecord, Instant, MeterIdentity, Reading

MICROSECONDS: Final = 1_000_000


def microseconds(instant: Instant) -> int:
    """Whole microseconds of the instant's boot."""
    return round(instant.boot_seconds * MICROSECONDS)


def instant_of(boot_id: str, boot_us: int) -> Instant:
    """The instant that `microseconds` came from."""
    return Instant(boot_id, boot_us / MICROSECONDS)


@dataclass(frozen=True, slots=True)
class Window:
    """A span in whole microseconds, both ends included."""

    boot_id: str
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Layout:
    """What the batches of a source have in common; equal ones are the same object (see Layouts)."""

    source: str
    channels: tuple[Channel, ...]
    identity: MeterIdentity | None
    positions: dict[str, int]  # of a channel id

    def batch(self, at: Instant, values: "array[float]") -> Batch:
        """The batch that a row was."""
        pairs = zip(self.channels, values, strict=True)
        return Batch(self.source, at, tuple(Reading(c, v, at) for c, v in pairs), self.identity)


_LayoutKey = tuple[str, tuple[Channel, ...], MeterIdentity | None]


class Layouts:
    """Makes equal layouts one object, so that they are compared and hashed at no cost."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[_LayoutKey, Layout] = WeakValueDictionary()
        self._last: dict[str, Layout] = {}

    def of(self, batch: Batch) -> Layout:
        """The layout of a batch."""
        channels = tuple([reading.channel for reading in batch.readings])
        last = self._last.get(batch.source)
        if last is not None and last.channels == channels and last.identity == batch.identity:
            return last
        layout = self.get(batch.source, channels, batch.identity)
        self._last[batch.source] = layout
        return layout

    def get(self, source: str, channels: tuple[Channel, ...], identity: MeterIdentity | None) -> Layout:
        """The layout of these parts."""
        key = (source, channels, identity)
        layout = self._known.get(key)
        if layout is None:
            positions = {channel.id: position for position, channel in enumerate(channels)}
            layout = self._known[key] = Layout(source, channels, identity, positions)
        return layout


@dataclass(frozen=True, slots=True)
class Slice:
    """Readings of one channel in order of time."""

    channel: Channel
    times_us: "array[int]"
    values: "array[float]"


class Rows:
    """Batches of one layout, in order of time."""

    __slots__ = ("_layout", "_width", "times_us", "values")

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._width = len(layout.channels)
        self.times_us = array("q")
        self.values = array("d")  # row after row

    def add(self, at_us: int, values: "array[float]") -> None:
        """One row more; instants of a relayed source may step back a little, and are put in their place."""
        if not self.times_us or at_us >= self.times_us[-1]:
            self.times_us.append(at_us)
            self.values.extend(values)
            return
        row = bisect_right(self.times_us, at_us)
        self.times_us.insert(row, at_us)
        self.values[row * self._width : row * self._width] = values

    def column(self, position: int) -> "array[float]":
        """All values of one channel."""
        return self.values[position :: self._width]

    def last(self, boot_id: str) -> Batch:
        """The latest batch."""
        at = instant_of(boot_id, self.times_us[-1])
        return self._layout.batch(at, self.values[len(self.values) - self._width :])

    def batches(self, window: Window) -> list[Batch]:
        """The batches in the window."""
        width, values = self._width, self.values
        return [
            self._layout.batch(
                instant_of(window.boot_id, self.times_us[row]), values[row * width : (row + 1) * width]
            )
            for row in range(
                bisect_left(self.times_us, window.start_us), bisect_right(self.times_us, window.end_us)
            )
        ]

    def slice(self, position: int, window: Window) -> Slice:
        """The rows of a channel in the window and one on each side, as far as there are any."""
        first = max(bisect_left(self.times_us, window.start_us) - 1, 0)
        end = bisect_right(self.times_us, window.end_us) + 1
        values = self.values[first * self._width + position : end * self._width : self._width]
        return Slice(self._layout.channels[position], self.times_us[first:end], values)


@dataclass(slots=True)
class BootTimes:
    """What is known of one boot: its extent in the store, and the wall clock beside it."""

    boot_id: str
    first_us: int | None = None  # of what is still kept
    last_us: int | None = None  # the last commit
    offset_seconds: float = 0.0  # UTC minus boot seconds, last seen
    synchronised_offset_seconds: float | None = None  # last seen while the clock was synchronised

    def see(self, offset_seconds: float, *, synchronised: bool) -> None:
        """Take note of the wall clock."""
        self.offset_seconds = offset_seconds
        if synchronised:
            self.synchronised_offset_seconds = offset_seconds

    def cover(self, first_us: int | None, last_us: int | None) -> None:
        """Take note of a commit, or of what a file says of the extent."""
        self.first_us = min((us for us in (self.first_us, first_us) if us is not None), default=None)
        self.last_us = max((us for us in (self.last_us, last_us) if us is not None), default=None)

    @property
    def best_offset_seconds(self) -> float:
        """The last synchronised offset, else the last one."""
        synchronised = self.synchronised_offset_seconds
        return self.offset_seconds if synchronised is None else synchronised


@dataclass(slots=True, eq=False)
class Segment:
    """A few minutes of one boot: sealed, it becomes chunks."""

    number: int
    boot: BootTimes  # of this segment alone
    rows: dict[Layout, Rows] = field(default_factory=dict)
    gaps: list[EnergyRecord] = field(default_factory=list)
    commits: int = 0
    state: bytes = b""  # counters as they stood at its end; set when it is sealed
    in_file: bool = False  # a tail file has all of it
    parked: bool = False  # its rows are in its file only
    held: bool = False  # it is being written: its rows must stay

    def add_rows(self, layout: Layout, at_us: int, values: "array[float]") -> None:
        """One batch more."""
        rows = self.rows.get(layout)
        if rows is None:
            rows = self.rows[layout] = Rows(layout)
        rows.add(at_us, values)

    def slices(self, channel_id: str, window: Window) -> Iterator[Slice]:
        """The readings of a channel in the window, and one on each side."""
        if self.boot.boot_id != window.boot_id:
            return
        for layout, rows in self.rows.items():
            if (position := layout.positions.get(channel_id)) is not None:
                yield rows.slice(position, window)

    def batches_of(self, source: str, window: Window) -> Iterator[list[Batch]]:
        """Per layout of the source: its batches in the window."""
        if self.boot.boot_id == window.boot_id:
            yield from (rows.batches(window) for layout, rows in self.rows.items() if layout.source == source)

    def gaps_of(self, channel_id: str, window: Window) -> Iterator[EnergyRecord]:
        """The gaps of a channel that touch the window."""
        if self.boot.boot_id != window.boot_id:
            return
        for gap in self.gaps:
            touches = microseconds(gap.start) <= window.end_us and microseconds(gap.end) >= window.start_us
            if touches and gap.channel.id == channel_id:
                yield gap

    def park(self) -> None:
        """Let the rows go; they are read from the file again when they are needed."""
        self.parked = True
        self.rows = {}
        self.gaps = []
