"""`wattwatch runs`: what was measured, and runs that are marked by hand."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from wattwatch.cli.runs_add import command as add_command
from wattwatch.cli.table import socket_option
from wattwatch.clock import SystemClock
from wattwatch.errors import RunError
from wattwatch.runs.choice import RunChoice, labels_from_text
from wattwatch.runs.run import RunRequest, RunState
from wattwatch.session.curves import CurveReader
from wattwatch.session.exchange_file import WantedExport, export_runs, export_to_file, import_runs
from wattwatch.session.run_commands import (
    Ending,
    deletable,
    delete_runs,
    deletion_lines,
    end_run,
    label_run,
    mark_phase,
    start_run,
)
from wattwatch.session.runs import MOST_LISTED, Runs
from wattwatch.session.sparkline import ASCII, BLOCKS, Paper, sparkline_lines
from wattwatch.session.summary import run_list_lines, summary_lines

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_label_option = click.option("--label", "labels", multiple=True, metavar="K=V", help="May be repeated.")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("runs")
def command() -> None:
    """Runs of the daemon, and those that were measured without one or imported.

    A RUN is given by its id, the beginning of its id, or `last`.

    Example: wattwatch runs list
    """


@command.command("list")
@click.option("--experiment", default="", metavar="E", help="Only runs of this experiment.")
@click.option("--name", default="", metavar="N", help="Only runs of this name.")
@_label_option
@click.option(
    "--state",
    default="",
    type=click.Choice(["", *(state.value for state in RunState)]),
    help="Only runs in this state.",
)
@click.option(
    "--limit", type=click.IntRange(1, MOST_LISTED), default=50, show_default=True, help="So many at most."
)
@_json_option
@socket_option
def list_command(limit: int, labels: tuple[str, ...], socket_path: Path | None, **options: Any) -> None:
    """List runs, the last opened first.

    Example: wattwatch runs list --experiment mnist --label device=pi --json
    """
    as_json = options.pop("as_json")
    choice = RunChoice(labels=labels_from_text(labels), **options)
    documents = Runs(os.environ, SystemClock(), socket_path).newest(limit, choice)
    text = json.dumps({"runs": documents}, indent=2) if as_json else "\n".join(run_list_lines(documents))
    click.echo(text)


@command.command("show")
@click.argument("run")
@_json_option
@socket_option
def show_command(run: str, as_json: bool, socket_path: Path | None) -> None:  # noqa: FBT001 - click's way
    """Show one RUN: its figures, and its power over time with its phases.

    Example: wattwatch runs show last
    """
    document = Runs(os.environ, SystemClock(), socket_path).find(run)
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    curves = CurveReader(os.environ, socket_path).curves(document)
    drawn = sparkline_lines(curves, document["duration_seconds"], _paper())
    click.echo("\n".join([*summary_lines(document), *drawn]), color=True)


def _paper() -> Paper:
    """The terminal: colours only on one that wants them, blocks where they can be encoded."""
    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        steps = ASCII
    else:
        steps = BLOCKS
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return Paper(shutil.get_terminal_size().columns, colour, steps)


@command.command("start")
@click.argument("name", nargs=-1, required=True)
@click.option("--experiment", default="", metavar="E", help="Experiment that the run belongs to.")
@click.option("--phase", default="", metavar="P", help="Its first phase.")
@_label_option
@socket_option
def start_command(name: tuple[str, ...], socket_path: Path | None, **options: Any) -> None:
    """Open a run called NAME at the daemon, and print its id.

    It goes on until `wattwatch runs end`, over the end of this shell and over a reboot.

    Example: run=$(wattwatch runs start night training --experiment mnist)
    """
    clock = SystemClock()
    at, labels = clock.now(), labels_from_text(options.pop("labels"))
    request = RunRequest(name=" ".join(name), labels=labels, **options)
    click.echo(start_run(Runs(os.environ, clock, socket_path), request, at))


@command.command("phase")
@click.argument("run")
@click.argument("name", default="")
@click.option("--nested", is_flag=True, help="Inside the phase that is open, which goes on afterwards.")
@click.option("--end", "is_end", is_flag=True, help="End the innermost phase instead of beginning one.")
@socket_option
def phase_command(run: str, name: str, *, nested: bool, is_end: bool, socket_path: Path | None) -> None:
    """Begin the phase NAME of RUN; it ends the one before.

    Inside a command of `wattwatch tag-run`, `wattwatch phase NAME` does the same without the RUN.

    Example: wattwatch runs phase last training
    """
    clock = SystemClock()
    at = clock.now()  # before anything else takes time
    if is_end == bool(name) or (is_end and nested):
        raise click.UsageError("either the NAME of a phase, or --end alone")
    mark_phase(Runs(os.environ, clock, socket_path), run, name, at, nested=nested)


@command.command("end")
@click.argument("run")
@click.option("--failed", "state", flag_value="failed", default="", help="It did not succeed.")
@click.option("--cancelled", "state", flag_value="cancelled", help="It was given up.")
@click.option("--exit-status", type=int, metavar="N", help="Exit status of what it was: not 0 is failed.")
@socket_option
def end_command(run: str, state: str, exit_status: int | None, socket_path: Path | None) -> None:
    """End an open RUN now, and print its id.

    Example: wattwatch runs end last --exit-status $?
    """
    clock = SystemClock()
    at = clock.now()
    click.echo(end_run(Runs(os.environ, clock, socket_path), run, Ending(state, exit_status), at))


@command.command("label")
@click.argument("run")
@click.argument("labels", nargs=-1, required=True, metavar="K=V...")
@socket_option
def label_command(run: str, labels: tuple[str, ...], socket_path: Path | None) -> None:
    """Set labels of a RUN, after its end too; K= removes the label K. All that it has now are printed.

    Example: wattwatch runs label last device=pi platform=k3s note=
    """
    now = label_run(Runs(os.environ, SystemClock(), socket_path), run, labels)
    for key, value in sorted(now.items()):
        click.echo(f"{key}={value}")


@command.command("delete")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@socket_option
def delete_command(runs: tuple[str, ...], *, yes: bool, socket_path: Path | None) -> None:
    """Hide RUNs that have ended everywhere: in lists, reports and comparisons, on the page, in exports.

    It is for good, and their ids cannot be used again. Not deleted are the readings that the daemon has
    of that time, what Prometheus scraped, files that were written, and copies on other machines.

    Example: wattwatch runs delete 01J9ZC --yes
    """
    known = Runs(os.environ, SystemClock(), socket_path)
    documents = deletable(known, runs)
    if not yes:
        _ask(deletion_lines(documents))
    delete_runs(known, documents)


def _ask(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(line, err=True)
    try:
        agreed = click.confirm(f"delete {len(lines)} run{'s' if len(lines) > 1 else ''}?", err=True)
    except click.Abort as error:
        raise RunError("nothing was deleted: answer y, or give --yes") from error
    if not agreed:
        raise RunError("nothing was deleted")


@command.command("export")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--experiment", default="", metavar="E", help="All runs of this experiment that have ended.")
@click.option("--all", "everything", is_flag=True, help="All runs that have ended.")
@click.option("--output", type=_FILE, metavar="FILE", help="File to write.  [default: stdout]")
@socket_option
def export_command(output: Path | None, socket_path: Path | None, **options: Any) -> None:
    """Write RUNs as JSON lines: events, results, phases, curves. `wattwatch runs import` reads them.

    Example: wattwatch runs export --experiment mnist --output mnist.jsonl
    """
    wanted = WantedExport(**options)
    clock = SystemClock()
    runs, curves = Runs(os.environ, clock, socket_path), CurveReader(os.environ, socket_path)
    if output is None or str(output) == "-":
        found = export_runs(wanted, runs, curves, clock, sys.stdout)
    else:
        found = export_to_file(wanted, runs, curves, clock, output)
    for run_id in found.left_out:
        click.echo(f"wattwatch: run {run_id} is still open: left out", err=True)


@command.command("import")
@click.argument("file", type=_FILE)
@socket_option
def import_command(file: Path, socket_path: Path | None) -> None:
    """Take the runs of FILE, which `wattwatch runs export` wrote on any machine, into your own ledger.

    All of them or, if a line is wrong, none; what is here already stays. Importing twice changes nothing.

    Example: wattwatch runs import mnist.jsonl
    """
    imported = import_runs(file, Runs(os.environ, SystemClock(), socket_path))
    click.echo("\n".join(imported.lines()))


command.add_command(add_command)
