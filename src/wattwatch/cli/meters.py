"""`wattwatch meters`: find, pair and set up meters."""

import json
import os
import sys
from pathlib import Path

import click

from wattwatch.cli.read import transport_option
from wattwatch.cli.table import socket_option
from wattwatch.clock import SystemClock
from wattwatch.errors import ConfigError
from wattwatch.session.meter_set import change, open_to_change, outcome_line, outcome_object
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


@click.group("meters")
def command() -> None:
    """Find meters.

    Example: wattwatch meters
    """


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
