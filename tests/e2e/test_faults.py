"""Gaps between a real daemon and a meter that measures on: filled from its own counter, or missing."""

import signal
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from support.daemon_process import (
    NODE_ENERGY,
    Home,
    MeterProcess,
    Series,
    boot_seconds,
    free_port,
    seconds_by_state,
    until,
    value,
)

DIGIT_JOULES = 3.6  # the meter counts whole milliwatt hours
RECOVERED = "wattwatch_energy_recovered_joules_total"

pytestmark = [pytest.mark.timeout(120), pytest.mark.realtime]


@dataclass(frozen=True)
class Gap:
    """The longest time between two readings of the meter."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def longest_gap(home: Home) -> Gap:
    pairs = pairwise(at for at, _ in home.readings())
    return max((Gap(a, b) for a, b in pairs), key=lambda gap: gap.seconds, default=Gap(0, 0))


def meter_is_back(home: Home) -> bool:
    """Whether the meter is read, and was after the gap: half a dozen readings since."""
    gap = longest_gap(home)
    return gap.seconds > 3 and sum(at > gap.end for at, _ in home.readings()) > 6


def check_recovered(page: dict[Series, float], gap: Gap, meter: MeterProcess) -> None:
    """The gap counts as recovered, with what the meter displayed meanwhile."""
    states = seconds_by_state(page)
    assert states["missing"] == 0
    assert states["recovered"] == pytest.approx(gap.seconds, abs=0.01)
    true_joules = meter.truth().between(gap.start, gap.end)
    assert value(page, RECOVERED) == pytest.approx(true_joules, abs=DIGIT_JOULES)
    counted_joules = value(page, NODE_ENERGY)
    sampled_joules = counted_joules - value(page, RECOVERED)
    assert sampled_joules == pytest.approx(5 * states["sampled"], rel=0.01)


def test_a_link_that_hangs_up_for_ten_seconds(tmp_path: Path) -> None:
    with MeterProcess(tmp_path, "constant", "--fault", "hang-up@8:10") as meter:
        home = Home(tmp_path, meter.url, port=free_port())
        with home.daemon().ready() as daemon:
            until(lambda: meter_is_back(home), 60, "the end of the gap")
            page, gap = home.scrape(), longest_gap(home)
            assert daemon.end() == 0
        assert 9 < gap.seconds < 13
        check_recovered(page, gap, meter)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_daemon_that_is_away_for_eight_seconds(tmp_path: Path, number: int) -> None:
    with MeterProcess(tmp_path, "constant") as meter:
        home = Home(tmp_path, meter.url, port=free_port())
        with home.daemon().ready() as daemon:
            until(lambda: len(home.readings()) > 6, 30, "seven readings")
            daemon.end(number)
        time.sleep(8)
        with home.daemon().ready() as daemon:
            until(lambda: meter_is_back(home), 30, "the end of the gap")
            page, gap = home.scrape(), longest_gap(home)
            assert daemon.end() == 0
        assert 8 < gap.seconds < 12
        check_recovered(page, gap, meter)


def test_a_counter_that_is_cleared_in_the_gap(tmp_path: Path) -> None:
    faults = ("--fault", "hang-up@8:6", "--fault", "accumulator-reset@11")
    with MeterProcess(tmp_path, "constant", *faults) as meter:
        home = Home(tmp_path, meter.url, port=free_port())
        with home.daemon().ready() as daemon:
            until(lambda: meter_is_back(home), 60, "the end of the gap")
            page, gap = home.scrape(), longest_gap(home)
            assert daemon.end() == 0
    states = seconds_by_state(page)
    assert states["missing"] == pytest.approx(gap.seconds, abs=0.01)
    assert states["recovered"] == 0
    assert value(page, RECOVERED) == 0
    assert value(page, NODE_ENERGY) == pytest.approx(5 * states["sampled"], rel=0.01)
    assert value(page, "wattwatch_source_events_total", event="accumulator_reset") == 1


def test_a_stop_while_a_read_waits_for_its_answer(tmp_path: Path) -> None:
    with MeterProcess(tmp_path, "constant", "--fault", "silence@5:3600") as meter:
        home = Home(tmp_path, meter.url, port=free_port())
        with home.daemon().ready() as daemon:
            until(lambda: len(home.readings()) > 2, 30, "three readings")
            silent_at = meter.started_boot_seconds + 6.5
            time.sleep(max(0.0, silent_at - boot_seconds()))
            begun = time.monotonic()
            assert daemon.end() == 0
            assert time.monotonic() - begun < 3
