from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.history import gap
from support.node import FACTS, FakeNode
from wattwatch.errors import RunError
from wattwatch.reading import Channel, Kind, Reading, Scope
from wattwatch.runs.document import NO_SOURCE
from wattwatch.runs.keeper import Keeper
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.run import RunConflict, RunRequest, RunState
from wattwatch.runs.service import open_run_service
from wattwatch.sampling.snapshot import Primary

KEYS = [
    "run_id", "name", "experiment", "labels", "phase", "command", "exit_status", "state", "started_at",
    "ended_at", "duration_seconds", "completeness", "nodes", "phases", "epochs", "warnings",
    "overlaps",
]  # fmt: skip
NODE_KEYS = [
    "node", "source", "meter_model", "interval_seconds", "scope", "quality", "energy_joules",
    "net_energy_joules", "baseline", "mean_power_watts", "peak_power_watts", "sampled_seconds",
    "recovered_seconds", "missing_seconds", "covered_ratio", "edge_uncertainty_joules", "gap_doubt_joules",
    "accumulator_joules", "disagreement_ratio", "temperature_celsius", "cpu_ratio", "memory_peak_bytes",
    "network_bytes", "observer_cpu_ratio", "observer_energy_joules",
]  # fmt: skip


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path)


def test_the_document_of_a_run_by_hand(node: FakeNode) -> None:
    node.service.start(RunRequest("r", "mnist", "demo", "training", "python train.py"))
    node.play(60)
    node.celsius = 60.0
    node.play(60)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(0.5)
    document = node.service.get("r")
    assert list(document) == KEYS
    assert document["completeness"] == "final"
    assert (document["state"], document["exit_status"], document["duration_seconds"]) == ("succeeded", 0, 120)
    assert document["started_at"] == "2023-11-14T22:30:02.000000Z"
    (figures,) = document["nodes"]
    assert list(figures) == NODE_KEYS
    assert (figures["node"], figures["source"], figures["meter_model"]) == ("pi-1", "meter", "UM24C")
    assert (figures["scope"], figures["quality"]) == ("board", "metered")
    assert figures["energy_joules"] == pytest.approx(600.0)
    assert figures["mean_power_watts"] == pytest.approx(5.0)
    assert (figures["sampled_seconds"], figures["covered_ratio"]) == (120.0, 1.0)
    assert figures["accumulator_joules"] == pytest.approx(600.0)
    assert figures["disagreement_ratio"] == pytest.approx(0.0)
    assert figures["temperature_celsius"] == {
        "zone": "cpu-thermal", "start": 50.0, "mean": pytest.approx(55, abs=0.1), "max": 60.0,
    }  # fmt: skip
    assert figures["cpu_ratio"] == pytest.approx(0.25)
    assert figures["memory_peak_bytes"] == 1e9 + 1e6 * 1121.5
    assert figures["network_bytes"] == pytest.approx(120 * 1500)
    assert figures["observer_cpu_ratio"] == pytest.approx(0.005)
    assert figures["observer_energy_joules"] == pytest.approx(600 * 0.02)
    assert (figures["net_energy_joules"], figures["baseline"]) == (None, None)
    (phase,) = document["phases"]
    assert list(phase) == ["phase", *NODE_KEYS]
    assert phase == {"phase": "training"} | figures
    assert document["warnings"] == []


def test_phases_partition_the_energy(node: FakeNode) -> None:
    node.watts = lambda seconds: 3.0 + seconds % 7
    node.service.start(RunRequest("r"))
    node.play(7.3)
    node.clock.advance(0.123)
    node.service.open_phase("r", "load")
    node.play(10)
    node.service.open_phase("r", "training")
    node.play(5)
    node.service.open_phase("r", "evaluation", nested=True)
    node.play(3)
    node.service.close_phase("r")
    node.play(8)
    node.clock.advance(0.321)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    document = node.service.get("r")
    assert [phase["phase"] for phase in document["phases"]] == ["untagged", "load", "training", "evaluation"]
    whole = document["nodes"][0]
    for key in ("energy_joules", "sampled_seconds", "accumulator_joules", "network_bytes"):
        assert sum(phase[key] for phase in document["phases"]) == pytest.approx(whole[key], rel=1e-9)
    assert whole["sampled_seconds"] == document["duration_seconds"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(0, 30))
