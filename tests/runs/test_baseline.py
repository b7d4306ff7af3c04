"""Idle power: what makes a run a baseline, which one holds, and what net energy it gives."""

from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.history import cpu
from support.node import FACTS, FakeNode
from wattwatch.reading import Instant, Reading
from wattwatch.runs.baseline import (
    LEAST_MINUTES,
    Baseline,
    BaselineKind,
    auto_watts,
    baseline_of,
    baseline_warnings,
    chosen,
)
from wattwatch.runs.baselines import IdleMinutes, has_kubelet
from wattwatch.runs.energy import EnergyFigures
from wattwatch.runs.figures import NodeFacts
from wattwatch.runs.hosts import CpuUse
from wattwatch.runs.labels import BASELINE, GOVERNOR
from wattwatch.runs.run import RunRequest, RunState

DAY_SECONDS = 86400.0
IDLE_WATTS = 2.9
BARE = Baseline(
    kind=BaselineKind.BARE,
    node="pi-1",
    watts=IDLE_WATTS,
    minute_means_watts=(2.8, 2.9, 3.0),
    measured_utc_seconds=1e9,
    duration_seconds=180.0,
    source="meter",
    scope="board",
    quality="metered",
    temperature_celsius=48.0,
)


def measured(
    node: FakeNode, kind: str = "bare", minutes: int = 3, state: str = "succeeded"
) -> dict[str, Any]:
    """The document of a run that measured idle power, whose epochs are minutes."""
    run_id = f"base{node.clock.boot_seconds:.0f}"
    node.service.start(RunRequest(run_id, labels={BASELINE: kind, GOVERNOR: "ondemand"}))
    for minute in range(1, minutes + 1):
        node.service.open_epoch(run_id, minute)
        node.play(60)
    node.service.close_epoch(run_id)
    node.service.end(run_id, RunState(state))
    node.play(2)
    return node.service.get(run_id)


@pytest.fixture(name="node")
def _node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path, watts=lambda _: IDLE_WATTS)


