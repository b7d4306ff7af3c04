"""The report of a run: its document and its readings, fetched and written to a file."""

from collections.abc import Mapping
from pathlib import Path

from wattwatch.clock import Clock
from wattwatch.errors import RunError
from wattwatch.report.html import run_page
from wattwatch.session.curves import CurveReader
from wattwatch.session.runs import Runs


def write_report(
    wanted: str,
    environment: Mapping[str, str],
    clock: Clock,
    output: Path | None = None,
    socket: Path | None = None,
) -> Path:
    """Write the HTML report of a run; the path of the file, `wattwatch-<run>.html` unless given.

    Raises RunError if there is no such run or the file cannot be written, ClientError if there is a
    daemon that refuses.
    """
    document = Runs(environment, clock, socket).find(wanted)
    html = run_page(document, CurveReader(environment, socket).curves(document))
    path = output or Path(f"wattwatch-{document['run_id']}.html")
    try:
        path.write_text(html, encoding="utf-8", errors="replace")
    except OSError as error:
        cause = error.strerror or type(error).__name__
        raise RunError(f"cannot write {path}: {cause}; name another file by --output") from error
    return path
