"""Several runs one after the other: in order, cooled down before, and kept if something ends them early."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any, Final

from wattwatch.errors import ClientError, WattwatchError
from wattwatch.report.words import energy_text, watts_text
from wattwatch.session.command import CommandError
from wattwatch.session.cooldown import CoolDown, CoolingRoom, clock_text
from wattwatch.session.hold import RECONNECT_SECONDS
from wattwatch.session.measure import MeasuredRun, WantedRun
from wattwatch.session.progress import Progress
from wattwatch.session.sequence import Command, Turn, missing, plan, turn_labels

OWN_FAILURE: Final = 125

_INTERRUPTING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RETRY_SECONDS: Final = 0.5

MeasureOne = Callable[[WantedRun, str], MeasuredRun]
"""Measures one run under a title for people."""


@dataclass(frozen=True, slots=True)
class WantedSeries:
    """Which commands are run, how often and in which order."""

    commands: tuple[Command, ...]
    variants: tuple[str, ...] = ()  # a name for each command
    repeat: int = 1
    warmup: int = 0
    seed: int | None = None  # of the order within each block; None: the commands take turns
    cooldown: CoolDown = field(default_factory=CoolDown)
    stop_on_failure: bool = False

    def turns(self) -> tuple[Turn, ...]:
        """Every run, in order."""
        return plan(len(self.commands), self.repeat, self.warmup, self.seed)


@dataclass(frozen=True, slots=True)
class SeriesRun:
    """One turn of a series, and how it went."""

    turn: Turn
    measured: MeasuredRun

    @property
    def is_whole(self) -> bool:
        """Whether the command ran to its own end; one that failed did."""
        return not self.measured.outcome.interrupted_by


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """What of a series was done, and why not all."""

    turns: tuple[Turn, ...]
    runs: tuple[SeriesRun, ...]
    warnings: tuple[str, ...] = ()
    interrupted_by: int = 0  # a signal
    error: WattwatchError | None = None  # what ended it early
    is_stopped: bool = False  # after a failure, as was wished

    @property
    def exit_status(self) -> int:
        """Of the signal that ended it, else the first that is not 0."""
        if self.interrupted_by and self.shortfall:
            return 128 + self.interrupted_by
        statuses = (run.measured.outcome.exit_status for run in self.runs)
        return next(filter(None, statuses), _error_status(self.error))

    @property
    def shortfall(self) -> str:
        """What is missing, in words; "" if nothing is."""
        done, left = missing(self.turns, sum(run.is_whole for run in self.runs))
        if not left:
            return ""
        why = (
            "interrupted"
            if self.interrupted_by
            else "stopped after a failure"
            if self.is_stopped
            else "ended"
        )
        return f"{why}: {done} of {done + left} repetitions done, {left} missing"


def _error_status(error: WattwatchError | None) -> int:
    if error is None:
        return 0
    return error.exit_status if isinstance(error, CommandError) else OWN_FAILURE


class Interruption:
    """The signal that asked us to end while no command was running."""

    def __init__(self) -> None:
        self.number = 0

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """As long as this lasts, signals that ask to end are KeyboardInterrupt, and noted."""
        before = {n: signal.getsignal(n) for n in _INTERRUPTING if signal.getsignal(n) is not signal.SIG_IGN}
        for number in before:
            signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.number = number
        raise KeyboardInterrupt


class Series:
    """Runs a series; what is done stays done, whatever ends it."""

    def __init__(  # noqa: PLR0913 - the seams of a series, each a part of its own
        self,
        wanted: WantedSeries,
        template: WantedRun,
        series_id: str,
        *,
        measure_one: MeasureOne,
        room: CoolingRoom,
        progress: Progress,
        interruption: Interruption,
    ) -> None:
        self._wanted = wanted
        self._template = template
        self._series_id = series_id
        self._measure_one = measure_one
        self._room = room
        self._progress = progress
        self._interruption = interruption
        self._turns = wanted.turns()
        self._runs: list[SeriesRun] = []
        self._warnings: list[str] = []

    def run(self) -> SeriesResult:
        """All turns, or as many as could be made."""
        error: WattwatchError | None = None
        try:
            for turn in self._turns:
                self._take(turn)
                if self._is_over():
                    break
        except WattwatchError as failure:
            error = failure
        except KeyboardInterrupt:
            pass  # the interruption knows of it
        self._progress.clear()
        last = self._runs[-1].measured.outcome if self._runs else None
        return SeriesResult(
            self._turns,
            tuple(self._runs),
            tuple(self._warnings),
            self._interruption.number or (last.interrupted_by if last else 0),
            error,
            self._is_stopped(),
        )

    def _take(self, turn: Turn) -> None:
        title = self._title(turn)
        if turn.position > 1:
            self._cool(title)
        self._progress.event(title)
        run = SeriesRun(turn, self._measured(self._run(turn), title))
        self._runs.append(run)
        self._progress.event(run_end_line(title, run.measured))

    def _cool(self, title: str) -> None:
        if warning := self._room.wait(self._progress, title):
            self._warnings.append(f"{title}: {warning}")
            self._progress.event(f"warning: {title}: {warning}")

    def _run(self, turn: Turn) -> WantedRun:
        command = self._wanted.commands[turn.command]
        labels = turn_labels(self._series_id, self._wanted.variants[turn.command], turn, self._wanted.seed)
        return replace(self._template, command=command, labels={**self._template.labels, **labels})

    def _measured(self, run: WantedRun, title: str) -> MeasuredRun:
        """The run, also if its daemon is just being restarted; ClientError if it does not come back."""
        deadline = time.monotonic() + RECONNECT_SECONDS
        while True:
            try:
                return self._measure_one(run, title)
            except ClientError as error:
                if error.status or not self._runs or time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_SECONDS)

    def _title(self, turn: Turn) -> str:
        of_kind = [other for other in self._turns if other.is_warmup == turn.is_warmup]
        kind = "warm-up" if turn.is_warmup else "run"
        name = self._wanted.variants[turn.command]
        return f"{kind} {of_kind.index(turn) + 1}/{len(of_kind)} · {name}"

    def _is_over(self) -> bool:
        last = self._runs[-1]
        return bool(self._interruption.number) or not last.is_whole or self._is_stopped()

    def _is_stopped(self) -> bool:
        failed = bool(self._runs) and self._runs[-1].measured.outcome.exit_status != 0
        return self._wanted.stop_on_failure and failed


def run_end_line(title: str, measured: MeasuredRun) -> str:
    """A run that has ended, in one line."""
    outcome, document = measured.outcome, measured.document
    parts = [title, clock_text(outcome.end.boot_seconds - outcome.start.boot_seconds)]
    nodes: Sequence[dict[str, Any]] = document["nodes"] if document else ()
    if nodes:
        simulated = " (simulated)" if nodes[0]["quality"] == "simulated" else ""
        parts += [f"{energy_text(nodes[0])}{simulated}", watts_text(nodes[0]["mean_power_watts"])]
    else:
        parts.append(f"energy unknown{f': {measured.lost}' if measured.lost else ''}")
    if outcome.exit_status:
        parts.append(f"exit status {outcome.exit_status}")
    return " · ".join(parts)
