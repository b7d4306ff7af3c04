"""`wattwatch sources`: what the daemon reads, how it is, and why not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from wattwatch.cli.table import daemon_client, socket_option, table_lines, value_text


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The daemon's JSON.")
@socket_option
def command(as_json: bool, socket_path: Path | None) -> None:  # noqa: FBT001 - click's way
    """List the daemon's sources and their channels with live values, scope, quality, and what is wrong.

    Example: wattwatch sources
    """
    document = daemon_client(socket_path).get_json("/v1/sources")
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(source_lines(document)))


def source_lines(document: dict[str, Any]) -> Iterator[str]:
    """The document of /v1/sources for people."""
    primary = document["primary"]
    yield f"node {document['node']}; power: {primary['channel'] if primary else 'no source of it'}"
    if document["simulated"]:
        yield "SIMULATED: this daemon keeps no real measurements"
    for source in document["sources"]:
        yield ""
        yield " ".join(
            filter(None, (f"{source['name']}: {source['state']}", _about(source, document["node"])))
        )
        if source["last_error"] and not source["up"]:
            yield f"  why: {source['last_error']}"
        if source["channels"]:
            head = ("  channel", "value", "unit", "scope", "quality")
            yield from table_lines(head, map(_channel_row, source["channels"]))


def _about(source: dict[str, Any], node: str) -> str:
    interval = f"every {source['interval_seconds']:g} s"
    measures = {None: "relayed", node: ""}.get(source["measures"], f"measures {source['measures']}")
    return f"({', '.join(filter(None, (source['type'], source['detail'], interval, measures)))})"


def _channel_row(channel: dict[str, Any]) -> tuple[str, ...]:
    value = value_text(channel["value"])
    return f"  {channel['channel']}", value, channel["unit"], channel["scope"] or "-", channel["quality"]
