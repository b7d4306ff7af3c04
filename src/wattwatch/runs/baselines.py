"""Which idle power holds for a node now: the newest that was measured, else what its idle minutes tell."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import floor
from pathlib import Path
from typing import Final

from wattwatch.reading import Instant
from wattwatch.runs.baseline import Baseline, BaselineKind, auto_watts, baseline_of, chosen
from wattwatch.runs.energy import EnergyFigures
from wattwatch.runs.figures import NodeFacts
from wattwatch.runs.hosts import CpuUse
from wattwatch.runs.labels import BASELINE
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.run import Run

CGROUPS: Final = Path("/sys/fs/cgroup")

_MINUTE_SECONDS: Final = 60.0
_DAY_MINUTES: Final = 24 * 60
_LATE_SECONDS: Final = 10.0  # after that no reading of a minute is still on its way
_MINUTES_A_LOOK: Final = 2  # a day is caught up with in 12 min of ticks, each cheap
_IDLE_RATIO: Final = 0.05


def has_kubelet(cgroups: Path = CGROUPS) -> bool:
    """Whether a kubelet keeps pods here: by its cgroups, of either version and either driver."""
    return any(next(cgroups.glob(pattern), None) for pattern in ("kubepods*", "*/kubepods*"))


@dataclass(frozen=True, slots=True)
class _IdleMinute:
    at: Instant
    watts: float


Look = Callable[[Instant, Instant, NodeFacts], tuple[EnergyFigures, CpuUse | None]]
"""Energy and CPU use between two instants of this boot."""


class IdleMinutes:
    """1-minute means of the last 24 h of this boot in which the CPU was less than 5 % busy."""

    def __init__(self, look: Look, first: Callable[[Instant], Instant | None]) -> None:
        """`first` gives the first instant of an instant's boot at which anything was read."""
        self._look = look
        self._first = first
        self._minutes: deque[_IdleMinute] = deque()
        self._next_seconds: float | None = None
        self._boot_id = ""

    def is_due(self, now: Instant) -> bool:
        """Whether a minute is over that was not looked at; costs nothing."""
        return self._next_seconds is None or self._is_over(self._next_seconds, now)

    def advance(self, now: Instant, facts: NodeFacts) -> None:
        """Look at a few of the minutes that are over."""
        if self._next_seconds is None or now.boot_id != self._boot_id:
            first = self._first(now)
            if first is None:
                return
            earliest = max(first.boot_seconds, now.boot_seconds - _DAY_MINUTES * _MINUTE_SECONDS)
            self._boot_id = now.boot_id
            self._next_seconds = (floor(earliest / _MINUTE_SECONDS) + 1) * _MINUTE_SECONDS
        for _ in range(_MINUTES_A_LOOK):
            if not self._is_over(self._next_seconds, now):
                break
            self._take(Instant(now.boot_id, self._next_seconds), facts)
            self._next_seconds += _MINUTE_SECONDS
        oldest_seconds = now.boot_seconds - _DAY_MINUTES * _MINUTE_SECONDS
        while self._minutes and self._minutes[0].at.boot_seconds < oldest_seconds:
            self._minutes.popleft()

    def watts(self) -> float | None:
        """Idle power by these minutes; None while there are too few."""
        return auto_watts([minute.watts for minute in self._minutes])

    @property
    def last(self) -> Instant | None:
        """The end of the last idle minute."""
        return self._minutes[-1].at.plus(_MINUTE_SECONDS) if self._minutes else None

    def means(self) -> tuple[float, ...]:
        """The means, in order of time, in watts."""
        return tuple(minute.watts for minute in self._minutes)

    def forget(self) -> None:
        """Begin anew: another source stands for the node."""
        self._minutes.clear()
        self._next_seconds = None

    def _is_over(self, start_seconds: float, now: Instant) -> bool:
        return start_seconds + _MINUTE_SECONDS + _LATE_SECONDS <= now.boot_seconds

    def _take(self, start: Instant, facts: NodeFacts) -> None:
        energy, cpu = self._look(start, start.plus(_MINUTE_SECONDS), facts)
        is_idle = cpu is not None and cpu.busy_seconds < _IDLE_RATIO * cpu.all_seconds
        if is_idle and not energy.is_lower_bound and energy.mean_watts is not None:
            self._minutes.append(_IdleMinute(start, energy.mean_watts))


class Baselines:
    """The baselines of one ledger; not safe to be called from two threads at once."""

    def __init__(self, ledger: Ledger, minutes: IdleMinutes, utc_seconds: Callable[[Instant], float]) -> None:
        self._ledger = ledger
        self._minutes = minutes
        self._utc_seconds = utc_seconds
        self._known: dict[str, Baseline | None] = {}
        self._supply = ""

    def is_due(self, now: Instant, facts: NodeFacts) -> bool:
        """Whether a minute is over since `advance` was called; costs nothing."""
        return facts.primary is not None and self._minutes.is_due(now)

    def advance(self, now: Instant, facts: NodeFacts) -> None:
        """Go on with what idle minutes tell."""
        if facts.primary is not None and facts.primary.source != self._supply:
            self._supply = facts.primary.source
            self._minutes.forget()
        self._minutes.advance(now, facts)

    def chosen(self, facts: NodeFacts) -> Baseline | None:
        """The baseline that holds for the node now; None if nothing is known of its idle power."""
        measured = chosen(self._measured(), facts.node, has_platform=facts.has_platform())
        return measured or self._auto(facts)

    def of_run(self, run: Run, facts: NodeFacts) -> Baseline | None:
        """The baseline for a run; a run that measures one has none."""
        return None if BASELINE in run.labels else self.chosen(facts)

    def _measured(self) -> Iterator[Baseline]:
        for run in self._ledger.runs():
            if BASELINE in run.labels and run.final_at is not None:
                if run.run_id not in self._known:
                    result = self._ledger.result(run.run_id)
                    labelled = result and {**result, "labels": run.labels}
                    self._known[run.run_id] = baseline_of(labelled) if labelled else None
                baseline = self._known[run.run_id]
                if baseline is not None:
                    yield baseline

    def _auto(self, facts: NodeFacts) -> Baseline | None:
        watts, last = self._minutes.watts(), self._minutes.last
        if watts is None or last is None or facts.primary is None:
            return None
        means = self._minutes.means()
        return Baseline(
            kind=BaselineKind.AUTO,
            node=facts.node,
            watts=watts,
            minute_means_watts=means,
            measured_utc_seconds=self._utc_seconds(last),
            duration_seconds=_MINUTE_SECONDS * len(means),
            source=facts.primary.source,
            scope=facts.primary.scope.value,
            quality=facts.primary.quality.value,
        )
