"""Frames with garbage, halves and damage between: every whole one is found, by `frames` and byte by byte."""

from dataclasses import dataclass, field

from laws import Script, one_line
from support.um_frames import frame
from wattwatch.errors import FrameError
from wattwatch.sources.um.protocol import FRAME_BYTES, MODELS, Frame, decode
from wattwatch.sources.um.resync import Resynchroniser, frames

_PIECES = 24
_MODELS = ("UM24C", "UM25C", "UM34C")
_HIGHEST_RANK = (True, True)


@dataclass
class Story:
    """What was sent: the bytes, and where the whole frames begin."""

    stream: bytes = b""
    whole: list[int] = field(default_factory=list)


def check(data: bytes) -> None:
    """Tell a story of a link from the input; read it at once, and in pieces."""
    script = Script(data)
    chunk_bytes = script.byte() % 200 + 1
    story = _story(script)
    _check_at_once(story)
    _check_in_pieces(story, chunk_bytes)


def _story(script: Script) -> Story:
    story = Story()
    for _ in range(_PIECES):
        if script.is_over:
            break
        _add_piece(story, script)
    return story


def _add_piece(story: Story, script: Script) -> None:
    match script.byte() % 5:
        case 0:
            story.whole.append(len(story.stream))
            story.stream += _frame(script)
        case 1:
            story.stream += script.take(script.byte())
        case 2:
            story.stream += _frame(script)[: script.byte() % FRAME_BYTES]
        case 3:
            damaged = bytearray(_frame(script))
            damaged[script.byte() % FRAME_BYTES] ^= script.byte() or 1
            story.stream += damaged
        case 4:  # false beginnings
            story.stream += b"\x09\x63" * (script.byte() % 80)


def _frame(script: Script) -> bytes:
    model = _MODELS[script.byte() % len(_MODELS)]
    volts, amperes, group = script.number(2) % 2400, script.number(2) % 3000, script.byte() % 10
    return frame(model=model, volts=volts, amperes=amperes, group=group, counts={group: (1, script.byte())})


def _check_at_once(story: Story) -> None:
    end, found = 0, dict[int, Frame]()
    for item in frames(story.stream):
        if isinstance(item, FrameError):
            one_line(item)
            assert item.offset == end, "bytes that nobody accounts for"
            continue
        offset = _where(story.stream, item, end)
        found[offset], end = item, offset + FRAME_BYTES
    for offset in story.whole:
        rivals = [o for o in found if abs(o - offset) < FRAME_BYTES and _rank(found[o]) == _HIGHEST_RANK]
        assert offset in found or rivals, f"the frame at {offset} is lost"


def _check_in_pieces(story: Story, chunk_bytes: int) -> None:
    resync, fed = Resynchroniser(), 0
    first_end = min((offset + FRAME_BYTES for offset in story.whole), default=len(story.stream) + 1)
    for start in range(0, len(story.stream), chunk_bytes):
        chunk = story.stream[start : start + chunk_bytes]
        got, fed = resync.feed(chunk), fed + len(chunk)
        assert resync.seen_bytes == fed
        if got is not None:
            assert got.trustworthy
            _where(story.stream[:fed], got, 0)
            return
        assert 0 <= resync.unfinished_bytes < FRAME_BYTES
        assert resync.missing_bytes > 0
        assert fed < first_end, "a whole frame came and was not told"


def _where(stream: bytes, item: Frame, start: int) -> int:
    """Where a frame stands, from `start` on: nothing is made up."""
    for offset in range(start, len(stream) - FRAME_BYTES + 1):
        if int.from_bytes(stream[offset : offset + 2], "big") in MODELS and decode(stream, offset) == item:
            return offset
    raise AssertionError("a frame that was not in the stream")


def _rank(item: Frame) -> tuple[bool, bool]:
    return item.plausible, item.trailer_ok
