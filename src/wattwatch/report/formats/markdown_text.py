"""A study as GitHub Markdown. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from wattwatch.report.formats.content import SIMULATED, Table, cautions, scope_text, tables_of, verdicts
from wattwatch.report.study import Study

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|])")


def text_of(study: Study) -> str:
    """The study as Markdown with tables; what users named is escaped."""
    return "\n".join(_lines(study)) + "\n"


def _lines(study: Study) -> Iterator[str]:
    yield f"# {_escaped(study.title)}"
    yield ""
    if study.is_simulated:
        yield from (f"> **{SIMULATED}**", "")
    yield f"{_escaped(scope_text(study))}."
    yield from _listed(list(map(_escaped, verdicts(study))))
    for table in tables_of(study):
        yield from _table(table)
    found = [
        f"**{_escaped(about)}**: {_escaped(text)}" if about else _escaped(text)
        for about, text in cautions(study)
    ]
    if found:
        yield from ("", "## Beware", *_listed(found))
    yield from ("", "## Method", *_listed(list(map(_escaped, study.method))))


def _listed(items: list[str]) -> Iterator[str]:
    if items:
        yield ""
        yield from (f"- {item}" for item in items)


def _table(table: Table) -> Iterator[str]:
    yield from ("", f"## {table.caption}", "")
    yield _row(table.head)
    yield _row(("---",) * len(table.head))
    yield from map(_row, (tuple(map(_escaped, row)) for row in table.rows))


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
