"""`wattwatch compare`: forms, files, and what it refuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support import run_documents
from support.clock import FakeClock
from wattwatch.cli.main import cli
from wattwatch.errors import WattwatchError
from wattwatch.reading import Instant
from wattwatch.runs.events import Event, EventKind
from wattwatch.runs.local import LocalRuns
from wattwatch.runs.run import Stamp

PI = [100.0, 103.0, 98.0, 101.0, 99.5]
VM = [150.0, 149.0, 152.0, 151.0, 148.5]


@pytest.fixture(autouse=True)
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five runs of each of two devices, measured elsewhere, and one whose energy is not known."""
    for name in ("WATTWATCH_SOCKET", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "state" / "wattwatch"
    directory.mkdir(parents=True)
    documents = [
        *run_documents.series("pi", PI, first=0, step=2),
        *run_documents.series("vm", VM, first=1, step=2),
        run_documents.run(30, run_documents.node(None), labels={"device": "none"}, experiment="unknown"),
    ]
    ledger = LocalRuns(directory / "local.db", FakeClock())
    ledger.append(event for document in documents for event in events(document))


def events(document: dict[str, object]) -> list[Event]:
    run_id = str(document["run_id"])
    start, end = (Stamp(Instant("boot-1", second), 1.7e9 + second) for second in (1.0, 51.0))
    opened = {
        **dict.fromkeys(("phase", "command", "token_hash", "keeper"), ""),
        **{key: document[key] for key in ("name", "experiment", "labels")},
        **dict.fromkeys(("hold", "armed"), False),
        "node": "pi-1",
    }
    ended = {"state": "succeeded", "exit_status": 0, "start": None}
    kinds = (
        (EventKind.RUN_OPENED, start, opened),
        (EventKind.RUN_ENDED, end, ended),
        (EventKind.RESULT, end, document),
    )
    return [Event(f"{run_id}-{n}", run_id, kind, stamp, data) for n, (kind, stamp, data) in enumerate(kinds)]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["compare", *arguments])


def said(*arguments: str) -> str:
    done = invoke(*arguments)
    assert done.exception is None, done.exception
    return done.output


@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "json", "latex"])
def test_every_form_has_both_groups(form: str) -> None:
    text = said("--experiment", "study", "--by", "device", "--format", form)
    assert "pi" in text
    assert "vm" in text
    assert "simulated" in text.lower()
    if form == "json":
        assert [group["name"] for group in json.loads(text)["groups"]] == ["pi", "vm"]


def test_a_page_and_files(tmp_path: Path) -> None:
    said("--experiment", "study", "--by", "device", "--format", "html", "--output", "study.html")
    assert "<html" in (tmp_path / "study.html").read_text()
    said("--experiment", "study", "--by", "device", "--format", "csv", "--output", "study.csv")
    assert "pi" in (tmp_path / "study.csv").read_text()


def test_runs_by_their_ids() -> None:
    ids = [f"01RUN{number:03d}" for number in range(10)]
    assert "5.0 % " not in said(*ids, "--by", "device")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ((), "which run"),
        (("zz",), "no run 'zz'"),
        (("--experiment", "none"), "no run of that experiment"),
        (("--experiment", "study", "--by", "colour"), "colour"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(arguments: tuple[str, ...], cause: str) -> None:
    error = invoke(*arguments).exception
    assert isinstance(error, WattwatchError), error
    assert cause in str(error)
    assert "\n" not in str(error)


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    arguments = ("--experiment", "study", "--by", "device", "--output", str(tmp_path / "no" / "file"))
    assert "cannot write" in str(invoke(*arguments).exception)


@pytest.mark.parametrize("arguments", [("--margin", "-1"), ("--format", "pdf"), ("--margin", "x")])
def test_wrong_usage_is_told(arguments: tuple[str, ...]) -> None:
    done = invoke("--experiment", "study", *arguments)
    assert done.exit_code != 0
    assert "Traceback" not in done.output


def test_one_run_and_runs_without_energy_have_no_verdict() -> None:
    single = said("01RUN000", "01RUN001", "--by", "device")
    assert "no verdict" in single
    unknown = said("--experiment", "unknown", "--by", "device")
    assert "unknown" in unknown
