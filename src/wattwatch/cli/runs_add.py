"""`wattwatch runs add`: a run of imported readings."""

import json
import os
from typing import Any

import click

from wattwatch.runs.choice import labels_from_text
from wattwatch.session.imports.cut import WantedCut, add_run, phase_span
from wattwatch.session.imports.take import utc_seconds_of
from wattwatch.session.summary import summary_lines


@click.command("add")
@click.option("--node", required=True, metavar="N", help="The node whose readings were imported.")
@click.option("--start", required=True, metavar="TIME", help="Such as 2026-03-01T12:00:00+01:00.")
@click.option("--end", required=True, metavar="TIME", help="Such as 2026-03-01T12:10:00+01:00.")
@click.option("--time-zone", default="", metavar="TZ", help="Of times without one: Europe/Berlin, UTC …")
@click.option("--name", default="", metavar="N", help="Its name.  [default: that of the file]")
@click.option("--experiment", default="", metavar="E", help="Experiment that the run belongs to.")
@click.option("--label", "labels", multiple=True, metavar="K=V", help="May be repeated.")
@click.option("--phase", "phases", multiple=True, metavar="NAME=START..END", help="A phase; may be repeated.")
@click.option("--run-id", default="", metavar="ID", help="Its id.  [default: a new one]")
@click.option("--import", "import_id", default="", metavar="ID", help="Where several imports have that time.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *,
    start: str,
    end: str,
    time_zone: str,
    labels: tuple[str, ...],
    phases: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Add a run that was measured by another program: a stretch of what `wattwatch import` took.

    Its energy is integrated as any run's: gaps are missing time, edges are interpolated and in doubt.

    Example: wattwatch runs add --node vm-1 --start 2026-03-01T12:00:00Z --end 2026-03-01T12:10:00Z
    """
    wanted = WantedCut(
        start_utc_seconds=utc_seconds_of(start, "--start", time_zone),
        end_utc_seconds=utc_seconds_of(end, "--end", time_zone),
        labels=labels_from_text(labels),
        phases=tuple(phase_span(phase, time_zone) for phase in phases),
        **options,
    )
    document = add_run(wanted, os.environ)
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(summary_lines(document)))
