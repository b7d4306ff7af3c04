"""`wattwatch baseline`: the idle power of this machine."""

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from time import sleep

import click

from wattwatch.cli.table import socket_option
from wattwatch.client import Client, find_socket
from wattwatch.clock import SystemClock
from wattwatch.runs.baseline import MEASURED_KINDS, Baseline, BaselineKind
from wattwatch.runs.baselines import has_kubelet
from wattwatch.session.baseline import (
    Machine,
    WantedBaseline,
    find_baseline,
    find_pair,
    governor,
    known_baselines,
    measure_baseline,
)
from wattwatch.session.baseline_text import (
    baseline_document,
    baseline_lines,
    baseline_list_lines,
    compare_baselines,
    comparison_lines,
)
from wattwatch.session.idle import cpu_times
from wattwatch.session.inprocess import open_local_node
from wattwatch.session.progress import Progress
from wattwatch.session.runs import Runs

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_node_option = click.option("--node", default="", help="Only of this machine.  [default: any]")


@click.group("baseline")
def command() -> None:
    """Idle power: what a run's net energy is reckoned with, and what K3s and Kubeflow themselves cost.

    Example: wattwatch baseline measure --minutes 10
    """


@command.command("measure")
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in MEASURED_KINDS]),
    help="bare, or platform: with K3s, Kubeflow … running.  [default: what this machine is now]",
)
@click.option("--minutes", type=int, default=5, show_default=True, help="For so long.")
@click.option("--local", is_flag=True, help="Measure in this process, whether there is a daemon or not.")
@click.option("--quiet", is_flag=True, help="No progress.")
@_json_option
@socket_option
def measure_command(
    kind: str | None, minutes: int, *, local: bool, quiet: bool, as_json: bool, socket_path: Path | None
) -> None:
    """Measure the power of this machine while it does nothing; refused if it does something.

    For `platform`, Kubernetes' and Kubeflow's own processes are allowed to run.

    Example: wattwatch baseline measure --kind platform --minutes 10
    """
    clock, machine = SystemClock(), Machine(cpu_times, has_kubelet, governor(), sleep)
    wanted = WantedBaseline(None if kind is None else BaselineKind(kind), minutes)
    with ExitStack() as stack:
        socket = None if local else find_socket(os.environ, socket_path)
        if socket is None:
            socket = stack.enter_context(open_local_node(os.environ, clock))
        progress = Progress(sys.stderr, quiet=quiet)
        found = measure_baseline(wanted, Client(f"unix:{socket}"), clock, machine, progress)
    _tell(found, as_json=as_json)


def _tell(found: Baseline, *, as_json: bool) -> None:
    lines = baseline_lines(found)
    click.echo(json.dumps(baseline_document(found), indent=2) if as_json else "\n".join(lines))


@command.command("list")
@_json_option
@socket_option
def list_command(*, as_json: bool, socket_path: Path | None) -> None:
    """List baselines, the newest first; one is deleted by `wattwatch runs delete`.

    Example: wattwatch baseline list --json
    """
    found = known_baselines(Runs(os.environ, SystemClock(), socket_path))
    document = {"baselines": [baseline_document(one) for one in found]}
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(baseline_list_lines(found)))


@command.command("show")
@click.argument("baseline", default="last")
@_node_option
@_json_option
@socket_option
def show_command(baseline: str, *, node: str, as_json: bool, socket_path: Path | None) -> None:
    """Show the newest BASELINE of a kind (`bare`, `platform`), `last`, or that of a run.

    Example: wattwatch baseline show platform
    """
    found = find_baseline(Runs(os.environ, SystemClock(), socket_path), baseline, node)
    _tell(found, as_json=as_json)


@command.command("compare")
@click.argument("one", default="bare")
@click.argument("other", default="platform")
@_node_option
@_json_option
@socket_option
def compare_command(one: str, other: str, *, node: str, as_json: bool, socket_path: Path | None) -> None:
    """What OTHER draws more than ONE, in watts and kWh a month: the cost of the platform itself.

    Of kinds, the newest two of one machine are taken; two run ids compare any two measurements.

    Example: wattwatch baseline compare bare platform --node pi-1
    """
    runs = Runs(os.environ, SystemClock(), socket_path)
    found = compare_baselines(*find_pair(runs, one, other, node))
    click.echo(json.dumps(found.document(), indent=2) if as_json else "\n".join(comparison_lines(found)))
