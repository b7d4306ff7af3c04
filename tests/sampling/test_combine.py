"""Sums of channels, against a reference that looks at every cell of a fine grid by itself."""

from collections.abc import Iterable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.power import POWER_CHANNEL, instant
from wattwatch.reading import EnergyRecord
from wattwatch.sampling.combine import Combiner, Coverage, Stretch, combined, instead, share, stretch_of

SAMPLED, RECOVERED, MISSING, OPEN = Coverage.SAMPLED, Coverage.RECOVERED, Coverage.MISSING, Coverage.OPEN
CELLS = 40
"""Microseconds of the grid; a channel's power is constant within each of them."""

Row = list[Stretch]


@st.composite
def rows(draw: st.DrawFn, *states: Coverage) -> Row:
    """A channel from 0 to the end of the grid, with some time left out."""
    row, at = [], 0
    while at < CELLS:
        end = min(CELLS, at + draw(st.integers(1, 12)))
        state = draw(st.sampled_from([*states, None]))
        joules = draw(st.integers(0, 9)) * (end - at) if state in (SAMPLED, RECOVERED) else 0.0
        if state is not None or end == CELLS:
            row.append(Stretch(at, end, float(joules), state or MISSING))
        at = end
    return row


several_rows = st.lists(rows(SAMPLED, RECOVERED, MISSING), min_size=1, max_size=4)


def cells(row: Iterable[Stretch]) -> list[tuple[Coverage, float]]:
    """State and joules of each cell; what is left out is missing."""
    grid = [(MISSING, 0.0)] * CELLS
    for stretch in row:
        for cell in range(stretch.start_microseconds, stretch.end_microseconds):
            grid[cell] = stretch.coverage, stretch.joules / stretch.microseconds
    return grid


def reference(channels: list[Row]) -> list[tuple[Coverage, float]]:
    summed = []
    for together in zip(*map(cells, channels), strict=True):
        states = [state for state, _ in together]
        if MISSING in states:
            summed.append((MISSING, 0.0))
        elif OPEN in states:
            summed.append((OPEN, 0.0))
        else:
            joules = sum(joules for _, joules in together)
            summed.append((RECOVERED if RECOVERED in states else SAMPLED, joules))
    return summed


def check(found: list[Stretch], channels: list[Row]) -> None:
    assert found[0].start_microseconds == 0
    assert found[-1].end_microseconds == CELLS
    assert all(a.end_microseconds == b.start_microseconds for a, b in pairwise(found))
    for cell, (expected, got) in enumerate(zip(reference(channels), cells(found), strict=True)):
        assert got[0] is expected[0], cell
        assert got[1] == pytest.approx(expected[1], rel=1e-12, abs=1e-12), cell


@given(several_rows, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_sum_over_the_time_that_all_cover(
    channels: list[Row], random: Random
) -> None:
    combiner = Combiner(len(channels))
    found: list[Stretch] = []
    waiting = [list(row) for row in channels]
    while any(waiting):
        index = random.choice([index for index, row in enumerate(waiting) if row])
        combiner.put(index, waiting[index].pop(0))
        if random.random() < 0.5:
            found += combiner.take()
    found += combiner.take()
    check(found, channels)
    assert combiner.waiting() == 0


@given(several_rows, st.integers(0, CELLS))
def test_a_sum_goes_on_from_where_it_was_counted(channels: list[Row], start: int) -> None:
    """What comes again is not counted again, even if it reaches over the place."""
    combiner = Combiner(len(channels), start)
    for index, row in enumerate(channels):
        for stretch in row:
            combiner.put(index, stretch)
    expected = sum(joules for _, joules in reference(channels)[start:])
    assert sum(stretch.joules for stretch in combiner.take()) == pytest.approx(expected)


@given(several_rows)
def test_a_silent_channel_holds_up_the_sum_until_it_is_decided(channels: list[Row]) -> None:
    silent = len(channels)
    combiner = Combiner(silent + 1)
    for index, row in enumerate(channels):
        for stretch in row:
            combiner.put(index, stretch)
    assert list(combiner.take()) == []
    assert combiner.waiting() <= 2 * sum(map(len, channels))  # each with what it left out before it
    combiner.put(silent, Stretch(0, CELLS, 0.0, MISSING))
    assert {stretch.coverage for stretch in combiner.take()} == {MISSING}
    assert combiner.waiting() == 0


@given(st.lists(rows(SAMPLED, RECOVERED, MISSING, OPEN), min_size=1, max_size=4))
def test_what_is_known_at_once_is_summed_at_once(channels: list[Row]) -> None:
    full = [[*combined_row(row)] for row in channels]
    check(list(combined(full, 0)), full)


def combined_row(row: Row) -> Iterable[Stretch]:
    """The row, with what it leaves out as missing."""
    combiner = Combiner(1)
    for stretch in row:
        combiner.put(0, stretch)
    return combiner.take()


@given(rows(SAMPLED, RECOVERED, MISSING), rows(SAMPLED, RECOVERED, MISSING))
def test_a_fallback_has_exactly_the_time_in_which_the_primary_is_missing(primary: Row, fallback: Row) -> None:
    whole = list(combined_row(primary))
    found = list(combined([list(combined_row(fallback)), map(instead, whole)], 0))
    for first, second, got in zip(cells(primary), cells(fallback), cells(found), strict=True):
        counts = first[0] is MISSING and second[0] is not MISSING
        assert (got[0] is not MISSING) == counts
        assert got[1] == (pytest.approx(second[1]) if counts else 0.0)


def test_what_is_open_is_not_the_fallbacks_until_it_is_decided() -> None:
    gap = Stretch(0, 10, 0.0, OPEN)
    assert instead(gap).coverage is OPEN
    assert instead(gap, decided=True).coverage is SAMPLED
    assert instead(Stretch(0, 10, 5.0, RECOVERED)) == Stretch(0, 10, 0.0, MISSING)


def test_doubts_travel_with_the_time_that_counts() -> None:
    filled = Stretch(0, 10, 36.0, RECOVERED, (("a", 0, 3.6),))
    row = list(combined([[filled], [Stretch(0, 4, 8.0, SAMPLED), Stretch(4, 10, 0.0, MISSING)]], 0))
    assert row[0] == Stretch(0, 4, pytest.approx(36 * 0.4 + 8), RECOVERED, (("a", 0, 3.6),))  # type: ignore[arg-type]
    assert row[1].doubts == ()


@given(st.integers(0, 5), st.integers(1, 5), st.floats(0, 100), st.data())
def test_the_shares_of_a_stretch_add_up(start: int, length: int, joules: float, data: st.DataObject) -> None:
    stretch = Stretch(start, start + length, joules, SAMPLED)
    cut = data.draw(st.integers(start, start + length))
    parts = [
        share(stretch, *edges).joules
        for edges in ((start, cut), (cut, start + length))
        if edges[0] < edges[1]
    ]
    assert sum(parts) == pytest.approx(joules)


@pytest.mark.parametrize(
    ("state", "coverage"), [("sampled", SAMPLED), ("recovered", RECOVERED), ("missing", MISSING)]
)
def test_records_become_stretches(state: str, coverage: Coverage) -> None:
    record = EnergyRecord(POWER_CHANNEL, instant(1), instant(3.5), 0.5, **{f"{state}_seconds": 2.5})
    assert stretch_of(record) == Stretch(1_000_000, 3_500_000, 0.5, coverage)
