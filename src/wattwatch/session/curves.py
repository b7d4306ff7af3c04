"""The curves of a run, node by node: from the daemon's readings, else as they were kept."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from wattwatch.client import Client, find_socket
from wattwatch.errors import ClientError
from wattwatch.report.chart import NodeCurves, PhaseBand
from wattwatch.report.series import MOST_POINTS, Gap, Point, Trace
from wattwatch.runs.archive import MOST_POINTS as MOST_KEPT
from wattwatch.runs.archive import POWER, TEMPERATURE, Archive, Series
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.run import Run
from wattwatch.session.runs import is_run_id, local_ledger

_NOT_FOUND: Final = 404
_UNITS: Final = {POWER: "W", TEMPERATURE: "°C"}

Document = Mapping[str, Any]


class CurveReader:
    """Reads the curves of any number of runs; ClientError if there is a daemon that refuses us."""

    def __init__(self, environment: Mapping[str, str], socket: Path | None = None) -> None:
        found = find_socket(environment, socket)
        self._client = None if found is None else Client(f"unix:{found}")
        self._ledger_path = local_ledger(environment)
        self._archive = Archive.beside(self._ledger_path)

    def curves(self, document: Document) -> tuple[NodeCurves, ...]:
        """Power, temperature and phases of the nodes of a run whose curves are at hand, in their order."""
        answer = self._answer(document, MOST_POINTS)
        series = [one.thinned(MOST_POINTS) for one in self._series(document, answer)]
        bands = _bands(answer["phases"], document) if answer else self._kept_bands(document)
        return tuple(
            _node_curves(node, [one for one in series if one.node == node], bands)
            for node in _nodes(document, series)
        )

    def series(self, document: Document) -> list[Series]:
        """The curves of a run in as many points as are kept of one: for an export."""
        return self._series(document, self._answer(document, MOST_KEPT))

    def _series(self, document: Document, answer: Document | None) -> list[Series]:
        """What the daemon has; what was kept, of nodes that it has nothing of."""
        own = [Series.from_json(one) for one in answer["series"]] if answer else []
        known = {one.node for one in own}
        kept = self._archive.series(document["run_id"])
        return [*own, *(one for one in kept if one.node not in known)]

    def _answer(self, document: Document, most_points: int) -> Document | None:
        """What the daemon draws of a run; None without one, and for a run that it does not know."""
        run_id = document["run_id"]
        if self._client is None or not is_run_id(run_id):
            return None
        try:
            answer: Document = self._client.get_json(f"/v1/runs/{run_id}/curves?points={most_points}")
        except ClientError as error:
            if error.status != _NOT_FOUND:
                raise
            return None
        return answer

    def _kept_bands(self, document: Document) -> tuple[PhaseBand, ...]:
        """The phases by the user's own ledger."""
        run = self._own_runs.get(document["run_id"])
        return () if run is None else tuple(_bands_of(run, document["duration_seconds"]))

    @cached_property
    def _own_runs(self) -> Mapping[str, Run]:
        if not self._ledger_path.exists():
            return {}
        ledger = Ledger(self._ledger_path)
        try:
            return ledger.state().runs
        finally:
            ledger.close()


def _nodes(document: Document, series: Iterable[Series]) -> list[str]:
    """Nodes of which there is a curve, in the order of the document."""
    known = {one.node for one in series}
    listed = [node["node"] for node in document["nodes"] if node["node"] in known]
    return list(dict.fromkeys([*listed, *sorted(known)]))


def _node_curves(node: str, series: Sequence[Series], bands: Sequence[PhaseBand]) -> NodeCurves:
    power = next((one for one in series if one.quantity == POWER), None)
    heat = next((one for one in series if one.quantity == TEMPERATURE), None)
    return NodeCurves(
        node,
        None if power is None else _trace(f"Power of {node}", power),
        None if heat is None else _trace(f"Temperature of {heat.zone}", heat),
        bands,
    )


def _trace(label: str, series: Series) -> Trace:
    """The curve to draw: its breaks are its gaps."""
    lines = tuple(tuple(Point(*point) for point in line) for line in series.lines)
    gaps = tuple(Gap(before[-1].seconds, after[0].seconds) for before, after in pairwise(lines))
    return Trace(label, _UNITS[series.quantity], lines, gaps)


def _bands(phases: Iterable[Document], document: Document) -> tuple[PhaseBand, ...]:
    duration_seconds = document["duration_seconds"]
    return tuple(
        PhaseBand(
            phase["phase"],
            phase["start_seconds"],
            duration_seconds if phase["end_seconds"] is None else phase["end_seconds"],
        )
        for phase in phases
    )


def _bands_of(run: Run, duration_seconds: float) -> Iterable[PhaseBand]:
    started_seconds = run.start.utc_seconds
    for window in run.windows:
        if window.phase:
            start_seconds = window.start.utc_seconds - started_seconds
            end = window.end
            end_seconds = duration_seconds if end is None else end.utc_seconds - started_seconds
            yield PhaseBand(window.phase, start_seconds, end_seconds)
