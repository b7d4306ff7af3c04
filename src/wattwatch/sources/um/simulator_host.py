"""The load `host` of a simulated meter: this machine's CPU use, shown as the power of a small board."""

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Final

from wattwatch.sources import proc
from wattwatch.sources.um.simulator_profiles import (
    BUSY_WATTS,
    COOL_CELSIUS,
    HOT_CELSIUS,
    IDLE_WATTS,
    Conditions,
    supply_volts,
)

_KEPT_SECONDS: Final = 120.0  # longer than any sensible averaging of a meter
_WARMING_SECONDS: Final = 60.0


def cpu_seconds() -> tuple[float, float]:
    """Busy and total CPU seconds of this machine since its boot."""
    times = proc.cpu_seconds(Path("/proc/stat").read_bytes(), os.sysconf("SC_CLK_TCK"))
    # Guest time is contained in user and nice; waiting for a disk is idle.
    total = sum(seconds for mode, seconds in times.items() if not mode.startswith("guest"))
    return total - times["idle"] - times.get("iowait", 0.0), total


class HostProfile:
    """About 2.9 W while this machine idles, 6.4 W while all its CPUs are busy; simulated, not measured."""

    def __init__(self, read_cpu_seconds: Callable[[], tuple[float, float]] = cpu_seconds) -> None:
        self._read_cpu_seconds = read_cpu_seconds
        self._busy_seconds, self._total_seconds = read_cpu_seconds()
        self._watts = IDLE_WATTS
        self._celsius = COOL_CELSIUS
        self._curve: list[tuple[float, float]] = [(0.0, 0.0)]  # seconds, joules

    def joules(self, seconds: float) -> float:
        """Energy by then; a time later than any asked for before is measured now."""
        last_seconds, last_joules = self._curve[-1]
        if seconds > last_seconds:
            self._measure(seconds - last_seconds)
            self._curve.append((seconds, last_joules + self._watts * (seconds - last_seconds)))
            self._forget(seconds - _KEPT_SECONDS)
            return self._curve[-1][1]
        return self._interpolated(seconds)

    def conditions(self, seconds: float) -> Conditions:
        """Voltage under the present load, and a temperature that follows it slowly."""
        del seconds
        return Conditions(supply_volts(self._watts), self._celsius)

    def _measure(self, step_seconds: float) -> None:
        busy_seconds, total_seconds = self._read_cpu_seconds()
        if (passed_seconds := total_seconds - self._total_seconds) > 0:
            ratio = min(max((busy_seconds - self._busy_seconds) / passed_seconds, 0.0), 1.0)
            self._watts = IDLE_WATTS + (BUSY_WATTS - IDLE_WATTS) * ratio
            self._busy_seconds, self._total_seconds = busy_seconds, total_seconds
        load = (self._watts - IDLE_WATTS) / (BUSY_WATTS - IDLE_WATTS)
        target_celsius = COOL_CELSIUS + (HOT_CELSIUS - COOL_CELSIUS) * load
        self._celsius += (target_celsius - self._celsius) * min(step_seconds / _WARMING_SECONDS, 1.0)

    def _forget(self, before_seconds: float) -> None:
        while len(self._curve) > 2 and self._curve[1][0] < before_seconds:  # noqa: PLR2004 - an interval
            del self._curve[0]

    def _interpolated(self, seconds: float) -> float:
        for (a_seconds, a_joules), (b_seconds, b_joules) in pairwise(self._curve):
            if a_seconds <= seconds <= b_seconds:
                share = (seconds - a_seconds) / (b_seconds - a_seconds)
                return a_joules + share * (b_joules - a_joules)
        first_seconds, first_joules = self._curve[0]  # before the beginning this machine was idle
        return first_joules + IDLE_WATTS * (seconds - first_seconds)
