"""The standard `process_*` metrics of this process, named and described as the client library does."""

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from wattwatch.metrics import MetricSpec, Sample

_PROC: Final = Path("/proc")
_START_FIELD: Final = 19  # of /proc/PID/stat after the name (proc(5): starttime is the 22nd)


def _spec(name: str, of_type: Literal["gauge", "counter"], text: str) -> MetricSpec:
    return MetricSpec(f"process_{name}", of_type, text, ())


_VIRTUAL: Final = _spec("virtual_memory_bytes", "gauge", "Virtual memory size in bytes.")
_RESIDENT: Final = _spec("resident_memory_bytes", "gauge", "Resident memory size in bytes.")
_START: Final = _spec("start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.")
_CPU: Final = _spec("cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.")
_OPEN: Final = _spec("open_fds", "gauge", "Number of open file descriptors.")
_MOST: Final = _spec("max_fds", "gauge", "Maximum number of open file descriptors.")


def process_samples(root: Path = _PROC) -> Iterator[Sample]:
    """All of them that this system tells."""
    yield Sample(_CPU, (), time.process_time())
    yield Sample(_MOST, (), float(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
    try:
        virtual, resident = (root / "self/statm").read_bytes().split()[:2]
        yield Sample(_VIRTUAL, (), float(int(virtual) * resource.getpagesize()))
        yield Sample(_RESIDENT, (), float(int(resident) * resource.getpagesize()))
        # One of them is the listing's own.
        yield Sample(_OPEN, (), float(len(os.listdir(root / "self/fd")) - 1))  # noqa: PTH208 - names will do
        yield Sample(_START, (), _start_unix_seconds(root))
    except OSError:  # not Linux
        return


_started: dict[int, float] = {}  # by process: a fork has another


def _start_unix_seconds(root: Path) -> float:
    """When this process began; the kernel's own figure moves with the wall clock, this one does not."""
    if os.getpid() not in _started:
        stat = (root / "self/stat").read_text().rpartition(")")[2].split()
        ticks = int(stat[_START_FIELD]) / os.sysconf("SC_CLK_TCK")
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        _started[os.getpid()] = round(booted + ticks, 2)
    return _started[os.getpid()]
