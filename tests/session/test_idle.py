"""Whether a machine is idle, by its /proc."""

import os
from pathlib import Path

import pytest

from wattwatch.session.idle import CpuTimes, NotIdleError, Process, business, cpu_times

CPUS = os.cpu_count() or 1
SHELL, K3S = Process(10, "a (odd) name"), Process(20, "k3s-server")
QUIET = CpuTimes({SHELL: 1.0, K3S: 1.0}, 10.0, 1000.0)


def after(tool: float = 0.0, k3s: float = 0.0, busy: float | None = None, seconds: float = 10.0) -> CpuTimes:
    """Ten seconds later; `busy` is of all processes unless it is given."""
    used = tool + k3s if busy is None else busy
    return CpuTimes({SHELL: 1.0 + tool, K3S: 1.0 + k3s}, 10.0 + used, 1000.0 + seconds * CPUS)


def test_an_idle_machine_is_idle() -> None:
    business(QUIET, after(tool=0.01)).check(allows_platform=False)


def test_who_is_busy_is_named_with_pid_and_share() -> None:
    found = business(QUIET, after(tool=10.0, k3s=0.001))
    with pytest.raises(NotIdleError, match=r"a \(odd\) name \(pid 10\) 100\.0% of a CPU") as caught:
        found.check(allows_platform=False)
    assert "k3s" not in str(caught.value)


def test_kubernetes_own_are_allowed_for_a_platform_only() -> None:
    found = business(QUIET, after(k3s=0.6 * CPUS))
    found.check(allows_platform=True)
    with pytest.raises(NotIdleError, match="k3s-server"):
        found.check(allows_platform=False)
    with pytest.raises(NotIdleError, match="odd") as caught:
        business(QUIET, after(tool=0.6 * CPUS, k3s=0.6 * CPUS)).check(allows_platform=True)
    assert "k3s" not in str(caught.value)


def test_processes_that_are_gone_are_said_to_be() -> None:
    with pytest.raises(NotIdleError, match="live too short to be named"):
        business(QUIET, after(busy=5.0 * CPUS)).check(allows_platform=False)


def test_no_time_is_no_business() -> None:
    assert business(QUIET, QUIET).busy_ratio == 0.0


def test_a_process_that_began_meanwhile_counts_with_all_it_used() -> None:
    new = Process(30, "new")
    later = CpuTimes({new: 5.0}, 15.0, 1000.0 + 10.0 * CPUS)
    assert business(QUIET, later).shares[new] == pytest.approx(0.5)


def test_proc_is_read(tmp_path: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    (tmp_path / "stat").write_text(
        f"cpu  {100 * ticks} 0 {20 * ticks} {900 * ticks} {30 * ticks} 0 0 0 7 7\ncpu0 1\n"
    )
    (tmp_path / "10").mkdir()
    fields = " ".join(["S", *("0",) * 10, str(3 * ticks), str(2 * ticks), *("0",) * 30])
    (tmp_path / "10" / "stat").write_text(f"10 (a (odd) name) {fields}\n")
    (tmp_path / "11").mkdir()  # it ends while we look
    (tmp_path / "12").mkdir()
    (tmp_path / "12" / "stat").write_text("12 (cut")
    found = cpu_times(tmp_path)
    assert found == CpuTimes({SHELL: 5.0}, 120.0, 1050.0)


def test_the_real_proc_knows_this_process() -> None:
    assert os.getpid() in {process.pid for process in cpu_times().processes}


def test_where_there_is_no_proc_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotIdleError, match="does not tell what its CPUs do"):
        cpu_times(tmp_path)
