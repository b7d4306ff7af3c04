"""`wattwatch simulate`: meters that are not there."""

from pathlib import Path

import click

from wattwatch.clock import SystemClock
from wattwatch.sources.um.simulator_faults import FaultKind
from wattwatch.sources.um.simulator_server import MODEL_NAMES, SimulatorSettings, serve


@click.group("simulate")
def command() -> None:
    """Serve a simulated meter. Whatever is read from it is marked `simulated`.

    Example: wattwatch simulate um24c --profile training --pty /tmp/meter
    """


@command.command(
    "um24c", epilog="\b\nExample: wattwatch simulate um24c --profile training --fault hang-up@60:10"
)
@click.option(
    "--model", type=click.Choice(MODEL_NAMES), default="um24c", show_default=True, help="Which meter."
)
@click.option(
    "--profile",
    default="host",
    show_default=True,
    metavar="FILE.csv|constant|host|training|inference",
    help="The load. host follows this machine's CPU use; a file has the columns seconds,watts[,volts]"
    "[,temperature].",
)
@click.option(
    "--watts",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Power of the constant profile.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of all that is random.")
@click.option(
    "--averaging",
    "averaging_seconds",
    type=click.FloatRange(0.01, 60),
    default=0.5,
    show_default=True,
    metavar="S",
    help="Seconds that a displayed value is the mean of.",
)
@click.option(
    "--latency",
    "latency_seconds",
    type=click.FloatRange(0, 60),
    default=0.02,
    show_default=True,
    metavar="S",
    help="Seconds between a request and the first byte of its answer.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND@TIME[:FOR]",
    help="What goes wrong, when (seconds after the start) and for how long (default 5 s; a group "
    "change or reset stays); may be repeated. "
    f"KIND: {', '.join(FaultKind)}.",
)
@click.option("--pty", type=click.Path(path_type=Path), metavar="LINK", help="Serve on a serial port here.")
@click.option("--listen", default="", metavar="HOST:PORT", help="Serve on TCP instead; port 0 for any.")
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the true and the displayed energy curve there as CSV.",
)
def um24c(**options: object) -> None:
    """A simulated UM24C, UM25C or UM34C on a serial port or TCP, until Ctrl-C or SIGTERM.

    Prints its url, which goes into a [[source]] with simulated = true.
    """
    serve(SimulatorSettings(**options), SystemClock(), click.echo)  # type: ignore[arg-type] # names are the same
