"""`wattwatch report`: one run or several, as a page, as text, as figures."""

import os
from pathlib import Path

import click

from wattwatch.cli.table import socket_option
from wattwatch.clock import SystemClock
from wattwatch.session.report import FORMATS, MadeReport, WantedReport, make_report


@click.command(
    epilog="\b\nExample: wattwatch report last --output mnist.html"
    "\n          wattwatch report --experiment mnist --by device,platform --figures figures"
)
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("--experiment", default="", metavar="E", help="All runs of this experiment.")
@click.option(
    "--by",
    multiple=True,
    metavar="LABEL[,LABEL]",
    help="What the groups differ in: labels of the runs, or name, node, scope. Default: variant, else name.",
)
@click.option(
    "--format",
    "shown_as",
    type=click.Choice(FORMATS),
    default="html",
    show_default=True,
    help="What is made.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="File to write, - for stdout; default: wattwatch-<run>.html in the current directory, or stdout.",
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write figures for papers there, too: PDF, SVG and PNG.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@socket_option
def command(
    *,
    runs: tuple[str, ...],
    experiment: str,
    by: tuple[str, ...],
    shown_as: str,
    output: Path | None,
    figures: Path | None,
    opens: bool,
    socket_path: Path | None,
) -> None:
    """Report one RUN (its id, the beginning of its id, or `last`), or several as groups.

    The page opens offline. Of several runs it begins with the verdict.
    """
    wanted = WantedReport(runs, experiment, split_names(by), shown_as, output, figures, opens)
    tell(make_report(wanted, os.environ, SystemClock(), socket_path))


def split_names(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The names in `device,platform`, of an option that may be repeated."""
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())


def tell(made: MadeReport) -> None:
    """Text as it is, and the files that were written, a line each."""
    click.echo(made.text, nl=False)
    for path in made.files:
        click.echo(path)
