"""`wattwatch tag-run`."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from wattwatch.cli.table import socket_option
from wattwatch.clock import SystemClock
from wattwatch.errors import ClientError, ConfigError
from wattwatch.session.cooldown import LIMIT_SECONDS, CoolDown
from wattwatch.session.inprocess import open_local_node
from wattwatch.session.measure import WantedRun
from wattwatch.session.nodes import Access, NodeAddress
from wattwatch.session.sequence import drawn_seed, named_variants, split_commands
from wattwatch.session.series import OWN_FAILURE, WantedSeries
from wattwatch.session.tag_run import TagRun, tag_run


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


def _nodes(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[NodeAddress, ...]:
    del context, parameter
    try:
        return tuple(map(NodeAddress.of, values))
    except ClientError as error:
        raise click.BadParameter(str(error)) from error


def _commands(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, ...], ...]:
    del context, parameter
    commands = split_commands(values)
    if not all(commands):
        raise click.BadParameter("a command is missing before or after --vs")
    return commands


def _series(options: dict[str, Any], commands: tuple[tuple[str, ...], ...]) -> WantedSeries:
    """The series of these options, which are taken out of them."""
    below, seconds = options.pop("cooldown_below"), options.pop("cooldown")
    if below is not None and seconds:
        raise TagRunUsage("--cooldown and --cooldown-below: choose one", click.get_current_context())
    shuffle, seed = options.pop("shuffle"), options.pop("seed")
    is_shuffled = len(commands) > 1 and shuffle is not False
    return WantedSeries(
        commands=commands,
        variants=_variants(commands, options.pop("variant_names")),
        repeat=options.pop("repeat"),
        warmup=options.pop("warmup"),
        seed=drawn_seed(seed) if is_shuffled else None,
        cooldown=CoolDown(below, seconds, options.pop("cooldown_limit")),
        stop_on_failure=options.pop("stop_on_failure"),
    )


def _variants(commands: tuple[tuple[str, ...], ...], names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return named_variants(commands, names)
    except ConfigError as error:
        raise TagRunUsage(str(error), click.get_current_context()) from error


@click.command(cls=TagRunCommand, context_settings={"allow_interspersed_args": False})
@click.option("--name", default="", help="Name of the run.  [default: the command's]")
@click.option("--experiment", default="", help="Experiment that the run belongs to.")
@click.option("--run-id", default="", help="Id of the run.  [default: a new ULID]")
@click.option("--phase", default="", help="What the command is doing: setup, load, training, inference …")
@click.option("--label", "labels", multiple=True, metavar="K=V", callback=_labels, help="May be repeated.")
@click.option(
    "--repeat",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    metavar="N",
    help="Run each command so often.",
)
@click.option(
    "--warmup",
    type=click.IntRange(0, 100),
    default=0,
    metavar="K",
    help="Run each command so often before, without counting it.",
)
@click.option(
    "--cooldown",
    type=click.FloatRange(0, 86400),
    default=0,
    metavar="SECONDS",
    help="Wait so long before every run but the first.",
)
@click.option(
    "--cooldown-below",
    type=click.FloatRange(-50, 150),
    metavar="C",
    help="Wait instead until the hottest zone is below so many °C.",
)
@click.option(
    "--cooldown-limit",
    type=click.FloatRange(1, 86400),
    default=LIMIT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Wait at most so long for that, then go on with a warning.",
)
@click.option(
    "--shuffle/--no-shuffle",
    default=None,
    help="Order of several commands: each block has every command once, in random order (the default), "
    "or in the order given. With one command it changes nothing.",
)
@click.option("--seed", type=click.IntRange(0), metavar="S", help="Of the random order.  [default: drawn]")
@click.option(
    "--variant-name", "variant_names", multiple=True, metavar="NAME", help="Name of each command, in order."
)
@click.option(
    "--stop-on-failure", is_flag=True, help="End at the first run that fails. Otherwise all others are made."
)
@click.option(
    "--phase-from-output",
    default="",
    metavar="REGEX",
    help="Mark phases where a line of the output matches: group `epoch` is an epoch's number, `phase` a "
    "phase's name, without either the whole match is. The command then writes to pipes, not a terminal, and "
    "has PYTHONUNBUFFERED=1; what it leaves running in the background loses its output when it ends.",
)
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="NAME=URL",
    callback=_nodes,
    help="Another node of the run, such as pi-2=http://pi-2:9816; may be repeated. All take part, or none.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    envvar="WATTWATCH_TOKEN_FILE",
    show_envvar=True,
    help="Token of the other nodes' daemons.",
)
@click.option(
    "--ca-file", type=click.Path(path_type=Path), help="Authority of the other nodes' certificates."
)
@click.option("--output", type=click.Path(path_type=Path), help="Append the commands' output to this file.")
@click.option("--quiet", is_flag=True, help="No progress, only results and warnings.")
@click.option("--local", is_flag=True, help="Measure in this process, whether there is a daemon or not.")
@click.option("--json", "json_file", default="", metavar="FILE", help="Write the result; - is stdout.")
@socket_option
@click.argument(
    "commands",
    nargs=-1,
    required=True,
    type=click.UNPROCESSED,
    callback=_commands,
    metavar="-- CMD... [--vs CMD...]...",
)
def command(commands: tuple[tuple[str, ...], ...], socket_path: Path | None, **options: Any) -> None:
    """Measure the energy of a command, or compare several, interleaved.

    The summary is written to stderr. The exit status is the command's; 125 if wattwatch itself fails,
    126 or 127 if the command cannot be run or found, 128+n if signal n ended it. Of several runs it is the
    first that is not 0.

    On a terminal a line shows time, joules and temperature while the machine cools, and while a command runs
    whose output goes elsewhere (--output) or through wattwatch (--phase-from-output).

    Example: wattwatch tag-run --name mnist --phase training -- python train.py

    Example: wattwatch tag-run --repeat 10 --warmup 1 --cooldown-below 50 -- ./a --vs ./b
    """
    clock, environment = SystemClock(), os.environ
    series = _series(options, commands)
    session = {
        key: options.pop(key)
        for key in ("local", "json_file", "quiet", "phase_from_output", "output", "nodes")
    }
    access = Access(options.pop("token_file"), options.pop("ca_file"))
    run = WantedRun(commands[0], **options)
    wanted = TagRun(run, series, socket=socket_path, access=access, **session)
    sys.exit(tag_run(wanted, environment, clock, lambda: open_local_node(environment, clock)))
