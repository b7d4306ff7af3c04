"""Dates of many countries: read as they were written, or refused."""

# ruff: noqa: DTZ001 - local times of logs have no zone

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.session.imports.dates import DateOrder, local_datetime
from wattwatch.session.imports.values import ImportProblem

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(lambda at: at.replace(microsecond=0))
LONG = {"mdy": "%m/%d/%Y %H:%M:%S", "dmy": "%d/%m/%Y %H:%M:%S"}
SHORT = {"ymd": "%y/%m/%d %H:%M:%S", "mdy": "%H:%M:%S %m/%d/%y", "dmy": "%d-%m-%y %I:%M:%S %p"}
PLAIN = ["%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]


def looked_at(texts: list[str]) -> DateOrder:
    dates = DateOrder()
    for line, text in enumerate(texts, 2):
        dates.look(line, text)
    return dates


@given(st.lists(MOMENTS, min_size=1), st.sampled_from(sorted(LONG)))
def test_dates_come_back_or_are_refused(moments: list[datetime], order: str) -> None:
    texts = [moment.strftime(LONG[order]) for moment in moments]
    if any(moment.day > 12 for moment in moments):
        assert looked_at(texts).settled() == order
    else:
        with pytest.raises(ImportProblem, match=r"^line 2: .*pass --date-order dmy or mdy"):
            looked_at(texts).settled()
    assert [local_datetime(text, order) for text in texts] == moments


@given(st.lists(MOMENTS, min_size=1), st.sampled_from(sorted(SHORT)))
def test_short_years_are_never_taken_for_days(moments: list[datetime], order: str) -> None:
    texts = [moment.strftime(SHORT[order]) for moment in moments]
    dates = looked_at(texts)
    assert order in dates.fits
    if len(dates.fits) > 1:
        with pytest.raises(ImportProblem, match="pass --date-order"):
            dates.settled()
    else:
        assert dates.settled() == order
    assert [local_datetime(text, order) for text in texts] == moments


@given(MOMENTS, st.sampled_from(PLAIN))
def test_dates_that_tell_by_themselves(moment: datetime, writing: str) -> None:
    text = moment.strftime(writing)
    assert looked_at([text]).settled() == ""
    assert local_datetime(text) == moment


def test_mixed_orders_are_refused() -> None:
    with pytest.raises(ImportProblem, match=r"^line 3: .*contradicts the dates before"):
        looked_at(["13/02/2026 10:00:00", "02/13/2026 10:00:00"])


def test_a_date_that_needs_an_order_has_none_without() -> None:
    with pytest.raises(ImportProblem, match="pass --date-order"):
        local_datetime("03/04/2026 10:00:00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("14.3.2026 09:26:50.137", datetime(2026, 3, 14, 9, 26, 50, 137000)),
        ("14.03.2026 09:26:50,1", datetime(2026, 3, 14, 9, 26, 50, 100000)),
        ("2026/3/14 9:26", datetime(2026, 3, 14, 9, 26)),
        ("2026-3-14 9:26", datetime(2026, 3, 14, 9, 26)),
        ("03/14/2026 09:26:50 PM", datetime(2026, 3, 14, 21, 26, 50)),
        ("03/14/2026 12:26:50 AM", datetime(2026, 3, 14, 0, 26, 50)),
        ("09:26:50 03/14/26", datetime(2026, 3, 14, 9, 26, 50)),
        ("2026-03-14T09:26:50", datetime(2026, 3, 14, 9, 26, 50)),
    ],
)
def test_ways_of_writing(text: str, expected: datetime) -> None:
    assert local_datetime(text, "mdy" if "/" in text else "") == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "14.3.2026", "2026-03-14", "31.02.2026 10:00:00", "1.1.2026 25:00:00",
        "13/13/2026 10:00:00", "1.1.2026 13:00 PM", "1 January 2026 10:00",
    ],
)  # fmt: skip
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ImportProblem, match="is no date and time"):
        local_datetime(text, "mdy")


def test_a_time_of_day_alone_is_refused() -> None:
    with pytest.raises(ImportProblem, match="'09:26' has no date"):
        local_datetime("09:26", "mdy")


@given(st.text(max_size=30))
def test_any_text_is_a_date_or_refused(text: str) -> None:
    try:
        found = local_datetime(text, "dmy")
    except ImportProblem:
        return
    assert isinstance(found, datetime)
    assert ":" in text
