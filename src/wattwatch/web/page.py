"""The page for people: what is measured now, without JavaScript, on a phone too."""

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from wattwatch import __version__, metrics
from wattwatch.clock import rfc3339
from wattwatch.metrics import Sample
from wattwatch.reading import Quality, Reading
from wattwatch.sampling.snapshot import Snapshot, SourceStatus
from wattwatch.store.base import StoreHealth
from wattwatch.web.http import Response
from wattwatch.web.view import NodeView

_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("Referrer-Policy", "no-referrer"),
)
_UNITS: Final = {
    "watts": "W", "volts": "V", "amperes": "A", "ohms": "Ω", "celsius": "°C", "joules": "J",
    "coulombs": "C", "hertz": "Hz", "bytes": "B", "seconds": "s", "ratio": "", "count": "",
}  # fmt: skip
_LARGE: Final = {"hertz", "bytes"}
_ASIDE: Final = {"value": ' class="value"'}  # the head of a column of numbers stands above them
_PREFIXES: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif; }
body { max-width: 52rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
.power { font-size: 2.6rem; font-weight: 600; margin: .4rem 0 0; line-height: 1.2; }
.power + p { margin-top: 0; }
.simulated { background: #b3261e; color: #fff; font-weight: 700; padding: .6rem .8rem; border-radius: .4rem; }
.warning { border-left: .3rem solid #b3261e; padding: .2rem .8rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0;
         border-bottom: 1px solid #8884; vertical-align: top; }
.long { overflow-wrap: anywhere; } /* a phone is narrower than most ids and paths */
td.value, th.value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
@media (max-width: 30rem) { table { font-size: .9rem; } th, td { padding-right: .5rem; } }
.state { font-weight: 600; } .quiet { opacity: .75; font-size: .9rem; }
"""


def page(node: NodeView) -> Response:
    """The page as HTML; it asks to be loaded again every 5 s."""
    snapshot = node.commit()
    parts = _body(snapshot, node.store_health(), list(node.run_samples()))
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="refresh" content="5">'
        f"<title>{escape(snapshot.node)}: wattwatch</title><style>{_STYLE}</style></head><body>"
    )
    html = head + "\n".join(parts) + "</body></html>\n"
    return Response(html.encode("utf-8", "replace"), "text/html; charset=utf-8", headers=_HEADERS)


def _body(snapshot: Snapshot, store: StoreHealth, runs: list[Sample]) -> Iterator[str]:
    yield f"<h1>{escape(snapshot.node)}</h1>"
    yield from _simulated(snapshot)
    yield _primary(snapshot)
    yield from _warnings(snapshot, store)
    yield from _runs(runs)
    yield "<h2>Sources</h2>"
    yield _table(("source", "state", "what it is"), map(_source_row, snapshot.sources))
    yield "<h2>Live values</h2>"
    yield _table(("channel", "value", "scope and quality"), map(_reading_row, _in_order(snapshot)))
    yield '<h2>More</h2><p><a href="/metrics">/metrics</a> for Prometheus,'
    yield '<a href="/v1/sources">/v1/sources</a>'
    yield "and <code>/v1/readings?channel=…</code> as JSON (over TCP they need the token).</p>"
    at = rfc3339(snapshot.at.boot_seconds + snapshot.wall.unix_minus_boot_seconds)
    yield f'<p class="quiet">wattwatch {__version__}, {at[:19].replace("T", " ")} UTC</p>'


def _simulated(snapshot: Snapshot) -> Iterator[str]:
    names = {r.channel.source for r in snapshot.readings.values() if r.channel.quality is Quality.SIMULATED}
    for status in snapshot.sources:
        if any(channel.quality is Quality.SIMULATED for channel in status.description.channels):
            names.add(status.description.name)
    if snapshot.simulated or names:
        which = f" ({escape(', '.join(sorted(names)))})" if names else ""
        yield f'<p class="simulated">SIMULATED{which}: these are not measurements.</p>'


def _primary(snapshot: Snapshot) -> str:
    primary = snapshot.primary
    if primary is None:
        return '<p class="warning">No power source: time, CPU and temperatures only.</p>'
    reading = snapshot.readings.get(primary.channel_id)
    value = _value(reading) if reading else "no reading now"
    about = f"{primary.source}, scope {primary.scope.value}, {primary.quality.value}"
    about = escape(about) + _energy(snapshot)
    return f'<p class="power">{value}</p><p class="quiet">power of this node: {about}</p>'


def _energy(snapshot: Snapshot) -> str:
    joules = sum(v for (name, _), v in snapshot.counters.items() if name == metrics.NODE_ENERGY.name)
    return f"; {joules:,.0f} J since boot" if joules else ""


def _warnings(snapshot: Snapshot, store: StoreHealth) -> Iterator[str]:
    if store.degraded:
        yield f'<p class="warning">Readings are kept in memory only: {escape(store.degraded)}</p>'
    if not snapshot.wall.synchronised:
        yield '<p class="warning">The clock is not synchronised yet: times may be corrected later.</p>'


def _runs(samples: Iterable[Sample]) -> Iterator[str]:
    names = {}
    active = []
    for sample in samples:
        if sample.spec is metrics.RUN_INFO:
            names[sample.labels[0]] = sample.labels[1]
        elif sample.spec is metrics.RUN_ACTIVE:
            active.append(sample.labels)
    yield "<h2>Active runs</h2>"
    if active:
        rows = ((_cell(names.get(run_id, "")), _cell(phase), _cell(run_id)) for run_id, _, phase in active)
        yield _table(("run", "phase", "id"), rows)
    else:
        yield '<p class="quiet">None. Try <code>wattwatch tag-run -- sleep 10</code></p>'


def _source_row(status: SourceStatus) -> tuple[str, ...]:
    health, description = status.health, status.description
    why = f'<br><span class="quiet">{escape(health.last_error)}</span>' if not health.up else ""
    about = " ".join(filter(None, (description.type, description.detail)))
    return (
        _cell(description.name),
        f'<td><span class="state">{escape(health.state)}</span>{why}</td>',
        f'<td class="long">{escape(about)}</td>',
    )


def _in_order(snapshot: Snapshot) -> list[Reading]:
    """Readings in the order of the sources above, not in that in which the first of each came."""
    place = {status.description.name: index for index, status in enumerate(snapshot.sources)}
    return sorted(snapshot.readings.values(), key=lambda r: place.get(r.channel.source, len(place)))


def _reading_row(reading: Reading) -> tuple[str, ...]:
    channel = reading.channel
    value = f'<td class="value">{_value(reading)}</td>'
    kind = ", ".join(filter(None, (channel.scope.value, channel.quality.value)))
    return f'<td class="long">{escape(channel.id)}</td>', value, _cell(kind)


def _value(reading: Reading) -> str:
    word = reading.channel.quantity.rpartition("_")[2]
    unit = _UNITS.get(word, word)
    if word in _LARGE:
        for factor, prefix in _PREFIXES:
            if abs(reading.value) >= factor:
                return escape(f"{reading.value / factor:.2f} {prefix}{unit}")
    return escape(f"{reading.value:,.3f}".rstrip("0").rstrip(".") + f" {unit}").strip()


def _cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"


def _table(names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col"{_ASIDE.get(name, "")}>{escape(name)}</th>' for name in names)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'
