"""Figures for papers as files: PDF, SVG, PNG. Light: matplotlib is imported when figures are written."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wattwatch.errors import MissingExtra, RunError
from wattwatch.report.chart import NodeCurves
from wattwatch.report.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS: Final = ("pdf", "svg", "png")

_DOTS_PER_INCH: Final = 300
_NO_TIMESTAMP: Final[dict[str, dict[str, str | None]]] = {
    "pdf": {"CreationDate": None, "Creator": "wattwatch", "Producer": None},
    "svg": {"Date": None, "Creator": "wattwatch"},
    "png": {"Software": "wattwatch"},
}
"""What a file says of itself: the same figures are the same bytes."""


def write_figures(
    study: Study,
    curves: Mapping[str, Sequence[NodeCurves]],
    directory: Path,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Write the figures of a study, one column wide; the paths of the files, in order.

    Several runs: `boxes`, `repetitions`, `phases`, and over time `power`, `temperature`; one run: these two.
    What is not known is not drawn. MissingExtra without matplotlib, RunError if a file cannot be written.
    """
    try:
        from wattwatch.report import figure_panels as panels  # noqa: PLC0415 - matplotlib
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtra("figures need matplotlib: pip install 'wattwatch[report]'") from error
    written = []
    with panels.style():
        for name, figure in panels.all_figures(study, curves):
            written += [_write(figure, directory / f"{name}.{kind}", kind) for kind in formats]
    return written


def _write(figure: "Figure", path: Path, kind: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format=kind, dpi=_DOTS_PER_INCH, metadata=_NO_TIMESTAMP.get(kind))
    except OSError as error:
        cause = error.strerror or type(error).__name__
        raise RunError(f"cannot write {path}: {cause}; name another directory by --figures") from error
    return path
