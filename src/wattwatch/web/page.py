"""The page for people: what is measured now. Whole without JavaScript; with it, it renews itself.

`/` is the page, `/-/page` its changing parts, which its script asks for. Both show no more than `/metrics`.
"""

from collections.abc import Iterator
from html import escape
from typing import Final

from wattwatch import __version__
from wattwatch.clock import rfc3339
from wattwatch.reading import Quality
from wattwatch.sampling.snapshot import Snapshot, node_power_watts
from wattwatch.store.base import StoreHealth
from wattwatch.web import page_text
from wattwatch.web.http import Response
from wattwatch.web.page_power import power_section
from wattwatch.web.page_runs import runs_section
from wattwatch.web.page_sources import sources_section
from wattwatch.web.page_style import ICON, POLICY, SCRIPT, STYLE
from wattwatch.web.view import NodeView

_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "deny"),
)
_HTML: Final = "text/html; charset=utf-8"
_DOCUMENTATION: Final = "https://github.com/wattwatch/wattwatch#readme"
_HEAD: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<noscript><meta http-equiv="refresh" content="10"></noscript>'
    f'<link rel="icon" href="{ICON}"><style>{STYLE}</style>'
)
_FOOTER: Final = (
    '<footer><nav aria-label="More of this node"><ul>'
    '<li><a href="/metrics">/metrics</a> for Prometheus</li>'
    '<li><a href="/v1/sources">/v1/sources</a> as JSON (over TCP with the token)</li>'
    f'<li><a href="{_DOCUMENTATION}" rel="noreferrer">Documentation</a></li></ul></nav>'
    f'<p class="quiet">wattwatch {escape(__version__)}. A channel is called source/zone/quantity, as in '
    "<code>wattwatch readings --channel meter/vbus/power_watts</code></p></footer>"
)


def page(node: NodeView) -> Response:
    """The whole page as HTML."""
    snapshot = node.commit()
    body = "".join(_parts(node, snapshot))
    html = (
        f"{_HEAD}<title>{_title(snapshot)}</title></head><body>"
        f'<p class="warning" id="stale" role="alert" hidden></p>{body}{_FOOTER}'
        f"<script>{SCRIPT}</script></body></html>\n"
    )
    return Response(html.encode("utf-8", "replace"), _HTML, headers=_HEADERS)


def fragment(node: NodeView) -> Response:
    """The parts that change, each under its id, and the title."""
    snapshot = node.commit()
    html = f"<!doctype html><title>{_title(snapshot)}</title>{''.join(_parts(node, snapshot))}\n"
    return Response(html.encode("utf-8", "replace"), _HTML, headers=_HEADERS)


def _title(snapshot: Snapshot) -> str:
    watts = node_power_watts(snapshot, snapshot.primary)
    power = "" if watts is None else f"{page_text.watts(watts)} W, "
    return escape(f"{power}{snapshot.node}: wattwatch")


def _parts(node: NodeView, snapshot: Snapshot) -> Iterator[str]:
    at = rfc3339(snapshot.at.boot_seconds + snapshot.wall.unix_minus_boot_seconds)
    as_of = f'<time class="quiet" datetime="{at}">{at[:19].replace("T", " ")} UTC</time>'
    yield f'<header id="top" data-part><h1>{escape(snapshot.node)}</h1>{as_of}</header><main>'
    yield _part("div", "warnings", "".join(_warnings(snapshot, node.store_health())))
    yield _part("section", "power", power_section(node.history, snapshot, node.gap_seconds()))
    yield _part("section", "runs", runs_section(node.run_samples(), node.known_run, snapshot))
    yield _part("section", "sources", sources_section(snapshot))
    yield "</main>"


def _part(tag: str, name: str, html: str) -> str:
    """What the script replaces as a whole when it has changed."""
    return f'<{tag} id="{name}" data-part>{html}</{tag}>'


def _warnings(snapshot: Snapshot, store: StoreHealth) -> Iterator[str]:
    yield from _simulated(snapshot)
    if store.degraded:
        yield f'<p class="warning">Readings are kept in memory only: {escape(store.degraded)}</p>'
    if not snapshot.wall.synchronised:
        yield '<p class="warning">The clock is not synchronised yet: times may be corrected later.</p>'


def _simulated(snapshot: Snapshot) -> Iterator[str]:
    readings = (reading for part in snapshot.everywhere() for reading in part.readings.values())
    names = {reading.channel.source for reading in readings if reading.channel.quality is Quality.SIMULATED}
    for status in (status for part in snapshot.everywhere() for status in part.sources):
        if any(channel.quality is Quality.SIMULATED for channel in status.description.channels):
            names.add(status.description.name)
    if snapshot.simulated or names:
        which = f" ({escape(', '.join(sorted(names)))})" if names else ""
        yield f'<p class="simulated" role="note">SIMULATED{which}: these are not measurements.</p>'
