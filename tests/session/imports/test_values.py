"""Numbers, dates and instants of many countries: read as they were written, or refused."""

# ruff: noqa: DTZ001 - local times of logs have no zone

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.session.imports.values import (
    DateOrder,
    ImportProblem,
    Instants,
    Numerals,
    local_datetime,
    number_of,
)

ZURICH = ZoneInfo("Europe/Zurich")
VALUES = st.floats(-1e6, 1e6).map(lambda value: round(value, 4))
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(lambda at: at.replace(microsecond=0))
WRITINGS = {
    "ymd": "%Y-%m-%d %H:%M:%S",
    "mdy": "%m/%d/%Y %H:%M:%S",
    "dmy": "%d/%m/%Y %H:%M:%S",
}


def written(value: float, decimal: str, *, grouped: bool) -> str:
    text = f"{value:,.4f}" if grouped else f"{value:.4f}"
    return text if decimal == "." else text.replace(",", "x").replace(".", ",").replace("x", ".")


@given(st.lists(VALUES, min_size=1), st.sampled_from(".,"), st.booleans())
def test_numbers_of_a_file_come_back(values: list[float], decimal: str, grouped: bool) -> None:
    numerals = Numerals()
    texts = [written(value, decimal, grouped=grouped) for value in values]
    for line, text in enumerate(texts, 1):
        numerals.look(line, text)
    assert [number_of(text, numerals.settled()) for text in texts] == values


@pytest.mark.parametrize("text", ["1,234", "-12,345", "999,000"])
def test_a_comma_that_may_be_either_is_refused_with_its_line(text: str) -> None:
    numerals = Numerals()
    numerals.look(7, text)
    with pytest.raises(ImportProblem, match=r"line 7: .* pass --decimal"):
        numerals.settled()
    assert number_of(text, numerals.settled(",")) == float(text.replace(",", "."))
    assert number_of(text, numerals.settled(".")) == float(text.replace(",", ""))


def test_another_number_of_the_file_decides() -> None:
    numerals = Numerals()
    for line, text in enumerate(("1,234", "12,5"), 1):
        numerals.look(line, text)
    assert numerals.settled() == ","
    small = Numerals()
    small.look(1, "0,125")
    assert small.settled() == ","


@given(st.text(max_size=12))
def test_what_is_no_number_is_refused(text: str) -> None:
    try:
        value = number_of(text, ".")
    except ImportProblem:
        return
    assert value == float(text.replace(",", "").replace(" ", "").replace("\u00a0", ""))


@given(st.lists(MOMENTS, min_size=1), st.sampled_from(sorted(WRITINGS)))
def test_dates_come_back_or_are_refused(moments: list[datetime], order: str) -> None:
    dates = DateOrder()
    texts = [moment.strftime(WRITINGS[order]) for moment in moments]
    for line, text in enumerate(texts, 1):
        dates.look(line, text)
    found = order
    if order == "ymd" or any(moment.day > 12 for moment in moments):
        found = dates.settled()
    else:
        with pytest.raises(ImportProblem, match="pass --date-order"):
            dates.settled()
    assert [local_datetime(text, found) for text in texts] == moments


def test_mixed_orders_are_refused() -> None:
    dates = DateOrder()
    dates.look(1, "13/02/2026 10:00:00")
    with pytest.raises(ImportProblem, match=r"line 2: .*contradicts line 1"):
        dates.look(2, "02/13/2026 10:00:00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("14.3.2026 09:26:50.137", datetime(2026, 3, 14, 9, 26, 50, 137000)),
        ("14.03.2026 09:26:50,1", datetime(2026, 3, 14, 9, 26, 50, 100000)),
        ("2026/3/14 9:26", datetime(2026, 3, 14, 9, 26)),
        ("03/14/2026 09:26:50 PM", datetime(2026, 3, 14, 21, 26, 50)),
        ("03/14/2026 12:26:50 AM", datetime(2026, 3, 14, 0, 26, 50)),
        ("09:26:50 03/14/26", datetime(2026, 3, 14, 9, 26, 50)),
        ("2026-03-14T09:26:50", datetime(2026, 3, 14, 9, 26, 50)),
    ],
)
def test_ways_of_writing(text: str, expected: datetime) -> None:
    assert local_datetime(text, "mdy") == expected


@pytest.mark.parametrize("text", ["", "x", "14.3.2026", "09:26", "31.02.2026 10:00:00", "1.1.2026 25:00:00"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ImportProblem):
        local_datetime(text, "mdy")


@given(st.lists(st.integers(0, 400 * 86400), min_size=2, unique=True))
def test_local_times_in_order_are_utc_in_order(offsets: list[int]) -> None:
    instants = Instants("ymd", ZURICH)
    utc = [1_760_000_000 + offset for offset in sorted(offsets)]
    texts = [datetime.fromtimestamp(at, ZURICH).strftime("%Y-%m-%d %H:%M:%S") for at in utc]
    for at, text in zip(utc, texts, strict=True):
        found = instants.utc_seconds(text)
        assert found in (at, at - 3600)  # the hour that is twice, where nothing before it tells


def test_the_hour_that_is_twice_is_passed_twice() -> None:
    instants = Instants("ymd", ZURICH)
    start = datetime(2026, 10, 25, 0, 0, tzinfo=UTC).timestamp()
    for half_hour in range(6):
        at = start + half_hour * 1800
        text = datetime.fromtimestamp(at, ZURICH).strftime("%Y-%m-%d %H:%M:%S")
        assert instants.utc_seconds(text) == at


def test_an_hour_that_was_not_is_refused() -> None:
    with pytest.raises(ImportProblem, match="no such time"):
        Instants("ymd", ZURICH).utc_seconds("2026-03-29 02:30:00")


def test_time_that_runs_back_is_refused() -> None:
    instants = Instants("ymd", ZoneInfo("UTC"))
    instants.utc_seconds("2026-03-01 10:00:00")
    with pytest.raises(ImportProblem, match="time runs back"):
        instants.utc_seconds("2026-03-01 09:59:59")


def test_a_time_without_a_zone_needs_one_and_one_with_a_zone_does_not() -> None:
    with pytest.raises(ImportProblem, match="pass --time-zone"):
        Instants().utc_seconds("2026-03-01 10:00:00")
    assert Instants().utc_seconds("2026-03-01T10:00:00+01:00") == 1772355600.0


def test_numbers_are_unix_times_or_count_from_a_beginning() -> None:
    assert Instants().utc_seconds("1772355600.5") == 1772355600.5
    assert Instants().utc_seconds("1772355600500") == 1772355600.5
    with pytest.raises(ImportProblem, match="pass --begin"):
        Instants().utc_seconds("12.5")
    assert Instants(begin_utc_seconds=1e9).utc_seconds("12,5") == 1e9 + 12.5
