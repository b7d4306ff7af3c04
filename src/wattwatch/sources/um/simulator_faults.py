"""Faults of a simulated meter: what goes wrong, when, and for how long."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wattwatch.errors import ConfigError
from wattwatch.units import seconds_from_text

DEFAULT_FAULT_SECONDS: Final = 5.0


class FaultKind(StrEnum):
    """Everything that can be made to go wrong."""

    HANG_UP = "hang-up"  # the link goes, the meter measures on
    SILENCE = "silence"  # no answer on an open link
    GARBAGE = "garbage"  # random bytes before each frame
    GARBAGE_INSIDE = "garbage-inside"  # random bytes within each frame
    HALF_FRAME = "half-frame"  # the answer ends after its first half
    SLOW_BYTES = "slow-bytes"  # the answer comes byte by byte in about a second
    GROUP_CHANGE = "group-change"  # the next group is selected, and the old one again after FOR if given
    ACCUMULATOR_RESET = "accumulator-reset"  # the selected group is cleared, once
    FROZEN_FRAME = "frozen-frame"  # the same frame again and again, while the meter measures on
    WRONG_MODEL = "wrong-model"  # frames with an id that no meter has
    WRONG_TRAILER = "wrong-trailer"  # frames with another end mark
    POWER_CUT = "power-cut"  # the supply goes: link, meter and load are off


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault from `at_seconds` on; `for_seconds` is None where its kind does not end by itself."""

    kind: FaultKind
    at_seconds: float
    for_seconds: float | None = DEFAULT_FAULT_SECONDS

    @property
    def end_seconds(self) -> float:
        """When it is over; infinity if it stays."""
        return float("inf") if self.for_seconds is None else self.at_seconds + self.for_seconds

    def is_active(self, seconds: float) -> bool:
        """Whether it is on at that time."""
        return self.at_seconds <= seconds < self.end_seconds


_LASTING: Final = frozenset({FaultKind.GROUP_CHANGE, FaultKind.ACCUMULATOR_RESET})


def parse_fault(text: str) -> Fault:
    """The fault of `KIND@TIME[:FOR]`; times are seconds, or durations such as 90s or 2m. ConfigError else."""
    kind_text, _, times = text.partition("@")
    at_text, colon, for_text = times.partition(":")
    try:
        kind = FaultKind(kind_text)
        at_seconds = _seconds(at_text)
        if colon:
            return Fault(kind, at_seconds, _seconds(for_text))
        return Fault(kind, at_seconds, None if kind in _LASTING else DEFAULT_FAULT_SECONDS)
    except ValueError as error:
        raise ConfigError(
            f"--fault {text!r}: expected KIND@TIME[:FOR], such as hang-up@60:10, with KIND one of "
            + ", ".join(FaultKind)
        ) from error


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return seconds_from_text(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError("negative or endless")
    return seconds


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """All faults of one simulation."""

    faults: tuple[Fault, ...] = ()

    def is_active(self, kind: FaultKind, seconds: float) -> bool:
        """Whether a fault of that kind is on at that time."""
        return any(fault.kind is kind and fault.is_active(seconds) for fault in self.faults)

    def begun(self, kind: FaultKind, after_seconds: float, until_seconds: float) -> int:
        """How many faults of that kind begin in the interval, its end included."""
        return sum(
            fault.kind is kind and after_seconds < fault.at_seconds <= until_seconds for fault in self.faults
        )

    def ended(self, kind: FaultKind, after_seconds: float, until_seconds: float) -> int:
        """How many faults of that kind end in the interval, its end included."""
        return sum(
            fault.kind is kind and after_seconds < fault.end_seconds <= until_seconds for fault in self.faults
        )
