"""The daemon as its operator meets it: refusals in one line, sources, readings, and a clean end."""

import csv
import io
import json
import signal
import socket
import time
from pathlib import Path

import pytest

from support.daemon_process import POWER_CHANNEL, Home, MeterProcess, free_port, seconds_by_state, until

pytestmark = pytest.mark.timeout(120)


def test_a_second_daemon_on_the_same_state(tmp_path: Path) -> None:
    home = Home(tmp_path)
    other = Home(tmp_path / "other", store=home.store)
    with home.daemon().ready(), other.daemon() as second:
        assert second.process.wait(20) == 1
        second.joined()
        assert len(second.lines) == 1, second.text
        assert str(home.store.parent) in second.text


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        home = Home(tmp_path, port=taken.getsockname()[1])
        with home.daemon() as daemon:
            assert daemon.process.wait(20) == 2
            daemon.joined()
            assert len(daemon.lines) == 1, daemon.text
            assert "in use" in daemon.text


def test_sources_and_readings_of_a_real_daemon(tmp_path: Path) -> None:
    with MeterProcess(tmp_path, "constant") as meter:
        home = Home(tmp_path, meter.url)
        with home.daemon().ready() as daemon:
            until(lambda: len(home.readings()) > 3, 20, "four readings")
            sources = json.loads(home.run("sources", "--json").stdout)
            table = home.run("readings", "--channel", POWER_CHANNEL, "--csv").stdout
            assert daemon.end() == 0
    assert (sources["node"], sources["simulated"]) == ("pi-1", True)
    assert sources["primary"]["channel"] == POWER_CHANNEL
    by_name = {source["name"]: source for source in sources["sources"]}
    assert by_name["meter"]["state"] == "up"
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) >= 4
    assert {row["unit"] for row in rows} == {"watts"}
    assert all(4.9 < float(row["value"]) < 5.1 for row in rows)
    instants = [float(row["boot_seconds"]) for row in rows]
    assert instants == sorted(set(instants))


def test_garbage_for_ever(tmp_path: Path) -> None:
    with MeterProcess(tmp_path, "constant", "--fault", "half-frame@0:3600") as meter:
        home = Home(tmp_path, meter.url, port=free_port())
        with home.daemon().ready() as daemon:

            def down() -> str | None:
                sources = {s["name"]: s for s in home.json("/v1/sources")["sources"]}
                source = sources["meter"]
                return source["last_error"] if source["state"] == "down" else None

            reason = until(down, 20, "the source to be down")
            assert meter.url in reason
            assert home.readings() == []  # a channel that was never read is known, and empty
            page = home.scrape()
            assert page["wattwatch_source_up", (("node", "pi-1"), ("source", "meter"))] == 0
            assert not [series for series in page if series[0] == "wattwatch_node_power_watts"]
            begun = time.monotonic()
            assert daemon.end(seconds=10) == 0
            assert time.monotonic() - begun < 3


def test_noise_before_every_frame_costs_nothing(tmp_path: Path) -> None:
    with MeterProcess(tmp_path, "constant", "--fault", "garbage@0:3600") as meter:
        home = Home(tmp_path, meter.url, port=free_port())
        with home.daemon().ready() as daemon:
            until(lambda: len(home.readings()) > 8, 30, "nine readings")
            assert seconds_by_state(home.scrape())["missing"] == 0
            assert daemon.end(signal.SIGINT) == 0


def test_simulated_readings_are_kept_apart(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.daemon("--simulate", "constant").ready() as daemon:
        assert f"{home.store.parent}/simulated/" in daemon.text
        assert home.json("/v1/sources")["simulated"] is True
        assert daemon.end() == 0
    assert not home.store.exists()


def test_the_default_store_refuses_a_simulated_source(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.config.write_text('[[source]]\ntype = "um24c"\nurl = "/nowhere"\nsimulated = true\n')
    with home.daemon("--listen", "127.0.0.1:0") as daemon:
        assert daemon.process.wait(20) == 2
        daemon.joined()
        assert len(daemon.lines) == 1, daemon.text
        assert "simulated" in daemon.text
