"""Channels, layouts and gaps as JSON text: what is written once, beside rows that are written always."""

import json
from typing import Any

from wattwatch.reading import Channel, EnergyRecord, Kind, MeterIdentity, Quality, Scope
from wattwatch.store.segment import Layout, Layouts, instant_of, microseconds


def channel_row(channel: Channel) -> list[Any]:
    """A channel as a JSON array."""
    return [channel.source, channel.zone, channel.quantity, channel.kind, channel.scope, channel.quality]


def channel_of(row: list[Any]) -> Channel:
    """The channel of a JSON array."""
    source, zone, quantity, kind, scope, quality = row
    return Channel(source, zone, quantity, Kind(kind), Scope(scope), Quality(quality))


def channel_text(channel: Channel) -> str:
    """A channel as text."""
    return json.dumps(channel_row(channel), separators=(",", ":"))


def channel_of_text(text: str) -> Channel:
    """The channel of a text."""
    return channel_of(json.loads(text))


def layout_row(layout: Layout) -> list[Any]:
    """A layout as a JSON array."""
    known = layout.identity
    identity = [known.model, known.address, known.group, known.full_scale_watts] if known else None
    return [layout.source, identity, [channel_row(channel) for channel in layout.channels]]


def layout_of(row: list[Any], layouts: Layouts) -> Layout:
    """The layout of a JSON array."""
    source, identity, channels = row
    known = MeterIdentity(*identity) if identity else None
    return layouts.get(source, tuple([channel_of(channel) for channel in channels]), known)


def gap_row(gap: EnergyRecord) -> list[Any]:
    """A gap of the boot of its commit as a JSON array."""
    times = [microseconds(gap.start), microseconds(gap.end)]
    return [channel_row(gap.channel), *times, *gap_figures(gap)]


def gap_of(boot_id: str, row: list[Any]) -> EnergyRecord:
    """The gap of a JSON array."""
    channel, start_us, end_us, *figures = row
    return EnergyRecord(
        channel_of(channel), instant_of(boot_id, start_us), instant_of(boot_id, end_us), *figures
    )


def gap_figures(gap: EnergyRecord) -> tuple[float, float, float, float, float]:
    """Joules, sampled, recovered and missing seconds, and doubt: the order of the record and of the table."""
    return gap.joules, gap.sampled_seconds, gap.recovered_seconds, gap.missing_seconds, gap.doubt_joules
