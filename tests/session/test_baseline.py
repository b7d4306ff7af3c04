"""Idle power, measured at a served node, found again, and compared."""

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.live import LiveNode
from wattwatch.client import Client
from wattwatch.errors import ConfigError, RunError, WattwatchError
from wattwatch.runs.baseline import Baseline, BaselineKind
from wattwatch.session.baseline import (
    Machine,
    WantedBaseline,
    find_baseline,
    governor,
    known_baselines,
    measure_baseline,
)
from wattwatch.session.baseline_text import (
    baseline_document,
    baseline_lines,
    baseline_list_lines,
    compare_baselines,
    comparison_lines,
)
from wattwatch.session.idle import CpuTimes, NotIdleError, Process
from wattwatch.session.progress import Progress
from wattwatch.session.runs import Runs

WANTED = WantedBaseline(minutes=3, minute_seconds=0.4, look_seconds=0.05)
K3S, HOG = Process(7, "k3s-server"), Process(8, "python3")


def machine(*looks: CpuTimes, platform: bool = False, sleep: Callable[[float], None] = time.sleep) -> Machine:
    """A machine that shows these looks, one after the other; an idle one without."""
    told: Iterator[CpuTimes] = iter(looks)
    idle = CpuTimes({}, 0.0, 1.0)
    return Machine(lambda: next(told, idle), lambda: platform, "ondemand", sleep)


@pytest.fixture(name="node")
def _node(tmp_path: Path) -> Iterator[LiveNode]:
    with LiveNode(tmp_path) as node:
        yield node


def measure(node: LiveNode, wanted: WantedBaseline = WANTED, on: Machine | None = None) -> Baseline:
    client, progress = Client(f"unix:{node.socket}"), Progress(io.StringIO(), quiet=True)
    return measure_baseline(wanted, client, node.clock, on or machine(), progress)


