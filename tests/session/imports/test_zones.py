"""Local times become UTC; the hour that was twice is told by what is around it, or refused."""

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.session.imports.table import Row
from wattwatch.session.imports.values import ImportProblem
from wattwatch.session.imports.zones import NEIGHBOUR_SECONDS, Moment, TimeReader, in_time, zone_of

ZURICH = ZoneInfo("Europe/Zurich")
ZONES = ["Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "+05:30"]
SUMMER_ENDS = datetime(2026, 10, 25, 1, 0, tzinfo=UTC).timestamp()  # 03:00 becomes 02:00
MINUTE = 60.0


def local(utc_seconds: float, zone: str = "Europe/Zurich") -> str:
    return datetime.fromtimestamp(utc_seconds, zone_of(zone)).strftime("%Y-%m-%d %H:%M:%S")


def told(texts: Iterable[str], zone: str = "Europe/Zurich", before: float | None = None) -> list[float]:
    reader = TimeReader(zone=zone_of(zone))
    moments = [Moment(Row(line, []), text, reader.utc_seconds(text)) for line, text in enumerate(texts, 2)]
    return [utc_seconds for _, utc_seconds in in_time(moments, before)]


def is_cut_in_the_hour(utc: list[float], zone: str) -> bool:
    """Whether a log begins or ends where local time is twice."""
    reader = TimeReader(zone=zone_of(zone))
    return any(len(reader.utc_seconds(local(at, zone))) > 1 for at in (utc[0], utc[-1]))


def minutes(first: int, last: int) -> list[float]:
    """UTC by the minute, from summer time's end."""
    return [SUMMER_ENDS + MINUTE * minute for minute in range(first, last)]


@given(st.sampled_from(ZONES), st.integers(1_000_000_000, 2_000_000_000), st.integers(60, 900))
def test_a_log_of_a_day_comes_back(zone: str, begin: int, step: int) -> None:
    utc = [float(begin + 7200 * 4 + step * number) for number in range(86400 // step)]
    try:
        found = told([local(at, zone) for at in utc], zone)
    except ImportProblem:
        # Rows that are further apart than neighbours may leave it open: never wrong, and rarely refused.
        assert step > NEIGHBOUR_SECONDS or is_cut_in_the_hour(utc, zone)
        return
    assert found == utc


@pytest.mark.parametrize("step", [1, 30, 300])
def test_a_log_through_summer_times_end_comes_back(step: int) -> None:
    utc = [SUMMER_ENDS + step * number for number in range(-14400 // step, 14400 // step)]
    assert told([local(at) for at in utc]) == utc


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (-90, -20),  # ends within the first of the two hours
        (20, 90),  # begins within the second
        (-90, 20),  # both, the second not to its end
        (-20, 90),
        (-50, 40),  # begins and ends within them: it runs back in between
    ],
)
def test_neighbours_tell_which_of_the_two_it_is(first: int, last: int) -> None:
    utc = minutes(first, last)
    assert told([local(at) for at in utc]) == utc


@pytest.mark.parametrize(
    "utc",
    [
        minutes(10, 50),  # only the hour: no neighbours
        minutes(-50, -10),
        minutes(-90, 0) + minutes(60, 90),  # a clock that was not set back: an hour is missing somewhere
        minutes(-90, -65) + minutes(30, 50),  # something is missing on both sides
    ],
)
def test_what_nothing_tells_is_refused(utc: list[float]) -> None:
    with pytest.raises(ImportProblem, match=r"line \d+: .* was twice, .*pass the clock's own offset"):
        told([local(at) for at in utc])
    assert told([local(at, "+01:00") for at in utc], "+01:00") == utc


def test_a_log_before_this_one_is_a_neighbour_too() -> None:
    utc = minutes(-59, -10)
    assert told([local(at) for at in utc], before=SUMMER_ENDS - 60 * MINUTE) == utc


def test_a_clock_that_was_set_back_by_seconds_is_not_summer_times_end() -> None:
    texts = [*(local(at) for at in minutes(-90, -29)), "2026-10-25 02:29:30"]
    with pytest.raises(ImportProblem, match=r"line 63: .*time runs back"):
        told(texts)


def test_the_hour_of_two_years_is_told_for_each() -> None:
    later = datetime(2027, 10, 31, 1, 0, tzinfo=UTC).timestamp()
    utc = [*minutes(-90, -20), *(later + MINUTE * minute for minute in range(5, 90))]
    assert told([local(at) for at in utc]) == utc


def test_an_hour_that_was_not_is_refused() -> None:
    with pytest.raises(ImportProblem, match="no such time in Europe/Zurich: summer time began"):
        TimeReader(zone=ZURICH).utc_seconds("2026-03-29 02:30:00")


def test_time_that_runs_back_is_refused() -> None:
    with pytest.raises(ImportProblem, match="line 3: '2026-03-01 09:59:59': time runs back"):
        told(["2026-03-01 10:00:00", "2026-03-01 09:59:59"], "UTC")


def test_a_time_without_a_zone_needs_one_and_one_with_a_zone_does_not() -> None:
    with pytest.raises(ImportProblem, match="pass --time-zone"):
        TimeReader().utc_seconds("2026-03-01 10:00:00")
    assert TimeReader(zone=ZURICH).utc_seconds("2026-03-01T10:00:00+03:00") == (1772348400.0,)
    assert TimeReader().utc_seconds("2026-03-01T10:00:00Z") == (1772359200.0,)


def test_numbers_are_unix_times_or_count_from_a_beginning() -> None:
    assert TimeReader().utc_seconds("1772355600.5") == (1772355600.5,)
    assert TimeReader().utc_seconds("1772355600500") == (1772355600.5,)
    with pytest.raises(ImportProblem, match="pass --begin"):
        TimeReader().utc_seconds("12.5")
    assert TimeReader(begin_utc_seconds=1e9).utc_seconds("12,5") == (1e9 + 12.5,)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "+99:00", "x" * 300])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ImportProblem, match="no such zone: pass such as Europe/Berlin"):
        zone_of(name)


def test_zones_by_name_and_by_offset() -> None:
    at = datetime(2026, 7, 1, tzinfo=UTC)
    offsets = {name: at.astimezone(zone_of(name)).strftime("%z") for name in ("+02:00", "UTC-03:30", "UTC")}
    assert offsets == {"+02:00": "+0200", "UTC-03:30": "-0330", "UTC": "+0000"}
    assert zone_of("") is None
