"""`%load_ext wattwatch`, then `%%wattwatch training`: measures a cell of a notebook."""

import shlex
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final, NoReturn

from wattwatch.errors import MissingExtra, WattwatchError
from wattwatch.report.words import energy_text, watts_text
from wattwatch.runs.choice import labels_from_text
from wattwatch.session.run import EnergyRun, run
from wattwatch.session.summary import summary_lines
from wattwatch.units import text_from_seconds

try:
    from IPython.core.error import UsageError
    from IPython.core.interactiveshell import InteractiveShell
except ModuleNotFoundError as missing:
    raise MissingExtra("%%wattwatch runs in IPython and Jupyter: pip install ipython") from missing

MAGIC: Final = "wattwatch"

_STYLE: Final = "text-align:left;padding:.15em .8em .15em 0"


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Called by `%load_ext wattwatch`: makes the magic known."""

    def measured(line: str, cell: str) -> CellEnergy | None:
        return measure_cell(shell, line, cell)

    shell.register_magic_function(measured, "cell", MAGIC)  # type: ignore[arg-type] # IPython's type is narrower


def measure_cell(shell: InteractiveShell, line: str, cell: str) -> "CellEnergy | None":
    """Run a cell as a run, and give what it cost; None if the cell failed, whose error is shown already.

    UsageError for options that are wrong, and if nothing can measure; the cell is not run then.
    """
    options = _options(line)
    try:
        measured = run(
            options.name or options.phase or "cell",
            experiment=options.experiment,
            phase=options.phase,
            labels=labels_from_text(options.label),
            local=options.local,
        )
        measured.__enter__()
    except WattwatchError as error:
        raise UsageError(f"wattwatch: {error}") from error
    outcome: BaseException | None = KeyboardInterrupt()  # unless the cell comes to an end
    try:
        result = shell.run_cell(cell)  # type: ignore[no-untyped-call]
        outcome = result.error_before_exec or result.error_in_exec
    finally:
        measured.__exit__(None if outcome is None else type(outcome), outcome, None)
    return None if outcome is not None else CellEnergy.of(measured)


@dataclass(frozen=True, slots=True)
class CellEnergy:
    """What a cell cost: a table in a notebook, a summary in a terminal; `document` has everything."""

    document: Mapping[str, Any]

    @classmethod
    def of(cls, measured: EnergyRun) -> "CellEnergy":
        """Of a run that has ended."""
        return cls(measured.document())

    @property
    def energy_joules(self) -> float | None:
        """Gross energy of this node; None if it is not known."""
        nodes = self.document.get("nodes") or [{}]
        joules: float | None = nodes[0].get("energy_joules")
        return joules

    def __repr__(self) -> str:
        return "\n".join(summary_lines(self.document)) if self.document else "wattwatch: nothing is known"

    def _repr_html_(self) -> str:
        """A small table, a row for each node, and the warnings."""
        nodes = self.document.get("nodes") or ()
        head = _row("th", ("node", "energy", "mean power", "time", "how it was measured"))
        rows = "".join(_row("td", _cells(node, self.document)) for node in nodes)
        warnings = "".join(f"<div>⚠ {escape(text)}</div>" for text in self.document.get("warnings", ()))
        if not nodes:
            return f"<div>wattwatch: energy unknown</div>{warnings}"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>{warnings}"


def _cells(node: Mapping[str, Any], document: Mapping[str, Any]) -> tuple[str, ...]:
    how = ", ".join(str(part) for part in (node["quality"], node["scope"], node["source"]) if part)
    return (
        node["node"],
        energy_text(node),
        watts_text(node["mean_power_watts"]),
        text_from_seconds(document["duration_seconds"]),
        how or "no power source",
    )


def _row(tag: str, cells: tuple[str, ...]) -> str:
    made = (f'<{tag} style="{_STYLE}">{escape(cell)}</{tag}>' for cell in cells)
    return f"<tr>{''.join(made)}</tr>"


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"%%{MAGIC}: {message}; such as %%{MAGIC} training --label lr=0.1")


def _options(line: str) -> Any:
    parser = _Parser(prog=f"%%{MAGIC}", add_help=False)
    parser.add_argument("phase", nargs="?", default="")
    parser.add_argument("--name", default="")
    parser.add_argument("--experiment", default="")
    parser.add_argument("--label", action="append", default=[], metavar="K=V")
    parser.add_argument("--local", action="store_true")
    try:
        return parser.parse_args(shlex.split(line))
    except ValueError as error:
        raise UsageError(f"%%{MAGIC}: {error}") from error
