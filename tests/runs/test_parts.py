"""Parts of other nodes, kept in the ledger: they outlive restarts, and change no figure of this node."""

from pathlib import Path

import pytest

from support.node import FakeNode
from wattwatch.errors import RunError
from wattwatch.runs.local import LocalRuns
from wattwatch.runs.run import RunRequest, RunState, UnknownRun
from wattwatch.runs.several import NodePart


def part(node: str, joules: float) -> dict[str, object]:
    entry = {"node": node, "energy_joules": joules, "source": "meter"}
    told = {
        "state": "succeeded",
        "completeness": "final",
        "nodes": [entry],
        "phases": [{"phase": "training"} | entry],
        "warnings": ["warm"],
    }
    return NodePart(node, f"http://{node}:9816", 0.3, 0.0, told).to_json()


def ended(node: FakeNode) -> dict[str, object]:
    node.service.start(RunRequest("r", phase="training"))
    node.play(4)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(2)
    return node.service.get("r")


def test_parts_are_of_the_run_also_after_a_restart(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    before = ended(node)
    node.service.add_parts("r", [part("pi-2", 20.0), part("pi-3", 30.0)])
    node.service.add_parts("r", [part("pi-2", 21.0)])  # told again: the last counts
    for _ in range(2):
        document = node.service.get("r")
        assert document["nodes"][0] == before["nodes"][0]  # type: ignore[index]
        assert [(n["node"], n["energy_joules"]) for n in document["nodes"][1:]] == [
            ("pi-2", 21.0),
            ("pi-3", 30.0),
        ]
        assert "pi-2: warm" in document["warnings"]
        assert any("pi-3: its clock is 0.3 s ahead" in warning for warning in document["warnings"])
        node.begin()
    node.service.close()


def test_a_list_shows_the_nodes(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    ended(node)
    node.service.add_parts("r", [part("pi-2", 20.0)])
    assert [entry["node"] for entry in node.service.list()[0]["nodes"]] == ["pi-1", "pi-2"]
    node.service.close()


def test_only_parts_of_known_runs_are_kept(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    ended(node)
    with pytest.raises(UnknownRun):
        node.service.add_parts("other", [part("pi-2", 1.0)])
    with pytest.raises(RunError):
        node.service.add_parts("r", [part("pi-2", 1.0), {"node": "pi-3"}])
    assert len(node.service.get("r")["nodes"]) == 1
    node.service.close()


def test_runs_read_without_their_process_have_their_parts(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    ended(node)
    node.service.add_parts("r", [part("pi-2", 20.0)])
    node.service.close()
    (path,) = tmp_path.glob("*.db")
    document = LocalRuns(path, node.clock).document("r")
    assert document is not None
    assert [entry["node"] for entry in document["nodes"]] == ["pi-1", "pi-2"]
