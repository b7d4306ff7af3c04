"""`wattwatch meters`: find, pair and set up meters."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from wattwatch.cli.read import transport_option
from wattwatch.cli.table import socket_option, table_lines
from wattwatch.clock import SystemClock
from wattwatch.errors import ConfigError
from wattwatch.session.meter_pair import pair_meter
from wattwatch.session.meter_set import change, open_to_change, outcome_line, outcome_object
from wattwatch.session.meters import MeterReport, find_meters
from wattwatch.session.meters_text import check_lines, meter_rows, next_lines, port_rows, report_object
from wattwatch.sources.base import UmTransport
from wattwatch.sources.um.commands import (
    HIGHEST_BACKLIGHT,
    HIGHEST_SCREEN_TIMEOUT_MINUTES,
    HIGHEST_THRESHOLD_AMPERES,
    LOWEST_THRESHOLD_AMPERES,
    SCREEN_MOVES,
    Changes,
)
from wattwatch.sources.um.protocol import GROUPS


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.group("meters", invoke_without_command=True, epilog="\b\nExample: wattwatch meters --seconds 15")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--seconds",
    type=click.FloatRange(1, 120),
    default=8.0,
    show_default=True,
    help="How long to listen for Bluetooth devices.",
)
@click.option("--no-scan", is_flag=True, help="Show paired devices and ports only; nothing is disturbed.")
@socket_option
@click.pass_context
def command(
    context: click.Context,
    as_json: bool,  # noqa: FBT001 - click's way
    seconds: float,
    no_scan: bool,  # noqa: FBT001 - the same
    socket_path: Path | None,
) -> None:
    """Find meters, and check all that reading them needs.

    Lists Bluetooth devices and serial ports that could be a UM24C, UM25C or UM34C, then what is well with
    this computer and what is not, with what to do. Pair a meter once with `wattwatch meters pair`.
    """
    if context.invoked_subcommand is None:
        report = find_meters(0 if no_scan else seconds, os.environ, socket_path, _say)
        lines = [json.dumps(report_object(report), indent=2)] if as_json else _report_lines(report)
        click.echo("\n".join(lines))


def _report_lines(report: MeterReport) -> Iterator[str]:
    for title, rows in (("Bluetooth", meter_rows(report)), ("Serial ports", port_rows(report))):
        head, *others = rows
        yield f"{title}: none that could be a meter" if not others else f"{title}:"
        yield from (f"  {line}" for line in (table_lines(head, others) if others else ()))
    yield "Checks:"
    yield from check_lines(report)
    yield "Next:"
    yield from (f"  {line}" for line in next_lines(report))


@command.command("pair", epilog="\b\nExample: wattwatch meters pair 00:15:A6:01:AA:BB")
@click.argument("address")
@click.option("--pin", default="1234", show_default=True, help="Its PIN.")
@click.option("--adapter", default="", help="Bluetooth adapter, such as hci1; default: any.")
def pair_command(address: str, pin: str, adapter: str) -> None:
    """Pair with a meter and trust it, once for this computer.

    Looks for the meter first if this computer has never heard it. The meter must be on, near, and not
    connected to a phone.
    """
    for line in pair_meter(address, pin, adapter, _say):
        click.echo(line)


@command.command(
    "set", epilog="\b\nExample: wattwatch meters set /dev/rfcomm0 --group 1 --screen-timeout 1 --backlight 0"
)
@click.argument("place", metavar="ADDRESS|PORT|URL")
@click.option("--group", type=click.IntRange(0, GROUPS - 1), help="Count energy in this data group.")
@click.option("--reset-group", is_flag=True, help="Set the selected group to zero, after a question.")
@click.option(
    "--screen", type=click.Choice(SCREEN_MOVES), default=None, help="Turn the pages, or the screen."
)
@click.option(
    "--screen-timeout",
    "screen_timeout_minutes",
    type=click.IntRange(0, HIGHEST_SCREEN_TIMEOUT_MINUTES),
    metavar="MIN",
    help=f"Screen off after so many minutes, 0 to {HIGHEST_SCREEN_TIMEOUT_MINUTES}; 0: never.",
)
@click.option("--backlight", type=click.IntRange(0, HIGHEST_BACKLIGHT), help="0 is dim, 5 is full.")
@click.option(
    "--record-threshold",
    "record_threshold_amperes",
    type=click.FloatRange(LOWEST_THRESHOLD_AMPERES, HIGHEST_THRESHOLD_AMPERES),
    metavar="A",
    help="The recorder counts above so many amperes, 0.00 to 0.30.",
)
@click.option("--yes", is_flag=True, help="Answer the question about --reset-group with yes.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for every change.")
@transport_option
@socket_option
def set_command(
    place: str,
    yes: bool,  # noqa: FBT001 - click's way
    as_json: bool,  # noqa: FBT001 - the same
    transport: UmTransport,
    socket_path: Path | None,
    **wanted: object,
) -> None:
    """Change settings of a meter, and read each back.

    The only command that sends a meter more than a request for its display. Not while the daemon reads it.
    """
    changes = Changes(**wanted)  # type: ignore[arg-type] # names are the same
    if changes.reset_group and not (yes or sys.stdin.isatty()):
        raise ConfigError("--reset-group asks first, and there is no terminal to answer: give --yes")
    with open_to_change(place, transport, os.environ, socket_path, SystemClock()) as link:
        for outcome in change(link, changes, lambda question: yes or click.confirm(question, err=True)):
            click.echo(json.dumps(outcome_object(outcome)) if as_json else outcome_line(outcome))
