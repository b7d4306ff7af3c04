"""Frames among garbage, and never anything but a frame or a FrameError."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.um_frames import frame
from wattwatch.errors import FrameError
from wattwatch.sources.um.protocol import FRAME_BYTES, Frame
from wattwatch.sources.um.resync import Resynchroniser, frames

GOOD = frame()
OTHER = frame(model="UM34C", volts=1201, amperes=777, group=3)
garbage = st.binary(max_size=200)
whole = st.builds(
    lambda model, volts, amperes: frame(model=model, volts=volts, amperes=amperes),
    st.sampled_from(["UM24C", "UM25C", "UM34C"]),
    st.integers(300, 2400),
    st.integers(0, 3000),
)


def found(stream: bytes) -> list[Frame]:
    return [item for item in frames(stream) if isinstance(item, Frame)]


def errors(stream: bytes) -> list[FrameError]:
    return [item for item in frames(stream) if isinstance(item, FrameError)]


@given(st.lists(whole, min_size=1, max_size=4))
def test_frames_in_a_row_are_all_found(several: list[bytes]) -> None:
    stream = b"".join(several)
    assert found(stream) == [found(one)[0] for one in several]
    assert errors(stream) == []


@given(before=garbage, one=whole, after=garbage)
def test_a_frame_is_found_in_any_garbage(before: bytes, one: bytes, after: bytes) -> None:
    assert found(one)[0] in found(before + one + after)


@given(st.integers(1, FRAME_BYTES - 1), whole)
def test_a_half_frame_does_not_cost_the_next_one(cut: int, one: bytes) -> None:
    stream = GOOD[:cut] + one
    assert found(stream) == found(one)
    assert [error.offset for error in errors(stream)] == [0]


@given(at=st.integers(2, 121), inserted=st.binary(min_size=1, max_size=100), one=whole)
def test_bytes_inside_a_frame_do_not_cost_the_next_one(at: int, inserted: bytes, one: bytes) -> None:
    assert found(one)[0] in found(GOOD[:at] + inserted + GOOD[at:] + one)


@given(st.lists(st.sampled_from([b"\x09\x63", b"\x09", b"\x0d\x4c", b"\xff\xf1", GOOD[:64], GOOD, b"zz"])))
def test_false_beginnings_never_break_it(parts: list[bytes]) -> None:
    stream = b"".join(parts)
    assert all(isinstance(item, Frame | FrameError) for item in frames(stream))
    covered = sum(FRAME_BYTES for _ in found(stream))
    assert covered <= len(stream)


def test_a_false_beginning_just_before_a_frame_gives_way() -> None:
    stream = b"\x09\x63\x00\x01" + GOOD
    assert [frame.voltage_volts for frame in found(stream)] == [5.02]
    assert [error.offset for error in errors(stream)] == [0]


def test_a_frame_that_lacks_its_last_bytes_gives_way_to_the_next() -> None:
    # All figures of the first are here and agree: only its end mark tells that it is cut.
    assert len(found(GOOD[:127] + OTHER)) == 1


def test_a_frame_with_a_contradiction_is_still_a_frame() -> None:
    odd = frame(milliwatts=9)
    assert [frame.problems for frame in found(GOOD + odd + OTHER)] == [(), ("power_mismatch",), ()]


def test_frames_of_an_unknown_firmware_are_found_by_their_figures() -> None:
    odd_mark = frame(trailer=b"\x00\x00")
    stream = odd_mark + b"?" + odd_mark
    assert [frame.trailer_ok for frame in found(stream)] == [False, False]


def test_errors_say_where_and_what() -> None:
    stream = b"\x12\x34\x56" + GOOD + OTHER[:50]
    assert [str(error) for error in errors(stream)] == [
        "offset 0: unknown model id 0x1234 (3 bytes without a frame); passed over",
        "offset 133: cut short or damaged: 50 of 130 bytes of a UM34C",
    ]


def test_a_long_run_of_false_beginnings_takes_no_square_time() -> None:
    # 200 kB; comparing each beginning with each other would take minutes, which the test's timeout ends.
    assert len(found(b"\x09\x63" * 100_000)) == 200_000 // FRAME_BYTES


class TestResynchroniser:
    @given(before=garbage, one=whole, sizes=st.lists(st.integers(1, 130), min_size=1))
    def test_finds_a_frame_that_comes_in_pieces(self, before: bytes, one: bytes, sizes: list[int]) -> None:
        sync, stream, turn = Resynchroniser(), before + one, 0
        got = None
        while got is None and stream:
            size = min(sizes[turn % len(sizes)], sync.missing_bytes)
            got, stream, turn = sync.feed(stream[:size]), stream[size:], turn + 1
        if got is None:  # chance made a frame of the garbage that contradicts itself
            assert sync.doubtful is not None
        else:
            assert got.plausible

    def test_asks_for_exactly_what_is_missing(self) -> None:
        sync = Resynchroniser()
        assert sync.feed((b"xyz" + GOOD)[:130]) is None
        assert sync.missing_bytes == 3
        got = sync.feed(GOOD[-3:])
        assert got is not None
        assert got.voltage_volts == 5.02

    def test_holds_back_a_contradiction_while_a_frame_may_follow(self) -> None:
        sync = Resynchroniser()
        damaged = GOOD[:40] + GOOD[:90]
        assert sync.feed(damaged) is None
        assert sync.doubtful is not None
        assert not sync.hopeless
        got = sync.feed(GOOD[90:])
        assert got is not None
        assert got.plausible

    def test_gives_up_on_a_contradiction_with_nothing_behind_it(self) -> None:
        sync = Resynchroniser()
        assert sync.feed(frame(milliwatts=9)) is None
        assert sync.hopeless

    @pytest.mark.parametrize("noise", [b"\x00", b"\x09", b"\x09\x63", b"U\xaa"])
    def test_keeps_little_of_endless_garbage(self, noise: bytes) -> None:
        sync = Resynchroniser()
        for _ in range(300):
            sync.feed(noise * 500)
            assert sync.unfinished_bytes < FRAME_BYTES
        assert sync.seen_bytes == 300 * 500 * len(noise)
