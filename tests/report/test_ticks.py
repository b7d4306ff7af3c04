import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.report.ticks import time_ticks, value_ticks


@given(st.floats(-1e5, 1e5), st.floats(0, 1e5))
def test_values_lie_between_few_rising_ticks(lowest: float, span: float) -> None:
    highest = lowest + span
    ticks = value_ticks(lowest, highest)
    assert 2 <= len(ticks) <= 7
    slack = 1e-6 * max(abs(lowest), abs(highest), 1.0)
    assert ticks[0].at <= lowest + slack
    assert ticks[-1].at >= highest - slack
    assert [tick.at for tick in ticks] == sorted({tick.at for tick in ticks})


@pytest.mark.parametrize(
    ("lowest", "highest", "texts"),
    [
        (0, 6.4, ["0", "2", "4", "6", "8"]),
        (0, 0.9, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        (0, 0, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        (49, 76.4, ["40", "50", "60", "70", "80"]),
        (0, 140, ["0", "50", "100", "150"]),
    ],
)
def test_values_are_round(lowest: float, highest: float, texts: list[str]) -> None:
    assert [tick.text for tick in value_ticks(lowest, highest)] == texts


@pytest.mark.parametrize(
    ("start", "end", "texts"),
    [
        (-5, 31, ["-5 s", "0 s", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s"]),
        (0, 0.9, ["0 s", "0.2 s", "0.4 s", "0.6 s", "0.8 s"]),
        (-5, 594, ["0:00", "2:00", "4:00", "6:00", "8:00"]),
        (-60, 200, ["-1:00", "0:00", "1:00", "2:00", "3:00"]),
        (0, 5 * 3600, ["0:00 h", "1:00 h", "2:00 h", "3:00 h", "4:00 h", "5:00 h"]),
    ],
)
def test_times_are_round(start: float, end: float, texts: list[str]) -> None:
    assert [tick.text for tick in time_ticks(start, end)] == texts


@given(st.floats(-10, 0), st.floats(1e-3, 1e8))
def test_times_are_few_and_inside(start: float, span: float) -> None:
    ticks = time_ticks(start, start + span)
    assert len(ticks) <= 9
    assert all(start - 1e-6 <= tick.at <= start + span + 1e-6 * span for tick in ticks)
