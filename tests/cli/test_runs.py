"""`wattwatch runs`: marked by hand, labelled, deleted, and taken from one machine to another."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.daemon_process import until
from support.live import LiveNode
from wattwatch.cli.main import cli
from wattwatch.errors import WattwatchError


@pytest.fixture(name="home", autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WATTWATCH_SOCKET", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture(name="node")
def _node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveNode]:
    with LiveNode(tmp_path) as node:
        monkeypatch.setenv("WATTWATCH_SOCKET", str(node.socket))
        yield node


def invoke(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(cli, arguments, input=text)


def said(*arguments: str, text: str = "") -> str:
    """The output of a command that works."""
    done = invoke(*arguments, text=text)
    assert done.exception is None, done.exception
    return done.output.strip()


def refused(*arguments: str, text: str = "") -> str:
    """The one line of a command that does not."""
    done = invoke(*arguments, text=text)
    assert isinstance(done.exception, WattwatchError), (done.exception, done.output)
    assert "\n" not in str(done.exception)
    return str(done.exception)


def document(run: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(said("runs", "show", run, "--json"))
    return found


def one_run(name: str = "night training", *labels: str) -> str:
    """The id of a run with two phases that has ended."""
    run = said("runs", "start", *name.split(), "--experiment", "mnist", *labels)
    said("runs", "phase", run, "load")
    said("runs", "phase", run, "training")
    said("runs", "end", run)
    return run


def test_a_run_by_hand(node: LiveNode) -> None:
    del node
    run = one_run("night training", "--label", "device=pi")
    found = document(run)
    assert (found["name"], found["experiment"], found["state"]) == ("night training", "mnist", "succeeded")
    assert found["labels"] == {"device": "pi"}
    assert {"load", "training"} <= {phase["phase"] for phase in found["phases"]}  # type: ignore[attr-defined]
    shown = said("runs", "show", run)
    assert "device=pi" in shown


def test_runs_are_listed_by_state_and_name(node: LiveNode) -> None:
    del node
    ended, still = one_run("first"), said("runs", "start", "second")

    def listed(*options: str) -> list[str]:
        return [run["run_id"] for run in json.loads(said("runs", "list", "--json", *options))["runs"]]

    assert listed() == [still, ended]
    assert listed("--state", "succeeded") == [ended]
    assert listed("--state", "running") == [still]
    assert listed("--name", "second") == [still]
    assert listed("--experiment", "mnist") == [ended]


def test_phases_may_be_nested_and_end(node: LiveNode) -> None:
    run = said("runs", "start", "x", "--phase", "training")
    said("runs", "phase", run, "evaluation", "--nested")
    said("runs", "phase", run, "--end")
    said("runs", "end", run, "--failed")
    windows = [window.phase for window, _, _ in node.service.windows(run)]
    assert windows == ["training", "evaluation", "training"]
    assert document(run)["state"] == "failed"


@pytest.mark.parametrize(
    ("options", "state"),
    [
        (("--exit-status", "3"), "failed"),
        (("--exit-status", "0"), "succeeded"),
        (("--cancelled",), "cancelled"),
        ((), "succeeded"),
    ],
)
def test_how_a_run_ends(node: LiveNode, options: tuple[str, ...], state: str) -> None:
    del node
    run = said("runs", "start", "x")
    said("runs", "end", run, *options)
    assert document(run)["state"] == state
    assert "has ended" in refused("runs", "end", run)
    assert "has ended" in refused("runs", "phase", run, "training")


def test_without_a_daemon_nothing_is_started() -> None:
    assert "no daemon is running" in refused("runs", "start", "x")


def test_labels_are_set_and_removed_after_the_end(node: LiveNode) -> None:
    del node
    run = one_run()
    assert said("runs", "label", run, "device=pi", "note=x") == "device=pi\nnote=x"
    assert said("runs", "label", run, "note=") == "device=pi"
    assert "device" in refused("runs", "label", run, "device")
    assert json.loads(said("runs", "list", "--label", "device=pi", "--json"))["runs"][0]["run_id"] == run
    assert json.loads(said("runs", "list", "--label", "device=vm", "--json"))["runs"] == []


def test_deleting_asks_and_hides(node: LiveNode) -> None:
    del node
    run, other = one_run(), one_run()
    assert refused("runs", "delete", run, text="n\n") == "nothing was deleted"
    assert "answer y, or give --yes" in refused("runs", "delete", run)
    assert document(run)["run_id"] == run
    said("runs", "delete", run, text="y\n")
    assert f"no run '{run}'" in refused("runs", "show", run)
    assert [found["run_id"] for found in json.loads(said("runs", "list", "--json"))["runs"]] == [other]
    still = said("runs", "start", "open")
    assert "still open" in refused("runs", "delete", still, "--yes")


@pytest.fixture(name="exported")
def _exported(node: LiveNode, tmp_path: Path) -> tuple[Path, dict[str, dict[str, object]]]:
    """A file of two runs, and their documents."""
    del node
    runs = [one_run(), one_run("second", "--label", "device=vm")]
    until(lambda: all(document(run)["completeness"] == "final" for run in runs), 30, "final results")
    documents = {run: document(run) for run in runs}
    path = tmp_path / "mnist.jsonl"
    said("runs", "export", "--experiment", "mnist", "--output", str(path))
    return path, documents


def elsewhere(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """From now on we are on another machine, which has no daemon."""
    monkeypatch.delenv("WATTWATCH_SOCKET")
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "elsewhere"))


def test_runs_go_to_another_machine_as_they_are(
    exported: tuple[Path, dict[str, dict[str, object]]], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, documents = exported
    elsewhere(monkeypatch, home)
    assert said("runs", "import", str(path)).startswith("runs: 2 new")
    for run, there in documents.items():
        assert document(run) == there
    assert "2 known already" in said("runs", "import", str(path))
    assert "power" in said("runs", "show", next(iter(documents)))
    again = home / "again.jsonl"
    said("runs", "export", "--all", "--output", str(again))
    ours, theirs = (
        sorted(line for line in file.read_text().splitlines() if '"event"' in line) for file in (again, path)
    )
    assert ours == theirs


def test_a_file_that_was_cut_off_imports_nothing(
    exported: tuple[Path, dict[str, dict[str, object]]], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = exported
    elsewhere(monkeypatch, home)
    lines = path.read_text().splitlines(keepends=True)
    for count in range(len(lines)):
        path.write_text("".join(lines[:count]))
        assert str(path) in refused("runs", "import", str(path))
    assert said("runs", "list") == "no runs yet: wattwatch tag-run -- CMD measures one"


def test_damaged_files_are_refused_with_a_line_and_import_nothing(
    exported: tuple[Path, dict[str, dict[str, object]]], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = exported
    elsewhere(monkeypatch, home)
    whole = path.read_bytes()

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(0, len(whole) - 1), st.binary(min_size=1, max_size=6))
    def damaged(place: int, other: bytes) -> None:
        (home / "damaged.jsonl").write_bytes(whole[:place] + other + whole[place + len(other) :])
        done = invoke("runs", "import", str(home / "damaged.jsonl"))
        if done.exception is not None:
            assert isinstance(done.exception, WattwatchError), done.exc_info
            assert "\n" not in str(done.exception)

    damaged()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "line 1: not made by wattwatch runs export"),
        ("{}\n", "line 1: not made by wattwatch runs export"),
        ('{"format": "wattwatch runs", "version": 99}\n', "update this wattwatch"),
        ('{"format": "wattwatch runs", "version": 1}\n{"a": 1}\n', "line 2: neither an event nor a curve"),
        ('{"format": "wattwatch runs", "version": 1}\nNaN\n', "line 2"),
        ('{"format": "wattwatch runs", "version": 1}\n{"event": {}}\n{"end": {"lines": 3}}\n', "line 2"),
    ],
)
def test_what_is_no_export_is_refused(home: Path, text: str, cause: str) -> None:
    path = home / "x.jsonl"
    path.write_text(text)
    assert cause in refused("runs", "import", str(path))


def test_exports_that_cannot_be(node: LiveNode, home: Path) -> None:
    del node
    assert "no such runs" in refused("runs", "export", "--all")
    run = said("runs", "start", "open")
    assert "still open" in refused("runs", "export", run)
    ended = one_run()
    assert "cannot write" in refused("runs", "export", ended, "--output", str(home / "none" / "x.jsonl"))
    assert "cannot read" in refused("runs", "import", str(home / "none"))
