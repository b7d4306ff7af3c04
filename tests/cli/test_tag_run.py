import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from support.clock import FakeClock
from support.live import LiveNode
from support.node import FakeNode
from wattwatch.cli.main import cli
from wattwatch.config.settings import ServerSettings, Settings
from wattwatch.report.words import energy_text
from wattwatch.runs.keeper import Keeper
from wattwatch.runs.run import RunRequest, RunState
from wattwatch.session.inprocess import private_settings
from wattwatch.session.runs import Runs
from wattwatch.session.summary import summary_lines


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in ("WATTWATCH_SOCKET", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    environment = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


@pytest.fixture
def local(tmp_path: Path) -> FakeNode:
    """Two runs in this user's own ledger, measured by a process that has ended in good order."""
    directory = tmp_path / "state" / "wattwatch"
    directory.mkdir(parents=True)
    node = FakeNode(directory, watts=lambda seconds: 5.0 if seconds < 1010 else 7.0)
    node.service.close()
    node.path = directory / "local.db"
    node.begin(Keeper(directory, "mine"))
    for run_id, name in (("ab1", "first"), ("ab2", "second")):
        node.service.start(RunRequest(run_id, name, "demo"))
        node.play(3)
        node.service.open_phase(run_id, "training")
        node.play(4)
        node.service.end(run_id, RunState.SUCCEEDED, 0)
        node.play(1)
    node.service.close()
    return node


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_list_and_show_of_local_runs(local: FakeNode) -> None:
    del local
    listed = invoke("runs", "list").output.splitlines()
    assert [line.split()[:4] for line in listed] == [
        ["run", "name", "node", "state"],
        ["ab2", "second", "pi-1", "succeeded"],
        ["ab1", "first", "pi-1", "succeeded"],
    ]
    shown = invoke("runs", "show", "ab1").output
    assert shown.startswith("demo / first: succeeded\n")
    for words in ("35.0 J ± 0.0 J", "5.00 W, peak 5.00 W", "(metered, board: meter UM24C)", "cpu-thermal"):
        assert words in shown
    table = [line.split()[0] for line in shown.splitlines() if " W " in line and "peak" not in line]
    assert table == ["untagged", "training"]


def test_json_of_list_and_show(local: FakeNode) -> None:
    del local
    (newest, _) = json.loads(invoke("runs", "list", "--json").output)["runs"]
    assert json.loads(invoke("runs", "show", "last", "--json").output) == newest | {
        "phases": json.loads(invoke("runs", "show", "ab2", "--json").output)["phases"],
        "epochs": [],
        "warnings": [],
    }


def test_a_prefix_must_be_of_one_run(local: FakeNode) -> None:
    del local
    error = invoke("runs", "show", "ab").exception
    assert "begins 2 run ids (ab2, ab1 …)" in str(error)
    assert "no run 'zz'" in str(invoke("runs", "show", "zz").exception)


def test_without_runs_it_says_how_to_make_one() -> None:
    assert invoke("runs", "list").output == "no runs yet: wattwatch tag-run -- CMD measures one\n"
    assert "no run 'last'" in str(invoke("runs", "show", "last").exception)


def test_the_daemons_runs_and_ours_are_merged(
    local: FakeNode, tmp_path: Path, environment: dict[str, str]
) -> None:
    del local
    with LiveNode(tmp_path) as node:
        node.service.start(RunRequest("theirs"))
        node.service.start(RunRequest("ab1", "the daemon's"))
        runs = Runs(environment, FakeClock(), node.socket)
        assert {document["run_id"]: document["name"] for document in runs.newest()} == {
            "theirs": None,
            "ab1": "the daemon's",
            "ab2": "second",
        }
        assert runs.find("th")["state"] == "running"
        assert runs.find("ab2")["name"] == "second"
        assert len(runs.newest(2)) == 2


def test_a_run_of_a_killed_process_is_listed_as_lost(local: FakeNode, environment: dict[str, str]) -> None:
    keeper = Keeper(local.path.parent, "killed")
    local.begin(keeper)
    local.service.start(RunRequest("k", hold=True))
    running = Runs(environment, local.clock).find("k")
    assert (running["state"], running["completeness"]) == ("running", "provisional")
    keeper._file.close()  # as the kernel does it for a killed process
    assert Runs(environment, local.clock).find("k")["state"] == "lost"


def test_help_has_an_example() -> None:
    for arguments in (("tag-run",), ("runs",), ("runs", "list"), ("runs", "show")):
        result = invoke(*arguments, "--help")
        assert result.exit_code == 0
        assert "Example: wattwatch " in result.output


def test_a_private_node_shares_nothing_with_the_daemon(tmp_path: Path) -> None:
    settings = Settings("pi-1", server=ServerSettings(token_file=Path("/etc/wattwatch/token")))
    private = private_settings(settings, tmp_path)
    assert (private.server.listen, private.server.token_file) == ("", None)
    assert private.server.socket is not None
    assert private.store.path is not None
    assert {private.server.socket.parent, private.store.path.parent} == {tmp_path}


NODE: dict[str, Any] = {
    "energy_joules": 1234.0, "missing_seconds": 0.0, "edge_uncertainty_joules": 1.5, "gap_doubt_joules": 3.6,
}  # fmt: skip


def test_energy_for_people() -> None:
    assert energy_text(NODE) == "1.23 kJ ± 5.10 J"
    assert energy_text(NODE | {"missing_seconds": 2.0}) == "≥ 1.23 kJ ± 5.10 J"
    assert energy_text(NODE | {"energy_joules": None}) == "unknown"


def test_a_simulated_meter_is_said_in_the_summary(local: FakeNode, environment: dict[str, str]) -> None:
    document = Runs(environment, local.clock).find("ab1")
    document["nodes"][0]["quality"] = "simulated"
    assert any("simulated" in line for line in summary_lines(document))
