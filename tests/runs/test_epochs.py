"""Epochs: marked in the ledger, read off the curve at their exact edges, told in the document."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.clock import FakeClock
from support.history import gap
from support.node import FACTS, FakeNode
from wattwatch.errors import RunError
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
    UnknownRun,
    check_epoch,
    check_values,
)

KEYS = [
    "epoch", "started_at", "ended_at", "duration_seconds", "energy_joules", "mean_power_watts",
    "temperature_max_celsius", "covered_ratio", "sampled_seconds", "recovered_seconds", "missing_seconds",
    "edge_uncertainty_joules", "values",
]  # fmt: skip


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path)


def finish(node: FakeNode, seconds: float = 1) -> dict[str, Any]:
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(seconds)
    return node.service.get("r")


def stamp(seconds: float) -> Stamp:
    return Stamp(Instant("boot-1", seconds), 1_700_000_000.0 + seconds)


def test_epochs_by_hand(node: FakeNode) -> None:
    node.watts = lambda seconds: 5.0 if seconds <= 1012 else 8.0
    node.service.start(RunRequest("r", phase="training"))
    node.service.open_epoch("r", 0)
    node.play(10)
    node.celsius = 61.0
    node.service.open_epoch("r", 1)
    node.play(20)
    node.service.close_epoch("r", None, 1, {"loss": 0.25})
    node.play(5)
    document = finish(node)
    first, second = document["epochs"]
    assert list(first) == KEYS
    assert first["started_at"] == document["started_at"]
    assert first["ended_at"] == second["started_at"] == "2023-11-14T22:30:12.000000Z"
    assert (first["epoch"], first["duration_seconds"], first["energy_joules"]) == (0, 10.0, pytest.approx(50))
    assert first["mean_power_watts"] == pytest.approx(5.0)
    assert (first["temperature_max_celsius"], second["temperature_max_celsius"]) == (50.0, 61.0)
    assert (first["values"], second["values"]) == ({}, {"loss": 0.25})
    step_joules = (5.0 + 8.0) / 2 * 0.5
    assert second["energy_joules"] == pytest.approx(step_joules + 8.0 * 19.5)
    assert (second["sampled_seconds"], second["covered_ratio"], second["missing_seconds"]) == (20.0, 1.0, 0)
    assert second["edge_uncertainty_joules"] == pytest.approx(3.0 * 0.6 / 2)
    assert first["edge_uncertainty_joules"] == pytest.approx(3.0 * 0.6 / 2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=8),
    offsets=st.lists(st.floats(0.001, 0.499), min_size=8, max_size=8),
)
def test_adjoining_epochs_partition_the_energy(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], offsets: list[float]
) -> None:
    """Law 5: cut anywhere, whatever the phases do meanwhile, the parts are the whole."""
    node = FakeNode(tmp_path_factory.mktemp("node"), watts=lambda seconds: 3.0 + seconds % 7)
    node.service.start(RunRequest("r"))
    for number, (length, offset) in enumerate(zip(lengths, offsets, strict=False)):
        node.service.open_epoch("r", number)
        if number % 3 == 0:
            node.service.open_phase("r", f"phase-{number}")
        node.play(length)
        node.clock.advance(round(offset, 6))
    document = finish(node, 12)
    whole = document["nodes"][0]
    for key in ("energy_joules", "sampled_seconds", "missing_seconds"):
        assert sum(epoch[key] for epoch in document["epochs"]) == pytest.approx(
            whole[key], rel=1e-9, abs=1e-9
        )
    durations = sum(epoch["duration_seconds"] for epoch in document["epochs"])
    assert durations == pytest.approx(document["duration_seconds"], abs=1e-5)


def test_figures_are_the_same_whether_asked_at_each_end_or_afterwards(tmp_path: Path) -> None:
    asked, unasked = (FakeNode(tmp_path / name, watts=lambda s: 2.0 + s % 5) for name in ("one", "other"))
    for node in (asked, unasked):
        node.service.start(RunRequest("r"))
        for number in range(40):
            node.service.open_epoch("r", number)
            node.play(7.5, ticks=node is asked)
            node.clock.advance(0.123)
            node.service.close_epoch("r", None, number)
            if node is asked:
                node.service.get("r")
        finish(node)
    assert asked.service.get("r")["epochs"] == unasked.service.get("r")["epochs"]


def test_a_long_epoch_is_read_in_pieces(node: FakeNode) -> None:
    node.watts = lambda seconds: 3.0 + seconds % 7
    node.service.start(RunRequest("r"))
    node.service.open_epoch("r", 0)
    node.play(700)
    (epoch,) = finish(node)["epochs"]
    whole = node.service.get("r")["nodes"][0]
    assert epoch["energy_joules"] == pytest.approx(whole["energy_joules"], rel=1e-9)
    assert epoch["edge_uncertainty_joules"] == pytest.approx(whole["edge_uncertainty_joules"])


def test_closing_answers_what_is_covered_so_far(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.service.open_epoch("r", 3)
    node.play(4)
    node.clock.advance(0.25)  # no reading came since
    closed = node.service.close_epoch("r", None, 3, {"loss": 1})
    assert (closed["duration_seconds"], closed["sampled_seconds"], closed["missing_seconds"]) == (
        4.25,
        4.0,
        0.25,
    )
    assert closed["energy_joules"] == pytest.approx(20.0)
    assert closed["covered_ratio"] == pytest.approx(4 / 4.25)
    node.clock.advance(0.25)
    node.read()
    (known,) = node.service.get("r")["epochs"]
    assert (known["covered_ratio"], known["energy_joules"]) == (1.0, pytest.approx(4.25 * 5))


def test_an_open_epoch_is_told_so_far_and_ends_with_its_run(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.service.open_epoch("r", 0)
    node.play(5)
    (epoch,) = node.service.get("r")["epochs"]
    assert (epoch["ended_at"], epoch["duration_seconds"]) == (None, 5.0)
    document = finish(node)
    assert document["epochs"][0]["ended_at"] == document["ended_at"]


def test_missing_time_is_not_zero(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    for number in range(3):
        node.service.open_epoch("r", number)
        node.play(5)
        node.metered = number != 0
        node.play(5)
        node.metered = True
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(0.5)
    node.history.put_gap(gap(1007.0, 1012.5, None))
    node.play(1)
    first, second, third = node.service.get("r")["epochs"]
    assert (first["sampled_seconds"], first["missing_seconds"]) == (5.0, 5.0)
    assert first["energy_joules"] == pytest.approx(25.0)
    assert first["mean_power_watts"] == pytest.approx(5.0)
    assert second["missing_seconds"] == pytest.approx(0.5)
    assert third["covered_ratio"] == 1.0


def test_a_gap_that_is_filled_later_reaches_its_epoch(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.service.open_epoch("r", 0)
    node.play(10)
    node.metered = False
    node.service.open_epoch("r", 1)
    node.play(20)
    node.service.open_epoch("r", 2)
    node.play(40)  # epoch 1 is long over, and nothing is known of it yet
    assert node.service.get("r")["epochs"][1]["energy_joules"] is None
    node.metered = True
    node.play(0.5)
    node.history.put_gap(gap(1012.0, 1072.5, 300.0))
    node.play(1)
    epochs = finish(node)["epochs"]
    assert epochs[1]["recovered_seconds"] == 20.0
    assert epochs[1]["energy_joules"] == pytest.approx(300 * 20 / 60.5)


def test_without_a_meter_the_energy_is_unknown(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, replace(FACTS, primary=None))
    node.service.start(RunRequest("r"))
    node.service.open_epoch("r", 0)
    node.play(10)
    (epoch,) = finish(node)["epochs"]
    assert (epoch["energy_joules"], epoch["mean_power_watts"], epoch["edge_uncertainty_joules"]) == (
        None,
    ) * 3
    assert (epoch["missing_seconds"], epoch["covered_ratio"]) == (10.0, 0.0)
    assert epoch["temperature_max_celsius"] == 50.0


def test_an_epoch_shorter_than_the_interval_has_its_share(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.clock.advance(0.1)
    node.service.open_epoch("r", 0)
    node.clock.advance(0.2)
    node.service.close_epoch("r")
    node.clock.advance(0.2)
    node.read()
    (epoch,) = finish(node)["epochs"]
    assert epoch["energy_joules"] == pytest.approx(1.0)
    assert epoch["temperature_max_celsius"] == 50.0


def test_an_epoch_over_a_reboot_misses_the_time_between(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.service.open_epoch("r", 0)
    node.play(20)
    node.service.close()
    node.reboot("boot-2", 100.0)
    node.begin()
    node.play(10)
    (epoch,) = finish(node, 1)["epochs"]
    assert epoch["missing_seconds"] >= 100.0
    assert epoch["energy_joules"] == pytest.approx(5 * epoch["sampled_seconds"])
    assert epoch["duration_seconds"] == pytest.approx(epoch["missing_seconds"] + epoch["sampled_seconds"])


def test_a_restart_forgets_no_epoch(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    for number in range(5):
        node.service.open_epoch("r", number)
        node.play(4)
    before = node.service.get("r")["epochs"]
    node.service.close()
    node.begin()
    assert node.service.get("r")["epochs"][:4] == before[:4]
    document = finish(node)
    node.service.close()
    assert node.begin().get("r") == document


def test_an_epoch_of_an_armed_run_begins_with_it(node: FakeNode) -> None:
    node.service.start(RunRequest("r", armed=True))
    node.service.open_epoch("r", 0)
    node.play(3)
    node.service.mark_start("r", node.service.stamp(None))
    node.play(10)
    document = finish(node)
    assert document["epochs"][0]["started_at"] == document["started_at"]
    assert document["epochs"][0]["energy_joules"] == pytest.approx(50.0)


def test_closing_again_after_the_end_tells_the_final_figures(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.service.open_epoch("r", 0)
    node.play(4)
    node.service.close_epoch("r", None, 0, {"loss": 1.0})
    (epoch,) = finish(node)["epochs"]
    assert node.service.close_epoch("r", None, 0, {"loss": 1.0}) == epoch


def test_a_list_of_runs_has_no_epochs(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.service.open_epoch("r", 0)
    assert "epochs" not in node.service.list()[0]


def test_the_metric_counts_ended_epochs(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.play(2)
    assert node.sample("wattwatch_run_epochs_total", "r") is None
    node.service.open_epoch("r", 0)
    node.play(2)
    assert node.sample("wattwatch_run_epochs_total", "r") == 0
    node.service.open_epoch("r", 1)
    node.play(2)
    assert node.sample("wattwatch_run_epochs_total", "r") == 1
    finish(node)
    assert node.sample("wattwatch_run_epochs_total", "r") == 2


def test_a_run_that_nobody_measures_tells_its_epochs_without_figures(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.service.start(RunRequest("r"))
    node.service.open_epoch("r", 7)
    node.play(3)
    node.service.close_epoch("r", None, 7, {"loss": 0.5})
    finish(node, 0)
    from wattwatch.runs.document import unmeasured_document  # noqa: PLC0415 - only here

    run = Ledger(node.path).run("r")
    (epoch,) = unmeasured_document(run)["epochs"]
    assert list(epoch) == KEYS
    assert (epoch["epoch"], epoch["duration_seconds"], epoch["values"]) == (7, 3.0, {"loss": 0.5})
    assert epoch["energy_joules"] is None
    assert epoch["missing_seconds"] is None


def test_a_thousand_epochs_are_read_a_few_at_a_time(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    at = node.clock.now().boot_seconds
    for number in range(1000):
        node.service.open_epoch("r", number, stamp(at + number / 4))
        if number % 2:
            node.clock.advance(0.5)
            node.read()
    asked = node.history.asked
    document = node.service.get("r")
    assert len(document["epochs"]) == 1000
    assert node.history.asked - asked < 150  # not some for each
    assert sum(epoch["energy_joules"] for epoch in document["epochs"]) == pytest.approx(5 * 250)


# --- marks ---------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "own.db")


@pytest.fixture
def write(ledger: Ledger, clock: FakeClock) -> Journal:
    journal = Journal(ledger, clock)
    journal.open(RunRequest("x"), "pi-1", journal.now(), 0)
    return journal


def test_saying_a_mark_twice_changes_nothing(ledger: Ledger, write: Journal, clock: FakeClock) -> None:
    first = write.open_epoch(ledger.run("x"), 0, write.now())
    clock.advance(1)
    assert write.open_epoch(ledger.run("x"), 0, write.now()) == first
    clock.advance(1)
    closed = write.close_epoch(ledger.run("x"), write.now(), 0, {"loss": 1.0})
    clock.advance(1)
    assert write.close_epoch(ledger.run("x"), write.now(), 0, {"loss": 2.0}) == closed
    assert write.open_epoch(ledger.run("x"), 0, first.start) == closed  # the same mark, come late
    assert ledger.run("x").epochs == (closed,)


def test_a_number_may_come_again_in_a_second_training(
    ledger: Ledger, write: Journal, clock: FakeClock
) -> None:
    for _ in range(2):
        for number in (0, 1):
            write.open_epoch(ledger.run("x"), number, write.now())
            clock.advance(1)
        write.close_epoch(ledger.run("x"), write.now())
        clock.advance(1)
    assert [epoch.epoch for epoch in ledger.run("x").epochs] == [0, 1, 0, 1]
    assert len({epoch.epoch_id for epoch in ledger.run("x").epochs}) == 4


def test_marks_that_contradict_the_ledger(ledger: Ledger, write: Journal, clock: FakeClock) -> None:
    with pytest.raises(RunConflict, match="no epoch is open"):
        write.close_epoch(ledger.run("x"), write.now())
    with pytest.raises(RunConflict, match="no epoch 4"):
        write.close_epoch(ledger.run("x"), write.now(), 4)
    write.open_epoch(ledger.run("x"), 0, write.now())
    with pytest.raises(RunConflict, match="before its last epoch mark"):
        write.open_epoch(ledger.run("x"), 1, stamp(999))
    with pytest.raises(RunConflict, match="before its last epoch mark"):
        write.close_epoch(ledger.run("x"), stamp(999))
    clock.advance(1)
    write.end(ledger.run("x"), RunState.SUCCEEDED, 0, write.now())
    with pytest.raises(RunConflict, match="has ended"):
        write.open_epoch(ledger.run("x"), 1, write.now())
    assert write.close_epoch(ledger.run("x"), write.now(), 0, {"loss": 1.0}).values == {}


def test_epochs_are_bounded(ledger: Ledger, write: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattwatch.runs.journal._EPOCHS", 3)
    for number in range(3):
        write.open_epoch(ledger.run("x"), number, write.now())
    with pytest.raises(RunConflict, match="at most 3 epochs"):
        write.open_epoch(ledger.run("x"), 3, write.now())


@pytest.mark.parametrize("epoch", [-1, 10**9 + 1])
def test_numbers_that_are_refused(epoch: int) -> None:
    with pytest.raises(RunError, match="from 0 to"):
        check_epoch(epoch)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({f"v{n}": 1.0 for n in range(33)}, "at most 32"),
        ({"": 1.0}, "1 to 64"),
        ({"x" * 65: 1.0}, "1 to 64"),
        ({"a\nb": 1.0}, "printable"),
        ({"loss": float("nan")}, "finite"),
        ({"loss": float("inf")}, "finite"),
        ({"loss": 10**400}, "finite"),
    ],
)
def test_values_that_are_refused(values: dict[str, float | None], message: str) -> None:
    with pytest.raises(RunError, match=message):
        check_values(values)


def opened(number: int, at: float, key: str) -> Event:
    data = {"epoch_id": key, "epoch": number}
    return Event(f"E{number:03}{key}", "x", EventKind.EPOCH_OPENED, stamp(at), data)


def closed(at: float, key: str, loss: float) -> Event:
    data = {"epoch_id": key, "values": {"loss": loss}}
    return Event(f"F{key}{loss}at{at}", "x", EventKind.EPOCH_CLOSED, stamp(at), data)


def frame(end: float | None) -> list[Event]:
    data = {
        "node": "pi-1", "name": "", "experiment": "", "phase": "", "command": "", "hold": False,
        "token_hash": "",
    }  # fmt: skip
    events = [Event("A", "x", EventKind.RUN_OPENED, stamp(100.0), data)]
    if end is not None:
        events.append(Event("Z", "x", EventKind.RUN_ENDED, stamp(end), {"state": "succeeded"}))
    return events


@given(
    starts=st.lists(st.floats(90, 130), max_size=8),
    closings=st.lists(st.tuples(st.integers(0, 7), st.floats(90, 140), st.floats(-1, 1)), max_size=8),
    end=st.none() | st.floats(100, 130),
    shuffle=st.randoms(use_true_random=False),
)
def test_whatever_is_marked_epochs_lie_in_order_within_their_run(
    starts: list[float],
    closings: list[tuple[int, float, float]],
    end: float | None,
    shuffle: Any,
) -> None:
    events = [
        *frame(end),
        *(opened(number, at, f"k{number}") for number, at in enumerate(starts)),
        *(closed(at, f"k{number}", loss) for number, at, loss in closings),
    ]
    run = replay(events).runs["x"]
    shuffle.shuffle(events)
    assert replay([*events, *events[:3]]).runs["x"] == run
    assert len(run.epochs) == len(starts)
    _check_order(run, run.end)


def _check_order(run: Run, end: Stamp | None) -> None:
    for epoch in run.epochs:
        assert not epoch.start.is_before(run.start)
        assert epoch.end is None or not epoch.end.is_before(epoch.start)
        assert end is None or (epoch.end is not None and not end.is_before(epoch.end))
    ends: list[Stamp] = [epoch.end for epoch in run.epochs[:-1] if epoch.end is not None]
    assert len(ends) == max(0, len(run.epochs) - 1)  # only the last may be open
    for at, later in zip(ends, run.epochs[1:], strict=True):
        assert not later.start.is_before(at)


# --- HTTP ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "error", "message"),
    [
        (lambda service: service.open_epoch("nope", 0), UnknownRun, "no run"),
        (lambda service: service.close_epoch("nope"), UnknownRun, "no run"),
    ],
)
def test_an_unknown_run(
    node: FakeNode, mark: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        mark(node.service)
