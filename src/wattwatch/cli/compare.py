"""`wattwatch compare`: groups of runs against each other."""

import os
from pathlib import Path
from typing import Any

import click

from wattwatch.cli.report import split_names, tell
from wattwatch.cli.table import socket_option
from wattwatch.clock import SystemClock
from wattwatch.runs.choice import labels_from_text
from wattwatch.session.compare import WantedComparison, make_comparison
from wattwatch.session.report import FORMATS, WantedReport


class _Share(click.ParamType[float]):
    """A share such as `5%` or `0.05`."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The ratio; a usage error for what is no share above 0."""
        text = str(value).strip()
        try:
            ratio = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            ratio = 0.0
        if not 0 < ratio <= 1:
            self.fail(f"{value!r}: expected a share above 0, such as 5% or 0.05", param, ctx)
        return ratio


@click.command(
    epilog="\b\nExample: wattwatch compare --experiment mnist --by device"
    "\n          wattwatch compare --experiment mnist --by device,platform --format html --output study.html"
)
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option(
    "--by",
    multiple=True,
    metavar="LABEL[,LABEL]",
    help="What the groups differ in: labels of the "
    "runs, or name, node, scope, variant.  [default: variant, else name]",
)
@click.option("--experiment", default="", metavar="E", help="All runs of this experiment.")
@click.option("--label", "labels", multiple=True, metavar="K=V", help="Only runs with this label.")
@click.option(
    "--method",
    type=click.Choice(["mann-whitney", "welch"]),
    default="mann-whitney",
    show_default=True,
    help="Ranks, or means.",
)
@click.option(
    "--equivalence",
    "equivalence_ratio",
    type=_Share(),
    metavar="5%",
    help="Also test whether groups are equal within this share of the first one's mean.",
)
@click.option(
    "--detect",
    "detect_ratio",
    type=_Share(),
    metavar="5%",
    help="Say how many runs would show a difference of this share.",
)
@click.option("--reference", default="", metavar="GROUP", help="Compare all groups with this one only.")
@click.option(
    "--format",
    "shown_as",
    type=click.Choice(FORMATS),
    default="terminal",
    show_default=True,
    help="What is made.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="File to write.  [default: stdout; of HTML a file]"
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write figures for papers there, too: PDF, SVG and PNG.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@socket_option
def command(*, socket_path: Path | None, labels: tuple[str, ...], **options: Any) -> None:
    """Compare groups of runs: energy, time, power and temperature, with intervals and verdicts.

    RUN is an id, the beginning of one, or `last`; without any, all runs of --experiment and --label count.
    """
    report = WantedReport(
        runs=options["runs"],
        experiment=options["experiment"],
        by=split_names(options["by"]),
        format="json" if options["as_json"] else options["shown_as"],
        output=options["output"],
        figures=options["figures"],
        opens=options["opens"],
    )
    kept = {key: options[key] for key in ("method", "equivalence_ratio", "detect_ratio", "reference")}
    wanted = WantedComparison(report, labels_from_text(labels), **kept)
    tell(make_comparison(wanted, os.environ, SystemClock(), socket_path))
