"""`wattwatch tag-run` against a real daemon that reads a simulated meter."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from support.daemon_process import DaemonProcess, Home, MeterProcess, boot_of_unix, until

RUN_KEYS = {
    "run_id",
    "name",
    "experiment",
    "phase",
    "command",
    "exit_status",
    "state",
    "started_at",
    "ended_at",
    "duration_seconds",
    "completeness",
    "nodes",
    "phases",
    "epochs",
    "labels",
    "warnings",
    "overlaps",
}
FIGURE_KEYS = {
    "node",
    "source",
    "meter_model",
    "interval_seconds",
    "scope",
    "quality",
    "energy_joules",
    "net_energy_joules",
    "baseline",
    "mean_power_watts",
    "peak_power_watts",
    "sampled_seconds",
    "recovered_seconds",
    "missing_seconds",
    "covered_ratio",
    "edge_uncertainty_joules",
    "gap_doubt_joules",
    "accumulator_joules",
    "disagreement_ratio",
    "temperature_celsius",
    "cpu_ratio",
    "memory_peak_bytes",
    "network_bytes",
    "observer_cpu_ratio",
    "observer_energy_joules",
}

pytestmark = pytest.mark.timeout(120)


class Bench:
    """A meter, a home and a daemon that can be replaced."""

    def __init__(self, directory: Path) -> None:
        self.meter = MeterProcess(directory, "inference")
        self.home = Home(directory, self.meter.url)
        self.daemon = self.started()

    def started(self) -> DaemonProcess:
        """A ready daemon that has read its meter."""
        daemon = self.home.daemon().ready()
        until(lambda: _is_up(self.home), 20, "a reading of the meter")
        return daemon

    def restart(self, number: int) -> None:
        self.daemon.end(number)
        self.daemon = self.home.daemon().ready()

    def tag_run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit status and the document of `--json -`, which stands alone on stdout."""
        done = self.home.run("tag-run", "--json", "-", *arguments)
        return done.returncode, json.loads(done.stdout)

    def truth(self, document: dict[str, Any]) -> float:
        """Joules that the meter displayed during a run."""
        start, end = (
            boot_of_unix(datetime.fromisoformat(document[edge]).timestamp())
            for edge in ("started_at", "ended_at")
        )
        return self.meter.truth().between(start, end)

    def close(self) -> None:
        self.daemon.__exit__(None, None, None)
        self.meter.__exit__(None, None, None)


def _is_up(home: Home) -> bool:
    return any(s["name"] == "meter" and s["up"] for s in home.json("/v1/sources")["sources"])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def doubt_joules(node: dict[str, Any]) -> float:
    doubt: float = node["edge_uncertainty_joules"] + node["gap_doubt_joules"]
    return doubt


def test_energy_of_a_command_against_the_truth(bench: Bench) -> None:
    status, document = bench.tag_run(
        "--name", "bursts", "--experiment", "e2e", "--phase", "inference", "--", "sleep", "6"
    )
    assert status == 0
    assert document.keys() == RUN_KEYS
    (node,) = document["nodes"]
    assert node.keys() == FIGURE_KEYS
    (phase,) = document["phases"]
    assert phase.keys() == FIGURE_KEYS | {"phase"}
    assert (phase["phase"], phase["energy_joules"]) == ("inference", pytest.approx(node["energy_joules"]))
    assert (document["state"], document["completeness"]) == ("succeeded", "final")
    assert 6 <= document["duration_seconds"] < 12
    assert (node["node"], node["quality"], node["scope"]) == ("pi-1", "simulated", "board")
    assert node["meter_model"] == "UM24C"
    true_joules = bench.truth(document)
    assert node["energy_joules"] == pytest.approx(true_joules, abs=0.03 * true_joules + doubt_joules(node))
    assert node["sampled_seconds"] == pytest.approx(document["duration_seconds"], abs=1e-3)
    assert node["missing_seconds"] == 0
    shown = json.loads(bench.home.run("runs", "show", "last", "--json").stdout)
    listed = json.loads(bench.home.run("runs", "list", "--json").stdout)["runs"]
    assert shown == document
    assert listed == [{key: v for key, v in document.items() if key not in ("phases", "epochs", "warnings")}]


