"""Documents of runs as the store knows them now."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wattwatch.runs.baselines import Baselines
from wattwatch.runs.document import RunTimes, run_document
from wattwatch.runs.epochs import epoch_documents
from wattwatch.runs.evaluate import Evaluator
from wattwatch.runs.figures import NodeFacts
from wattwatch.runs.run import Completeness, Epoch, Run, Stamp


class Documents:
    """Makes documents of runs that are measured here; not safe to be called from two threads at once."""

    def __init__(self, evaluator: Evaluator, baselines: Baselines) -> None:
        self._evaluator = evaluator
        self._baselines = baselines

    def of(self, run: Run, now: Stamp, facts: NodeFacts, completeness: Completeness) -> dict[str, Any]:
        """The document of a run as it is now, its net energy by the baseline that holds now."""
        final = completeness is Completeness.FINAL
        facts = replace(facts, baseline=self._baselines.of_run(run, facts))
        figures = self._evaluator.figures(run, now, facts, final=final)
        utc = self._evaluator.utc_seconds
        times = RunTimes(
            utc(run.start),
            None if run.end is None else utc(run.end),
            self._evaluator.seconds_between(run.start, run.end or now),
        )
        document = run_document(run, times, figures, facts, completeness)
        return document | {"epochs": self.of_epochs(run, now, facts, run.epochs, final=final)}

    def of_epochs(
        self, run: Run, now: Stamp, facts: NodeFacts, epochs: Sequence[Epoch], *, final: bool = False
    ) -> Sequence[dict[str, Any]]:
        """Documents of epochs of a run, in their order."""
        evaluator = self._evaluator
        figures = evaluator.epochs(run, now, facts, epochs, final=final) if epochs else {}
        return epoch_documents(
            epochs, figures, evaluator.utc_seconds, lambda epoch: evaluator.epoch_seconds(epoch, now)
        )
