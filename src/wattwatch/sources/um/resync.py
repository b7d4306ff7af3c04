"""Finding frames among other bytes: garbage before, inside and after them, halves, false beginnings.

A frame has no length field and no escaping: its model id is the only marker of its beginning, and those two
bytes may stand anywhere. So a beginning that leads to a doubtful frame gives way to a better one that
overlaps it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wattwatch.errors import FrameError
from wattwatch.sources.um.protocol import FRAME_BYTES, MODELS, Frame, decode

_ID_BYTES: Final = 2
_IDS: Final = {model_id.to_bytes(_ID_BYTES, "big"): model for model_id, model in MODELS.items()}
_ID_STARTS: Final = frozenset(marker[:1] for marker in _IDS)
_ANY_ID: Final = re.compile(b"|".join(map(re.escape, _IDS)))


@dataclass(frozen=True, slots=True)
class Found:
    """A frame and where it began."""

    frame: Frame
    offset: int

    @property
    def rank(self) -> int:
        """How much speaks for it: agreeing figures above the end mark."""
        return 2 * self.frame.plausible + self.frame.trailer_ok


def frames(stream: bytes) -> Iterator[Frame | FrameError]:
    """Every frame of a stream in order, and an error for every run of bytes between them."""
    offset = 0
    while offset < len(stream):
        found = first_frame(stream, offset)
        end = found.offset if found else len(stream)
        if end > offset:
            yield _no_frame(stream, offset, end)
        if found is None:
            return
        yield found.frame
        offset = found.offset + FRAME_BYTES


def first_frame(data: bytes, start: int = 0) -> Found | None:
    """The first complete frame at or after `start`; None if there is none."""
    offset = _next_id(data, start)
    if offset is None or offset + FRAME_BYTES > len(data):
        return None
    best = Found(decode(data, offset), offset)
    # Each step up the three ranks moves on by less than a frame, so this ends soon.
    while better := _better_overlapping(data, best):
        best = better
    return best


def _better_overlapping(data: bytes, found: Found) -> Found | None:
    highest_rank = 3
    if found.rank == highest_rank:
        return None
    offset = _next_id(data, found.offset + 1)
    last = min(found.offset + FRAME_BYTES - 1, len(data) - FRAME_BYTES)
    while offset is not None and offset <= last:
        other = Found(decode(data, offset), offset)
        if other.rank > found.rank:
            return other
        offset = _next_id(data, offset + 1)
    return None


def _next_id(data: bytes, start: int) -> int | None:
    match = _ANY_ID.search(data, start)
    return match.start() if match else None


def _no_frame(data: bytes, start: int, end: int) -> FrameError:
    run = data[start:end]
    model = _IDS.get(run[:_ID_BYTES])
    if model is not None:
        return FrameError(f"cut short or damaged: {len(run)} of {FRAME_BYTES} bytes of a {model.name}", start)
    return FrameError(f"{describe_garbage(run, len(run))}; passed over", start)


def describe_garbage(first_bytes: bytes, count: int) -> str:
    """What to say of `count` bytes without a frame: how many, and the id that they begin with."""
    bytes_text = "1 byte" if count == 1 else f"{count} bytes"
    if len(first_bytes) < _ID_BYTES:
        return f"{bytes_text} without a frame (0x{first_bytes.hex().upper()})"
    return f"unknown model id 0x{first_bytes[:_ID_BYTES].hex().upper()} ({bytes_text} without a frame)"


class Resynchroniser:
    """Takes the bytes of one reply as they come and keeps only what may still become a frame."""

    def __init__(self) -> None:
        self._kept = b""
        self._doubtful: Frame | None = None
        self.seen_bytes = 0
        self.first_bytes = b""

    def feed(self, data: bytes) -> Frame | None:
        """The frame that these bytes complete; None while there is none to trust yet.

        A frame that contradicts itself is held back for as long as a better one may follow it.
        """
        self.seen_bytes += len(data)
        self.first_bytes = (self.first_bytes + data)[:_ID_BYTES]
        self._kept += data
        while found := first_frame(self._kept):
            if found.frame.trustworthy:
                return found.frame
            self._doubtful = self._doubtful or found.frame
            # Of the whole frames that overlap it none is better: go on with the first that is not whole yet.
            first_unfinished = max(len(self._kept) - FRAME_BYTES, found.offset) + 1
            self._kept = self._kept[min(first_unfinished, found.offset + FRAME_BYTES) :]
        self._kept = self._kept[self._unfinished_offset() :]
        return None

    @property
    def doubtful(self) -> Frame | None:
        """The first frame that came whole but contradicts itself, if one did."""
        return self._doubtful

    @property
    def hopeless(self) -> bool:
        """Whether a frame that contradicts itself came, and no other has begun after it."""
        return self._doubtful is not None and not self._kept

    @property
    def unfinished_bytes(self) -> int:
        """How many bytes of a frame that has begun are here; 0 if none has."""
        return len(self._kept)

    @property
    def missing_bytes(self) -> int:
        """How many more bytes can complete a frame at the earliest."""
        return FRAME_BYTES - len(self._kept)

    def _unfinished_offset(self) -> int:
        offset = _next_id(self._kept, 0)
        if offset is not None:
            return offset
        return len(self._kept) - (self._kept[-1:] in _ID_STARTS)
