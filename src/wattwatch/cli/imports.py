"""`wattwatch import`: logs of other programs."""

import json
import os
from pathlib import Path
from typing import Any

import click

from wattwatch.reading import Quality, Scope
from wattwatch.session.imports.dates import DATE_ORDERS
from wattwatch.session.imports.quantities import parsed_mapping
from wattwatch.session.imports.table import DELIMITERS
from wattwatch.session.imports.take import FORMATS, WantedImport, take_import
from wattwatch.session.imports.values import DECIMALS

_SCOPES = [scope.value for scope in Scope if scope]
_QUALITIES = [quality.value for quality in Quality]


@click.command("import")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE..."
)
@click.option("--node", required=True, metavar="N", help="The node that was measured.")
@click.option("--format", type=click.Choice(FORMATS), default="auto", show_default=True, help="Its program.")
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="KEY=COLUMN[,…]",
    help="Columns by their names, or by number as #3: time, date, power, energy, temperature, voltage, "
    "current. The unit is that in the column's name (Power [mW]), or the key's: power_milliwatts, "
    "energy_watt_hours … Needed for a log of no known program.",
)
@click.option(
    "--time-zone", default="", metavar="TZ", help="Of times without one: Europe/Berlin, UTC, +02:00 …"
)
@click.option("--date-order", type=click.Choice(DATE_ORDERS), help="Of dates such as 03/04/2026.")
@click.option("--decimal", type=click.Choice(DECIMALS), help="Decimal sign.")
@click.option("--delimiter", type=click.Choice([*DELIMITERS]), help="What parts columns.")
@click.option("--begin", default="", metavar="TIME", help="Where times count from the start of the log.")
@click.option("--scope", type=click.Choice(_SCOPES), help="What the power contains.  [default: by format]")
@click.option("--quality", type=click.Choice(_QUALITIES), help="How it was obtained.  [default: by format]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(mapping: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Import the log FILE of another program as readings of a node; several that follow each other as one.

    Known are logs of LibreHardwareMonitor, HWiNFO and Core Temp, of the UM meters' PC tool, and CodeCarbon's
    emissions.csv, whose rows become runs; others by --map. What can be read in two ways is refused, with the
    line and what to pass. Runs are cut out of it by `wattwatch runs add`.

    Example: wattwatch import LibreHardwareMonitorLog-2026-03-01.csv --node vm-1 --time-zone Europe/Berlin
    """
    given = {name: value for name, value in options.items() if value is not None}
    wanted = WantedImport(mapping=parsed_mapping(mapping), **given)
    taken = take_import(wanted, os.environ)
    click.echo(json.dumps(taken.document(), indent=2) if as_json else "\n".join(taken.lines()))
