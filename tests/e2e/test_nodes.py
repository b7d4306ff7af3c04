"""One run on two nodes: two daemons, two meters, one of them by TLS and a token."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from support.daemon_process import Home, MeterProcess, Worker, free_port, until
from support.tls import Pki

pytestmark = [pytest.mark.xdist_group("nodes"), pytest.mark.timeout(180)]
NAP = (sys.executable, "-c", "import time; time.sleep(1)")
PHASES = """
import subprocess, sys, time
time.sleep(1.5)
ours = [sys.executable, "-c", "from wattwatch.cli.main import run; run()"]
subprocess.run([*ours, "phase", "training"], check=True)
time.sleep(1.5)
"""


@dataclass
class Cluster:
    """The node on which commands run, and how to reach the other."""

    here: Home
    there: Home
    url: str
    token: Path
    ca: Path

    def tag(self, *arguments: str, node: str = "") -> CompletedProcess[str]:
        access = ("--token-file", str(self.token), "--ca-file", str(self.ca))
        return self.here.run("tag-run", "--node", node or f"pi-2={self.url}", *access, *arguments)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    base = tmp_path_factory.mktemp("w")
    pki = Pki(base / "pki")
    token = base / "token"
    token.write_text("secret\n")
    for name in ("a", "b"):
        (base / f"m{name}").mkdir()
    with MeterProcess(base / "ma", "constant") as own, MeterProcess(base / "mb", "inference") as other:
        here = Home(base / "a", own.url, port=free_port())
        there = Home(base / "b", other.url, port=free_port())
        text = there.config.read_text().replace('"pi-1"', '"pi-2"')
        server = f'[server]\ntoken_file = "{token}"\nweb_config = "{pki.web_yml()}"\n'
        there.config.write_text(text.replace("[server]\n", server))
        with here.daemon() as one, there.daemon() as two:
            one.ready()
            two.ready()
            yield Cluster(here, there, f"https://localhost:{there.port}", token, pki.directory / "ca.pem")


def by_node(document: dict[str, Any], key: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in document[key]:
        found.setdefault(entry["node"], []).append(entry)
    return found


def test_a_run_with_phases_is_measured_on_both(cluster: Cluster, tmp_path: Path) -> None:
    output = tmp_path / "run.json"
    done = cluster.tag("--phase", "load", "--json", str(output), "--", sys.executable, "-c", PHASES)
    assert done.returncode == 0, done.stderr
    document = json.loads(output.read_text())
    nodes, phases = by_node(document, "nodes"), by_node(document, "phases")
    assert list(nodes) == list(phases) == ["pi-1", "pi-2"]
    for name, (node,) in nodes.items():
        assert [phase["phase"] for phase in phases[name]] == ["load", "training"]
        seconds = sum(node[f"{state}_seconds"] for state in ("sampled", "recovered", "missing"))
        assert seconds == pytest.approx(document["duration_seconds"], abs=0.001)
        parts = sum(phase["energy_joules"] for phase in phases[name])
        assert parts == pytest.approx(node["energy_joules"], rel=1e-9)
        assert phases[name][0]["sampled_seconds"] == pytest.approx(
            phases["pi-1"][0]["sampled_seconds"], abs=0.01
        )
    assert " pi-2" in done.stderr
    assert document["clocks"][0]["edge_doubt_seconds"] < 0.2
    there = cluster.there.json(f"/v1/runs/{document['run_id']}")
    assert there["nodes"][0]["energy_joules"] == nodes["pi-2"][0]["energy_joules"]
    assert cluster.here.json(f"/v1/runs/{document['run_id']}")["nodes"] == document["nodes"]


def test_phases_are_known_at_the_other_node_while_they_go_on(cluster: Cluster) -> None:
    there = cluster.there
    command = cluster.here.command(
        "tag-run", "--quiet", "--run-id", "live", "--node", f"pi-2={cluster.url}",
        "--token-file", str(cluster.token), "--ca-file", str(cluster.ca), "--", "sleep", "60",
    )  # fmt: skip
    worker = Worker(command, cluster.here.environment | {"WATTWATCH_SOCKET": str(cluster.here.socket)})
    with worker:
        until(lambda: there.json("/v1/runs/live")["state"] == "running", 30, "the run at the other node")
        assert cluster.here.run("runs", "phase", "live", "training").returncode == 0

        def phase() -> bool:
            windows = there.json("/v1/runs/live/phases")["windows"]
            return bool(windows[-1]["phase"] == "training")

        until(phase, 30, "the phase at the other node")


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("pi-3={url}", "is of 'pi-2': name it so in --node"),
        ("pi-2=http://127.0.0.1:1", "pi-2: nothing listens on 127.0.0.1:1"),
        ("pi-2", "expected NAME=URL, such as pi-2=http://pi-2:9816"),
    ],
)
def test_all_or_nothing(cluster: Cluster, node: str, said: str) -> None:
    before = cluster.here.json("/v1/runs?state=succeeded")["runs"]
    done = cluster.tag("--", *NAP, node=node.format(url=cluster.url))
    assert done.returncode != 0
    assert said in done.stderr
    assert cluster.here.json("/v1/runs?state=succeeded")["runs"] == before
    assert cluster.there.json("/v1/runs?state=running")["runs"] == []


def test_no_token_no_run(cluster: Cluster) -> None:
    done = cluster.here.run(
        "tag-run", "--node", f"pi-2={cluster.url}", "--ca-file", str(cluster.ca), "--", *NAP
    )
    assert done.returncode == 125
    assert "pi-2: send `Authorization: Bearer TOKEN`" in done.stderr


def test_a_node_that_goes_away_is_said_and_the_others_figures_stay(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with MeterProcess(tmp_path / "m", "constant") as meter:
        third = Home(tmp_path / "c", meter.url, port=free_port())
        text = third.config.read_text().replace('"pi-1"', '"pi-3"')
        third.config.write_text(text.replace("[server]\n", f'[server]\ntoken_file = "{cluster.token}"\n'))
        with third.daemon().ready() as daemon:
            script = f"import os, time; time.sleep(1); os.kill({daemon.process.pid}, 9); time.sleep(1)"
            output = tmp_path / "run.json"
            url = f"pi-3=http://127.0.0.1:{third.port}"
            done = cluster.tag("--json", str(output), "--", sys.executable, "-c", script, node=url)
    assert done.returncode == 0, done.stderr
    document = json.loads(output.read_text())
    assert [node["node"] for node in document["nodes"] if node["energy_joules"] is not None] == ["pi-1"]
    assert any("pi-3" in warning for warning in document["warnings"]), document["warnings"]
