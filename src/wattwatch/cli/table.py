"""Plain tables, and the daemon that a command talks to."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from wattwatch.client import Client, find_socket
from wattwatch.errors import ClientError

socket_option = click.option(
    "--socket",
    "socket_path",
    type=click.Path(path_type=Path),
    help="Unix socket of the daemon; default: $WATTWATCH_SOCKET, the user's own, then the system's.",
)


def daemon_client(socket_path: Path | None) -> Client:
    """A client of the running daemon; ClientError says how to start one."""
    found = find_socket(os.environ, socket_path)
    if found is None:
        raise ClientError("no daemon is running: start `wattwatch daemon`, or name its socket by --socket")
    return Client(f"unix:{found}")


def table_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table, columns aligned to the left; the last column may be of any length."""
    everything = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(row[column]) for row in everything) for column in range(len(head))]
    for row in everything:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def value_text(value: float | None) -> str:
    """A value for people; a dash for one that is missing, which is not zero."""
    return "-" if value is None else f"{value:.6g}"
