"""`wattwatch baseline` on a ledger that has some, and on one that has none."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.node import FakeNode
from wattwatch.cli.main import cli
from wattwatch.errors import WattwatchError
from wattwatch.runs.keeper import Keeper
from wattwatch.runs.labels import BASELINE
from wattwatch.runs.run import RunRequest, RunState


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WATTWATCH_SOCKET", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def measured(tmp_path: Path) -> None:
    """A bare machine at 3 W and a bit, and one with a platform at 3.5 W and a bit."""
    directory = tmp_path / "state" / "wattwatch"
    directory.mkdir(parents=True)
    node = FakeNode(directory, watts=lambda seconds: (3.0 if seconds < 1400 else 3.5) + seconds % 60 / 6000)
    node.service.close()
    node.path = directory / "local.db"
    node.begin(Keeper(directory, "mine"))
    for kind in ("bare", "platform"):
        node.service.start(RunRequest(kind + "1", labels={BASELINE: kind}))
        for minute in range(1, 6):
            node.service.open_epoch(kind + "1", minute)
            node.play(61)  # so that minutes differ a little
        node.service.close_epoch(kind + "1")
        node.service.end(kind + "1", RunState.SUCCEEDED)
        node.play(max(2.0, 1401 - node.clock.boot_seconds))
    node.service.close()


def said(*arguments: str) -> str:
    done = CliRunner().invoke(cli, ["baseline", *arguments])
    assert done.exception is None, done.exception
    return done.output


@pytest.mark.usefixtures("measured")
def test_baselines_are_listed_and_shown() -> None:
    rows = [line.split()[:2] for line in said("list").splitlines()]
    assert rows == [["node", "kind"], ["pi-1", "platform"], ["pi-1", "bare"]]
    assert said("show").startswith("idle baseline of pi-1, platform\n")
    assert "3.00" in said("show", "bare")
    document = json.loads(said("show", "bare", "--json"))
    assert (document["kind"], document["run_id"], len(document["minute_means_watts"])) == ("bare", "bare1", 5)
    assert json.loads(said("list", "--json"))["baselines"][1] == document


@pytest.mark.usefixtures("measured")
def test_the_platform_costs_half_a_watt() -> None:
    found = json.loads(said("compare", "--json"))
    assert found["watts"] == pytest.approx(0.5, abs=0.01)
    assert found["low_watts"] < found["watts"] < found["high_watts"]
    assert found["kilowatt_hours_per_month"] == pytest.approx(0.365, abs=0.01)
    text = said("compare", "bare", "platform")
    assert "platform draws +0.5" in text
    assert "kWh [" in text


@pytest.fixture
def other_machine(tmp_path: Path) -> None:
    """The newest bare baseline is that of another machine, brought over from there."""
    exported = tmp_path / "bare.jsonl"
    runner = CliRunner()
    assert runner.invoke(cli, ["runs", "export", "bare1", "--output", str(exported)]).exception is None
    text = exported.read_text()
    others = {"pi-1": "pi-2", "bare1": "bare2", "boot-1": "boot-2", '"01HF': '"01HG', "2023-": "2024-"}
    for here, there in others.items():
        text = text.replace(here, there)
    exported.write_text(text)
    assert runner.invoke(cli, ["runs", "import", str(exported)]).exception is None
    assert [row.split()[:2] for row in said("list").splitlines()[1:]] == [
        ["pi-2", "bare"],
        ["pi-1", "platform"],
        ["pi-1", "bare"],
    ]


@pytest.mark.usefixtures("measured", "other_machine")
def test_the_newest_two_of_one_machine_are_compared() -> None:
    found = json.loads(said("compare", "--json"))
    assert [found[one]["run_id"] for one in ("one", "other")] == ["bare1", "platform1"]
    assert json.loads(said("show", "bare", "--json"))["node"] == "pi-2"
    assert json.loads(said("show", "bare", "--node", "pi-1", "--json"))["run_id"] == "bare1"
    assert json.loads(said("compare", "bare2", "bare1", "--json"))["warnings"]  # two machines, if one insists


@pytest.mark.usefixtures("measured", "other_machine")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "bare2", "platform"), "no node has both, bare2 and platform"),
        (("compare", "--node", "pi-2"), "no baseline 'platform' of node pi-2"),
        (("show", "--node", "pi-3"), "no baseline 'last' of node pi-3"),
    ],
)
def test_a_machine_without_both_is_told(arguments: tuple[str, ...], message: str) -> None:
    error = CliRunner().invoke(cli, ["baseline", *arguments]).exception
    assert isinstance(error, WattwatchError)
    assert message in str(error)
    assert "\n" not in str(error)


@pytest.mark.usefixtures("measured")
def test_a_baseline_is_deleted_as_its_run() -> None:
    assert CliRunner().invoke(cli, ["runs", "delete", "bare1", "--yes"]).exception is None
    assert [row["kind"] for row in json.loads(said("list", "--json"))["baselines"]] == ["platform"]


@pytest.mark.parametrize("arguments", [("show",), ("show", "bare"), ("show", "zz"), ("compare",)])
def test_without_one_it_says_how_to_make_it(arguments: tuple[str, ...]) -> None:
    assert said("list") == "no baseline yet: wattwatch baseline measure makes one\n"
    error = CliRunner().invoke(cli, ["baseline", *arguments]).exception
    assert isinstance(error, WattwatchError)
    assert "\n" not in str(error)


@pytest.mark.parametrize("arguments", [("--kind", "auto"), ("--minutes", "x")])
def test_wrong_usage_is_told(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(cli, ["baseline", "measure", *arguments]).exit_code == 2
