"""The power of a run in one line of text."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.report.chart import NodeCurves, PhaseBand
from wattwatch.report.series import Point, trace
from wattwatch.session.sparkline import ASCII, BLOCKS, Paper, column_values, phase_letters, sparkline_lines

PAPER = Paper(40, steps=BLOCKS)
STEP_SECONDS = 0.5


def curves(
    watts: Sequence[float], bands: Sequence[PhaseBand] = (), node: str = "pi-1", skip: range = range(0)
) -> NodeCurves:
    points = [(at * STEP_SECONDS, value) for at, value in enumerate(watts) if at not in skip]
    return NodeCurves(node, trace("power", "W", points, 3.0), None, tuple(bands))


def row(lines: Sequence[str], label: str) -> str:
    """What stands after a label; the gaps of a curve are blanks."""
    found = next(line for line in lines if line.split()[0] == label)
    return found[2 + 12 + 1 :]


def test_a_rise_is_drawn_from_the_lowest_step_to_the_highest() -> None:
    lines = sparkline_lines([curves([float(at) for at in range(200)])], 99.5, PAPER)
    drawn = row(lines, "power")
    assert len(drawn) == PAPER.columns
    assert list(drawn) == sorted(drawn, key=BLOCKS.index)
    assert set(drawn) == set(BLOCKS)
    assert "▁ " in lines[1]
    assert "█ 195.50 W" in lines[1]  # the mean of the last column


def test_a_gap_is_blank_and_what_is_steady_lies_in_the_middle() -> None:
    drawn = row(sparkline_lines([curves([5.0] * 200, skip=range(50, 100))], 99.5, PAPER), "power")
    assert set(drawn) == {"▅", " "}
    assert drawn.strip().count(" ") == pytest.approx(PAPER.columns / 4, abs=1.5)


def test_a_terminal_without_blocks_gets_ascii() -> None:
    lines = sparkline_lines([curves([1.0, 2.0, 3.0, 9.0])], 1.5, Paper(40, steps=ASCII))
    assert "\n".join(lines).isascii()
    assert set(row(lines, "power")) <= set(ASCII)


def test_phases_stand_under_the_curve_with_their_time() -> None:
    bands = [PhaseBand("load", 0.0, 25.0), PhaseBand("training", 25.0, 100.0)]
    lines = sparkline_lines([curves([4.0] * 200, bands)], 100.0, PAPER)
    phases = row(lines, "phases")
    assert phases == "l" * phases.count("l") + "t" * phases.count("t")
    assert phases.count("l") == pytest.approx(PAPER.columns / 4, abs=1)
    assert "l load 25.0 s" in lines[-1]
    assert "t training 1 min 15 s" in lines[-1]


def test_colours_only_where_they_are_wanted() -> None:
    bands = [PhaseBand("load", 0.0, 100.0)]
    coloured = sparkline_lines([curves([4.0] * 200, bands)], 100.0, Paper(40, colour=True))
    assert any("\x1b[" in line for line in coloured)
    assert not any("\x1b[" in line for line in sparkline_lines([curves([4.0] * 200, bands)], 100.0, PAPER))


def test_several_nodes_have_a_line_each() -> None:
    lines = sparkline_lines([curves([1.0, 2.0]), curves([3.0, 4.0], node="pi-2")], 0.5, PAPER)
    assert [line.split()[0] for line in lines if "W" not in line] == ["pi-1", "pi-2"]


def test_nothing_is_drawn_of_nothing() -> None:
    assert sparkline_lines([], 10.0, PAPER) == []
    assert sparkline_lines([NodeCurves("pi-1", None, None, ())], 10.0, PAPER) == []
    assert sparkline_lines([curves([5.0])], 0.0, PAPER) == []


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=300), st.integers(1, 120), st.floats(0.1, 1e4))
def test_a_column_lies_between_the_readings(watts: list[float], columns: int, duration: float) -> None:
    line = [Point(at * duration / len(watts), value) for at, value in enumerate(watts)]
    values = column_values([line], duration, columns)
    assert len(values) == columns
    slack = 1e-9 * max(watts)
    for value in values:
        assert value is None or min(watts) - slack <= value <= max(watts) + slack


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=20))
def test_phases_have_letters_of_their_own(phases: list[str]) -> None:
    letters = phase_letters(phases)
    known = [letter for letter in letters.values() if letter != "?"]
    assert len(set(known)) == len(known)
    assert all(len(letter) == 1 and letter.isascii() for letter in letters.values())
