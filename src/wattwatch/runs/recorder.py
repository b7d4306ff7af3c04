"""Makes the curves of a run, and keeps them where its readings will not stay."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from wattwatch.errors import StoreError
from wattwatch.runs.archive import MOST_POINTS, Archive, Series
from wattwatch.runs.evaluate import Evaluator
from wattwatch.runs.figures import NodeFacts, RunHistory
from wattwatch.runs.recording import Recorded, run_series
from wattwatch.runs.run import Run, Stamp

logger = logging.getLogger("wattwatch.runs")


class Recorder:
    """The curves of the runs that this process measures; without an archive nothing is kept."""

    def __init__(self, evaluator: Evaluator, history: RunHistory, archive: Archive | None) -> None:
        self._evaluator = evaluator
        self._history = history
        self._archive = archive

    def series(
        self, run: Run, document: Mapping[str, Any], now: Stamp, facts: NodeFacts, most_points: int
    ) -> Sequence[Series]:
        """Curves of a run on this node, as far as its readings are there."""
        node = next((node for node in document["nodes"] if node["node"] == facts.node), None)
        if node is None:
            return ()
        evaluator = self._evaluator
        recorded = Recorded(
            evaluator.parts(run, now, facts),
            evaluator.seconds_since(run.start),
            evaluator.seconds_between(run.start, run.end or now),
            most_points,
        )
        return run_series(recorded, node, self._history, facts)

    def keep(self, run: Run, document: Mapping[str, Any], now: Stamp, facts: NodeFacts) -> None:
        """Keep the curves of a run that has ended; where that fails, only they are lost."""
        if self._archive is None:
            return
        try:
            self._archive.keep(run.run_id, self.series(run, document, now, facts, MOST_POINTS))
        except StoreError as error:
            logger.warning("run %s: its curves are not kept: %s", run.run_id, error)