def runs(node: LiveNode, tmp_path: Path) -> Runs:
    return Runs({"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}, node.clock, node.socket)


def test_idle_power_is_measured_and_found_again(node: LiveNode, tmp_path: Path) -> None:
    found = measure(node)
    assert found.kind is BaselineKind.BARE
    assert found.watts == pytest.approx(5.0)
    assert len(found.minute_means_watts) == 3
    assert found.governor == "ondemand"
    known = runs(node, tmp_path)
    assert known_baselines(known) == [found]
    for wanted in ("last", "bare", found.run_id):
        assert find_baseline(known, wanted) == found
    with pytest.raises(RunError, match="no baseline 'platform': wattwatch baseline measure --kind platform"):
        find_baseline(known, "platform")
    assert baseline_document(found)["uncertainty_watts"] == pytest.approx(0.0, abs=1e-6)


def test_with_pods_it_is_a_platforms(node: LiveNode) -> None:
    busy = CpuTimes({K3S: 100.0}, 100.0, 200.0)
    idle = CpuTimes({K3S: 0.0}, 0.0, 1.0)
    found = measure(node, on=machine(idle, idle, idle, busy, platform=True))
    assert found.kind is BaselineKind.PLATFORM


@pytest.mark.parametrize(
    ("kind", "platform", "said"),
    [
        (BaselineKind.BARE, True, "stop Kubernetes, as by k3s-killall.sh, or measure --kind platform"),
        (BaselineKind.PLATFORM, False, "no kubelet runs here"),
    ],
)
def test_what_the_machine_is_not_is_refused(
    node: LiveNode,
    kind: BaselineKind,
    platform: bool,
    said: str,
) -> None:
    with pytest.raises(RunError, match=said):
        measure(node, replace(WANTED, kind=kind), machine(platform=platform))
    assert node.service.list() == []


def test_a_busy_machine_is_refused_before(node: LiveNode) -> None:
    looks = CpuTimes({HOG: 0.0}, 0.0, 1.0), CpuTimes({HOG: 9.0}, 9.0, 11.0)
    with pytest.raises(NotIdleError, match="python3"):
        measure(node, on=machine(*looks))
    assert node.service.list() == []


def test_a_burst_within_one_minute_is_refused_however_little_it_is_of_all(
    node: LiveNode, tmp_path: Path
) -> None:
    idle = CpuTimes({}, 0.0, 0.0)
    minutes = (CpuTimes({HOG: busy}, busy, seconds) for busy, seconds in ((0.1, 60.0), (6.1, 120.0)))
    with pytest.raises(NotIdleError, match=r"not idle in minute 2: 10\.0% of all CPUs are busy: python3"):
        measure(node, WANTED, machine(idle, idle, idle, *minutes))
    assert [run["state"] for run in node.service.list()] == ["failed"]
    assert known_baselines(runs(node, tmp_path)) == []


def test_a_machine_that_nothing_measures_is_told_before_the_wait(
    node: LiveNode, capsys: pytest.CaptureFixture[str]
) -> None:
    node.state = "unsupported"
    with pytest.raises(RunError, match="nothing measures the power of this machine: see wattwatch sources"):
        measure(node, replace(WANTED, minutes=1440, minute_seconds=60.0))
    assert node.service.list() == []
    assert capsys.readouterr().err == ""


def test_without_coverage_there_is_none(node: LiveNode) -> None:
    node._stop.set()  # the meter is not heard any more
    with pytest.raises(RunError, match="see wattwatch sources"):
        measure(node)
    assert [run["state"] for run in node.service.list()] == ["failed"]


def test_ctrl_c_leaves_a_cancelled_run(node: LiveNode) -> None:
    sleeps = iter([None, None])

    def sleep(seconds: float) -> None:
        if next(sleeps, "end") == "end":
            raise KeyboardInterrupt
        time.sleep(seconds)

    with pytest.raises(KeyboardInterrupt):
        measure(node, on=machine(sleep=sleep))
    assert [run["state"] for run in node.service.list()] == ["cancelled"]


@pytest.mark.parametrize("minutes", [0, -1, 1441])
def test_minutes_are_bounded(node: LiveNode, minutes: int) -> None:
    with pytest.raises(ConfigError, match="expected 1 to 1440"):
        measure(node, replace(WANTED, minutes=minutes))


def test_a_governor_is_optional(tmp_path: Path) -> None:
    assert governor(tmp_path / "none") == ""
    (tmp_path / "governor").write_text("performance\n")
    assert governor(tmp_path / "governor") == "performance"


BARE = Baseline(
    kind=BaselineKind.BARE,
    node="pi-1",
    watts=2.9,
    minute_means_watts=(2.89, 2.90, 2.91, 2.90, 2.90),
    measured_utc_seconds=1.7e9,
    duration_seconds=300.0,
    source="meter",
    scope="board",
    quality="metered",
    temperature_celsius=45.0,
    run_id="bare1",
)
PLATFORM = replace(
    BARE,
    kind=BaselineKind.PLATFORM,
    watts=3.3,
    minute_means_watts=(3.28, 3.30, 3.32, 3.30, 3.30),
    run_id="k3s1",
)


def test_the_cost_of_the_platform_has_an_interval_and_kilowatt_hours() -> None:
    found = compare_baselines(BARE, PLATFORM)
    assert found.watts == pytest.approx(0.4)
    assert found.low_watts is not None
    assert found.high_watts is not None
    assert found.low_watts < 0.4 < found.high_watts
    assert found.warnings == ()
    document = found.document()
    assert document["kilowatt_hours_per_month"] == pytest.approx(0.4 * 30.44 * 24 / 1000)
    text = "\n".join(comparison_lines(found))
    assert "platform draws +0.400 W [+0.3" in text
    assert "in a month of 30.44 days +0.29 kWh [+0.2" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"node": "pi-2"}, "of two nodes: pi-1 and pi-2"),
        ({"source": "rapl", "scope": "package"}, "not like with like"),
        ({"temperature_celsius": 56.0}, "11 °C apart"),
        ({"governor": "performance"}, "CPU governors differ: none and performance"),
        ({"minute_means_watts": (3.3,)}, "no spread, so that there is no interval"),
        ({"quality": "simulated"}, "simulated: these are not powers of a machine"),
    ],
)
def test_what_speaks_against_a_comparison(change: dict[str, Any], said: str) -> None:
    found = compare_baselines(BARE, replace(PLATFORM, **change))
    assert said in "\n".join(comparison_lines(found))


def test_a_single_minute_has_no_interval() -> None:
    found = compare_baselines(BARE, replace(PLATFORM, minute_means_watts=(3.3,)))
    assert (found.low_watts, found.high_watts, found.p_value) == (None, None, None)


def test_lines_for_people() -> None:
    text = "\n".join(baseline_lines(BARE))
    for words in ("2.900 W ± 3.2 mW", "metered, board: meter", "5 1-minute means", "45.0 °C", "bare1"):
        assert words in text
    (_, row) = baseline_list_lines([BARE])
    assert row.split()[:2] == ["pi-1", "bare"]
    assert baseline_list_lines([]) == ["no baseline yet: wattwatch baseline measure makes one"]


def test_nothing_is_a_traceback(node: LiveNode) -> None:
    node.stop()
    with pytest.raises(WattwatchError):
        measure(node)
    node.start()
