"""Writes what happens to runs into the ledger: checks it against what the ledger says, then appends."""

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.clock import Clock
from wattwatch.errors import RunError
from wattwatch.reading import Instant
from wattwatch.runs import phases
from wattwatch.runs.events import Event, EventKind, stamp_to_json
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.run import (
    Epoch,
    Run,
    RunConflict,
    RunRequest,
    RunState,
    Stamp,
    UlidMaker,
    UnknownRun,
    Window,
    check_epoch,
    check_labels,
    check_phase,
    check_run_id,
    check_values,
)

_TOKEN_BYTES: Final = 16
_FUTURE_SECONDS: Final = 1.0
_OPEN_RUNS: Final = 100
_WINDOWS: Final = 2_000
_EPOCHS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Opened:
    """A run that was just opened; the token is told only now."""

    run: Run
    window_id: str
    token: str = ""


class Journal:
    """Every change of a run, one method each; callers hold a lock."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        randomness: Callable[[int], bytes] = os.urandom,
        keeper: str = "",
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._randomness = randomness
        self._keeper = keeper
        self._new_id = UlidMaker(lambda: self.now().utc_seconds, randomness)

    def now(self) -> Stamp:
        """The present instant."""
        return self.stamp(self._clock.now())

    def stamp(self, at: Instant) -> Stamp:
        """The stamp of an instant of this boot; RunError for another boot's, or one still to come."""
        now = self._clock.now()
        if at.boot_id != now.boot_id:
            raise RunError("boot_id: not an instant of this boot; leave the instant out for now")
        if at.boot_seconds < 0:
            raise RunError("an instant before this boot: runs are marked while they go on")
        if not at.boot_seconds <= now.boot_seconds + _FUTURE_SECONDS:  # nor NaN
            raise RunError("an instant in the future: leave it out for now")
        return Stamp(at, at.boot_seconds + self._clock.wall().unix_minus_boot_seconds)

    def stamp_of_utc(self, utc_seconds: float) -> Stamp:
        """The stamp of a UTC of this boot; RunError for one before it or still to come."""
        boot_seconds = round(utc_seconds - self._clock.wall().unix_minus_boot_seconds, 6)
        return self.stamp(Instant(self._clock.now().boot_id, boot_seconds))

    def open(self, request: RunRequest, node: str, at: Stamp, open_runs: int) -> Opened:
        """Open a run and its first window; RunConflict if the id is taken or too many are open."""
        request = request.checked()
        run_id = request.run_id or self._new_id()
        if open_runs >= _OPEN_RUNS:
            raise RunConflict(f"{open_runs} runs are open: end some with wattwatch runs end")
        if self._ledger.has(run_id):
            raise RunConflict(f"run {run_id} is in the ledger already: choose another --run-id")
        token = self._randomness(_TOKEN_BYTES).hex() if request.hold else ""
        window_id = self._new_id()
        data = {
            "node": node,
            "name": request.name,
            "experiment": request.experiment,
            "phase": request.phase,
            "command": request.command,
            "labels": dict(request.labels or {}),
            "hold": request.hold,
            "armed": request.armed,
            "token_hash": _hash(token) if token else "",
            "keeper": self._keeper,
        }
        first = phases.Next(request.phase, "", ())
        self._ledger.append(
            self._event(run_id, EventKind.RUN_OPENED, at, data),
            self._window(run_id, node, window_id, first, at),
        )
        return Opened(self._ledger.run(run_id), window_id, token)

    def known(self, run_id: str) -> Run | None:
        """The run of an id, if there is one."""
        try:
            return self._ledger.run(check_run_id(run_id))
        except UnknownRun:
            return None

    def check_token(self, run: Run, token: str) -> None:
        """RunConflict if the token is not that of the run's owner, or the run has ended."""
        if not run.hold or not hmac.compare_digest(run.token_hash, _hash(token)):
            raise RunConflict(f"run {run.run_id}: this is not its owner's token")
        if not run.is_open:
            raise RunConflict(f"run {run.run_id} has ended: {run.state}")

    def mark_start(self, run: Run, at: Stamp) -> Run:
        """Move the opening edge later; RunConflict if that was done, or the run is not waiting for it."""
        if not run.armed:
            raise RunConflict(f"run {run.run_id}: its start is known already")
        self._ledger.append(self._event(run.run_id, EventKind.RUN_STARTED, at, {}))
        return self._ledger.run(run.run_id)

    def open_phase(self, run: Run, phase: str, at: Stamp, *, nested: bool, window_id: str = "") -> str:
        """Open a phase and give its window's id; one that is in the ledger already changes nothing."""
        check_phase(phase)
        if window_id and any(window.window_id == check_run_id(window_id) for window in run.windows):
            return window_id
        window_id = window_id or self._new_id()
        current = _open_window(run, at)
        following = phases.opened(current, phase, nested=nested)
        self._change(run, current.window_id, following, window_id, at)
        return window_id

    def close_phase(self, run: Run, at: Stamp, opening: str = "") -> str | None:
        """End the innermost phase, or that of a mark; the id of the window that follows.

        None if a mark was given that is not open any more. RunConflict if there is no phase to end.
        """
        current = _open_window(run, at)
        following = phases.closed(current, opening)
        if following is None and not opening:
            raise RunConflict(f"run {run.run_id}: no phase is open")
        if following is None:
            return None
        window_id = self._new_id()
        self._change(run, current.window_id, following, window_id, at)
        return window_id

    def open_epoch(self, run: Run, epoch: int, at: Stamp) -> Epoch:
        """Open an epoch and close the former.

        The open epoch's number, or an instant at which that number began, is said twice: nothing changes.
        RunConflict if the run has ended or the instant is before its last epoch mark.
        """
        check_epoch(epoch)
        known = next((e for e in reversed(run.epochs) if e.epoch == epoch and e.start.at == at.at), None)
        known = known or (run.open_epoch if run.open_epoch and run.open_epoch.epoch == epoch else None)
        if known is not None:
            return known
        if not run.is_open:
            raise RunConflict(f"run {run.run_id} has ended: {run.state}")
        if len(run.epochs) >= _EPOCHS:
            raise RunConflict(f"run {run.run_id}: at most {_EPOCHS} epochs")
        _check_epoch_order(run, at)
        data = {"epoch_id": self._new_id(), "epoch": epoch}
        self._ledger.append(self._event(run.run_id, EventKind.EPOCH_OPENED, at, data))
        return self._ledger.run(run.run_id).epochs[-1]

    def close_epoch(
        self, run: Run, at: Stamp, epoch: int | None = None, values: Mapping[str, float | None] | None = None
    ) -> Epoch:
        """Close the open epoch, or that of a number; one that has ended stays as it is.

        RunConflict if there is none, or the instant is before it began.
        """
        check_values(values or {})
        found = run.open_epoch if epoch is None else _epoch_of(run, epoch)
        if found is None:
            which = "no epoch is open" if epoch is None else f"no epoch {epoch}"
            raise RunConflict(f"run {run.run_id}: {which}")
        if found.end is not None:
            return found
        _check_epoch_order(run, at)
        data = {"epoch_id": found.epoch_id, "values": dict(values or {})}
        self._ledger.append(self._event(run.run_id, EventKind.EPOCH_CLOSED, at, data))
        return self._ledger.run(run.run_id).epochs[-1]

    def end(
        self, run: Run, state: RunState, exit_status: int | None, at: Stamp, start: Stamp | None = None
    ) -> Run:
        """End a run and its open window; one that has ended stays as it is."""
        if not run.is_open:
            return run
        if state is RunState.RUNNING:
            raise RunError("state: a run ends as succeeded, failed, cancelled or lost")
        data = {
            "state": state.value,
            "exit_status": exit_status,
            "start": None if start is None else stamp_to_json(start),
        }
        events = [self._event(run.run_id, EventKind.RUN_ENDED, at, data)]
        if window := run.open_window:
            closing = {"window_id": window.window_id}
            events.insert(0, self._event(run.run_id, EventKind.WINDOW_CLOSED, at, closing))
        self._ledger.append(*events)
        return self._ledger.run(run.run_id)

    def label(self, run: Run, changes: Mapping[str, str | None]) -> Run:
        """Set labels, and remove those that are None; what is so already changes nothing. RunError."""
        wanted = {**run.labels, **changes}
        check_labels({key: value or "" for key, value in changes.items()})
        check_labels({key: value for key, value in wanted.items() if value is not None})
        now = self.now()
        changed = {key: value for key, value in changes.items() if run.labels.get(key) != value}
        self._ledger.append(
            *(
                self._event(run.run_id, EventKind.LABEL, now, {"key": key, "value": value})
                for key, value in changed.items()
            )
        )
        return self._ledger.run(run.run_id)

    def delete(self, run: Run) -> None:
        """Hide a run for good; RunConflict for one that is still open."""
        if run.is_open:
            raise RunConflict(f"run {run.run_id} is still open: wattwatch runs end {run.run_id} first")
        self._ledger.append(self._event(run.run_id, EventKind.DELETED, self.now(), {}))

    def see_boot(self, run: Run, at: Stamp) -> None:
        """Note that an open run is measured again in this boot."""
        known = {run.start.at.boot_id, *(boot.at.boot_id for boot in run.boots)}
        if at.at.boot_id not in known:
            self._ledger.append(self._event(run.run_id, EventKind.BOOT_SEEN, at, {}))

    def store_result(self, run: Run, document: Mapping[str, Any], at: Stamp) -> None:
        """Keep the final document of a run, so that it outlives the readings."""
        self._ledger.append(self._event(run.run_id, EventKind.RESULT, at, document))

    def store_parts(self, run: Run, parts: Sequence[Mapping[str, Any]]) -> None:
        """Keep what other nodes of a run measured; RunError for what is no part of a run."""
        now = self.now()
        self._ledger.append(*(self._event(run.run_id, EventKind.PART, now, part) for part in parts))

    def _change(self, run: Run, closing_id: str, following: phases.Next, window_id: str, at: Stamp) -> None:
        if len(run.windows) >= _WINDOWS:
            raise RunConflict(f"run {run.run_id}: at most {_WINDOWS} phase marks")
        self._ledger.append(
            self._event(run.run_id, EventKind.WINDOW_CLOSED, at, {"window_id": closing_id}),
            self._window(run.run_id, run.node, window_id, following, at),
        )

    def _window(self, run_id: str, node: str, window_id: str, following: phases.Next, at: Stamp) -> Event:
        data = {
            "window_id": window_id,
            "node": node,
            "phase": following.phase,
            "opening": following.opening or window_id,
            "outer": following.outer,
        }
        return self._event(run_id, EventKind.WINDOW_OPENED, at, data)

    def _event(self, run_id: str, kind: EventKind, at: Stamp, data: Mapping[str, Any]) -> Event:
        return Event(self._new_id(), run_id, kind, at, data)


def _epoch_of(run: Run, epoch: int) -> Epoch | None:
    return next((known for known in reversed(run.epochs) if known.epoch == epoch), None)


def _check_epoch_order(run: Run, at: Stamp) -> None:
    last = run.epochs[-1] if run.epochs else None
    if last is not None and at.is_before(last.end or last.start):
        raise RunConflict(f"run {run.run_id}: that instant is before its last epoch mark")


def _open_window(run: Run, at: Stamp) -> Window:
    window = run.open_window
    if window is None:
        raise RunConflict(f"run {run.run_id} has ended: {run.state}")
    if at.is_before(window.start):
        raise RunConflict(f"run {run.run_id}: that instant is before its last mark")
    return window


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
