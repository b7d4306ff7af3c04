"""What a real Prometheus makes of a real daemon: labels, mean power, a page that promtool accepts."""

import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from support.daemon_process import (
    NODE_ENERGY,
    Home,
    MeterProcess,
    boot_of_unix,
    free_port,
    until,
)
from support.prometheus_process import PrometheusProcess, need_prometheus

PERIOD_SECONDS = 10
PERIODS = 12
SAMPLED = 'wattwatch_energy_seconds_total{source="meter",state="sampled"}'
LAST_SUCCESS = 'wattwatch_source_last_success_timestamp_seconds{source="meter"}'

pytestmark = [pytest.mark.prometheus, pytest.mark.realtime]


def square_wave(path: Path) -> Path:
    """Ten-second periods of 3 W and 6 W, for ten minutes."""
    rows = ["seconds,watts"]
    for start in range(0, 600, PERIOD_SECONDS):
        middle, end = start + PERIOD_SECONDS // 2, start + PERIOD_SECONDS
        rows += [f"{start},3", f"{middle},3", f"{middle},6", f"{end},6"]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.timeout(240)
@pytest.mark.xdist_group("long-prometheus")
def test_mean_power_between_two_scrapes(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    need_prometheus()
    with MeterProcess(tmp_path, square_wave(tmp_path / "load.csv")) as meter:
        home = Home(tmp_path, meter.url, port=free_port())
        with home.daemon().ready() as daemon, PrometheusProcess(tmp_path / "p", home.port) as prometheus:
            until(lambda: prometheus.query(f"{NODE_ENERGY} > 5"), 60, "energy in Prometheus")
            began = time.time()
            time.sleep(PERIODS * PERIOD_SECONDS)
            ended = time.time()
            first, last = (Scraped(prometheus, at) for at in (began, ended))
            check_labels(prometheus, ended)
            check_page(home)
            assert daemon.end() == 0
        truth = meter.truth()

    start, end = boot_of_unix(first.last_success), boot_of_unix(last.last_success)
    assert end - start > (PERIODS - 1) * PERIOD_SECONDS
    watts = (last.joules - first.joules) / (last.sampled_seconds - first.sampled_seconds)
    true_watts = truth.between(start, end) / (end - start)
    error_percent = 100 * (watts / true_watts - 1)
    figures = {
        "seconds": round(end - start, 3),
        "mean_watts": round(watts, 5),
        "true_mean_watts": round(true_watts, 5),
        "error_percent": round(error_percent, 4),
    }
    for name, figure in figures.items():
        record_property(name, figure)
    print(figures)  # noqa: T201 - to be quoted, with pytest -s
    assert last.sampled_seconds - first.sampled_seconds == pytest.approx(end - start, abs=0.01)
    assert abs(error_percent) < 0.5


class Scraped:
    """What the last scrape before a UTC stored."""

    def __init__(self, prometheus: PrometheusProcess, at: float) -> None:
        self.joules = prometheus.value(NODE_ENERGY, at)
        self.sampled_seconds = prometheus.value(SAMPLED, at)
        self.last_success = prometheus.value(LAST_SUCCESS, at)


def check_labels(prometheus: PrometheusProcess, at: float) -> None:
    """The daemon's own `node` stands, although the target has another; `up` has the target's."""
    (energy,) = prometheus.query(NODE_ENERGY, at)
    assert energy["metric"] == {
        "__name__": NODE_ENERGY,
        "job": "wattwatch",
        "instance": energy["metric"]["instance"],
        "node": "pi-1",
        "scope": "board",
        "quality": "simulated",
    }
    clashing = prometheus.query('count by (__name__) ({__name__=~"wattwatch_.*", node!="pi-1"})', at)
    assert not clashing
    assert prometheus.query('up{node="clash"}', at)


def check_page(home: Home) -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=home.metrics(), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.timeout(120)
def test_nothing_falls_over_a_restart(tmp_path: Path) -> None:
    need_prometheus()
    with MeterProcess(tmp_path, "constant") as meter:
        home = Home(tmp_path, meter.url, port=free_port())
        with PrometheusProcess(tmp_path / "p", home.port) as prometheus:
            began = time.time()
            for _ in range(3):
                with home.daemon().ready() as daemon:
                    scrapes = f"sum(count_over_time({NODE_ENERGY}[60s]))"
                    seen = prometheus.query(scrapes)
                    wanted = (float(seen[0]["value"][1]) if seen else 0.0) + 3
                    until(lambda: prometheus.query(f"{scrapes} >= {wanted}"), 30, "three more scrapes")  # noqa: B023 - called at once
                    assert daemon.end() == 0
            ended = time.time()
            stored = prometheus.raw('{__name__=~"wattwatch_.*(_total|_bucket|_sum|_count)"}', 120, ended)
            joules = prometheus.raw(NODE_ENERGY, round(ended - began) + 1, ended)
    assert len(stored) > 20
    for series, values in stored.items():
        assert all(a <= b for a, b in pairwise(values)), series
    (counted,) = joules.values()
    assert counted[-1] > counted[0]
