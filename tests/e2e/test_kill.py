"""A daemon that is killed fifty times counts on, and a real Prometheus never sees it fall."""

import random
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.daemon_process import (
    NODE_ENERGY,
    DaemonProcess,
    Home,
    MeterProcess,
    Series,
    boot_of_unix,
    boot_seconds,
    free_port,
    seconds_by_state,
    until,
    value,
)
from support.prometheus_process import PrometheusProcess, need_prometheus

KILLS = 50
COUNTING = ("_total", "_count", "_sum", "_bucket")
COUNTERS_OF_PROMETHEUS = '{__name__=~"wattwatch_.*_(total|count|sum|bucket)"}'
LONGEST_LOSS_SECONDS = 2.0
INTERVAL_SECONDS = 0.5


def falls(before: dict[Series, float], after: dict[Series, float]) -> list[str]:
    """Counters of ours that are less than they were, or gone."""
    return [
        f"{series}: {was} -> {after.get(series)}"
        for series, was in before.items()
        if series[0].startswith("wattwatch_") and series[0].endswith(COUNTING)
        if after.get(series, -1.0) < was
    ]


@dataclass
class Killer:
    """Kills a daemon, starts it again, and remembers what was seen on both sides."""

    home: Home
    daemon: DaemonProcess
    last: dict[Series, float] = field(default_factory=dict)
    killed_at: list[float] = field(default_factory=list)  # boot seconds
    served_since: list[float | None] = field(default_factory=list)  # None: killed while it was starting
    serving_since: float | None = None
    restart_seconds: list[float] = field(default_factory=list)

    def kill(self, *, scrape: bool) -> None:
        """Kill it now, whatever it is at, and start the next. A scrape commits, so some do without."""
        if scrape:
            with suppress(OSError):  # it may still be starting
                self.see(self.home.scrape())
        self.daemon.end(signal.SIGKILL)
        self.killed_at.append(boot_seconds())
        self.served_since.append(self.serving_since)
        self.serving_since = None
        self.daemon = self.home.daemon()

    def see(self, page: dict[Series, float]) -> None:
        """Compare with all that was ever seen."""
        assert not falls(self.last, page)
        self.last |= page

    def good_scrape(self) -> None:
        """Wait for the first page of the new daemon."""
        self.see(until(self.home.scrape, 20, "first scrape after a kill"))
        self.serving_since = boot_seconds()
        if self.killed_at:
            self.restart_seconds.append(time.monotonic() - self.daemon.started_seconds)


def kill_often(killer: Killer, choose: random.Random) -> None:
    for _ in range(KILLS):
        if choose.random() < 0.2:
            time.sleep(choose.uniform(0.05, 0.6))  # while it starts
        else:
            killer.good_scrape()
            time.sleep(choose.uniform(0.5, 3.0))
        killer.kill(scrape=choose.random() < 0.5)
    killer.good_scrape()


@pytest.mark.prometheus
@pytest.mark.realtime
@pytest.mark.timeout(420)
@pytest.mark.xdist_group("long-kill")
def test_fifty_kills(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    need_prometheus()
    with MeterProcess(tmp_path, "training") as meter:
        home = Home(tmp_path, meter.url, port=free_port())
        killer = Killer(home, home.daemon().ready())
        with PrometheusProcess(tmp_path / "p", home.port) as prometheus:
            try:
                prometheus.wait_up()
                began = time.time()
                time.sleep(3)
                kill_often(killer, random.Random(16))
                time.sleep(5)
                ended = time.time()
                page, readings = home.scrape(), home.readings()
                seconds = round(ended - began)
                counted = prometheus.value(f"increase({NODE_ENERGY}[{seconds}s])", ended)
                stored = prometheus.raw(COUNTERS_OF_PROMETHEUS, seconds, ended)
            finally:
                killer.daemon.end()
        true_joules = meter.truth().between(boot_of_unix(ended - seconds), boot_of_unix(ended))

    killer.see(page)
    states = seconds_by_state(page)
    instants = [at for at, _ in readings]
    span_seconds = instants[-1] - instants[0]
    losses = list(lost_seconds(killer, instants))
    figures = {
        "kills": len(killer.killed_at),
        "kills_while_starting": killer.served_since.count(None),
        "range_seconds": seconds,
        "increase_error_percent": round(100 * (counted / true_joules - 1), 3),
        "increase_joules": round(counted, 1),
        "true_joules": round(true_joules, 1),
        "own_error_percent": round(100 * own_error(page, meter, instants), 3),
        "restart_seconds_median": round(sorted(killer.restart_seconds)[len(killer.restart_seconds) // 2], 2),
        "restart_seconds_max": round(max(killer.restart_seconds), 2),
        "longest_loss_seconds": round(max(losses), 2),
        "uncounted_seconds": round(span_seconds - sum(states.values()), 3),
        **{f"{state}_seconds": round(of_state, 1) for state, of_state in states.items()},
    }
    for name, figure in figures.items():
        record_property(name, figure)
    print(figures)  # noqa: T201 - to be quoted, with pytest -s

    assert len(killer.killed_at) == KILLS
    assert len(stored) > 20
    for series, values in stored.items():
        assert values == sorted(values), series
    assert abs(counted / true_joules - 1) < 0.02
    assert abs(span_seconds - sum(states.values())) < 2
    assert max(losses) <= LONGEST_LOSS_SECONDS + INTERVAL_SECONDS


def lost_seconds(killer: Killer, instants: list[float]) -> Iterable[float]:
    """For each kill of a daemon that served: how long before it the readings that are still there end."""
    for killed, since in zip(killer.killed_at, killer.served_since, strict=True):
        if since is not None:
            yield killed - max(since, *(at for at in instants if at < killed))


def own_error(page: dict[Series, float], meter: MeterProcess, instants: list[float]) -> float:
    """The counter itself against the truth between first and last reading."""
    truth = meter.truth().between(instants[0], instants[-1])
    return value(page, NODE_ENERGY) / truth - 1