def test_marks_that_come_late_part_a_run_as_those_in_time(
    tmp_path_factory: pytest.TempPathFactory, half_seconds: list[int], late_half_seconds: int
) -> None:
    node = FakeNode(tmp_path_factory.mktemp("node"), watts=lambda seconds: 3.0 + seconds % 7)
    node.service.start(RunRequest("r", phase="p0"))
    marks = []
    for number, count in enumerate(half_seconds, 1):
        node.play(count / 2)
        marks.append((f"p{number}", node.service.stamp(None)))
    node.play(0.5 + late_half_seconds / 2)
    for phase, at in marks:
        node.service.open_phase("r", phase, at)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(4)
    document = node.service.get("r")
    assert document["completeness"] == "final"
    last = 0.5 + late_half_seconds / 2
    seconds = [phase["sampled_seconds"] for phase in document["phases"]]
    assert seconds == [*(count / 2 for count in half_seconds), last]
    energies = [phase["energy_joules"] for phase in document["phases"]]
    assert sum(energies) == pytest.approx(document["nodes"][0]["energy_joules"], rel=1e-9)


def test_an_armed_run_starts_where_its_owner_says(node: FakeNode) -> None:
    node.service.start(RunRequest("r", armed=True))
    node.play(4)
    assert node.samples() == []
    node.service.mark_start("r", node.service.stamp(None))
    node.play(10)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    document = node.service.get("r")
    assert document["duration_seconds"] == 10.0
    assert document["nodes"][0]["energy_joules"] == pytest.approx(50.0)


def test_an_end_may_move_the_start(node: FakeNode) -> None:
    node.service.start(RunRequest("r", armed=True))
    node.play(4)
    start = node.service.stamp(None)
    node.play(10)
    node.service.end("r", RunState.SUCCEEDED, 0, None, start)
    node.play(1)
    assert node.service.get("r")["duration_seconds"] == 10.0


