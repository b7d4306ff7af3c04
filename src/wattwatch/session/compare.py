"""`wattwatch compare`: groups of runs, fetched, compared, and shown in any form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wattwatch.clock import Clock
from wattwatch.errors import RunError
from wattwatch.runs.choice import RunChoice
from wattwatch.session.curves import CurveReader
from wattwatch.session.report import (
    Document,
    MadeReport,
    WantedReport,
    compared,
    named_documents,
    report_of_study,
)
from wattwatch.session.runs import MOST_LISTED, Runs


@dataclass(frozen=True, slots=True)
class WantedComparison:
    """Which runs, how they are compared, and what is made of it. Ratios: 0.05 is 5 % of the first's mean."""

    report: WantedReport
    labels: Mapping[str, str] = field(default_factory=dict)  # only runs that have them
    method: str = "mann-whitney"
    equivalence_ratio: float | None = None
    detect_ratio: float | None = None
    reference: str = ""


def make_comparison(
    wanted: WantedComparison, environment: Mapping[str, str], clock: Clock, socket: Path | None = None
) -> MadeReport:
    """The comparison of the wanted runs; the errors are those of `make_report`."""
    runs = Runs(environment, clock, socket)
    study = compared(
        _documents(wanted, runs),
        wanted.report.by,
        method=wanted.method,
        equivalence_ratio=wanted.equivalence_ratio,
        detect_ratio=wanted.detect_ratio,
        reference=wanted.reference,
    )
    return report_of_study(wanted.report, study, CurveReader(environment, socket))


def _documents(wanted: WantedComparison, runs: Runs) -> list[Document]:
    """Runs that were named, else all of the experiment and labels; those named must have the labels too."""
    report = wanted.report
    named = named_documents(report.runs, runs)
    if named:
        return [document for document in named if _has(document, wanted.labels)]
    choice = RunChoice(experiment=report.experiment, labels=wanted.labels)
    if choice == RunChoice():
        raise RunError("which runs? give their ids, --experiment or --label; see wattwatch runs list")
    ids = [listed["run_id"] for listed in runs.newest(MOST_LISTED, choice)]
    if not ids:
        raise RunError("no run of that experiment and these labels: see wattwatch runs list")
    return named_documents(tuple(reversed(ids)), runs)


def _has(document: Document, labels: Mapping[str, str]) -> bool:
    known = document.get("labels") or {}
    return all(known.get(key) == value for key, value in labels.items())
