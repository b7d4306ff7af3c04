"""`wattwatch daemon`: measure this machine and serve what is measured."""

import os
from pathlib import Path

import click

from wattwatch.clock import SystemClock
from wattwatch.daemon.reload import ConfigPlace
from wattwatch.daemon.service import log_to_stderr, run_service


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="TOML file, or a directory of <node>.toml.")
@click.option(
    "--listen", metavar="HOST:PORT", help="Where to serve; port 0: a free one. Default 127.0.0.1:9816."
)
@click.option(
    "--simulate",
    metavar="PROFILE",
    help="Add a simulated UM24C: constant, host, training, inference, or a CSV file. "
    "State is kept apart, and everything of it says simulated.",
)
def command(config: Path | None, listen: str | None, simulate: str | None) -> None:
    """Measure this machine until stopped: sources in, Prometheus page, runs and readings out.

    SIGHUP, or a change of its file, has the configuration read again.

    Example: wattwatch daemon --simulate host
    """
    log_to_stderr()
    place = ConfigPlace(config, os.environ, listen)
    run_service(place, SystemClock(), simulate=simulate, announce=lambda line: click.echo(line, err=True))
