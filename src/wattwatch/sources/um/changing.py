"""Changing a meter step by step, each change read back from a frame before the next is made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wattwatch.errors import SourceUnavailable
from wattwatch.sources.um.commands import Step
from wattwatch.sources.um.protocol import Frame

# The meter misses bytes that come in quick succession, and shows a change with its next refresh (2 Hz);
# rdserialtool waits as long.
PACE_SECONDS: Final = 0.5
_LOOKS: Final = 4  # so many frames, a pace apart, until a sent byte is taken for missed


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step went. `verified` is None where no frame can tell."""

    what: str
    before: str
    after: str
    sent: int  # 0: the meter was as wanted already
    verified: bool | None


@dataclass(frozen=True, slots=True)
class MeterHands:
    """What changing needs of a meter: a frame of now, a byte sent without an answer, and time to pass."""

    look: Callable[[], Frame]
    send: Callable[[bytes], None]
    sleep: Callable[[float], None]

    def make(self, step: Step) -> Outcome:
        """Do one step and look whether the meter shows it.

        Raises SourceUnavailable (reason `invalid`) if it does not, and whatever reading raises.
        """
        first = last = self.look()
        _check_group(step, first)
        before = step.text(first)
        if not step.needed(first):
            return Outcome(step.what, before, before, 0, verified=True)
        if step.shows is None:
            self._press(step)
            return Outcome(step.what, before, step.text(self.look()), 1, verified=None)
        for sent in range(1, step.most_sends + 1):
            self._press(step)
            last = self._look_after(step, first, last)
            if step.done(first, last):
                return Outcome(step.what, before, step.text(last), sent, verified=True)
        raise SourceUnavailable(
            f"{step.what}: the meter still shows {step.text(last)}: try again, or set it with its buttons",
            "invalid",
        )

    def _press(self, step: Step) -> None:
        self.send(step.command)
        self.sleep(PACE_SECONDS)

    def _look_after(self, step: Step, first: Frame, last: Frame) -> Frame:
        """The first frame in which something was done, or the last of a few in which nothing was."""
        assert step.shows is not None  # noqa: S101 - asked for by nobody else
        frame = self.look()
        for _ in range(_LOOKS - 1):
            if step.done(first, frame) or step.shows(frame) != step.shows(last):
                break
            self.sleep(PACE_SECONDS)
            frame = self.look()
        return frame


def _check_group(step: Step, frame: Frame) -> None:
    if step.only_in_group not in {None, frame.selected_group}:
        raise SourceUnavailable(
            f"{step.what}: group {frame.selected_group} is selected now, so nothing was cleared: "
            "leave the meter's buttons alone and try again",
            "invalid",
        )