def test_a_command_shorter_than_a_sample(bench: Bench) -> None:
    status, document = bench.tag_run("--", "true")
    (node,) = document["nodes"]
    assert status == 0
    assert 0 < node["energy_joules"] < 6 * document["duration_seconds"]
    assert any("too short" in warning for warning in document["warnings"]) or (
        node["edge_uncertainty_joules"] < 0.02 * node["energy_joules"]
    )


def test_a_command_that_is_not_there(bench: Bench) -> None:
    done = bench.home.run("tag-run", "--", "no-such-command-here")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_daemon_is_restarted_in_the_middle_of_a_run(bench: Bench, number: int) -> None:
    arguments = bench.home.command("tag-run", "--json", "-", "--", "sh", "-c", "sleep 6; exit 7")
    environment = bench.home.environment | {"WATTWATCH_SOCKET": str(bench.home.socket)}
    with subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            until(lambda: bench.home.json("/v1/runs")["runs"], 20, "the run in the ledger")
            bench.restart(number)
            output, talk = run.communicate(timeout=60)
        finally:
            run.kill()
    assert run.returncode == 7, talk
    document = json.loads(output)
    (node,) = document["nodes"]
    assert (document["state"], document["exit_status"]) == ("failed", 7)
    assert 6 <= document["duration_seconds"] < 12
    covered = node["sampled_seconds"] + node["recovered_seconds"]
    assert covered + node["missing_seconds"] == pytest.approx(document["duration_seconds"], abs=1e-3)
    assert node["missing_seconds"] == 0
    true_joules = bench.truth(document)
    assert node["energy_joules"] == pytest.approx(true_joules, abs=0.05 * true_joules + doubt_joules(node))


def test_an_owner_that_is_killed(bench: Bench) -> None:
    arguments = bench.home.command("tag-run", "--name", "orphan", "--", "sleep", "30")
    environment = bench.home.environment | {"WATTWATCH_SOCKET": str(bench.home.socket)}
    with subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL) as run:
        until(lambda: bench.home.json("/v1/runs")["runs"], 20, "the run in the ledger")
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text(encoding="ascii").split()
        run.kill()
    for child in children:
        os.kill(int(child), signal.SIGKILL)

    def lost() -> Any:
        (document,) = bench.home.json("/v1/runs")["runs"]
        return document if document["state"] == "lost" else None

    document = until(lost, 10, "the run to be lost")
    assert document["exit_status"] is None
    assert document["ended_at"] is not None


def test_without_a_daemon_on_the_configured_meter(tmp_path: Path) -> None:
    with MeterProcess(tmp_path, "constant") as meter:
        home = Home(tmp_path, meter.url)
        done = home.run_alone("tag-run", "--local", "--json", "-", "--", "sleep", "3")
        document = json.loads(done.stdout)
        (node,) = document["nodes"]
        assert node["energy_joules"] == pytest.approx(5 * document["duration_seconds"], rel=0.03)
        assert (node["quality"], document["completeness"]) == ("simulated", "final")
        assert not home.store.exists()
        assert json.loads(home.run_alone("runs", "show", "last", "--json").stdout) == document


def test_without_a_daemon_and_without_a_meter(tmp_path: Path) -> None:
    home = Home(tmp_path)
    done = home.run_alone("tag-run", "--local", "--json", "-", "--", "sh", "-c", "sleep 2; exit 3")
    document = json.loads(done.stdout)
    (node,) = document["nodes"]
    assert done.returncode == 3
    assert 2 <= document["duration_seconds"] < 8
    assert node["energy_joules"] is None
    assert node["cpu_ratio"] is not None
    assert node["memory_peak_bytes"] > 0
    (warning,) = document["warnings"]
    assert "no power source" in warning
