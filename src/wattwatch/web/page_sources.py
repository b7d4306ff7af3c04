"""Sources on the page: how each is, why, and what it reads now."""

import math
from collections import defaultdict
from collections.abc import Iterable
from html import escape
from typing import Final

from wattwatch.reading import Quality, Reading, Scope
from wattwatch.sampling.snapshot import Snapshot, SourceStatus
from wattwatch.web import page_text

_UNSUPPORTED: Final = "unsupported"


def sources_section(snapshot: Snapshot) -> str:
    """The section of the page, as HTML: sources in their order, each with its values."""
    own = f"{_cards(snapshot)}{_unsupported(snapshot)}"
    sections = [f'<h2 class="over">Sources and what they read</h2><div class="cards">{own}</div>']
    for part in (*snapshot.others, *filter(None, (snapshot.relayed,))):
        name = f"Measured for {escape(part.node)}" if part.node else "Read for other daemons"
        if part.sources:
            sections.append(f'<h2 class="over">{name}</h2><div class="cards">{_cards(part)}</div>')
    return "".join(sections)


def _cards(snapshot: Snapshot) -> str:
    readings = defaultdict(list)
    for reading in snapshot.readings.values():
        readings[reading.channel.source].append(reading)
    return "".join(
        _card(status, readings[status.description.name], snapshot)
        for status in snapshot.sources
        if status.health.state != _UNSUPPORTED
    )


def _unsupported(snapshot: Snapshot) -> str:
    """One card for all that this machine has not, each with its reason."""
    items = "".join(
        f"<div><dt>{escape(status.description.name)}</dt><dd>{escape(status.health.last_error)}</dd></div>"
        for status in snapshot.sources
        if status.health.state == _UNSUPPORTED
    )
    if not items:
        return ""
    return f'<article class="card"><h2>Not on this machine</h2><dl class="absent">{items}</dl></article>'


def _card(status: SourceStatus, readings: list[Reading], snapshot: Snapshot) -> str:
    description, health = status.description, status.health
    about = " ".join(filter(None, (description.type, description.detail)))
    state = escape(health.state)
    return (
        f'<article class="card"><div class="head"><h2>{escape(description.name)}</h2>'
        f'<span class="state {state}">{state}</span>{_qualities(status, readings)}</div>'
        f'<p class="quiet id">{escape(about)}</p>'
        f"{_why(status, snapshot)}{_values(readings)}</article>"
    )


def _qualities(status: SourceStatus, readings: list[Reading]) -> str:
    """How its figures are obtained, where that is more than reading a sensor."""
    channels = [*status.description.channels, *(reading.channel for reading in readings)]
    found = {channel.quality for channel in channels} - {Quality.SENSOR}
    return "".join(
        f'<span class="chip">{escape(quality.value)}</span>' for quality in Quality if quality in found
    )


def _why(status: SourceStatus, snapshot: Snapshot) -> str:
    """What is wrong, since when, how often; empty for a source that is up."""
    health = status.health
    if health.up:
        return ""
    said = [escape(health.last_error)] if health.last_error else []
    if last := page_text.ago(health.last_success, snapshot):
        said.append(f'<span class="quiet">last reading {last} ago</span>')
    if health.consecutive_failures > 1:
        said.append(f'<span class="quiet">{health.consecutive_failures} failures in a row</span>')
    return f'<p class="why">{"<br>".join(said)}</p>' if said else ""


def _values(readings: Iterable[Reading]) -> str:
    items = "".join(_value(reading) for reading in readings if math.isfinite(reading.value))
    return f'<dl class="values">{items}</dl>' if items else ""


def _value(reading: Reading) -> str:
    channel = reading.channel
    tag = ""
    if channel.scope is not Scope.NONE:
        tag = f'<span class="tag">{escape(channel.scope.value)}, {escape(channel.quality.value)}</span>'
    label = f"{escape(channel.zone)}/<wbr>{escape(channel.quantity)}"
    return f'<div title="{escape(channel.id)}"><dt>{label}</dt><dd>{page_text.value(reading)}{tag}</dd></div>'
