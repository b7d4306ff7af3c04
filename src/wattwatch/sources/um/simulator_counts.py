"""The accumulators of a simulated meter: ten groups and the threshold recorder."""

import math
from dataclasses import dataclass
from typing import Final

from wattwatch.sources.um.protocol import GROUPS

_SECONDS_PER_HOUR: Final = 3600.0
_KEPT_MILLIAMPERE_HOURS: Final = 1.0  # group 0 starts anew once more than this came after a power cut


def whole(value: float) -> int:
    """The digits that are shown: cut off, never rounded (but for the last bits of a float)."""
    tolerance = 1e-6
    return math.floor(value + tolerance)


@dataclass(slots=True)
class Count:
    """One accumulator, in the meter's units but finer than it shows."""

    milliampere_hours: float = 0.0
    milliwatt_hours: float = 0.0

    def add(self, amperes: float, watts: float, seconds: float) -> None:
        """Count what flowed."""
        self.milliampere_hours += amperes * 1000 * seconds / _SECONDS_PER_HOUR
        self.milliwatt_hours += watts * 1000 * seconds / _SECONDS_PER_HOUR


@dataclass(slots=True)
class Recorder(Count):
    """Counts only while the current is above its threshold."""

    threshold_centiamperes: int = 3
    seconds: float = 0.0


class Accumulators:
    """Ten groups, of which the selected one counts; group 0 does not outlive a power cut for long."""

    def __init__(self) -> None:
        self.groups = [Count() for _ in range(GROUPS)]
        self.recorder = Recorder()
        self._since_power_on: Count | None = None  # what came while group 0 still shows what it had saved

    def count(self, group: int, amperes: float, watts: float, seconds: float) -> None:
        """Count a piece of time in the selected group, and in the recorder if its threshold is passed."""
        if group == 0 and self._since_power_on is not None:
            self._count_recalled(self._since_power_on, amperes, watts, seconds)
        else:
            self.groups[group].add(amperes, watts, seconds)
        if amperes * 100 > self.recorder.threshold_centiamperes:
            self.recorder.add(amperes, watts, seconds)
            self.recorder.seconds += seconds

    def clear(self, group: int) -> None:
        """Set a group to zero."""
        self.groups[group] = Count()
        if group == 0:
            self._since_power_on = None

    def power_on(self) -> None:
        """After a power cut: groups 1 to 9 go on, group 0 shows what it had until it starts anew."""
        self._since_power_on = Count()

    def shown(self) -> list[int]:
        """Whole mAh and mWh of every group in turn, as a frame has them."""
        return [
            whole(value)
            for group in self.groups
            for value in (group.milliampere_hours, group.milliwatt_hours)
        ]

    def _count_recalled(self, new: Count, amperes: float, watts: float, seconds: float) -> None:
        new.add(amperes, watts, seconds)
        if new.milliampere_hours > _KEPT_MILLIAMPERE_HOURS:
            self.clear(0)
