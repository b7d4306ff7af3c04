"""Rows of CodeCarbon's emissions.csv become runs: of a model, with what CodeCarbon says and no more."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wattwatch.cli.main import cli
from wattwatch.errors import WattwatchError

SAMPLE = Path(__file__).parents[2] / "data" / "import" / "emissions.csv"
HEADER = "timestamp,project_name,run_id,duration,energy_consumed,tracking_mode,pue,codecarbon_version\n"
# the header of files of 2022 and before
OLD = (
    "timestamp,experiment_id,project_name,duration,emissions,energy_consumed,country_name,country_iso_code,"
    "region,on_cloud,cloud_provider,cloud_region\n"
)


@pytest.fixture(name="home", autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WATTWATCH_SOCKET", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("wattwatch.client.SYSTEM_SOCKET", tmp_path / "no.sock")  # of this machine's daemon
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def said(*arguments: str | Path) -> str:
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert done.exception is None, done.exception
    return done.output


def taken(path: Path, *options: str) -> str:
    return said("import", path, "--node", "vm-1", "--time-zone", "Europe/Zurich", *options)


def refused(path: Path, *options: str) -> str:
    done = CliRunner().invoke(cli, ["import", str(path), "--node", "vm-1", *options])
    assert isinstance(done.exception, WattwatchError), (done.exception, done.output)
    assert json.loads(said("runs", "list", "--json"))["runs"] == []
    return str(done.exception)


def run(run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said("runs", "show", run_id, "--json"))
    return found


def test_rows_become_runs_once() -> None:
    assert "imported: 2 runs of vm-1 (model, package: codecarbon)" in taken(SAMPLE)
    assert "imported: 0 runs of vm-1 (model, package: codecarbon), 2 known already" in taken(SAMPLE)
    listed = json.loads(said("runs", "list", "--json"))["runs"]
    assert [(one["name"], one["state"]) for one in listed] == [("mnist", "succeeded")] * 2
    found = run(listed[-1]["run_id"])
    (node,) = found["nodes"]
    assert node["energy_joules"] == pytest.approx(0.0012 * 3.6e6)
    assert node["mean_power_watts"] == pytest.approx(0.0012 * 3.6e6 / 81.5)
    assert (found["duration_seconds"], found["completeness"]) == (81.5, "final")
    assert found["ended_at"].startswith("2026-03-14T08:30:12")
    assert found["started_at"].startswith("2026-03-14T08:28:50.5")
    assert (node["quality"], node["scope"]) == ("model", "package")
    assert found["labels"] == {"tool": "codecarbon", "codecarbon": "2.4.2"}
    assert any("CodeCarbon" in warning for warning in found["warnings"])


def test_what_a_model_does_not_tell_is_unknown_not_zero() -> None:
    taken(SAMPLE)
    (node,) = run("last")["nodes"]
    for key in ("edge_uncertainty_joules", "gap_doubt_joules", "peak_power_watts", "accumulator_joules"):
        assert node[key] is None
    assert node["temperature_celsius"] is None


def test_runs_are_listed_reported_compared_and_carried_on(home: Path) -> None:
    taken(SAMPLE)
    assert "model" in said("runs", "list")
    said("report", "last", "--output", home / "r.html")
    assert "model" in (home / "r.html").read_text()
    said("runs", "label", "7a1b0c2d-0000-4000-8000-000000000000", "device=a")
    said("runs", "label", "7a1b0c2d-0000-4000-8000-000000000001", "device=b")
    ids = [one["run_id"] for one in json.loads(said("runs", "list", "--json"))["runs"]]
    assert "2 runs in 2 groups by device" in said("compare", "--by", "device", *ids)
    said("runs", "export", "--output", home / "all.jsonl", *ids)
    assert (home / "all.jsonl").read_text().count(ids[0]) > 1


def test_scope_and_quality_are_what_the_user_says() -> None:
    assert "(simulated, board: codecarbon)" in taken(SAMPLE, "--scope", "board", "--quality", "simulated")
    (node,) = run("last")["nodes"]
    assert (node["scope"], node["quality"]) == ("board", "simulated")


def test_files_before_runs_had_ids(home: Path) -> None:
    old = home / "emissions.csv"
    old.write_text(OLD + "2022-03-16T14:11:13,6dc1b8a2,codecarbon,1014.5,0.004,0.0116,France,FRA,,N,,\n")
    taken(old)
    found = run("6dc1b8a2")
    assert found["nodes"][0]["energy_joules"] == pytest.approx(0.0116 * 3.6e6)
    assert found["labels"] == {"tool": "codecarbon"}


def test_a_run_that_was_asked_in_between_is_its_last_row(home: Path) -> None:
    log = home / "emissions.csv"
    rows = [f"2026-03-14T09:30:{10 * n},m,abc,{10 * n},0.00{n},machine,1.0,3.0.1\n" for n in (1, 2, 3)]
    log.write_text(HEADER + "".join(rows))
    answer = json.loads(taken(log, "--json"))
    assert (answer["new"], answer["known"]) == (["abc"], [])
    assert answer["left_out"] == {"a later row is of the same run": 2}
    assert run("abc")["duration_seconds"] == 30.0
    assert run("abc")["nodes"][0]["energy_joules"] == pytest.approx(0.003 * 3.6e6)


def test_a_share_of_the_machine_and_a_data_centre_are_told(home: Path) -> None:
    log = home / "emissions.csv"
    log.write_text(HEADER + "2026-03-14T09:30:10,m,abc,10,0.001,process,1.4,3.0.1\n")
    taken(log)
    warnings = " ".join(run("abc")["warnings"])
    assert "tracked the process only" in warnings
    assert "power usage effectiveness of 1.4" in warnings


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ("2026-03-14T09:30:10,m,abc,x,0.001,machine,1,3", "line 3: 'x' is no number"),
        ("2026-03-14T09:30:10,m,abc,10,,machine,1,3", "line 3: '' is no number"),
        ("2026-03-14T09:30:10,m,abc,-1,0.001,machine,1,3", "line 3: a duration of nothing"),
        ("2026-03-14T09:30:10,m,abc,10,-0.001,machine,1,3", "line 3: a duration of nothing, or an energy"),
        ("yesterday,m,abc,10,0.001,machine,1,3", "line 3: 'yesterday' is no date and time"),
        ("2026-10-25T02:30:00,m,abc,10,0.001,machine,1,3", "line 3: '2026-10-25T02:30:00' was twice"),
        (f"2026-03-14T09:30:10,{'m' * 300},abc,10,0.001,machine,1,3", "line 3: name"),
    ],
)
def test_a_bad_row_is_named_and_no_run_is_made(home: Path, row: str, cause: str) -> None:
    log = home / "emissions.csv"
    log.write_text(f"{HEADER}2026-03-14T09:30:10,m,good,10,0.001,machine,1.0,3.0.1\n{row}\n")
    assert cause in refused(log, "--time-zone", "Europe/Zurich")


def test_no_zone_no_rows_and_columns_by_hand_are_refused(home: Path) -> None:
    assert "line 2: '2026-03-14T09:30:12' has no time zone" in refused(SAMPLE)
    log = home / "emissions.csv"
    log.write_text(HEADER)
    assert "no runs in it" in refused(log)
    mapped = ("--format", "codecarbon", "--map", "time=timestamp,power=cpu_power")
    assert "--map: the rows of CodeCarbon's file are runs" in refused(SAMPLE, *mapped)


ROW = "2026-03-14T09:30:00,m,abc,60,0.00123456,machine,1.0,3.0.1"


def test_a_row_that_was_cut_off_is_no_run(home: Path) -> None:
    log = home / "emissions.csv"
    log.write_text(HEADER + ROW + "\n" + ROW.replace("abc", "def")[:40])
    answer = json.loads(taken(log, "--json"))
    assert (answer["new"], answer["left_out"]) == (["abc"], {"cut off at the end of the file": 1})


def test_a_last_line_without_its_end_is_whole_where_its_figures_are(home: Path) -> None:
    log = home / "emissions.csv"
    log.write_text(HEADER + ROW)
    assert json.loads(taken(log, "--json"))["new"] == ["abc"]
    assert run("abc")["nodes"][0]["energy_joules"] == pytest.approx(4444.416)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (ROW.replace(",60,", ",6,0,"), "line 2: 9 cells below a header of 8"),
        (ROW.rpartition(",")[0], "line 2: it ends after 7 of 8 columns"),
    ],
)
def test_rows_of_another_width_are_refused(home: Path, row: str, problem: str) -> None:
    log = home / "emissions.csv"
    log.write_text(HEADER + row + "\n" + ROW + "\n")
    assert problem in refused(log, "--time-zone", "UTC")


def test_runs_that_are_known_of_another_node_or_time_are_named(home: Path) -> None:
    log = home / "emissions.csv"
    log.write_text(HEADER + ROW + "\n")
    taken(log)
    assert "another node" not in taken(log)
    for options in (("--node", "other"), ("--time-zone", "UTC")):
        assert "1 of those known are of another node or time, and stay so" in taken(log, *options)
