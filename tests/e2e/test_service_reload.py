"""A real daemon whose configuration changes under it: nothing is lost, and what is bad is refused."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.daemon_process import (
    NODE_ENERGY,
    WATTWATCH,
    DaemonProcess,
    Home,
    MeterProcess,
    Series,
    free_port,
    until,
    value,
)
from support.notify_socket import NotifySocket

pytestmark = pytest.mark.timeout(120)


class Reloaded:
    """A daemon that reads a meter, its configuration, and every page that was seen of it."""

    def __init__(self, directory: Path, meter: MeterProcess, ear: NotifySocket) -> None:
        self.home = Home(directory, meter.url, port=free_port())
        self.home.environment |= {"NOTIFY_SOCKET": ear.address, "WATCHDOG_USEC": "3000000"}
        self.ear = ear
        self.good = self.home.config.read_text()
        self.pages: list[dict[Series, float]] = []

    def page(self) -> dict[Series, float]:
        """A page; no counter on it is below that of any page before."""
        page = self.home.scrape()
        for series, joules in self.pages[-1].items() if self.pages else ():
            if series[0].endswith("_total"):
                assert page[series] >= joules, series
        self.pages.append(page)
        return page

    def write(self, text: str) -> None:
        """Replace the file in one step, as editors and kubelets do."""
        new = self.home.config.with_suffix(".new")
        new.write_text(text)
        new.replace(self.home.config)

    def hang_up(self, daemon: DaemonProcess) -> None:
        """SIGHUP, and back when the daemon has done with it."""
        before = len(self.ear.values("READY"))
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: len(self.ear.values("READY")) > before, 20, "the end of the reload")

    def sources(self) -> dict[str, dict[str, object]]:
        return {source["name"]: source for source in self.home.json("/v1/sources")["sources"]}


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[MeterProcess]:
    with MeterProcess(tmp_path, "constant") as meter:
        yield meter


@pytest.fixture
def reloaded(tmp_path: Path, meter: MeterProcess) -> Iterator[Reloaded]:
    with NotifySocket(str(tmp_path / "notify")) as ear:
        yield Reloaded(tmp_path, meter, ear)


def total(page: dict[Series, float], name: str, label: str) -> float:
    """The sum of a metric's samples that carry a label's value; 0 before the first."""
    return sum(v for (own, pairs), v in page.items() if own == name and label in dict(pairs).values())


def reads(page: dict[Series, float]) -> float:
    return total(page, "wattwatch_source_reads_total", "meter")


def failures(page: dict[Series, float]) -> float:
    return total(page, "wattwatch_source_read_failures_total", "meter")


def test_a_good_one_a_bad_one_and_one_that_needs_a_restart(reloaded: Reloaded) -> None:
    with reloaded.home.daemon().ready() as daemon:
        until(lambda: reads(reloaded.page()) > 3, 20, "readings")
        # Good: a source comes, one is changed; the meter's line and its open connection stay.
        reloaded.write(reloaded.good + '[[source]]\ntype = "thermal"\nname = "heat"\ninterval = "2s"\n')
        reloaded.hang_up(daemon)
        assert {"meter", "heat", "host"} <= reloaded.sources().keys()
        assert "thermal" not in reloaded.sources()
        assert "sources ended: thermal; begun: heat" in daemon.text
        # Bad: refused in one line, in the log and the status; the old one stays.
        reloaded.write(reloaded.good.replace("[[source]]", "[[sourc]]"))
        reloaded.hang_up(daemon)
        refused = [line for line in daemon.lines if "refused" in line]
        assert len(refused) == 1
        assert f"{reloaded.home.config}: sourc: unknown key" in refused[0]
        until(lambda: "configuration refused" in reloaded.ear.values("STATUS")[-1], 5, "the status")
        assert "heat" in reloaded.sources()
        # What needs a restart is refused as a whole.
        reloaded.write(reloaded.good.replace('node = "pi-1"', 'node = "pi-2"\nprimary = "nobody"'))
        reloaded.hang_up(daemon)
        assert "node: from 'pi-1' to 'pi-2' needs a restart" in daemon.text
        # So is what shows only once the sources are known: nothing of it was begun.
        reloaded.write(reloaded.good.replace("[server]", 'primary = "host"\n[server]'))
        reloaded.hang_up(daemon)
        until(lambda: "primary" in reloaded.ear.values("STATUS")[-1], 5, "the status")
        assert len([line for line in daemon.lines if "refused" in line]) == 3
        assert "heat" in reloaded.sources()
        before = reads(reloaded.page())
        until(lambda: reads(reloaded.page()) > before + 3, 20, "more readings")
        page = reloaded.page()
        assert value(page, NODE_ENERGY, scope="board") > 0
        assert not [
            v for (name, labels), v in page.items() if name == NODE_ENERGY and ("node", "pi-2") in labels
        ]
        assert failures(page) == 0
        assert "lost" not in daemon.text
        assert reloaded.ear.values("WATCHDOG")
        assert daemon.end() == 0
    assert reloaded.ear.values("STOPPING") == ["1"]
    assert "Traceback" not in daemon.text


def test_a_changed_file_is_found_without_any_signal(reloaded: Reloaded) -> None:
    with reloaded.home.daemon().ready() as daemon:
        until(lambda: reads(reloaded.page()) > 1, 20, "readings")
        reloaded.write("# a comment\n" + reloaded.good)
        daemon.wait_for("(sources ended: none; begun: none)")
        reloaded.page()
        assert failures(reloaded.page()) == 0
        assert daemon.end() == 0


def test_a_held_run_survives_a_change_of_its_meters_interval(reloaded: Reloaded, tmp_path: Path) -> None:
    result = tmp_path / "run.json"
    with reloaded.home.daemon().ready() as daemon:
        until(lambda: reads(reloaded.page()) > 1, 20, "readings")
        command = reloaded.home.command("tag-run", "--json", str(result), "--", "sleep", "6")
        environment = reloaded.home.environment | {"WATTWATCH_SOCKET": str(reloaded.home.socket)}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as run:
            until(lambda: "1 run" in reloaded.ear.values("STATUS")[-1], 20, "the run in the status")
            reloaded.write(reloaded.good + 'interval = "250ms"\n')
            reloaded.hang_up(daemon)
            assert "sources ended: meter; begun: meter" in daemon.text
            until(lambda: reloaded.sources()["meter"]["interval_seconds"] == 0.25, 5, "the new interval")
            while run.poll() is None:
                reloaded.page()
                time.sleep(0.2)
        assert run.returncode == 0
        reloaded.page()
        assert daemon.end() == 0
    node = json.loads(result.read_text())["nodes"][0]
    assert node["covered_ratio"] == pytest.approx(1.0)
    assert node["energy_joules"] == pytest.approx(30.0, rel=0.05)


def test_another_primary_takes_over_without_counting_anything_twice(reloaded: Reloaded) -> None:
    """The meter is read as two sources; the node's energy goes on from one to the other, with one truth."""
    second = reloaded.good.partition("[[source]]")[2].replace('"um24c"', '"um24c"\nname = "other"')
    directory = reloaded.home.config.parent / "two"
    directory.mkdir()
    with MeterProcess(directory, "constant") as other:
        text = second.replace(str(reloaded.home.config.parent / "meter"), other.url)
        both = f'primary = "meter"\n{reloaded.good}[[source]]{text}'
        reloaded.write(both)
        with reloaded.home.daemon().ready() as daemon:
            until(lambda: total(reloaded.page(), NODE_ENERGY, "board") > 5, 20, "the first joules")
            reloaded.write(both.replace('primary = "meter"', 'primary = "other"'))
            reloaded.hang_up(daemon)
            assert "primary: other/vbus/power_watts, was meter/vbus/power_watts" in daemon.text
            until(lambda: total(reloaded.page(), NODE_ENERGY, "board") > 15, 20, "further joules")
            page = reloaded.page()
            alone = value(page, "wattwatch_energy_joules_total", source="meter")
            assert value(page, NODE_ENERGY) <= alone + 2.6  # one interval of the other meter at most
            assert daemon.end() == 0