def test_a_run_with_the_label_is_a_baseline_with_its_minutes(node: FakeNode) -> None:
    node.watts = lambda seconds: 2.0 + (int(seconds - 1002) // 60)
    document = measured(node)
    found = baseline_of(document)
    assert found is not None
    assert found.minute_means_watts == pytest.approx((2.0, 3.0, 4.0), abs=0.02)
    assert found.watts == pytest.approx(3.0, abs=0.02)
    assert found.spread_watts == pytest.approx(1.0, abs=0.02)
    assert found.uncertainty_watts == pytest.approx(1 / sqrt(3), abs=0.02)
    assert (found.kind, found.governor, found.source, found.scope) == ("bare", "ondemand", "meter", "board")
    assert found.temperature_celsius == pytest.approx(50.0)
    assert document["nodes"][0]["net_energy_joules"] is None  # of itself there is none


def test_net_energy_is_gross_less_idle_power_over_the_covered_time(node: FakeNode) -> None:
    run_id = measured(node)["run_id"]
    node.watts = lambda _: 5.0
    node.play(1)
    node.service.start(RunRequest("r", phase="load"))
    node.play(10)
    node.metered = False
    node.play(7)
    node.metered = True
    node.service.open_phase("r", "training")
    node.play(20)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.clock.advance(3700)
    node.play(2)
    document = node.service.get("r")
    (whole,) = document["nodes"]
    covered = whole["sampled_seconds"] + whole["recovered_seconds"]
    assert whole["missing_seconds"] > 5
    assert whole["net_energy_joules"] == pytest.approx(whole["energy_joules"] - IDLE_WATTS * covered)
    assert whole["baseline"]["run_id"] == run_id
    assert whole["baseline"]["watts"] == pytest.approx(IDLE_WATTS)
    nets = [phase["net_energy_joules"] for phase in document["phases"]]
    assert sum(nets) == pytest.approx(whole["net_energy_joules"])
    assert node.sample("wattwatch_run_net_energy_joules", "r") == pytest.approx(whole["net_energy_joules"])
    assert node.sample("wattwatch_node_baseline_watts", "bare") == pytest.approx(IDLE_WATTS)


def test_net_energy_may_be_negative(node: FakeNode) -> None:
    measured(node)
    node.watts = lambda _: 1.0
    node.play(1)
    node.service.start(RunRequest("r"))
    node.play(10)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(1)
    assert node.service.get("r")["nodes"][0]["net_energy_joules"] == pytest.approx(-19.0, abs=0.2)


def test_a_baseline_outlives_a_restart_and_ends_with_its_run(node: FakeNode) -> None:
    run_id = measured(node)["run_id"]
    node.service.close()
    node.begin()
    node.service.start(RunRequest("r"))
    node.play(5)
    assert node.service.get("r")["nodes"][0]["baseline"]["run_id"] == run_id
    node.service.delete(run_id)
    assert node.service.get("r")["nodes"][0]["baseline"] is None


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_what_failed_is_none(node: FakeNode, state: str) -> None:
    assert baseline_of(measured(node, state=state)) is None


def test_what_has_gaps_or_another_label_is_none(node: FakeNode) -> None:
    document = measured(node)
    node_document = {**document["nodes"][0], "covered_ratio": 0.94}
    assert baseline_of(document) is not None
    assert baseline_of({**document, "nodes": [node_document]}) is None
    assert baseline_of({**document, "labels": {}}) is None
    assert baseline_of({**document, "labels": {BASELINE: "auto"}}) is None
    assert baseline_of({**document, "nodes": []}) is None


def test_the_newest_of_the_kind_that_the_machine_is_now_holds() -> None:
    platform = replace(BARE, kind=BaselineKind.PLATFORM, measured_utc_seconds=5e8)
    newer = replace(BARE, measured_utc_seconds=2e9)
    known = [platform, newer, BARE]
    assert chosen(known, "pi-1", has_platform=False) is newer
    assert chosen(known, "pi-1", has_platform=True) is platform
    assert chosen(known, "pi-2", has_platform=False) is None
    assert chosen([BARE], "pi-1", has_platform=True) is None


def warned(
    baseline: Baseline, start_celsius: float | None = 50.0, source: str = "meter", days: float = 1.0
) -> str:
    degrees = None if start_celsius is None else {"start": start_celsius}
    node = {"source": source, "scope": "board", "temperature_celsius": degrees}
    return "\n".join(baseline_warnings(baseline, node, baseline.measured_utc_seconds + days * DAY_SECONDS))


def test_what_speaks_against_a_baseline_is_said() -> None:
    assert warned(BARE) == ""
    assert warned(BARE, days=29.9) == ""
    assert "31 days old: measure it again: wattwatch baseline measure --kind bare" in warned(BARE, days=31)
    assert "measured by meter (board), this run by rapl (board)" in warned(BARE, source="rapl")
    assert "12 °C warmer at the start" in warned(BARE, start_celsius=60.0)
    assert "11 °C cooler at the start" in warned(BARE, start_celsius=37.0)
    assert warned(BARE, start_celsius=58.0) == ""
    assert warned(BARE, start_celsius=None) == ""
    assert warned(replace(BARE, kind=BaselineKind.AUTO), days=99, source="rapl") == ""


def test_a_spread_takes_two() -> None:
    assert replace(BARE, minute_means_watts=(2.9,)).uncertainty_watts is None
    assert replace(BARE, kind=BaselineKind.AUTO).uncertainty_watts is None


@given(st.lists(st.floats(0.1, 100), max_size=200))
def test_idle_minutes_tell_a_low_value_of_theirs_once_there_are_enough(means: list[float]) -> None:
    found = auto_watts(means)
    if len(means) < LEAST_MINUTES:
        assert found is None
    else:
        assert found is not None
        below = sum(value < found for value in means)
        assert below < 0.05 * len(means) <= sum(value <= found for value in means)


def test_only_idle_and_covered_minutes_count() -> None:
    looked: list[float] = []

    def look(start: Instant, end: Instant, facts: NodeFacts) -> tuple[EnergyFigures, CpuUse | None]:
        del facts
        assert end.boot_seconds - start.boot_seconds == 60.0
        looked.append(start.boot_seconds)
        minute = len(looked)
        covered = 60_000_000 if minute % 5 else 59_000_000
        energy = EnergyFigures(3.0 * 60, covered, 0, 60_000_000 - covered)
        use = CpuUse(2.0 if minute % 3 else 20.0, 240.0) if minute % 7 else None
        return energy, use

    minutes = IdleMinutes(look, lambda at: Instant(at.boot_id, 1002.0))
    for second in range(1002, 1002 + 200 * 60, 30):
        minutes.advance(Instant("boot-1", float(second)), FACTS)
    assert looked == [1020.0 + 60.0 * number for number in range(len(looked))]
    assert len(looked) == 199
    counted = [n for n in range(1, 200) if n % 5 and n % 3 and n % 7]
    assert minutes.means() == (3.0,) * len(counted)
    assert minutes.watts() == 3.0
    minutes.forget()
    assert minutes.watts() is None


def test_idle_minutes_of_a_node_become_its_idle_power(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, watts=lambda seconds: 9.0 if int(seconds) % 600 < 120 else 3.0)
    busy = 0.0

    def read_host(now: Instant) -> None:
        nonlocal busy
        busy += 1.0 if node.watts(now.boot_seconds) > 5 else 0.01
        original_read(now)
        node.history._readings["host/cpu-user/cpu_seconds"].pop()
        node.history._readings["host/cpu-idle/cpu_seconds"].pop()
        node.history.put(
            Reading(cpu("user"), busy, now), Reading(cpu("idle"), 2.0 * now.boot_seconds - busy, now)
        )

    original_read = node.read_host
    node.read_host = read_host  # type: ignore[method-assign]
    node.play(90 * 60)
    node.service.start(RunRequest("r"))
    node.play(10)
    (of_run,) = node.service.get("r")["nodes"]
    assert of_run["baseline"]["kind"] == "auto"
    assert of_run["baseline"]["watts"] == pytest.approx(3.0)
    assert of_run["baseline"]["uncertainty_watts"] is None
    assert node.sample("wattwatch_node_baseline_watts", "auto") == pytest.approx(3.0)


def test_a_kubelet_is_told_by_its_cgroups(tmp_path: Path) -> None:
    assert not has_kubelet(tmp_path / "none")
    (tmp_path / "system.slice").mkdir()
    assert not has_kubelet(tmp_path)
    (tmp_path / "one" / "kubepods.slice").mkdir(parents=True)
    assert has_kubelet(tmp_path / "one")
    (tmp_path / "two" / "cpu" / "kubepods").mkdir(parents=True)
    assert has_kubelet(tmp_path / "two")
