"""`wattwatch read`: what a meter shows now."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click

from wattwatch.cli.table import socket_option
from wattwatch.clock import SystemClock
from wattwatch.session.meter_read import MeterReading, open_reading
from wattwatch.session.meter_view import view_line, view_lines, view_object
from wattwatch.sources.base import UmTransport

transport_option = click.option(
    "--transport",
    type=click.Choice(["auto", "bluez", "rfcomm", "ble"]),
    default="auto",
    show_default=True,
    help="How to reach a Bluetooth address.",
)


@click.command("read", epilog="\b\nExample: wattwatch read 00:15:A6:01:AA:BB --follow")
@click.argument("place", metavar="ADDRESS|PORT|URL")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with --follow an object a line.")
@click.option("--follow", is_flag=True, help="A line for every frame, until Ctrl-C.")
@transport_option
@socket_option
def command(
    place: str,
    as_json: bool,  # noqa: FBT001 - click's way
    follow: bool,  # noqa: FBT001 - the same
    transport: UmTransport,
    socket_path: Path | None,
) -> None:
    """Read a UM24C, UM25C or UM34C once and show what it shows.

    ADDRESS is its Bluetooth address (wattwatch meters lists them), PORT a serial port such as /dev/rfcomm0,
    URL one of socket://HOST:PORT or rfc2217://HOST:PORT. A meter that the daemon holds is not touched: the
    daemon's last reading is shown instead.
    """
    with open_reading(place, transport, os.environ, socket_path, SystemClock()) as reading:
        for line in _followed(reading, as_json=as_json) if follow else _shown(reading, as_json=as_json):
            click.echo(line)


def _shown(reading: MeterReading, *, as_json: bool) -> Iterator[str]:
    view = reading.once()
    if as_json:
        yield json.dumps(view_object(view), indent=2)
    else:
        yield from view_lines(view)


def _followed(reading: MeterReading, *, as_json: bool) -> Iterator[str]:
    for view in reading.follow(lambda line: click.echo(f"wattwatch: {line}", err=True)):
        yield json.dumps(view_object(view)) if as_json else view_line(view)
