"""`wattwatch phase`."""

import os

import click

from wattwatch.clock import SystemClock
from wattwatch.errors import WattwatchError
from wattwatch.session.phase import NoRunError, PhaseMark, mark_phase


@click.command()
@click.argument("name", default="")
@click.option("--nested", is_flag=True, help="Inside the phase that is open, which goes on afterwards.")
@click.option("--end", "is_end", is_flag=True, help="End the innermost phase instead of beginning one.")
@click.option("--optional", is_flag=True, help="Never fail: outside a run do nothing.")
def command(name: str, *, nested: bool, is_end: bool, optional: bool) -> None:
    """Begin the phase NAME of the run that this command is in; it ends the one before.

    Used by commands of `wattwatch tag-run`: setup, load, training, evaluation, inference, idle, or any name.

    Example: wattwatch phase training
    """
    at = SystemClock().now()  # before anything else takes time
    if is_end == bool(name):
        raise click.UsageError("either the NAME of a phase, or --end")
    try:
        mark_phase(PhaseMark(name, at, nested), os.environ)
    except WattwatchError as error:
        if not optional:
            raise
        if not isinstance(error, NoRunError):
            click.echo(f"wattwatch: {error}", err=True)
