"""The ledger of runs that were measured in their own process, read without one."""

from pathlib import Path
from typing import Any

from wattwatch.clock import Clock
from wattwatch.runs.document import unmeasured_document
from wattwatch.runs.journal import Journal
from wattwatch.runs.keeper import keeper_lives
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.run import Completeness, Run, RunState
from wattwatch.runs.several import with_nodes


def bury(run: Run, ledger: Ledger, journal: Journal) -> Run:
    """The run; ended as lost, at the last that is known of it, if its process died without ending it."""
    if not run.is_open or not run.keeper or keeper_lives(ledger.path.parent, run.keeper):
        return run
    return journal.end(run, RunState.LOST, None, run.last_event or run.start)


def local_documents(path: Path, clock: Clock) -> list[dict[str, Any]]:
    """Documents of all runs of a ledger file, the last opened first; none if there is no file.

    Raises StoreError if it cannot be read.
    """
    if not path.exists():
        return []
    ledger = Ledger(path)
    try:
        journal = Journal(ledger, clock)
        runs = [bury(run, ledger, journal) for run in reversed(ledger.runs())]
        known = ((run.run_id, ledger.result(run.run_id) or _unfinished(run)) for run in runs)
        return [with_nodes(document, ledger.parts(run_id)) for run_id, document in known]
    finally:
        ledger.close()


def _unfinished(run: Run) -> dict[str, Any]:
    document = unmeasured_document(run)
    if not run.is_open:
        return document
    warning = "another process is measuring this run: its figures come when it ends"
    return document | {"completeness": Completeness.PROVISIONAL.value, "warnings": [warning]}
