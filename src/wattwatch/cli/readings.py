"""`wattwatch readings`: what was read, as a table, CSV or JSON."""

import csv
import io
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import click

from wattwatch.cli.table import daemon_client, socket_option, table_lines, value_text
from wattwatch.client import Client
from wattwatch.clock import rfc3339
from wattwatch.units import seconds_from_text

_FIELDS: Final = ("at", "channel", "value", "unit", "boot_id", "boot_seconds")


class Duration(click.ParamType[float]):
    """A duration such as 90s or 1h, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds of the text; usage error with the allowed units."""
        try:
            return float(value) if isinstance(value, float) else seconds_from_text(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option("--channel", "channels", multiple=True, help="Channel id; may be given several times.")
@click.option(
    "--since", "since_seconds", type=Duration(), default="1h", show_default=True, help="How far back."
)
@click.option("--csv", "form", flag_value="csv", help="Comma-separated, with a head line.")
@click.option("--json", "form", flag_value="json", help="A JSON array, one object a reading.")
@socket_option
def command(channels: tuple[str, ...], since_seconds: float, form: str, socket_path: Path | None) -> None:
    """Print the readings of channels; without --channel, list the channels with their last value.

    Example: wattwatch readings --channel meter/vbus/power_watts --since 10m --csv
    """
    client = daemon_client(socket_path)
    rows = readings(client, channels, since_seconds) if channels else last_values(client)
    for line in _LINES.get(form, table)(rows):
        click.echo(line)


def readings(client: Client, channels: Iterable[str], since_seconds: float) -> Iterator[dict[str, Any]]:
    """Readings of each channel in turn, in order of time, page by page; ClientError."""
    start = rfc3339(time.time() - since_seconds)
    for channel in channels:
        yield from _of_channel(client, {"channel": channel, "start": start})


def _of_channel(client: Client, query: dict[str, str]) -> Iterator[dict[str, Any]]:
    page: dict[str, Any] = {"more": True, "next": ""}
    while page["more"]:
        page = client.get_json(f"/v1/readings?{urlencode(query | {'after': page['next'] or ''})}")
        for row in page["rows"]:
            yield {"channel": page["channel"], "unit": page["unit"], **row}


def last_values(client: Client) -> Iterator[dict[str, Any]]:
    """The last reading of every channel of every source; ClientError."""
    document = client.get_json("/v1/sources")
    for source in document["sources"]:
        for channel in source["channels"]:
            yield {name: channel[name] for name in ("at", "channel", "value", "unit")}


def table(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Aligned columns: time, channel, value, unit."""
    cells = ((row["at"] or "-", row["channel"], value_text(row["value"]), row["unit"]) for row in rows)
    yield from table_lines(("at", "channel", "value", "unit"), cells)


def csv_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """CSV with full precision; a missing value is an empty field."""
    yield ",".join(_FIELDS)
    for row in rows:
        yield _csv_line([row.get(name) for name in _FIELDS])


def _csv_line(values: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def json_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One JSON array, an element a line, so that it needs no memory however long it is."""
    separator = "["
    for row in rows:
        yield separator + json.dumps(row)
        separator = ","
    yield "[]" if separator == "[" else "]"


_LINES: Final = {"csv": csv_lines, "json": json_lines}
