"""Documents of runs as they are told: with what came after they were stored.

A stored result is what was measured. Labels may change after it, other nodes' parts come after it, and which
runs overlapped it is known when those are known.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wattwatch.runs.ledger import NOT_LISTED, Ledger
from wattwatch.runs.overlaps import find_overlaps, with_overlaps
from wattwatch.runs.run import Run, Stamp
from wattwatch.runs.several import with_nodes

_NOTHING: dict[str, Any] = {key: [] for key in NOT_LISTED}


class Telling:
    """Tells the documents of one ledger; its methods may be called from any thread."""

    def __init__(self, ledger: Ledger, now: Callable[[], Stamp]) -> None:
        self._ledger = ledger
        self._now = now

    def told(self, run: Run, document: Mapping[str, Any]) -> dict[str, Any]:
        """The whole document of a run, of what was measured here."""
        told = with_nodes(self.overlapping(run, document), self._ledger.parts(run.run_id))
        return {**told, "labels": dict(run.labels)}

    def overlapping(self, run: Run, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with the runs that overlapped the run, as known now."""
        every = self._ledger.state().runs
        found = find_overlaps(every.values(), self._now()).get(run.run_id, ())
        return with_overlaps(document, found, every)

    def listed(self, runs: Iterable[Run], make: Callable[[Run], Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Documents of runs without what is long in them; `make` gives that of a run without a result."""
        wanted = list(runs)
        summaries = self._ledger.summaries(run.run_id for run in wanted if run.final_at is not None)
        with_parts = self._ledger.run_ids_with_parts()
        every = self._ledger.state().runs
        overlaps = find_overlaps(every.values(), self._now())
        listed = []
        for run in wanted:
            document = {**(summaries.get(run.run_id) or make(run)), **_NOTHING}
            told = with_overlaps(document, overlaps.get(run.run_id, ()), every)
            if run.run_id in with_parts:
                told = with_nodes(told, self._ledger.parts(run.run_id))
            kept = {key: value for key, value in told.items() if key not in NOT_LISTED}
            listed.append({**kept, "labels": dict(run.labels)})
        return listed
