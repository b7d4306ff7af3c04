"""`wattwatch demo`: the first look, without a meter or a configuration."""

import os
import sys

import click

from wattwatch.session.demo import run_demo


@click.command()
@click.option("--once", is_flag=True, help="End after the example instead of serving until Ctrl-C.")
def command(*, once: bool) -> None:
    """Start a daemon on this machine, measure an example command, show where to look.

    Without a configured meter a simulated one takes its place, and says so everywhere.

    Example: wattwatch demo --once
    """
    sys.exit(run_demo(os.environ, click.echo, once=once))