def test_the_simulated_meter_of_the_command_line_outlives_a_reload(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.daemon("--simulate", "constant").ready() as daemon:
        home.config.write_text(home.config.read_text() + "[sampling]\ngap_seconds = 5\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("(sources ended: none; begun: none)")
        until(lambda: len(home.readings()) > 3, 20, "readings")
        assert daemon.end() == 0
    assert "lost" not in daemon.text


TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("prefix", [(), ("nohup",)])
def test_a_daemon_ends_with_the_terminal_that_it_was_started_in(
    tmp_path: Path, prefix: tuple[str, ...]
) -> None:
    """SIGHUP means reload, but not when it comes because the terminal is gone; unless nohup said so."""
    home = Home(tmp_path)
    daemon = (*prefix, *WATTWATCH, "daemon", "--config", str(home.config))
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        (sys.executable, "-c", TERMINAL, *daemon),
        stdin=inside,
        stdout=subprocess.DEVNULL,
        stderr=inside if not prefix else subprocess.DEVNULL,
        env=home.environment,
        cwd=tmp_path,
        start_new_session=True,
    )
    os.close(inside)
    try:
        until(lambda: home.json("/v1/sources"), 30, "the daemon")
        os.close(terminal)
        if prefix:
            until(lambda: home.json("/v1/sources"), 5, "the daemon, still there")
            process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    assert not home.socket.exists()  # it ended in good order
