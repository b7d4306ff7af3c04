"""`wattwatch tag-run`."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from wattwatch.cli.table import socket_option
from wattwatch.clock import SystemClock
from wattwatch.session.inprocess import open_local_node
from wattwatch.session.measure import WantedRun
from wattwatch.session.tag_run import OWN_FAILURE, TagRun, tag_run


class TagRunUsage(click.UsageError):
    """Wrong usage of tag-run."""

    exit_code = OWN_FAILURE


class TagRunCommand(click.Command):
    """A command whose wrong usage ends with 125, so that it is not taken for its command's status."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """The context; TagRunUsage for wrong usage."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise TagRunUsage(error.format_message(), error.ctx) from error


def _labels(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    del context, parameter
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"{value!r}: expected KEY=VALUE, such as lr=0.001")
    return dict(value.split("=", 1) for value in values)


@click.command(cls=TagRunCommand, context_settings={"allow_interspersed_args": False})
@click.option("--name", default="", help="Name of the run.  [default: the command's]")
@click.option("--experiment", default="", help="Experiment that the run belongs to.")
@click.option("--run-id", default="", help="Id of the run.  [default: a new ULID]")
@click.option("--phase", default="", help="What the command is doing: setup, load, training, inference …")
@click.option("--label", "labels", multiple=True, metavar="K=V", callback=_labels, help="May be repeated.")
@click.option("--local", is_flag=True, help="Measure in this process, whether there is a daemon or not.")
@click.option("--json", "json_file", default="", metavar="FILE", help="Write the result; - is stdout.")
@socket_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
def command(command: tuple[str, ...], socket_path: Path | None, json_file: str, **options: Any) -> None:
    """Measure the energy of a command.

    The summary is written to stderr. The exit status is the command's; 125 if wattwatch itself fails,
    126 or 127 if the command cannot be run or found, 128+n if signal n ended it.

    Example: wattwatch tag-run --name mnist --phase training -- python train.py
    """
    clock, environment = SystemClock(), os.environ
    local = options.pop("local")
    wanted = TagRun(WantedRun(command, **options), local, socket_path, json_file)
    sys.exit(tag_run(wanted, environment, clock, lambda: open_local_node(environment, clock)))
