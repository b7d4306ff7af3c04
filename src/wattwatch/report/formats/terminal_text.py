"""A study for a terminal: verdicts first, aligned tables, cautions. Pure."""

import textwrap
from collections.abc import Iterator
from typing import Final

from wattwatch.report.formats.content import SIMULATED, Table, cautions, scope_text, tables_of, verdicts
from wattwatch.report.study import Study

_WIDTH: Final = 110


def text_of(study: Study) -> str:
    """The study in lines of at most 110 characters, but for tables, which are as wide as they must be."""
    return "\n".join(_lines(study)) + "\n"


def _lines(study: Study) -> Iterator[str]:
    if study.is_simulated:
        yield SIMULATED
    yield f"{study.title}: {scope_text(study)}"
    yield ""
    for verdict in verdicts(study):
        yield from _wrapped(verdict, "- ")
    for table in tables_of(study):
        yield ""
        yield from _table(table)
    if found := cautions(study):
        yield from ("", "Beware")
        for about, text in found:
            yield from _wrapped(f"{about}: {text}" if about else text, "- ")
    yield from ("", "Method")
    for sentence in study.method:
        yield from _wrapped(sentence, "- ")


def _wrapped(text: str, mark: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"  {mark}", subsequent_indent="    ")


def _table(table: Table) -> Iterator[str]:
    yield table.caption
    rows = [table.head, *table.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    shown = ""
    for index, row in enumerate(rows):
        # A first cell that says the same as the one above it is left empty.
        first = "" if index and row[0] == shown else row[0]
        shown = row[0]
        cells = (cell.ljust(width) for cell, width in zip((first, *row[1:]), widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()
        if not index:
            yield f"  {'  '.join('-' * width for width in widths)}"
