"""The user's own ledger, read without a process that measures: runs of `--local`, and imported ones."""

import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wattwatch.clock import Clock
from wattwatch.errors import StoreError
from wattwatch.runs.archive import Archive
from wattwatch.runs.choice import EVERY_RUN, RunChoice
from wattwatch.runs.document import unmeasured_document
from wattwatch.runs.events import Event
from wattwatch.runs.journal import Journal
from wattwatch.runs.keeper import keeper_lives
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.run import Completeness, Run, RunState
from wattwatch.runs.telling import Telling


def bury(run: Run, ledger: Ledger, journal: Journal) -> Run:
    """The run; ended as lost, at the last that is known of it, if its process died without ending it."""
    if not run.is_open or not run.keeper or keeper_lives(ledger.path.parent, run.keeper):
        return run
    return journal.end(run, RunState.LOST, None, run.last_event or run.start)


class LocalRuns:
    """Runs of a ledger file; every method raises StoreError if it cannot be read or written.

    A file that is not there is made by the first that is appended.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._archive = Archive.beside(path)
        self._opened: Ledger | None = None
        if path.exists():
            ledger = self._ledger()
            for run in ledger.runs():
                bury(run, ledger, self._journal(ledger))

    @property
    def archive(self) -> Archive:
        """The curves of these runs."""
        return self._archive

    def runs(self, choice: RunChoice = EVERY_RUN) -> Sequence[Run]:
        """Runs that are wanted, the last opened first."""
        if not self._path.exists():
            return ()
        return [run for run in reversed(self._ledger().runs()) if choice.takes(run)]

    def listed(self, limit: int, choice: RunChoice = EVERY_RUN) -> list[dict[str, Any]]:
        """Documents of the newest runs that are wanted, without what is long in them."""
        wanted = self.runs(choice)[:limit]
        return self._telling(self._ledger()).listed(wanted, _unfinished) if wanted else []

    def run(self, run_id: str) -> Run | None:
        """The run of an id, if there is one that was not deleted."""
        return self._journal(self._ledger()).known(run_id) if self._path.exists() else None

    def document(self, run_id: str) -> dict[str, Any] | None:
        """The document of a run, if there is one."""
        run = self.run(run_id)
        if run is None:
            return None
        ledger = self._ledger()
        return self._telling(ledger).told(run, ledger.result(run_id) or _unfinished(run))

    def events(self, run_id: str) -> list[Event]:
        """Everything that the ledger has of an id, of a deleted run too."""
        return self._ledger().events(run_id) if self._path.exists() else []

    def append(self, events: Iterable[Event]) -> None:
        """Make events durable, all or none."""
        ledger = self._ledger()
        ledger.append(*events)
        _check_written(ledger)

    def label(self, run: Run, changes: Mapping[str, str | None]) -> Run:
        """Set labels of a run, and remove those that are None."""
        ledger = self._ledger()
        labelled = self._journal(ledger).label(run, changes)
        _check_written(ledger)
        return labelled

    def delete(self, run: Run) -> None:
        """Hide a run for good, and forget its curves; RunConflict for one that is open."""
        ledger = self._ledger()
        self._journal(ledger).delete(run)
        _check_written(ledger)
        self._archive.delete(run.run_id)

    def _ledger(self) -> Ledger:
        if self._opened is None:
            self._opened = Ledger(self._path)
            weakref.finalize(self, self._opened.close)
        return self._opened

    def _journal(self, ledger: Ledger) -> Journal:
        return Journal(ledger, self._clock)

    def _telling(self, ledger: Ledger) -> Telling:
        return Telling(ledger, self._journal(ledger).now)


def _check_written(ledger: Ledger) -> None:
    """Who ends now cannot wait for a full disk."""
    if ledger.degraded:
        raise StoreError(f"{ledger.degraded}: nothing was changed")


def _unfinished(run: Run) -> dict[str, Any]:
    document = unmeasured_document(run)
    if not run.is_open:
        return document
    warning = "another process is measuring this run: its figures come when it ends"
    return document | {"completeness": Completeness.PROVISIONAL.value, "warnings": [warning]}
