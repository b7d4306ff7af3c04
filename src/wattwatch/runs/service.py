"""Runs of one node: opened, marked and ended by their owners, and given their energy when it is known."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any, Final

from wattwatch.clock import Clock
from wattwatch.errors import StoreError
from wattwatch.metrics import Sample
from wattwatch.reading import Instant
from wattwatch.runs.archive import MOST_POINTS, Archive, Series
from wattwatch.runs.baseline import Baseline
from wattwatch.runs.baselines import Baselines, IdleMinutes
from wattwatch.runs.choice import EVERY_RUN, RunChoice
from wattwatch.runs.document import unmeasured_document
from wattwatch.runs.documents import Documents
from wattwatch.runs.evaluate import Evaluator
from wattwatch.runs.events import Event
from wattwatch.runs.figures import NodeFacts, RunHistory
from wattwatch.runs.journal import Journal, Opened
from wattwatch.runs.keeper import Keeper
from wattwatch.runs.labels import BASELINE
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.local import bury
from wattwatch.runs.recorder import Recorder
from wattwatch.runs.run import Completeness, Epoch, Run, RunRequest, RunState, Stamp, UlidMaker, Window
from wattwatch.runs.samples import baseline_samples, final_samples, progress_samples
from wattwatch.runs.several import checked_parts
from wattwatch.runs.shown import ShownRuns
from wattwatch.runs.telling import Telling

logger = logging.getLogger("wattwatch.runs")

OWNER_SECONDS: Final = 30.0
"""After a restart of the daemon, an owner has this long to come back with its token."""

_SHOWN_SECONDS: Final = 15 * 60.0  # samples of a final run stay this long
_LISTED: Final = 100


class RunService:
    """Runs of one ledger that this process measures; every method may be called from any thread.

    A ledger that several processes write to is given a `keeper`, which tells whose run is whose.
    """

    def __init__(  # noqa: PLR0913 - the seams of the service, each a part of its own
        self,
        ledger: Ledger,
        history: RunHistory,
        clock: Clock,
        facts: NodeFacts,
        *,
        keeper: Keeper | None = None,
        archive: Archive | None = None,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._ledger = ledger
        self._facts = facts
        self._keeper = keeper
        self._journal = Journal(ledger, clock, randomness, keeper.identity if keeper else "")
        self._evaluator = Evaluator(history)
        self._recorder = Recorder(self._evaluator, history, archive)
        self._lock = RLock()  # of the ledger's transitions: short
        self._evaluating = RLock()  # of the figures: a long run read anew takes a while
        self._holds: dict[str, int] = {}
        self._orphans: dict[str, float] = {}
        self._open_or_pending: set[str] = set()
        self._shown = ShownRuns()
        minutes = IdleMinutes(
            self._evaluator.between, lambda at: self._evaluator.first_reading(at, self._facts)
        )
        self._baselines = Baselines(ledger, minutes, lambda at: history.utc_seconds(at)[0])
        self._documents = Documents(self._evaluator, self._baselines)
        self._telling = Telling(ledger, self._journal.now)
        self._shown_baseline: Baseline | None = None
        self._take_over()

    @property
    def facts(self) -> NodeFacts:
        """What is known of the node."""
        return self._facts

    def update_facts(self, facts: NodeFacts) -> None:
        """Go on with other facts: after a reload of the configuration."""
        self._facts = facts

    def start(self, request: RunRequest, at: Stamp | None = None) -> Opened:
        """Open a run; RunConflict if its id is taken, RunError if a part of the request is not allowed."""
        with self._lock:
            open_runs = sum(run.is_open for run in self._pending())
            opened = self._journal.open(request, self._facts.node, at or self._journal.now(), open_runs)
            self._open_or_pending.add(opened.run.run_id)
            return opened

    def known(self, run_id: str) -> Run | None:
        """The run of an id, or None."""
        return self._journal.known(run_id)

    def stamp(self, at: Instant | float | None) -> Stamp:
        """The stamp of an instant, of a UTC in seconds, or of now; RunError if it cannot be one of a mark."""
        with self._lock:
            if at is None:
                return self._journal.now()
            return self._journal.stamp(at) if isinstance(at, Instant) else self._journal.stamp_of_utc(at)

    def hold(self, run_id: str) -> int:
        """Begin to hold a run for its owner; the ticket goes back to `release`."""
        with self._lock:
            self._orphans.pop(run_id, None)
            self._holds[run_id] = self._holds.get(run_id, 0) + 1
            return self._holds[run_id]

    def resume(self, run_id: str, token: str) -> int:
        """Hold a run again for the owner of its token; RunConflict if it is another, or the run has ended."""
        with self._lock:
            self._journal.check_token(self._ledger.run(run_id), token)
            return self.hold(run_id)

    def release(self, run_id: str, ticket: int) -> None:
        """The owner is gone: the run ends as lost now, unless it has ended, or was taken up again."""
        with self._lock:
            run = self._journal.known(run_id)
            if run is not None and run.is_open and self._holds.get(run_id) == ticket:
                self._journal.end(run, RunState.LOST, None, self._journal.now())
                logger.warning("run %s: its owner is gone, ended as lost", run_id)

    def is_open(self, run_id: str) -> bool:
        """Whether a run goes on; one that was deleted does not."""
        run = self._journal.known(run_id)
        return run is not None and run.is_open

    def mark_start(self, run_id: str, at: Stamp) -> Run:
        """Move the opening edge of an armed run to where its command began."""
        with self._lock:
            return self._journal.mark_start(self._ledger.run(run_id), at)

    def open_phase(
        self, run_id: str, phase: str, at: Stamp | None = None, *, nested: bool = False, window_id: str = ""
    ) -> str:
        """Open a phase; its window's id. Nested it suspends the phase that is open, else it replaces it."""
        with self._lock:
            run = self._ledger.run(run_id)
            stamp = at or self._journal.now()
            return self._journal.open_phase(run, phase, stamp, nested=nested, window_id=window_id)

    def close_phase(self, run_id: str, at: Stamp | None = None, window_id: str = "") -> str | None:
        """End the innermost phase, or the one opened as `window_id`; the id of the window that follows."""
        with self._lock:
            return self._journal.close_phase(self._ledger.run(run_id), at or self._journal.now(), window_id)

    def open_epoch(self, run_id: str, epoch: int, at: Stamp | None = None) -> Epoch:
        """Open an epoch of a run, and close the former; one that is open already changes nothing."""
        with self._lock:
            return self._journal.open_epoch(self._ledger.run(run_id), epoch, at or self._journal.now())

    def close_epoch(
        self,
        run_id: str,
        at: Stamp | None = None,
        epoch: int | None = None,
        values: Mapping[str, float | None] | None = None,
    ) -> dict[str, Any]:
        """Close the open epoch, or that of a number; its document as far as it is measured yet."""
        with self._lock:
            run = self._ledger.run(run_id)
            closed = self._journal.close_epoch(run, at or self._journal.now(), epoch, values)
        with self._evaluating:
            run = self._ledger.run(run_id)
            if run.final_at is not None:  # said again after the end
                return dict(self.get(run_id)["epochs"][run.epochs.index(closed)])
            return self._documents.of_epochs(run, self._journal.now(), self._facts, [closed])[0]

    def end(
        self,
        run_id: str,
        state: RunState,
        exit_status: int | None = None,
        at: Stamp | None = None,
        start: Stamp | None = None,
    ) -> Run:
        """End a run; `start` moves its opening edge later. One that has ended already stays as it is."""
        with self._lock:
            run = self._ledger.run(run_id)
            ended = self._journal.end(run, state, exit_status, at or self._journal.now(), start)
            self._orphans.pop(run_id, None)
            return ended

    def get(self, run_id: str) -> dict[str, Any]:
        """The document of a run (DESIGN section 6), other nodes' parts included; UnknownRun if none."""
        return self._telling.told(self._ledger.run(run_id), self._own(run_id))

    def add_parts(self, run_id: str, parts: object) -> None:
        """Keep what other nodes of a run measured; UnknownRun, RunError for what is no part."""
        with self._lock:
            self._journal.store_parts(self._ledger.run(run_id), checked_parts(parts))

    def _own(self, run_id: str) -> dict[str, Any]:
        """The document of what this node measured."""
        with self._evaluating:
            run = self._ledger.run(run_id)
            if run.final_at is None and self._is_mine(run):
                now = self._journal.now()
                return self._finalised(run, now) or self._documents.of(
                    run, now, self._facts, Completeness.PROVISIONAL
                )
        return self._ledger.result(run_id) or unmeasured_document(run)

    def list(self, limit: int = _LISTED, choice: RunChoice = EVERY_RUN) -> list[dict[str, Any]]:
        """The newest runs, the last opened first: their documents without phases, epochs and warnings."""
        wanted = [run for run in reversed(self._ledger.runs()) if choice.takes(run)][:limit]
        return self._telling.listed(wanted, lambda run: self._own(run.run_id))

    def label(self, run_id: str, changes: Mapping[str, str | None]) -> Run:
        """Set labels of a run, and remove those that are None, after its end too."""
        with self._lock:
            return self._journal.label(self._ledger.run(run_id), changes)

    def delete(self, run_id: str) -> None:
        """Hide a run for good, its readings stay; RunConflict for one that is open."""
        with self._evaluating, self._lock:
            self._journal.delete(self._ledger.run(run_id))
            self._open_or_pending.discard(run_id)
            self._shown.drop(run_id)
            self._evaluator.forget(run_id)

    def events(self, run_id: str) -> Sequence[Event]:
        """Everything that the ledger knows of a run, its result included; UnknownRun."""
        return self._ledger.events(self._ledger.run(run_id).run_id)

    def windows(self, run_id: str) -> Sequence[tuple[Window, float, float | None]]:
        """Windows of a run, with the UTC of their edges as known now; UnknownRun if there is none."""
        utc = self._evaluator.utc_seconds
        return [
            (window, utc(window.start), None if window.end is None else utc(window.end))
            for window in self._ledger.run(run_id).windows
        ]

    def curves(self, run_id: str, most_points: int = MOST_POINTS) -> Sequence[Series]:
        """Power and temperature of a run on this node, as far as its readings are still there."""
        run = self._ledger.run(run_id)
        if not self._is_mine(run):
            return ()
        return self._recorder.series(run, self._own(run_id), self._journal.now(), self._facts, most_points)

    @property
    def has_work(self) -> bool:
        """Whether a tick would do anything; costs nothing."""
        waiting = self._open_or_pending or self._orphans or self._shown or self._ledger.has_unwritten
        return bool(waiting) or self._baselines.is_due(self._journal.now().at, self._facts)

    def tick(self) -> None:
        """About once a second: end what is lost, make final what is settled, and renew the samples."""
        self._ledger.flush()
        self._end_orphans()
        with self._evaluating:
            for run in self._pending():
                self._renew(run)
            now = self._journal.now().at
            self._shown.drop_old(now.boot_seconds)
            if self._baselines.is_due(now, self._facts):
                self._baselines.advance(now, self._facts)
                self._shown_baseline = self._baselines.chosen(self._facts)

    def samples(self) -> Sequence[Sample]:
        """Samples of every run that is open, pending, or final since less than 15 minutes; of idle power."""
        return [*self._shown.samples(), *baseline_samples(self._shown_baseline)]

    def close(self) -> None:
        """Leave the ledger in order; where nobody goes on measuring, results are final as they are now."""
        with self._evaluating:
            if self._keeper is not None:
                for run in self._pending():
                    self._seal(run)
                self._keeper.close()
        self._ledger.close()

    def _take_over(self) -> None:
        """What the process before this one left open."""
        now = self._journal.now()
        for run in self._ledger.runs():
            if not self._is_mine(run):
                bury(run, self._ledger, self._journal)
            elif run.final_at is None:
                self._open_or_pending.add(run.run_id)
                self._adopt(run, now)
            else:
                self._show_again(run, now)

    def _is_mine(self, run: Run) -> bool:
        return run.keeper == (self._keeper.identity if self._keeper else "")

    def _adopt(self, run: Run, now: Stamp) -> None:
        """An open run of this daemon's last process: its owner may come back, but not over a reboot."""
        if not run.is_open:
            return
        last_boot_id = (run.boots[-1] if run.boots else run.start).at.boot_id
        if not run.hold:
            self._journal.see_boot(run, now)
        elif last_boot_id == now.at.boot_id:
            self._orphans[run.run_id] = now.at.boot_seconds + OWNER_SECONDS
        else:
            self._lose(run, last_boot_id)

    def _lose(self, run: Run, boot_id: str) -> None:
        """End a held run as lost at the last commit of the boot in which it was last seen."""
        last = self._facts.last_commit
        if last is None or last.boot_id != boot_id:
            last = self._evaluator.last_reading(boot_id, self._facts)
        known = run.last_event or run.start
        if last is not None:
            seen = Stamp(last, known.utc_seconds + last.boot_seconds - known.at.boot_seconds)
            known = seen if known.is_before(seen) else known
        self._journal.end(run, RunState.LOST, None, known)
        logger.warning("run %s: its owner did not come back, ended as lost", run.run_id)

    def _end_orphans(self) -> None:
        with self._lock:
            now = self._journal.now().at
            for run_id, deadline in list(self._orphans.items()):
                if now.boot_seconds >= deadline:
                    del self._orphans[run_id]
                    self._lose(self._ledger.run(run_id), now.boot_id)

    def _show_again(self, run: Run, now: Stamp) -> None:
        """Samples of a run that was final shortly before this process began."""
        final_at = run.final_at or now
        left_seconds = _SHOWN_SECONDS - (now.utc_seconds - final_at.utc_seconds)
        document = self._ledger.result(run.run_id) if 0 < left_seconds <= _SHOWN_SECONDS else None
        if document is not None:
            self._show_final(run, document, now.at.boot_seconds + left_seconds)

    def _show_final(self, run: Run, document: dict[str, Any], until_boot_seconds: float) -> None:
        self._shown.put(run.run_id, final_samples(run, document), until_boot_seconds)

    def _pending(self) -> Sequence[Run]:
        """Runs that are open or not final; without those that another process deleted from the ledger."""
        known = map(self._journal.known, sorted(self._open_or_pending))
        return [run for run in known if run is not None]

    def _renew(self, run: Run) -> None:
        """The samples of a run as they are now; its final ones if it is settled."""
        run_id, now = run.run_id, self._journal.now()
        # The counters of a run whose start may still move, or whose end may be long ago, must wait.
        if run.armed or run_id in self._orphans:
            return
        try:
            if self._finalised(run, now) is None:
                progress = self._evaluator.progress(run, now, self._facts)
                self._shown.put(run_id, progress_samples(run, progress, self._facts))
        except StoreError as error:
            logger.warning("run %s: %s", run_id, error)

    def _finalised(self, run: Run, now: Stamp) -> dict[str, Any] | None:
        """The final document, stored now, if nothing of the run can change any more."""
        if run.is_open or not self._evaluator.is_settled(run, now, self._facts):
            return None
        return self._seal(run)

    def _seal(self, run: Run) -> dict[str, Any] | None:
        """Store the result of a run as it is now, if it has ended."""
        if run.is_open:
            return None
        now = self._journal.now()
        document = self._telling.overlapping(
            run, self._documents.of(run, now, self._facts, Completeness.FINAL)
        )
        self._recorder.keep(run, document, now, self._facts)
        with self._lock:
            self._journal.store_result(run, document, now)
            self._open_or_pending.discard(run.run_id)
        self._evaluator.forget(run.run_id)
        self._show_final(run, document, now.at.boot_seconds + _SHOWN_SECONDS)
        if BASELINE in run.labels:
            self._shown_baseline = self._baselines.chosen(self._facts)
        return document


def open_run_service(
    path: Path, history: RunHistory, clock: Clock, facts: NodeFacts, *, shared: bool = False
) -> RunService:
    """The run service of a ledger file; `shared` if other processes measure runs into it as well.

    Raises StoreError if the file cannot be opened.
    """
    ledger = Ledger(path)
    if not shared:
        return RunService(ledger, history, clock, facts)
    new_id = UlidMaker(lambda: clock.now().boot_seconds + clock.wall().unix_minus_boot_seconds)
    keeper = Keeper(path.parent, new_id())
    return RunService(ledger, history, clock, facts, keeper=keeper, archive=Archive.beside(path))
