"""The frame of a page, and tables that say what they are. Pure.

Tables have captions and heads with a scope, and wide ones are scrolled by keyboard, too.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from wattwatch import __version__
from wattwatch.report.style import STYLE

SIMULATED_BANNER = '<p class="simulated" role="note">SIMULATED: these figures are not measurements.</p>'

Row = Sequence[str]
"""Texts of the cells, the first of which is the head of the row."""


def page(title: str, body: Iterable[str], *, simulated: bool) -> str:
    """A whole document that opens without a network and without scripts."""
    shown = escape(f"{'SIMULATED: ' if simulated else ''}{title}")
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{shown}: wattwatch</title><style>{STYLE}</style></head>\n<body>"
    )
    footer = f'<footer><p class="quiet">Made by wattwatch {escape(__version__)}.</p></footer>'
    banner = (SIMULATED_BANNER,) if simulated else ()
    return "\n".join((head, *banner, *body, footer, "</body></html>\n"))


def scrolled(label: str, table: str) -> str:
    """Wide tables scroll by themselves, with the keyboard too."""
    return f'<div class="scroll" role="region" aria-label="{escape(label)}" tabindex="0">{table}</div>'


def table(
    caption: str, head: Sequence[str], bodies: Iterable[tuple[str, Iterable[Row]]], css: str = "figures"
) -> str:
    """Rows in groups, each under its title ("" for none), in a region that scrolls."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    inside = "".join(_body(title, rows, len(head)) for title, rows in bodies)
    top = f"<caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead>"
    return scrolled(caption, f'<table class="{css}">{top}{inside}</table>')


def _body(title: str, rows: Iterable[Row], columns: int) -> str:
    head = f'<tr><th scope="rowgroup" colspan="{columns}">{escape(title)}</th></tr>' if title else ""
    return f"<tbody>{head}{''.join(map(_row, rows))}</tbody>"


def _row(cells: Row) -> str:
    values = "".join(f"<td>{escape(cell)}</td>" for cell in cells[1:])
    return f'<tr><th scope="row">{escape(cells[0])}</th>{values}</tr>'


def facts(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    """Names and what they are, a line each."""
    return (
        f'<table class="facts"><caption>{escape(caption)}</caption><tbody>{"".join(_fact_rows(rows))}'
        "</tbody></table>"
    )


def _fact_rows(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in rows:
        shown = f"<pre>{escape(text.strip())}</pre>" if "\n" in text else escape(text)
        yield f'<tr><th scope="row">{escape(name)}</th><td>{shown}</td></tr>'


def warning(text: str, lead: str = "Warning") -> str:
    """What a reader has to know before believing the figures."""
    return f'<p class="warning"><strong>{escape(lead)}:</strong> {escape(text)}</p>'


def quiet(text: str) -> str:
    """An explanation in small print."""
    return f'<p class="quiet">{escape(text)}</p>'
