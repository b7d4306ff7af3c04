"""Reports: run documents and their readings, fetched, and written as a page, as text, or as figures."""

import json
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wattwatch.clock import Clock
from wattwatch.errors import ConfigError, MissingExtra, RunError
from wattwatch.report.chart import NodeCurves
from wattwatch.report.html import run_page
from wattwatch.report.overlay import drawn_runs
from wattwatch.report.study_page import study_page
from wattwatch.runs.choice import RunChoice
from wattwatch.session.curves import CurveReader
from wattwatch.session.runs import MOST_LISTED, Runs
from wattwatch.session.summary import summary_lines

if TYPE_CHECKING:
    from wattwatch.report.study import Study

FORMATS: Final = ("html", "terminal", "markdown", "csv", "json", "latex")
_HTML: Final = "html"
_STDOUT: Final = Path("-")
_FILE_CHARACTERS: Final = 60
_STATISTICS: Final = ("numpy", "scipy")

Document = dict[str, Any]
Curves = Mapping[str, Sequence[NodeCurves]]


@dataclass(frozen=True, slots=True)
class WantedReport:
    """Which runs, grouped by what, in which form, and where it goes."""

    runs: tuple[str, ...] = ()  # ids, beginnings of ids, `last`
    experiment: str = ""  # all its runs
    by: tuple[str, ...] = ()  # factors that make the groups
    format: str = _HTML
    output: Path | None = None  # by default a file for HTML, else stdout; `-` is stdout
    figures: Path | None = None  # directory; None: no figures are written
    opens: bool = False  # in a browser


@dataclass(frozen=True, slots=True)
class MadeReport:
    """What came of it: text for stdout, and the files that were written."""

    text: str = ""
    files: tuple[Path, ...] = ()


def make_report(
    wanted: WantedReport, environment: Mapping[str, str], clock: Clock, socket: Path | None = None
) -> MadeReport:
    """The report of one run, or of several as groups.

    Raises RunError if there is no such run or a file cannot be written, ClientError if there is a daemon
    that refuses, ConfigError for what cannot be asked for, MissingExtra where statistics need numpy
    and scipy, or figures matplotlib.
    """
    documents = chosen_documents(wanted, Runs(environment, clock, socket))
    reader = CurveReader(environment, socket)
    if len(documents) == 1 and not wanted.by:
        return _report_of_one(wanted, documents[0], reader)
    return report_of_study(wanted, compared(documents, wanted.by), reader)


def chosen_documents(wanted: WantedReport, runs: Runs) -> list[Document]:
    """The documents of the wanted runs, each once: those named, then those of the experiment."""
    if not wanted.runs and not wanted.experiment:
        raise ConfigError("which run? give its id or `last`, or --experiment; see wattwatch runs list")
    return named_documents([*wanted.runs, *_of_experiment(wanted.experiment, runs)], runs)


def named_documents(wanted: Sequence[str], runs: Runs) -> list[Document]:
    """The documents of runs by what names them, each once; RunError if there is no such run."""
    found = (runs.find(name) for name in wanted)
    return list({document["run_id"]: document for document in found}.values())


def _of_experiment(experiment: str, runs: Runs) -> list[str]:
    """Ids of the runs of an experiment, oldest first; none of no experiment."""
    if not experiment:
        return []
    ids = [run["run_id"] for run in runs.newest(MOST_LISTED, RunChoice(experiment=experiment))]
    if not ids:
        raise RunError(f"no run of the experiment {experiment!r}: see wattwatch runs list")
    return ids[::-1]


def compared(documents: Sequence[Document], by: Sequence[str], **options: Any) -> "Study":
    """The study of these runs, by the fields of CompareOptions; MissingExtra without numpy and scipy."""
    try:
        from wattwatch.report.compare import CompareOptions, compare  # noqa: PLC0415 - numpy, scipy
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _STATISTICS:
            raise
        raise MissingExtra("statistics need numpy and scipy: pip install 'wattwatch[report]'") from error
    return compare(documents, by, options=CompareOptions(**options))


def _report_of_one(wanted: WantedReport, document: Document, reader: CurveReader) -> MadeReport:
    figures: tuple[Path, ...] = ()
    if wanted.figures is not None:
        study = compared([document], ())
        figures = _figures(wanted.figures, study, {document["run_id"]: reader.curves(document)})
    match wanted.format:
        case "html":
            page = run_page(document, reader.curves(document))
            return _written(wanted, page, f"wattwatch-{document['run_id']}.html", figures)
        case "terminal":
            return _written(wanted, "\n".join(summary_lines(document)) + "\n", "", figures)
        case "json":
            return _written(wanted, json.dumps(document, indent=2) + "\n", "", figures)
    return _written(wanted, _text(compared([document], ()), wanted.format), "", figures)


def report_of_study(wanted: WantedReport, study: "Study", reader: CurveReader) -> MadeReport:
    """A study in the wanted form; `compare` ends here, too."""
    drawn = set(drawn_runs(study))
    needed = wanted.format == _HTML or wanted.figures is not None
    curves: Curves = {
        document["run_id"]: reader.curves(document)
        for document in study.documents
        if needed and document["run_id"] in drawn
    }
    figures = () if wanted.figures is None else _figures(wanted.figures, study, curves)
    if wanted.format == _HTML:
        return _written(
            wanted, study_page(study, curves), f"wattwatch-{_file_name(study.title)}.html", figures
        )
    return _written(wanted, _text(study, wanted.format), "", figures)


def _figures(directory: Path, study: "Study", curves: Curves) -> tuple[Path, ...]:
    from wattwatch.report.figures import write_figures  # noqa: PLC0415 - only where they are wanted

    return tuple(write_figures(study, curves, directory))


def _text(study: "Study", wanted_format: str) -> str:
    from wattwatch.report.formats import formatted  # noqa: PLC0415 - only where it is wanted

    return formatted(study, wanted_format)


def _file_name(title: str) -> str:
    """A title as part of a file's name."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in title.lower())
    return "-".join(part for part in kept.split("-") if part)[:_FILE_CHARACTERS] or "study"


def _written(wanted: WantedReport, text: str, default: str, figures: tuple[Path, ...]) -> MadeReport:
    """The text where it is wanted: a file, or stdout."""
    path = wanted.output or (Path(default) if default else _STDOUT)
    if path == _STDOUT:
        return MadeReport(text, figures)
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        cause = error.strerror or type(error).__name__
        raise RunError(f"cannot write {path}: {cause}; name another file by --output") from error
    if wanted.opens:
        webbrowser.open(path.absolute().as_uri())
    return MadeReport(files=(path, *figures))
