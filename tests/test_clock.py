"""The system's clocks, and the fallback where there is no boot time."""

import time

import pytest

from wattwatch.clock import SystemClock, clock_is_synchronised, rfc3339
from wattwatch.reading import seconds_between


def test_instants_are_of_this_boot_in_whole_microseconds_and_never_fall() -> None:
    clock = SystemClock()
    first, second = clock.now(), clock.now()
    assert first.boot_id == second.boot_id != ""
    assert seconds_between(first, second) >= 0
    assert first.boot_seconds == round(first.boot_seconds, 6)


def test_boot_time_and_its_offset_give_the_wall_clock() -> None:
    clock = SystemClock()
    unix_seconds = clock.now().boot_seconds + clock.wall().unix_minus_boot_seconds
    assert unix_seconds == pytest.approx(time.time(), abs=5)
    assert clock.wall().synchronised is clock_is_synchronised()


def test_without_boot_time_a_suspend_is_found_by_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"wall": 1_700_000_000.0, "monotonic": 100.0}
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.setattr(time, "time", lambda: now["wall"])
    monkeypatch.setattr(time, "monotonic", lambda: now["monotonic"])
    clock = SystemClock()
    before = clock.now()
    now["wall"], now["monotonic"] = now["wall"] + 601.0, now["monotonic"] + 1.0  # suspended for ten minutes
    resumed = clock.now()
    assert seconds_between(before, resumed) == pytest.approx(601.0)
    now["wall"] -= 3600.0  # set back: no time goes away
    now["monotonic"] += 1.0
    assert seconds_between(resumed, clock.now()) == pytest.approx(1.0)


def test_utc_is_rfc_3339_with_microseconds() -> None:
    assert rfc3339(1_700_000_000.25) == "2023-11-14T22:13:20.250000Z"
