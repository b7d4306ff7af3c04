import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.clock import FakeClock
from wattwatch.errors import RunError, StoreError
from wattwatch.reading import Instant
from wattwatch.runs.events import Event, EventKind, replay
from wattwatch.runs.journal import Journal
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.run import (
    Run,
    RunConflict,
    RunRequest,
    RunState,
    Stamp,
    UlidMaker,
    UnknownRun,
    check_labels,
    check_phase,
    check_run_id,
)


def stamp(seconds: float, boot_id: str = "boot-1") -> Stamp:
    return Stamp(Instant(boot_id, seconds), 1_700_000_000.0 + seconds)


def journal(ledger: Ledger, clock: FakeClock, seed: int = 1) -> Journal:
    return Journal(ledger, clock, Random(seed).randbytes)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def told(ledger: Ledger) -> list[Event]:
    """Every event of a small history: three runs, phases, epochs, labels, a contradiction, a result."""
    clock = FakeClock()
    write = journal(ledger, clock)
    run = write.open(RunRequest("a", name="one", phase="setup", hold=True), "pi-1", write.now(), 0).run
    clock.advance(1)
    write.open_phase(run, "training", write.now(), nested=False)
    write.open_epoch(run, 0, write.now())
    clock.advance(1)
    write.open_epoch(ledger.run("a"), 1, write.now())
    write.open_phase(ledger.run("a"), "evaluation", write.now(), nested=True)
    clock.advance(1)
    write.close_phase(ledger.run("a"), write.now())
    write.close_epoch(ledger.run("a"), write.now(), 1, {"loss": 0.5, "accuracy": None})
    write.open_epoch(ledger.run("a"), 2, write.now())
    clock.advance(1)
    stale = ledger.run("a")
    write.end(stale, RunState.SUCCEEDED, 0, write.now(), stamp(1000.5))
    write.end(stale, RunState.LOST, None, stamp(1099))
    write.store_result(stale, {"energy": 1}, write.now())
    write.open(RunRequest("b"), "pi-1", write.now(), 0)
    write.label(ledger.run("a"), {"lr": "0.1", "note": "x"})
    write.label(ledger.run("a"), {"lr": "0.2", "note": None})
    write.open(RunRequest("c"), "pi-1", write.now(), 0)
    write.delete(write.end(ledger.run("c"), RunState.SUCCEEDED, 0, write.now()))
    rows = sqlite3.connect(ledger.path).execute(
        "SELECT event_id, run_id, kind, boot_id, boot_microseconds, utc_seconds, data FROM events"
    )
    return [
        Event(
            row[0],
            row[1],
            EventKind(row[2]),
            Stamp(Instant(row[3], row[4] / 1e6), row[5]),
            json.loads(row[6]),
        )
        for row in rows
    ]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    return told(Ledger(tmp_path_factory.mktemp("ledger") / "ledger.db"))


@given(st.data())
def test_duplicates_and_order_of_arrival_change_nothing(events: list[Event], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(events), max_size=5))
    shuffled = data.draw(st.permutations([*events, *again]))
    assert replay(shuffled) == replay(events)


