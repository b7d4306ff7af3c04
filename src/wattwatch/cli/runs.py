"""`wattwatch runs`: what was measured."""

import json
import os
from pathlib import Path

import click

from wattwatch.cli.table import socket_option
from wattwatch.clock import SystemClock
from wattwatch.session.runs import Runs
from wattwatch.session.summary import run_list_lines, summary_lines

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("runs")
def command() -> None:
    """Runs of the daemon, and those that were measured without one.

    Example: wattwatch runs list
    """


@command.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="So many at most.")
@_json_option
@socket_option
def list_command(limit: int, as_json: bool, socket_path: Path | None) -> None:  # noqa: FBT001 - click's way
    """List runs, the last opened first.

    Example: wattwatch runs list --json
    """
    documents = Runs(os.environ, SystemClock(), socket_path).newest(limit)
    text = json.dumps({"runs": documents}, indent=2) if as_json else "\n".join(run_list_lines(documents))
    click.echo(text)


@command.command("show")
@click.argument("run")
@_json_option
@socket_option
def show_command(run: str, as_json: bool, socket_path: Path | None) -> None:  # noqa: FBT001 - click's way
    """Show one RUN: its id, the beginning of its id, or `last`.

    Example: wattwatch runs show last
    """
    document = Runs(os.environ, SystemClock(), socket_path).find(run)
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(summary_lines(document)))
