"""`wattwatch report`: one run as one HTML file."""

import os
from pathlib import Path

import click

from wattwatch.cli.table import socket_option
from wattwatch.clock import SystemClock
from wattwatch.session.report import write_report


@click.command()
@click.argument("run")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="File to write; default: wattwatch-<run>.html in the current directory.",
)
@socket_option
def command(run: str, output: Path | None, socket_path: Path | None) -> None:
    """Write one RUN (its id, the beginning of its id, or `last`) as an HTML page that opens offline.

    Example: wattwatch report last --output mnist.html
    """
    click.echo(write_report(run, os.environ, SystemClock(), output, socket_path))