@settings(max_examples=25)
@given(st.data())
def test_any_prefix_makes_the_same_ledger_in_whatever_order_it_comes(
    events: list[Event], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    prefix = events[: data.draw(st.integers(0, len(events)))]
    again = data.draw(st.lists(st.sampled_from(prefix), max_size=5)) if prefix else []
    ledger = Ledger(tmp_path_factory.mktemp("prefix") / "ledger.db")
    for event in data.draw(st.permutations([*prefix, *again])):
        ledger.append(event)
    assert ledger.state() == replay(prefix)
    ledger.close()
    reopened = Ledger(ledger.path)
    assert reopened.state() == replay(prefix)
    reopened.close()


def test_the_fold_tells_the_run(events: list[Event]) -> None:
    run = replay(events).runs["a"]
    assert (run.name, run.state, run.exit_status) == ("one", RunState.SUCCEEDED, 0)
    assert (run.start.at.boot_seconds, run.end) == (1000.5, stamp(1004))
    windows = [(w.phase, w.start.at.boot_seconds, w.end and w.end.at.boot_seconds) for w in run.windows]
    assert windows == [
        ("setup", 1000.5, 1001.0),
        ("training", 1001.0, 1002.0),
        ("evaluation", 1002.0, 1003.0),
        ("training", 1003.0, 1004.0),
    ]
    assert run.final_at == stamp(1004)
    epochs = [
        (e.epoch, e.start.at.boot_seconds, e.end and e.end.at.boot_seconds, e.values) for e in run.epochs
    ]
    assert epochs == [
        (0, 1001.0, 1002.0, {}),
        (1, 1002.0, 1003.0, {"loss": 0.5, "accuracy": None}),
        (2, 1003.0, 1004.0, {}),
    ]
    assert replay(events).runs["b"].is_open
    assert run.labels == {"lr": "0.2"}
    assert replay(events).runs["c"].deleted


def test_events_without_an_opening_are_no_run(events: list[Event]) -> None:
    assert replay([event for event in events if event.kind is not EventKind.RUN_OPENED]).runs == {}


def test_a_reopened_file_tells_the_same(ledger: Ledger) -> None:
    told(ledger)
    before = ledger.state()
    ledger.close()
    assert Ledger(ledger.path).state() == before
    assert Ledger(ledger.path).result("a") == {"energy": 1}


def test_what_another_connection_appends_is_seen(ledger: Ledger) -> None:
    other = Ledger(ledger.path)
    write = journal(other, FakeClock())
    run = write.open(RunRequest("x"), "pi-1", write.now(), 0).run
    assert ledger.run("x").is_open
    write.end(run, RunState.FAILED, 3, write.now())
    assert ledger.run("x").state is RunState.FAILED


def test_an_unknown_run_is_said(ledger: Ledger) -> None:
    with pytest.raises(UnknownRun, match="no run 'nope'"):
        ledger.run("nope")


def test_a_taken_id_is_refused(ledger: Ledger) -> None:
    write = journal(ledger, FakeClock())
    write.open(RunRequest("x"), "pi-1", write.now(), 0)
    with pytest.raises(RunConflict, match="choose another --run-id"):
        write.open(RunRequest("x"), "pi-1", write.now(), 0)


def test_a_phase_mark_with_a_known_window_id_changes_nothing(ledger: Ledger) -> None:
    write = journal(ledger, FakeClock())
    run = write.open(RunRequest("x"), "pi-1", write.now(), 0).run
    assert write.open_phase(run, "load", write.now(), nested=False, window_id="w1") == "w1"
    before = ledger.state()
    assert write.open_phase(ledger.run("x"), "load", write.now(), nested=False, window_id="w1") == "w1"
    assert ledger.state() == before


def phases(run: Run) -> list[str]:
    return [window.phase for window in run.windows]


def test_next_replaces_and_nested_suspends(ledger: Ledger) -> None:
    clock = FakeClock()
    write = journal(ledger, clock)
    write.open(RunRequest("x"), "pi-1", write.now(), 0)

    def mark(phase: str, *, nested: bool = False) -> str:
        clock.advance(1)
        return write.open_phase(ledger.run("x"), phase, write.now(), nested=nested)

    def close(opening: str = "") -> str | None:
        clock.advance(1)
        return write.close_phase(ledger.run("x"), write.now(), opening)

    mark("load")
    training = mark("training")
    mark("evaluation", nested=True)
    mark("inference")  # replaces evaluation, inside training
    close()
    assert phases(ledger.run("x")) == ["", "load", "training", "evaluation", "inference", "training"]
    mark("evaluation", nested=True)
    close(training)  # and with it what is nested in it
    assert phases(ledger.run("x"))[-3:] == ["training", "evaluation", ""]
    assert close(training) is None
    with pytest.raises(RunConflict, match="no phase is open"):
        close()


def test_marks_before_the_last_mark_are_refused(ledger: Ledger) -> None:
    clock = FakeClock()
    write = journal(ledger, clock)
    run = write.open(RunRequest("x"), "pi-1", write.now(), 0).run
    with pytest.raises(RunConflict, match="before its last mark"):
        write.open_phase(run, "load", stamp(999), nested=False)


@pytest.mark.parametrize(
    ("seconds", "boot_id", "message"), [(1002.0, "boot-1", "future"), (999.0, "boot-0", "this boot")]
)
def test_instants_that_cannot_be_marks(ledger: Ledger, seconds: float, boot_id: str, message: str) -> None:
    with pytest.raises(RunError, match=message):
        journal(ledger, FakeClock()).stamp(Instant(boot_id, seconds))


@pytest.mark.parametrize("run_id", ["", "-x", "a b", "ä", "x" * 129, "../x"])
def test_run_ids_that_are_refused(run_id: str) -> None:
    with pytest.raises(RunError, match="1 to 128"):
        check_run_id(run_id)


@pytest.mark.parametrize("phase", ["untagged", "mixed", "x" * 65, "a\nb", " a"])
def test_phases_that_are_refused(phase: str) -> None:
    with pytest.raises(RunError, match="phase"):
        check_phase(phase)


@pytest.mark.parametrize("labels", [{"1": "x"}, {"a": "x" * 257}, {f"k{n}": "" for n in range(33)}])
def test_labels_that_are_refused(labels: dict[str, str]) -> None:
    with pytest.raises(RunError, match="label"):
        check_labels(labels)


def test_ulids_rise_even_if_the_clock_does_not() -> None:
    times = iter([5.0, 5.0, 4.0, 6.0])
    make = UlidMaker(lambda: next(times), Random(3).randbytes)
    made = [make() for _ in range(4)]
    assert made == sorted(set(made))
    assert {len(ulid) for ulid in made} == {26}


def test_a_ulid_by_hand() -> None:
    # The example of the ULID specification: 1469918176385 ms is 01ARYZ6S41.
    assert UlidMaker(lambda: 1469918176.385, bytes)() == "01ARYZ6S41" + "0" * 16


def test_a_damaged_file_is_moved_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this was never a database" * 100)
    assert Ledger(path).runs() == ()
    assert [p.name.startswith("ledger.db.damaged-") for p in tmp_path.glob("*damaged*")] == [True]
    assert "moved to" in caplog.text


def test_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="update this one"):
        Ledger(path)


