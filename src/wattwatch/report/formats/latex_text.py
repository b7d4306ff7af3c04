"""A study as LaTeX tables with booktabs. Pure."""

from collections.abc import Iterator
from typing import Final

from wattwatch.report.formats.content import SIMULATED, Table, cautions, tables_of, verdicts
from wattwatch.report.study import Study

_ESCAPES: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "≥": r"$\geq$",
        "±": r"$\pm$",
        "\N{MULTIPLICATION SIGN}": r"$\times$",
        "°": r"$^\circ$",
        "→": r"$\rightarrow$",
        "<": r"$<$",
        ">": r"$>$",
        "Δ": r"$\Delta$",
        "\N{MINUS SIGN}": r"$-$",
    }
)


def text_of(study: Study) -> str:
    r"""Tables to \input: `\usepackage{booktabs}` is all they need. Verdicts and cautions are comments."""
    return "\n".join(_lines(study)) + "\n"


def _lines(study: Study) -> Iterator[str]:
    yield r"% needs \usepackage{booktabs}"
    if study.is_simulated:
        yield f"% {SIMULATED}"
    yield from (f"% {_one_line(verdict)}" for verdict in verdicts(study))
    yield from (
        f"% beware: {_one_line(f'{about}: {text}' if about else text)}" for about, text in cautions(study)
    )
    for table in tables_of(study):
        yield from _table(table, study)


def _table(table: Table, study: Study) -> Iterator[str]:
    title = f"{study.title}: {table.caption.lower()}" + (f" ({SIMULATED})" if study.is_simulated else "")
    yield from ("", r"\begin{table}", r"  \centering", rf"  \caption{{{_escaped(title)}}}")
    yield from (rf"  \begin{{tabular}}{{{'l' * len(table.head)}}}", r"    \toprule")
    yield _row(table.head)
    yield r"    \midrule"
    yield from map(_row, table.rows)
    yield from (r"    \bottomrule", r"  \end{tabular}", r"\end{table}")


def _row(cells: tuple[str, ...]) -> str:
    return rf"    {' & '.join(map(_escaped, cells))} \\"


def _escaped(text: str) -> str:
    # A row that began with a bracket would be taken for the option of the line break before it.
    plain = " ".join(text.split()).translate(_ESCAPES)
    return f"{{}}{plain}" if plain.startswith(("[", "*")) else plain


def _one_line(text: str) -> str:
    return " ".join(text.split())
