"""Imported logs are kept whole or not at all, whatever happens; runs that are cut out of them too."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.errors import RunError, StoreError
from wattwatch.session.imports.cut import WantedCut, add_run, phase_span
from wattwatch.session.imports.library import FOLDER, ImportedLog, Library
from wattwatch.session.imports.readings import ImportedReading
from wattwatch.session.imports.table import ImportRefused
from wattwatch.session.imports.take import Taken, WantedImport, take_import
from wattwatch.session.imports.writing import Steps
from wattwatch.session.runs import local_ledger

BEGIN = 1_700_000_000
DEADLINE_SECONDS = 60.0


@pytest.fixture(name="environment")
def _environment(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Path:
    return written(tmp_path / "x.csv", ["t,p", *(f"{BEGIN + at},{5 + at % 3}" for at in range(600))])


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def taken(environment: dict[str, str], *files: Path, **options: Any) -> Taken:
    defaults: dict[str, Any] = {"node": "a", "mapping": {"time": "t", "power": "p"}, "scope": "board"}
    found = take_import(WantedImport(files, **{**defaults, **options}), environment)
    assert isinstance(found, Taken)
    return found


def library(environment: dict[str, str]) -> Library:
    return Library(Path(environment["XDG_STATE_HOME"]) / "wattwatch")


def cut(first: float, last: float, **options: Any) -> WantedCut:
    return WantedCut("a", BEGIN + first, BEGIN + last, **options)


def added(environment: dict[str, str], wanted: WantedCut) -> dict[str, Any]:
    node: dict[str, Any] = add_run(wanted, environment)["nodes"][0]
    return node


def test_what_is_known_of_a_log_comes_back(environment: dict[str, str], log: Path) -> None:
    found = taken(environment, log).log
    assert library(environment).logs() == [found]
    assert ImportedLog.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert (found.readings, found.rows, found.gaps, found.interval_seconds) == (600, 600, 0, 1.0)


def test_another_way_of_reading_a_file_is_another_import(environment: dict[str, str], log: Path) -> None:
    first = taken(environment, log)
    assert not taken(environment, log.rename(log.with_name("y.csv"))).is_new  # the name is not the log
    other = taken(environment, log.with_name("y.csv"), quality="metered")
    assert other.is_new
    assert other.notes == (f"import {first.log.import_id} (x.csv) has a part of the same time",)
    assert taken(environment, log.with_name("y.csv"), node="b").notes == ()


def test_a_process_that_is_killed_leaves_nothing_that_is_seen(
    environment: dict[str, str], tmp_path: Path
) -> None:
    lines = ["t,p", *(f"{BEGIN + at},5.5" for at in range(60_000))]
    log = written(tmp_path / "long.csv", lines)
    process = subprocess.Popen(
        [sys.executable, "-m", "wattwatch", "import", log, "--node", "a", "--scope", "board",
         "--map", "time=t,power=p"],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    folder = tmp_path / "state" / "wattwatch" / FOLDER
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not list(folder.glob(".new-*/readings.db")) and process.poll() is None:
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait()
    if process.returncode == -signal.SIGKILL:
        assert library(environment).logs() == []
    assert taken(environment, log).log.readings == 60_000
    assert len(library(environment).logs()) == 1


def test_what_was_left_a_day_ago_is_removed(environment: dict[str, str], log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "wattwatch" / FOLDER
    for name, days in ((".new-old", 2), (".new-busy", 0)):
        (folder / name).mkdir(parents=True)
        at = time.time() - days * 86400
        os.utime(folder / name, (at, at))
    taken(environment, log)
    assert [path.name for path in folder.glob(".new-*")] == [".new-busy"]


def test_a_damaged_import_is_named(environment: dict[str, str], log: Path, tmp_path: Path) -> None:
    import_id = taken(environment, log).log.import_id
    folder = tmp_path / "state" / "wattwatch" / FOLDER / import_id
    (folder / "facts.json").write_text("{")
    assert library(environment).logs() == []
    with pytest.raises(StoreError, match="damaged: remove this directory, and import again"):
        taken(environment, log)
    assert [path.name for path in folder.parent.iterdir()] == [import_id]


def test_a_directory_that_cannot_be_written_is_named(
    environment: dict[str, str], log: Path, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(StoreError, match="imports: Not a directory"):
        taken(environment, log)


def test_two_processes_at_once_keep_one_log(environment: dict[str, str], log: Path) -> None:
    command = [sys.executable, "-m", "wattwatch", "import", str(log), "--node", "a", "--scope", "board"]
    processes = [
        subprocess.Popen(
            [*command, "--map", "time=t,power=p"],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(3)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert [found.readings for found in library(environment).logs()] == [600]


def test_a_run_that_begins_before_the_readings_is_a_lower_bound(
    environment: dict[str, str], log: Path
) -> None:
    taken(environment, log)
    node = added(environment, cut(-100, 700))
    assert (node["sampled_seconds"], node["missing_seconds"]) == (599.0, 201.0)
    with pytest.raises(RunError, match="--start: the readings begin at 2023-11-14T22:13:20"):
        add_run(cut(-1e7, 700), environment)


def test_a_run_that_cannot_be_cut_leaves_no_trace(environment: dict[str, str], log: Path) -> None:
    taken(environment, log)
    for bad, cause in (
        ({"phases": (phase_span("untagged=2023-11-14T22:13:30Z..2023-11-14T22:13:40Z"),)}, "is reserved"),
        ({"phases": (phase_span(f"{'x' * 99}=2023-11-14T22:13:30Z..2023-11-14T22:13:40Z"),)}, "phase 'xxx"),
        ({"run_id": "no spaces"}, "run id"),
        ({"import_id": "ffff"}, "no imported readings of 'a' in that time"),
        ({"phases": tuple([phase_span("a=2023-11-14T22:13:30Z..2023-11-14T22:13:40Z")] * 1001)}, "at most"),
    ):
        with pytest.raises(RunError, match=cause):
            add_run(cut(0, 100, **bad), environment)
    assert not local_ledger(environment).exists()


def test_a_cut_is_one_run(environment: dict[str, str], log: Path) -> None:
    taken(environment, log)
    first = add_run(cut(0, 100), environment)["run_id"]
    with pytest.raises(RunError, match=f"this is run {first} already: another --run-id .* no repetition"):
        add_run(cut(0, 100, name="again"), environment)
    add_run(cut(0, 100.5), environment)
    add_run(cut(0, 100, run_id="once-more"), environment)


@given(
    steps=st.lists(st.floats(0.1, 20).map(lambda value: round(value, 2)), min_size=3, max_size=40),
    watts=st.lists(st.floats(0, 100), min_size=41, max_size=41),
)
def test_the_mean_that_is_shown_is_that_of_covered_time(steps: list[float], watts: list[float]) -> None:
    times = [0.0]
    for step in steps:
        times.append(round(times[-1] + step, 2))
    rows = [ImportedReading(at, {"power_watts": value}) for at, value in zip(times, watts, strict=False)]
    found = Steps(has_counter=False)
    found.take(rows)
    pace = found.pace()
    gaps = [b - a for a, b in pairwise(times) if b - a > pace.gap_seconds]
    covered = times[-1] - sum(gaps)
    assert pace.gaps == len(gaps)
    assert pace.missing_seconds == pytest.approx(sum(gaps))
    joules = sum(
        (rows[n].values["power_watts"] + rows[n + 1].values["power_watts"]) / 2 * (times[n + 1] - times[n])
        for n in range(len(steps))
        if times[n + 1] - times[n] <= pace.gap_seconds
    )
    assert pace.mean_watts is not None or not covered
    assert (pace.mean_watts or 0.0) * covered == pytest.approx(joules, abs=1e-6)


def test_slow_logs_have_no_gaps_between_their_rows(environment: dict[str, str], tmp_path: Path) -> None:
    log = written(tmp_path / "slow.csv", ["t,p", *(f"{BEGIN + 60 * at},{at % 2}" for at in range(5000))])
    found = taken(environment, log).log
    assert (found.interval_seconds, found.gap_seconds, found.gaps) == (60.0, 180.0, 0)
    assert added(environment, cut(0, 6000))["covered_ratio"] == 1.0


def test_a_counter_that_fell_is_missing_time_and_one_that_paused_is_not(
    environment: dict[str, str], tmp_path: Path
) -> None:
    counted = [(at, 2.0 * at) for at in range(10)] + [(30, 60.0), (31, 62.0), (32, 0.0), (33, 2.0)]
    log = written(tmp_path / "c.csv", ["t,e [J]", *(f"{BEGIN + at},{joules}" for at, joules in counted)])
    found = taken(environment, log, mapping={"time": "t", "energy": "e [J]"}).log
    assert (found.gaps, found.missing_seconds) == (1, 1.0)
    assert found.mean_watts == pytest.approx(2.0)
    node = added(environment, cut(0, 33))
    assert node["energy_joules"] == pytest.approx(64.0)
    assert (node["sampled_seconds"], node["missing_seconds"]) == (32.0, 1.0)


def test_power_comes_before_a_counter_that_is_there_too(environment: dict[str, str], tmp_path: Path) -> None:
    lines = ["t,p [W],e [Wh]", *(f"{BEGIN + at},{'' if not at else 3.0},{at}" for at in range(20))]
    mapping = {"time": "t", "power": "p [W]", "energy": "e [Wh]"}
    found = taken(environment, written(tmp_path / "c.csv", lines), mapping=mapping).log
    assert (found.has_counter, found.left_out, found.readings) == (False, {"without a power": 1}, 19)
    assert added(environment, cut(1, 11))["energy_joules"] == pytest.approx(30.0)


def test_logs_with_other_columns_are_not_joined(environment: dict[str, str], tmp_path: Path) -> None:
    one = written(tmp_path / "1.csv", ["t,p", f"{BEGIN},1", f"{BEGIN + 1},1"])
    other = written(tmp_path / "2.csv", ["t,x,p", f"{BEGIN + 2},9,1", f"{BEGIN + 3},9,1"])
    with pytest.raises(ImportRefused, match="the columns of these logs are not the same ones"):
        taken(environment, one, other)


def test_local_times_of_a_cut_are_in_its_zone(environment: dict[str, str], log: Path) -> None:
    phase = phase_span("x=2023-11-14 23:13:30..2023-11-14 23:13:40", "Europe/Zurich")
    assert (phase.start_utc_seconds, phase.end_utc_seconds) == (BEGIN + 10, BEGIN + 20)
    with pytest.raises(ImportRefused, match="was twice, when summer time ended: write it with"):
        phase_span("x=2026-10-25 02:30:00..2026-10-25 04:00:00", "Europe/Zurich")
    with pytest.raises(ImportRefused, match="--phase x '5': expected such as 2026-03-01T12:00:00Z"):
        phase_span("x=5..6", "UTC")
    taken(environment, log)
    node = added(environment, WantedCut("a", BEGIN + 0.0, BEGIN + 30.0, phases=(phase,)))
    assert node["covered_ratio"] == 1.0


def test_a_simulated_log_says_so_for_good(environment: dict[str, str], log: Path) -> None:
    assert "(simulated, board: csv-log)" in taken(environment, log, quality="simulated").lines()[0]
    assert added(environment, cut(0, 60))["quality"] == "simulated"
