"""Whether a machine is idle, and which processes are not: what idle power is measured with."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wattwatch.errors import WattwatchError

MOST_BUSY_RATIO: Final = 0.05
"""Of all CPUs; DESIGN's measure of an idle minute."""

_PLATFORM_NAMES: Final = frozenset((
    "k3s", "k0s", "kubelet", "kubelite", "containerd", "dockerd", "cri-dockerd", "crio", "conmon", "runc",
    "etcd", "kine", "coredns", "traefik", "metrics-server", "flanneld", "pause", "argo", "argoexec",
    "workflow-contro", "cert-manager", "cainjector", "persistence_age", "scheduledworkfl", "metadata_store_",
))  # fmt: skip
_PLATFORM_FAMILIES: Final = (
    "k3s-", "kube-", "containerd-shim", "calico-", "cilium-", "istio-", "pilot-", "katib-", "knative-",
    "kserve-", "argo-", "klipper-", "local-path-", "svclb-", "ml-pipeline", "cache-server", "cache_server",
)  # fmt: skip
_POD_NAMES: Final = frozenset((
    "apiserver", "controller", "manager", "webhook", "activator", "autoscaler", "queue", "viewer", "dex",
    "envoy", "minio", "mysqld", "weed",
))  # fmt: skip
"""Names of Kubernetes' and Kubeflow's own processes; the kernel keeps 15 characters of a name.

The last are names that anyone's program may have: they count only within a pod.
"""

_SHOWN: Final = 5
_LEAST_SHOWN_RATIO: Final = 0.005  # of one CPU
_AFTER_NAME: Final = ") "
_POD: Final = "kubepods"  # in the cgroup of every pod, by either cgroup driver
_UTIME: Final = 11  # places after the name in /proc/PID/stat (proc(5): fields 14 and 15)
_STIME: Final = 12
_IDLE_PLACES: Final = (3, 4)  # idle and iowait of the first line of /proc/stat


class NotIdleError(WattwatchError):
    """Something runs that makes the machine's power more than its idle power."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, by its pid and the name that the kernel keeps."""

    pid: int
    name: str
    is_in_pod: bool = field(default=False, compare=False)  # looked up only for a name that needs it

    @property
    def is_platform(self) -> bool:
        """Whether it is one of Kubernetes' or Kubeflow's own, by its name."""
        if self.name in _POD_NAMES:
            return self.is_in_pod
        return self.name in _PLATFORM_NAMES or self.name.startswith(_PLATFORM_FAMILIES)


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """CPU time so far, in seconds: of each process that lives, and of all CPUs."""

    processes: Mapping[Process, float]
    busy_seconds: float
    all_seconds: float


@dataclass(frozen=True, slots=True)
class Business:
    """What the CPUs did between two looks."""

    shares: Mapping[Process, float]  # of one CPU, the busiest first
    busy_ratio: float  # of all CPUs

    def check(self, *, allows_platform: bool, when: str = "") -> None:
        """NotIdleError, with the busiest processes, if more than 5 % of all CPUs were busy.

        `when` is for people, such as "in minute 3".
        """
        allowed = sum(share for process, share in self.shares.items() if process.is_platform)
        cpus = os.cpu_count() or 1
        ratio = self.busy_ratio - (allowed / cpus if allows_platform else 0.0)
        if ratio <= MOST_BUSY_RATIO:
            return
        culprits = [
            f"{process.name} (pid {process.pid}) {share:.1%} of a CPU"
            for process, share in self.shares.items()
            if share >= _LEAST_SHOWN_RATIO and not (allows_platform and process.is_platform)
        ]
        named = ", ".join(culprits[:_SHOWN]) or "processes that live too short to be named"
        head = f"not idle {when}".rstrip()
        raise NotIdleError(f"{head}: {ratio:.1%} of all CPUs are busy: {named}; stop them, then try again")


def cpu_times(proc: Path = Path("/proc")) -> CpuTimes:
    """CPU times now; NotIdleError where there is no /proc."""
    ticks = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 1
    try:
        fields = [int(field) for field in (proc / "stat").read_text("ascii").split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError) as error:
        raise NotIdleError("this system does not tell what its CPUs do (no /proc/stat)") from error
    idle = sum(fields[place] for place in _IDLE_PLACES)
    processes = dict(_processes(sorted(proc.glob("[0-9]*")), ticks))
    return CpuTimes(processes, (sum(fields) - idle) / ticks, sum(fields) / ticks)


def _processes(folders: Iterable[Path], ticks: int) -> Iterable[tuple[Process, float]]:
    for folder in folders:
        with suppress(OSError, ValueError, IndexError):  # it has ended meanwhile
            head, _, tail = (folder / "stat").read_text("utf-8", "replace").rpartition(_AFTER_NAME)
            fields = tail.split()
            seconds = (int(fields[_UTIME]) + int(fields[_STIME])) / ticks
            name = head.partition("(")[2]
            is_in_pod = name in _POD_NAMES and _POD in (folder / "cgroup").read_text("utf-8", "replace")
            yield Process(int(folder.name), name, is_in_pod), seconds


def business(before: CpuTimes, after: CpuTimes) -> Business:
    """What was busy between two looks; of a process that began meanwhile, all that it has used."""
    all_seconds = after.all_seconds - before.all_seconds
    if all_seconds <= 0:
        return Business({}, 0.0)
    cpus = os.cpu_count() or 1
    shares = {
        process: (seconds - before.processes.get(process, 0.0)) * cpus / all_seconds
        for process, seconds in after.processes.items()
    }
    ordered = sorted(shares, key=shares.__getitem__, reverse=True)
    ratio = (after.busy_seconds - before.busy_seconds) / all_seconds
    return Business({process: shares[process] for process in ordered}, ratio)
