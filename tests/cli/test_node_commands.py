import csv
import io
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from support.web_node import HOST, METER, FakeNode, node_on_socket, snapshot, status
from wattwatch.cli.docs import command as docs_command
from wattwatch.cli.main import cli
from wattwatch.reading import Instant, Reading
from wattwatch.sampling.snapshot import SourceHealth

POWER = METER[0].id
COMMANDS = ("check-config", "readings", "sources")


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own."""
    command = [Path(sys.executable).with_name("wattwatch"), *arguments]
    variables = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NODE_NAME": "pi-1"} | environment
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(name="daemon", scope="module")
def _daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A node's socket: 12,000 readings of the last 100 minutes, and a thermal source that is down."""
    gone = SourceHealth(state="down", last_error="no zone below /sys/class/thermal")
    sources = (
        status("meter", "um24c", METER),
        status("host", "host", HOST),
        status("zones", "thermal", (), gone),
    )
    node = FakeNode(snapshot(sources=sources))
    node.history.offsets = {"boot-1": time.time() - 6000.0}
    instants = (Instant("boot-1", index * 0.5) for index in range(12_000))
    node.history.put(*(Reading(METER[0], 5.0 + index % 2, at) for index, at in enumerate(instants)))
    with node_on_socket(node, tmp_path_factory.mktemp("socket")) as path:
        yield path


def test_without_a_channel_the_last_values_are_listed(daemon: Path) -> None:
    done = run("readings", "--socket", daemon)
    assert done.returncode == 0
    head, *rows = [line.split() for line in done.stdout.splitlines()]
    assert head == ["at", "channel", "value", "unit"]
    assert ["2023-11-14T22:46:39.500000Z", POWER, "5.5", "watts"] in rows
    assert len(rows) == len(METER) + len(HOST)


def test_readings_come_page_by_page_as_csv(daemon: Path) -> None:
    done = run("readings", "--channel", POWER, "--since", "2h", "--csv", "--socket", daemon)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 12_000
    assert [float(row["boot_seconds"]) for row in rows] == [index * 0.5 for index in range(12_000)]
    assert (rows[1]["channel"], rows[1]["unit"], rows[1]["boot_id"]) == (POWER, "watts", "boot-1")
    assert [float(row["value"]) for row in rows[:3]] == [5.0, 6.0, 5.0]


def test_since_bounds_them_and_json_is_json(daemon: Path) -> None:
    done = run("readings", "--channel", POWER, "--since", "10m", "--json", WATTWATCH_SOCKET=str(daemon))
    rows = json.loads(done.stdout)
    assert 1100 < len(rows) <= 1200
    assert rows[-1].keys() == {"channel", "unit", "at", "boot_id", "boot_seconds", "value"}


def test_no_reading_is_an_empty_table_and_valid_json(daemon: Path) -> None:
    asked = ("readings", "--channel", METER[1].id, "--socket", daemon)
    assert run(*asked).stdout.split() == ["at", "channel", "value", "unit"]
    assert json.loads(run(*asked, "--json").stdout) == []


def test_an_unknown_channel_is_one_line_with_the_nearest(daemon: Path) -> None:
    done = run("readings", "--channel", "meter/vbus/power", "--socket", daemon)
    assert done.returncode == 1
    assert done.stdout.strip() in {"", "at  channel  value  unit"}
    assert done.stderr.startswith("wattwatch: no channel 'meter/vbus/power'; nearest: meter/vbus/power_watts")
    assert done.stderr.count("\n") == 1


def test_sources_tell_what_works_and_why_not(daemon: Path) -> None:
    done = run("sources", "--socket", daemon)
    lines = done.stdout.splitlines()
    assert lines[0] == f"node pi-1; power: {POWER}"
    assert "meter: up (um24c, a test's, every 0.5 s)" in lines
    assert "zones: down (thermal, a test's, every 0.5 s)" in lines
    assert "  why: no zone below /sys/class/thermal" in lines
    assert [POWER, "5.5", "watts", "board", "metered"] in [line.split() for line in lines]
    document = json.loads(run("sources", "--json", "--socket", daemon).stdout)
    assert [source["name"] for source in document["sources"]] == ["meter", "host", "zones"]


def test_simulated_is_said(tmp_path: Path) -> None:
    with node_on_socket(FakeNode(snapshot(simulated=True)), tmp_path) as path:
        assert "SIMULATED" in run("sources", "--socket", path).stdout


@pytest.mark.parametrize("command", ["readings", "sources"])
def test_without_a_daemon_one_line_says_how_to_start_one(tmp_path: Path, command: str) -> None:
    missing = tmp_path / "wattwatch.sock"
    done = run(command, "--socket", missing)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"wattwatch: no daemon at {missing}: start it with `wattwatch daemon`")
    assert done.stderr.count("\n") == 1


def test_check_config_prints_what_it_understood(tmp_path: Path) -> None:
    file = tmp_path / "wattwatch.toml"
    file.write_text('[store]\nsync = "60000ms"')
    done = run("check-config", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert 'node = "pi-1"\n' in done.stdout
    assert 'sync = "1m"\n' in done.stdout
    file.write_text(done.stdout)
    assert run("check-config", file).stdout == done.stdout
    assert run("check-config", WATTWATCH_CONFIG=str(file)).stdout == done.stdout


def test_check_config_exits_2_with_one_line(tmp_path: Path) -> None:
    file = tmp_path / "wattwatch.toml"
    file.write_text("[store]\nsynk = '60s'")
    done = run("check-config", file)
    assert (done.returncode, done.stdout) == (2, "")
    expected = "store.synk: unknown key (did you mean sync?); allowed: path, retention, max_bytes, sync"
    assert done.stderr == f"wattwatch: {file}: {expected}\n"


@pytest.mark.parametrize("name", [*COMMANDS, "docs"])
def test_help_has_an_example_that_is_understood(name: str) -> None:
    with click.Context(cli) as context:
        command = docs_command if name == "docs" else cli.get_command(context, name)
    assert command is not None
    assert command.help is not None
    example = " ".join(command.help.split("Example: ")[1].split())
    words = shlex.split(example)
    beginning = ["python", "-m", "wattwatch.cli.docs"] if name == "docs" else ["wattwatch", name]
    assert words[: len(beginning)] == beginning
    command.make_context(name, words[len(beginning) :]).close()
