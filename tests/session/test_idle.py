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


@pytest.mark.parametrize(
    "name",
    ["k3s", "k3s-server", "kube-proxy", "containerd-shim", "workflow-contro", "ml-pipeline-ui", "pause"],
)
def test_kubernetes_own_are_known_by_their_names(name: str) -> None:
    assert Process(1, name).is_platform


@pytest.mark.parametrize("name", ["dexter", "argon2-bench", "weedout", "pipelines-train", "k3stress"])
def test_names_that_only_begin_alike_are_not_kubernetes_own(name: str) -> None:
    assert not Process(1, name, is_in_pod=True).is_platform


def test_names_that_anyone_may_have_count_within_a_pod_only() -> None:
    assert Process(1, "mysqld", is_in_pod=True).is_platform
    assert not Process(1, "mysqld").is_platform


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


@pytest.mark.parametrize(
    ("cgroup", "is_in_pod"),
    [
        ("0::/kubepods/burstable/pod1f/0a\n", True),
        ("0::/kubepods.slice/kubepods-pod1f.slice/cri-containerd-0a.scope\n", True),
        ("0::/system.slice/mariadb.service\n", False),
        (None, False),
    ],
)
def test_that_a_process_is_in_a_pod_is_read(tmp_path: Path, cgroup: str | None, *, is_in_pod: bool) -> None:
    (tmp_path / "stat").write_text("cpu  1 0 0 1 0 0 0 0\n")
    (tmp_path / "10").mkdir()
    (tmp_path / "10" / "stat").write_text(f"10 (mysqld) {' '.join(['S', *('0',) * 45])}\n")
    if cgroup is not None:
        (tmp_path / "10" / "cgroup").write_text(cgroup)
    found = [process.is_platform for process in cpu_times(tmp_path).processes]
    assert found == ([is_in_pod] if cgroup is not None else [])  # without it the process has just ended


def test_the_real_proc_knows_this_process() -> None:
    assert os.getpid() in {process.pid for process in cpu_times().processes}


def test_where_there_is_no_proc_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotIdleError, match="does not tell what its CPUs do"):
        cpu_times(tmp_path)


def test_when_it_was_busy_is_said() -> None:
    with pytest.raises(NotIdleError, match=r"^not idle in minute 3: 10\.0% of all CPUs are busy"):
        business(QUIET, after(tool=CPUS)).check(allows_platform=False, when="in minute 3")