def test_a_directory_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="check the directory"):
        Ledger(tmp_path / "file" / "ledger.db")


def test_a_full_disk_loses_nothing(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    write = journal(ledger, clock)
    write.open(RunRequest("x", command="c" * 4000), "pi-1", write.now(), 0)
    pages = ledger._database.execute("PRAGMA page_count").fetchone()[0]
    ledger._database.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(8):
        write.open(RunRequest(f"y{number}", command="c" * 4000), "pi-1", write.now(), 0)
    write.end(ledger.run("y7"), RunState.SUCCEEDED, 0, write.now())
    assert "full" in ledger.degraded
    assert caplog.text.count("kept in memory") == 1
    assert ledger.run("y7").state is RunState.SUCCEEDED
    assert len(Ledger(ledger.path).runs()) < 9
    ledger._database.execute("PRAGMA max_page_count = 100000")
    ledger.flush()
    assert ledger.degraded == ""
    assert len(Ledger(ledger.path).runs()) == 9


WRITER = """
import sys
from pathlib import Path
from wattwatch.clock import SystemClock
from wattwatch.runs.journal import Journal
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.run import RunRequest, RunState

name, path, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
ledger = Ledger(path)
write = Journal(ledger, SystemClock())
for number in range(count):
    run = write.open(RunRequest(f"{name}-{number}"), "pi-1", write.now(), 0).run
    print(f"opened {run.run_id}", flush=True)
    write.end(run, RunState.SUCCEEDED, 0, write.now())
    print(f"ended {run.run_id}", flush=True)
"""


def writer(name: str, path: Path, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, name, str(path), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_several_processes_write_one_new_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "local.db"
    writers = [writer(name, path, 15) for name in "abcd"]
    for process in writers:
        process.communicate(timeout=60)
    assert [process.returncode for process in writers] == [0, 0, 0, 0]
    runs = Ledger(path).runs()
    assert len(runs) == 60
    assert {run.state for run in runs} == {RunState.SUCCEEDED}


def test_what_a_call_returned_from_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for round_number in range(4):
        process = writer(f"r{round_number}", path, 10_000)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(7 + round_number)]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        state = Ledger(path).state()
        for line in (line for line in lines if line.endswith("\n")):
            word, run_id = line.split()
            assert run_id in state.runs
            assert word == "opened" or not state.runs[run_id].is_open