def test_missing_time_is_a_lower_bound_with_a_warning(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.play(10)
    node.metered = False
    node.play(20)
    node.metered = True
    node.play(0.5)
    node.history.put_gap(gap(1012.0, 1032.5, None))
    node.play(9.5)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    document = node.service.get("r")
    figures = document["nodes"][0]
    assert figures["missing_seconds"] == 20.5
    assert figures["energy_joules"] == pytest.approx(19.5 * 5)
    assert figures["mean_power_watts"] == pytest.approx(5.0)
    assert figures["disagreement_ratio"] is None
    assert document["warnings"] == ["20.5 s of 40.0 s are missing: the energy is a lower bound"]


def test_an_open_gap_keeps_a_result_provisional_until_it_is_filled(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.play(10)
    node.metered = False
    node.play(5)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(60)
    assert node.service.get("r")["completeness"] == "provisional"
    assert node.sample("wattwatch_run_seconds_total", "r", "missing") == 0
    node.metered = True
    node.play(0.5, ticks=False)
    node.history.put_gap(gap(1012.0, 1077.5, 65.5 * 4))
    document = node.service.get("r")
    assert document["completeness"] == "final"
    assert document["nodes"][0]["energy_joules"] == pytest.approx(10 * 5 + 5 * 4)
    assert document["nodes"][0]["recovered_seconds"] == 5.0
    assert document["nodes"][0]["gap_doubt_joules"] == 3.6


def test_an_open_gap_is_given_up_after_an_hour(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.play(10)
    node.metered = False
    node.play(5)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.clock.advance(3590)
    node.service.tick()
    assert node.service.get("r")["completeness"] == "provisional"
    node.clock.advance(20)
    node.service.tick()
    document = node.service.get("r")
    assert (document["completeness"], document["nodes"][0]["missing_seconds"]) == ("final", 5.0)


def test_a_stalled_meter_does_not_settle(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.play(10)
    stalled = node.clock.now()
    node.service.update_facts(replace(FACTS, open_gap_since=lambda _: stalled))
    node.play(10)
    assert node.sample("wattwatch_run_seconds_total", "r", "sampled") == 10.0
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(5)
    assert node.service.get("r")["completeness"] == "provisional"


def test_a_meter_that_was_never_read_in_this_boot_is_not_waited_for(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.reboot("boot-2", 60)
    node.metered = False
    node.begin()
    node.play(2)
    node.service.start(RunRequest("r"))
    node.play(10)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(5)
    document = node.service.get("r")
    assert document["completeness"] == "final"
    assert document["nodes"][0]["energy_joules"] is None
    assert document["nodes"][0]["missing_seconds"] == 10.0
    assert document["warnings"] == ["meter gave no reading: energy is not known; see wattwatch sources"]


def test_without_a_power_source_all_else_is_given(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, replace(FACTS, primary=None, meter_model=lambda: ""))
    node.service.start(RunRequest("r"))
    node.play(10)
    node.service.end("r", RunState.FAILED, 3)
    node.play(1)
    document = node.service.get("r")
    figures = document["nodes"][0]
    assert document["completeness"] == "final"
    assert document["duration_seconds"] == 10.0
    known = {key for key, value in figures.items() if value is not None}
    assert known == {
        "node", "sampled_seconds", "recovered_seconds", "missing_seconds", "covered_ratio",
        "temperature_celsius", "cpu_ratio", "memory_peak_bytes", "network_bytes", "observer_cpu_ratio",
    }  # fmt: skip
    assert (figures["missing_seconds"], figures["covered_ratio"]) == (10.0, 0.0)
    assert document["warnings"] == [NO_SOURCE]
    assert node.sample("wattwatch_run_gross_energy_joules_total") is None
    assert node.sample("wattwatch_run_temperature_celsius", "r", "max") == 50.0


def test_shorter_than_a_sample_is_said(node: FakeNode) -> None:
    node.watts = lambda seconds: 5.0 if seconds < 1002.4 else 9.0
    node.clock.advance(0.1)
    node.service.start(RunRequest("r"))
    node.clock.advance(0.2)
    node.service.end("r", RunState.SUCCEEDED, 0)
    assert node.service.get("r")["completeness"] == "provisional"
    node.clock.advance(0.2)
    node.read()
    document = node.service.get("r")
    figures = document["nodes"][0]
    # 5 -> 9 W from 1002.0 to 1002.5, cut at 1002.1 and 1002.3: trapezoid 3.5 J, two fifths of it.
    assert figures["energy_joules"] == pytest.approx(3.5 * 0.4)
    assert figures["edge_uncertainty_joules"] == pytest.approx(2 * 4 * 0.6 / 2)
    assert figures["temperature_celsius"]["mean"] == 50.0
    assert "repeat inside one run" in document["warnings"][0]


def test_disagreement_with_the_meter_is_a_warning(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    for _ in range(240):
        node.counted_joules += 0.1
        node.play(0.5)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    document = node.service.get("r")
    assert document["nodes"][0]["disagreement_ratio"] == pytest.approx(2.5 / 2.6 - 1, rel=1e-3)
    assert document["warnings"] == ["own integral and the meter's own count differ by -3.8%"]


def test_what_disturbed_a_run_is_told_with_it_and_with_no_other(node: FakeNode) -> None:
    """Only while it goes on: the Pi is slowed down, and its supply gives way."""
    slowed = Channel("pi", "under-voltage", "throttled_now_flag", Kind.GAUGE)
    volts = Channel("meter", "vbus", "voltage_volts", Kind.GAUGE)

    def play(supply_volts: float) -> None:
        for _ in range(20):
            node.play(0.5)
            at = node.clock.now()
            node.history.put(Reading(slowed, float(supply_volts < 4.7), at), Reading(volts, supply_volts, at))

    for run_id, supply_volts in (("before", 5.1), ("during", 4.61), ("after", 5.1)):
        node.service.start(RunRequest(run_id))
        play(supply_volts)
        node.service.end(run_id, RunState.SUCCEEDED, 0)
        node.play(1)
    assert node.service.get("before")["warnings"] == node.service.get("after")["warnings"] == []
    slow, low = node.service.get("during")["warnings"]
    assert "slowed down during the run (under-voltage)" in slow
    assert "the meter saw 4.61 V" in low


def test_a_run_over_a_reboot_counts_the_time_between_as_missing(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.play(10)
    node.service.close()
    node.reboot("boot-2", 90.0)
    node.begin()
    node.play(20)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    document = node.service.get("r")
    figures = document["nodes"][0]
    # 10 s, then 90 s off and half a second until the first reading, then 19.5 s.
    assert document["duration_seconds"] == pytest.approx(120.0)
    assert figures["sampled_seconds"] == 29.5
    assert figures["missing_seconds"] == pytest.approx(90.5)
    assert figures["energy_joules"] == pytest.approx(29.5 * 5)
    assert figures["cpu_ratio"] == pytest.approx(0.25)


def test_a_held_run_does_not_survive_a_reboot(node: FakeNode) -> None:
    node.service.start(RunRequest("r", hold=True))
    node.play(10)
    node.service.close()
    node.reboot("boot-2", 90.0)
    node.begin()
    document = node.service.get("r")
    assert (document["state"], document["duration_seconds"]) == ("lost", 10.0)


def test_the_loss_of_the_owner_ends_the_run_at_that_instant(node: FakeNode) -> None:
    node.service.start(RunRequest("r", hold=True))
    ticket = node.service.hold("r")
    node.play(7)
    node.service.release("r", ticket)
    node.play(5)
    document = node.service.get("r")
    assert (document["state"], document["duration_seconds"]) == ("lost", 7.0)


def test_an_owner_that_came_back_is_not_lost_by_its_old_stream(node: FakeNode) -> None:
    opened = node.service.start(RunRequest("r", hold=True))
    ticket = node.service.hold("r")
    node.service.resume("r", opened.token)
    node.service.release("r", ticket)
    assert node.service.is_open("r")


def test_only_the_owners_token_resumes(node: FakeNode) -> None:
    node.service.start(RunRequest("r", hold=True))
    with pytest.raises(RunConflict, match="not its owner's token"):
        node.service.resume("r", "0" * 32)


def test_after_a_restart_the_owner_has_half_a_minute(node: FakeNode) -> None:
    opened = node.service.start(RunRequest("r", hold=True))
    node.play(10)
    node.service.close()
    node.clock.advance(2)
    node.begin()
    node.play(29)
    node.service.resume("r", opened.token)
    node.play(10)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    document = node.service.get("r")
    assert (document["state"], document["duration_seconds"]) == ("succeeded", 51.0)


def test_after_a_restart_an_owner_that_stays_away_is_lost_at_the_last_commit(node: FakeNode) -> None:
    node.service.start(RunRequest("r", hold=True))
    node.play(10)
    node.facts = replace(node.facts, last_commit=node.clock.now())
    node.service.close()
    node.begin()
    node.clock.advance(20)
    node.play(31)
    document = node.service.get("r")
    assert (document["state"], document["duration_seconds"]) == ("lost", 10.0)


def test_ending_twice_changes_nothing(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.play(5)
    node.service.end("r", RunState.FAILED, 3)
    node.play(5)
    assert node.service.end("r", RunState.SUCCEEDED, 0).state is RunState.FAILED
    with pytest.raises(RunConflict, match="has ended: failed"):
        node.service.open_phase("r", "training")


def test_a_run_does_not_end_as_running(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    with pytest.raises(RunError, match="succeeded, failed"):
        node.service.end("r", RunState.RUNNING)


def test_a_final_result_outlives_the_readings(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.play(10)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    document = node.service.get("r")
    node.service.close()
    node.history.__init__()  # type: ignore[misc] # the readings are gone
    node.begin()
    assert node.service.get("r") == document
    assert node.service.list()[0]["nodes"] == document["nodes"]


def test_samples_of_a_run(node: FakeNode) -> None:
    node.service.start(RunRequest("r", "mnist", "demo"))
    node.play(4)
    node.service.open_phase("r", "training")
    node.play(10)
    energy = "wattwatch_run_gross_energy_joules_total"
    assert node.sample(energy, "r", "untagged", "board", "metered") == pytest.approx(20.0)
    assert node.sample(energy, "r", "training", "board", "metered") == pytest.approx(45.0)
    assert node.sample("wattwatch_run_active", "r", "", "training") == 1
    assert node.sample("wattwatch_run_info", "r", "mnist", "demo") == 1
    assert node.sample("wattwatch_run_state", "r", "running") == 1
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    assert node.sample(energy, "r", "training") == pytest.approx(50.0)
    assert node.sample("wattwatch_run_active", "r") is None
    assert node.sample("wattwatch_run_state", "r", "succeeded") == 1
    assert node.sample("wattwatch_run_peak_power_watts", "r") == 5.0


def test_samples_stay_a_quarter_of_an_hour_after_the_result_over_a_restart_too(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.play(10)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    shown = node.samples()
    node.clock.advance(800)
    node.service.close()
    node.begin()
    node.service.tick()
    assert node.samples() == shown
    node.clock.advance(105)
    node.service.tick()
    assert node.samples() == []


MARKS = st.lists(
    st.tuples(
        st.sampled_from(["open", "nested", "close", "lose meter", "find meter", "wait"]),
        st.integers(1, 8),
        st.floats(0, 0.4).map(lambda seconds: round(seconds, 6)),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MARKS)
def test_counters_never_fall_and_end_as_the_result(
    tmp_path_factory: pytest.TempPathFactory, marks: list[tuple[str, int, float]]
) -> None:
    node = FakeNode(tmp_path_factory.mktemp("node"), watts=lambda seconds: 2.0 + seconds % 5)
    node.service.start(RunRequest("r"))
    seen: dict[tuple[str, ...], float] = {}
    for number, (mark, half_seconds, late_seconds) in enumerate(marks):
        node.clock.advance(late_seconds)
        if mark in ("open", "nested"):
            node.service.open_phase("r", f"p{number % 3}", nested=mark == "nested")
        elif mark == "close" and node.service.known("r").open_window.outer:  # type: ignore[union-attr]
            node.service.close_phase("r")
        elif mark in ("lose meter", "find meter"):
            node.metered = mark == "find meter"
        for _ in range(half_seconds):
            node.play(0.5)
            seen = _risen(seen, node)
    node.metered = True
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.clock.advance(3700)
    node.play(1)
    final = _risen(seen, node)
    document = node.service.get("r")
    assert document["completeness"] == "final"
    energies = [phase["energy_joules"] or 0.0 for phase in document["phases"]]
    assert sum(energies) == pytest.approx(document["nodes"][0]["energy_joules"] or 0.0, rel=1e-9)
    counted = [value for key, value in final.items() if "energy" in key[0]]
    assert sum(counted) == pytest.approx(sum(energies), rel=1e-9)


def _risen(seen: dict[tuple[str, ...], float], node: FakeNode) -> dict[tuple[str, ...], float]:
    counters = {
        (sample.spec.name, *sample.labels): sample.value
        for sample in node.samples()
        if sample.spec.type == "counter"
    }
    for key, value in seen.items():
        assert counters[key] >= value - 1e-9, key
    return counters


def test_a_long_run_is_not_read_anew_for_every_answer(node: FakeNode) -> None:
    node.service.start(RunRequest("r"))
    node.play(600, ticks=False)
    node.service.get("r")
    for _ in range(10):  # idle minutes are caught up with
        node.service.tick()
    before = node.history.asked
    node.play(0.5)
    assert node.history.asked - before < 10
    memo = node.service._evaluator._memos["r"].parts["untagged", node.service.known("r").start.at]  # type: ignore[union-attr]
    assert memo.energy.until.boot_seconds >= node.clock.boot_seconds - 2


def test_a_ledger_of_several_processes(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    mine, other = Keeper(tmp_path, "mine"), Keeper(tmp_path, "other")
    node.begin(mine)
    node.service.start(RunRequest("m", hold=True))
    first = node.service
    node.begin(other)
    assert node.service.get("m")["state"] == "running"
    node.service.close()
    node.play(3, ticks=False)
    first.end("m", RunState.SUCCEEDED, 0)
    first.close()  # nobody goes on measuring: the result is sealed as it is
    assert (Ledger(node.path).result("m") or {})["completeness"] == "final"


def test_services_that_share_a_file_know_their_own_runs(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    path = tmp_path / "local.db"
    one, other = (open_run_service(path, node.history, node.clock, node.facts, shared=True) for _ in range(2))
    one.start(RunRequest("r"))
    node.play(2)
    one.end("r", RunState.SUCCEEDED, 0)
    assert other.get("r")["completeness"] == "incomplete"
    one.close()
    assert other.get("r")["nodes"][0]["energy_joules"] == pytest.approx(10.0)
    other.close()
    assert list(tmp_path.glob("keeper-*")) == []


def test_a_run_whose_process_was_killed_is_buried_by_the_next(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    keeper = Keeper(tmp_path, "dead")
    node.begin(keeper)
    node.service.start(RunRequest("d", hold=True))
    keeper._file.close()  # as the kernel does it for a killed process
    node.begin(Keeper(tmp_path, "next"))
    document = node.service.get("d")
    node.service.close()
    assert (document["state"], document["completeness"], document["nodes"]) == ("lost", "incomplete", [])
    assert list(document) == KEYS


PACKAGE = Channel("rapl", "package-0", "energy_joules", Kind.COUNTER, Scope.PACKAGE)
WITH_FALLBACK = replace(FACTS, fallback=Primary.of(PACKAGE))


def test_what_a_fallback_counted_is_a_part_of_its_own(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, WITH_FALLBACK)
    node.service.start(RunRequest("r", phase="training"))
    node.play(10)
    node.metered = False
    node.play(20)
    assert node.sample("wattwatch_run_gross_energy_joules_total", "r", "training", "package") is None
    node.metered = True
    node.play(0.5)
    node.history.put_gap(gap(1012.0, 1032.5, None))
    node.play(9.5)
    joules = node.sample("wattwatch_run_gross_energy_joules_total", "r", "training", "package", "sensor")
    assert joules == pytest.approx(41.0)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    document = node.service.get("r")
    assert document["completeness"] == "final"
    (figures,), (phase,) = document["nodes"], document["phases"]
    assert list(figures) == [*NODE_KEYS, "parts"]
    assert figures["energy_joules"] == pytest.approx(19.5 * 5)  # the primary's alone, a lower bound
    assert figures["missing_seconds"] == 20.5
    assert figures["parts"] == phase["parts"] == [
        {
            "source": "meter", "scope": "board", "quality": "metered",
            "energy_joules": pytest.approx(97.5), "seconds": 19.5,
        },
        {
            "source": "rapl", "scope": "package", "quality": "sensor",
            "energy_joules": pytest.approx(41.0), "seconds": 20.5,
        },
    ]  # fmt: skip
    assert document["warnings"] == [
        (
            "meter was missing for 20.5 s in which rapl (package, sensor) counted 41 J: they are a part of "
            "their own, not in the energy"
        ),
        "20.5 s of 40.0 s are missing: the energy is a lower bound",
    ]
    assert node.sample(
        "wattwatch_run_gross_energy_joules_total", "r", "training", "package", "sensor"
    ) == pytest.approx(41.0)
    assert node.sample("wattwatch_run_gross_energy_joules_total", "r", "training", "board") == pytest.approx(
        97.5
    )


def test_a_gap_that_is_filled_is_never_the_fallbacks(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, WITH_FALLBACK)
    node.service.start(RunRequest("r"))
    node.play(10)
    node.metered = False
    node.play(20)
    assert "parts" not in node.service.get("r")["nodes"][0]  # open is not missing
    node.metered = True
    node.play(0.5)
    node.history.put_gap(gap(1012.0, 1032.5, 100.0))
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    document = node.service.get("r")
    assert document["completeness"] == "final"
    assert "parts" not in document["nodes"][0]
    assert document["warnings"] == []


def test_a_fallback_stands_in_for_a_meter_that_was_never_read_in_this_boot(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, WITH_FALLBACK)
    node.reboot("boot-2", 60)
    node.metered = False
    node.begin()
    node.play(2)
    node.service.start(RunRequest("r"))
    node.play(10)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(5)
    document = node.service.get("r")
    assert document["completeness"] == "final"
    assert document["nodes"][0]["energy_joules"] is None
    assert document["nodes"][0]["parts"][1]["energy_joules"] == pytest.approx(20.0)


def test_a_counter_may_stand_for_the_node(tmp_path: Path) -> None:
    facts = replace(FACTS, primary=Primary.of(PACKAGE), fallback=Primary.of(PACKAGE), meter_model=lambda: "")
    node = FakeNode(tmp_path, facts)
    node.service.start(RunRequest("r"))
    node.play(10)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    (figures,) = node.service.get("r")["nodes"]
    assert figures["energy_joules"] == pytest.approx(20.0)
    assert (figures["source"], figures["scope"], figures["peak_power_watts"]) == (
        "rapl", "package", pytest.approx(2.0),
    )  # fmt: skip
    assert figures["sampled_seconds"] == 10.0


def test_a_run_over_a_change_of_the_primary_is_of_the_new_one_alone(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, WITH_FALLBACK)
    node.service.start(RunRequest("r"))
    node.play(10)
    facts = replace(FACTS, primary=Primary.of(PACKAGE))
    node.service.update_facts(facts)
    node.play(10)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    (figures,) = node.service.get("r")["nodes"]
    assert (figures["source"], figures["energy_joules"]) == ("rapl", pytest.approx(40.0))
    assert figures["sampled_seconds"] == 20.0
