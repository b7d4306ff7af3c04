"""The power of the node on the page: the present value, and a curve of the last minutes as inline SVG.

What is drawn says no more than `/metrics` does to whoever scrapes it every second.
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from wattwatch import metrics
from wattwatch.errors import StoreError
from wattwatch.reading import Quality
from wattwatch.report.ticks import Tick, value_ticks
from wattwatch.sampling.snapshot import Snapshot, node_power_watts
from wattwatch.store.base import EnergyHistory
from wattwatch.units import text_from_joules, text_from_seconds
from wattwatch.web import page_text
from wattwatch.web.page_curve import PowerCurve, power_curve

_WIDTH: Final = 1000.0
_HEIGHT: Final = 100.0
_TOP_PERCENT: Final = 12.0  # room for the uppermost label
_MINUTE: Final = 60


def power_section(history: EnergyHistory, snapshot: Snapshot, gap_seconds: float) -> str:
    """The section of the page, as HTML."""
    primary = snapshot.primary
    if primary is None:
        return '<p class="warning">No power source: time, CPU and temperatures only.</p>'
    try:
        curve = power_curve(history, snapshot, gap_seconds)
        figure = (
            _figure(curve, snapshot) if curve else '<p class="quiet">No readings in the last minutes.</p>'
        )
    except StoreError as error:
        curve, figure = None, f'<p class="quiet">No curve: {escape(str(error))}</p>'
    about = f"{primary.channel_id}, scope {primary.scope.value}, {primary.quality.value}"
    return (
        '<div class="card"><h2>Power of this node</h2><div class="power">'
        f"{_now(node_power_watts(snapshot, primary))}{page_text.facts(_facts(curve, snapshot))}</div>"
        f'{figure}<p class="quiet id">Measured by {escape(about)}{_fallback(snapshot)}</p></div>'
    )


def _fallback(snapshot: Snapshot) -> str:
    """What counts beside it, in a series of its own, while the primary is lost."""
    fallback = snapshot.fallback
    if fallback is None:
        return ""
    watts = node_power_watts(snapshot, fallback)
    now = "no reading now" if watts is None else f"{page_text.watts(watts)} W now"
    return escape(f"; fallback {fallback.channel_id}, scope {fallback.scope.value}, {now}")


def _now(watts: float | None) -> str:
    if watts is None:
        return '<p class="now none">no reading now</p>'
    return f'<p class="now">{page_text.watts(watts)} <small>W</small></p>'


def _facts(curve: PowerCurve | None, snapshot: Snapshot) -> list[tuple[str, str]]:
    found = []
    if curve is not None:
        values = [point.value for point in curve.trace.points]
        found.append(
            ("lowest to highest", f"{page_text.watts(min(values))} to {page_text.watts(max(values))} W")
        )
        if curve.mean_watts is not None:
            found.insert(0, ("mean", f"{page_text.watts(curve.mean_watts)} W"))
    labels = () if snapshot.primary is None else snapshot.primary.labels
    joules = snapshot.counters.get((metrics.NODE_ENERGY.name, labels))
    if joules is not None:
        found.append(("since boot", f'<span title="{joules:,.0f} J">{text_from_joules(joules)}</span>'))
    return found


def _figure(curve: PowerCurve, snapshot: Snapshot) -> str:
    values = [point.value for point in curve.trace.points]
    ticks = value_ticks(min(0.0, *values), max(values), 4)
    whole, half = (_round_text(curve.window_seconds / parts) for parts in (1, 2))
    simulated = snapshot.primary is not None and snapshot.primary.quality is Quality.SIMULATED
    parts = (
        '<figure><svg class="chart" role="img" aria-labelledby="curve-title curve-desc">',
        f'<title id="curve-title">Power over the last {whole}</title>',
        f'<desc id="curve-desc">{escape(_described(curve))}</desc>',
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" preserveAspectRatio="none">',
        *_drawing(curve, ticks),
        "</svg>",
        *_labels(ticks, simulated=simulated),
        "</svg>",
        f'<div class="times" aria-hidden="true"><span>{whole} ago</span>',
        f"<span>{half} ago</span><span>now</span></div>",
        _caption(curve),
        "</figure>",
    )
    return "".join(parts)


def _round_text(seconds: float) -> str:
    return f"{seconds / _MINUTE:g} min" if seconds >= _MINUTE else f"{seconds:g} s"


def _described(curve: PowerCurve) -> str:
    values = [point.value for point in curve.trace.points]
    return (
        f"From {min(values):.2f} to {max(values):.2f} W. Stretches without readings: {len(curve.trace.gaps)}."
    )


def _caption(curve: PowerCurve) -> str:
    if not curve.trace.gaps:
        return ""
    seconds = text_from_seconds(curve.missing_seconds)
    return (
        f'<figcaption><span class="swatch"></span>no readings for {seconds}: the line is broken, '
        "and the mean leaves that time out</figcaption>"
    )


def _drawing(curve: PowerCurve, ticks: Sequence[Tick]) -> Iterator[str]:
    window_seconds = curve.window_seconds
    for gap in curve.trace.gaps:
        left, right = _x(gap.start_seconds, window_seconds), _x(gap.end_seconds, window_seconds)
        yield f'<rect class="gap" x="{left:.1f}" width="{right - left:.1f}" y="0" height="{_HEIGHT:g}"/>'
    for tick in ticks:
        yield f'<path class="grid" d="M0 {_y(tick.at, ticks):.2f}H{_WIDTH:g}"/>'
    zero = f"{_y(0.0, ticks):.2f}"
    for line in curve.trace.lines:
        places = [(_x(point.seconds, window_seconds), _y(point.value, ticks)) for point in line]
        corners = "L".join(f"{x:.1f} {y:.2f}" for x, y in places)
        first, last = places[0][0], places[-1][0]
        yield f'<path class="area" d="M{first:.1f} {zero}L{corners}L{last:.1f} {zero}Z"/>'
        # A single reading is a line of no length: round ends make it a dot.
        yield f'<path class="curve" d="M{corners}{"h0" if len(line) == 1 else ""}"/>'


def _labels(ticks: Sequence[Tick], *, simulated: bool) -> Iterator[str]:
    """Text outside the stretched drawing; the description says the same to screen readers."""
    for tick in ticks[1:]:
        yield f'<text x="2" y="{_y(tick.at, ticks):.1f}%" dy="-4" aria-hidden="true">{tick.text} W</text>'
    if simulated:
        yield '<text class="mark" x="99%" y="94%" text-anchor="end" aria-hidden="true">SIMULATED</text>'


def _x(seconds: float, window_seconds: float) -> float:
    return min(max(1 + seconds / window_seconds, 0.0), 1.0) * _WIDTH


def _y(value: float, ticks: Sequence[Tick]) -> float:
    """Down from the top, in percent of the height."""
    low, high = ticks[0].at, ticks[-1].at
    return _TOP_PERCENT + (1 - (value - low) / (high - low)) * (_HEIGHT - _TOP_PERCENT)
