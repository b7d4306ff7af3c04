"""Tables of a report: figures of nodes and phases, how they were measured, what the run was. Pure."""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Final

from wattwatch.report.markup import facts, scrolled
from wattwatch.report.study_tables import baseline_text
from wattwatch.report.words import (
    UNKNOWN,
    Document,
    bytes_text,
    celsius_text,
    energy_text,
    joules_text,
    kelvin_text,
    net_text,
    number,
    parts_text,
    percent_text,
    seconds_text,
    signed_percent_text,
    state_text,
    watts_text,
)

Cell = Callable[[Document], str]


def _of(key: str, text: Callable[[float | None], str]) -> Cell:
    return lambda node: text(number(node, key))


def _degrees(statistic: str) -> Cell:
    return lambda node: celsius_text(number(node.get("temperature_celsius") or {}, statistic))


def _time(node: Document) -> str:
    """All the time there was: every second is sampled, recovered or missing."""
    seconds = [number(node, f"{state}_seconds") for state in ("sampled", "recovered", "missing")]
    known = [value for value in seconds if value is not None]
    return seconds_text(sum(known) if len(known) == len(seconds) else None)


def _rise(node: Document) -> str:
    degrees = node.get("temperature_celsius") or {}
    start, highest = number(degrees, "start"), number(degrees, "max")
    return kelvin_text(None if start is None or highest is None else highest - start)


_FIGURES: Final[tuple[tuple[str, tuple[tuple[str, Cell], ...]], ...]] = (
    ("Energy", (
        ("energy (gross)", energy_text),
        ("mean power", _of("mean_power_watts", watts_text)),
        ("peak power", _of("peak_power_watts", watts_text)),
        ("time", _time),
        ("idle baseline", baseline_text),
        ("energy above idle (net)", net_text),
    )),
    ("Coverage", (
        ("covered", _of("covered_ratio", percent_text)),
        ("sampled", _of("sampled_seconds", seconds_text)),
        ("recovered from the meter's count", _of("recovered_seconds", seconds_text)),
        ("missing", _of("missing_seconds", seconds_text)),
    )),
    ("Doubt", (
        ("by the edges, ±", _of("edge_uncertainty_joules", joules_text)),
        ("by filled gaps, ±", _of("gap_doubt_joules", joules_text)),
        ("the meter's own count", _of("accumulator_joules", joules_text)),
        ("own integral against it", _of("disagreement_ratio", signed_percent_text)),
    )),
    ("Temperature", (
        ("at the start", _degrees("start")),
        ("mean", _degrees("mean")),
        ("highest", _degrees("max")),
        ("rise from the start, ΔT", _rise),
    )),
    ("Machine", (
        ("CPU, of all cores", _of("cpu_ratio", percent_text)),
        ("memory, highest use", _of("memory_peak_bytes", bytes_text)),
        ("network", _of("network_bytes", bytes_text)),
    )),
    ("Observer (wattwatch itself)", (
        ("its CPU, of all cores", _of("observer_cpu_ratio", percent_text)),
        ("its energy, at most", _of("observer_energy_joules", joules_text)),
    )),
)  # fmt: skip

_QUALITIES: Final = {
    "metered": "metered: read from an external meter",
    "sensor": "sensor: read from a sensor of the computer",
    "model": "model: estimated, not measured",
    "simulated": "SIMULATED: not a measurement",
}
_SCOPES: Final = {
    "wall": "wall: all that is drawn from the socket",
    "board": "board: the whole computer at its DC input",
    "package": "package: the processor package only",
}
_ENERGY_METHOD: Final = (
    "trapezoid between readings, cut at the exact edges of the run; missing time adds nothing and is never "
    "scaled up; mean power is energy over covered time"
)
_OBSERVER_METHOD: Final = "the share that wattwatch itself has of the busy CPU time, of the gross energy"
_COMPLETENESS: Final = {
    "final": "final",
    "provisional": "provisional: the run goes on, or a gap is still open; figures may change",
    "incomplete": "incomplete: a node could not be asked",
}


def figures_table(document: Document) -> str:
    """Every figure, a column for each node and each of its phases."""
    columns = [(f"node {_word(node.get('node'))}", node) for node in document["nodes"]]
    several = len(columns) > 1
    for phase in document["phases"]:
        where = f" on {_word(phase.get('node'))}" if several else ""
        columns.append((f"{_word(phase.get('phase'))}{where}", phase))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name, _ in columns)
    body = "".join(_group(title, rows, [node for _, node in columns]) for title, rows in _FIGURES)
    inside = f'<thead><tr><th scope="col">figure</th>{head}</tr></thead>{body}'
    return scrolled(
        "Figures", f'<table class="figures"><caption>The run, and its phases</caption>{inside}</table>'
    )


def _group(title: str, rows: Sequence[tuple[str, Cell]], nodes: Sequence[Document]) -> str:
    head = f'<tr><th scope="rowgroup" colspan="{len(nodes) + 1}">{escape(title)}</th></tr>'
    lines = (_row(name, (cell(node) for node in nodes)) for name, cell in rows)
    return f"<tbody>{head}{''.join(lines)}</tbody>"


def _row(name: str, cells: Iterable[str]) -> str:
    values = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(name)}</th>{values}</tr>'


def method_table(node: Document) -> str:
    """How the figures of a node were obtained."""
    zone = (node.get("temperature_celsius") or {}).get("zone")
    interval_seconds = number(node, "interval_seconds")
    rows = (
        ("source", _word(node.get("source"))),
        ("meter", _word(node.get("meter_model"))),
        ("interval", UNKNOWN if interval_seconds is None else f"{interval_seconds:g} s between readings"),
        ("scope", _SCOPES.get(_word(node.get("scope")), _word(node.get("scope")))),
        ("quality", _QUALITIES.get(_word(node.get("quality")), _word(node.get("quality")))),
        ("temperature", _word(zone) if zone else "no zone was read"),
        ("energy", _ENERGY_METHOD),
        ("observer", _OBSERVER_METHOD),
        *((("parts", parts),) if (parts := parts_text(node)) else ()),
    )
    return facts(f"How node {_word(node.get('node'))} was measured", rows)


def run_table(document: Document) -> str:
    """What was run, when, and how it ended."""
    rows = (
        ("run", _word(document.get("run_id"))),
        ("experiment", str(document.get("experiment") or "none given")),
        ("name", str(document.get("name") or "none given")),
        ("labels", _labels(document)),
        ("command", str(document.get("command") or "none given")),
        ("state", state_text(document)),
        ("started", _moment(document.get("started_at"))),
        ("ended", _moment(document.get("ended_at"))),
        ("duration", seconds_text(number(document, "duration_seconds"))),
        ("result", completeness_text(document)),
    )
    return facts("The run", rows)


def _labels(document: Document) -> str:
    labels = document.get("labels") or {}
    return ", ".join(f"{name}={value}" for name, value in labels.items()) or "none given"


def completeness_text(document: Document) -> str:
    """Whether the result may still change."""
    return _COMPLETENESS.get(_word(document.get("completeness")), UNKNOWN)


def _moment(text: object) -> str:
    """`2025-06-01 12:00:00 UTC` of RFC 3339."""
    return f"{str(text)[:19].replace('T', ' ')} UTC" if text else UNKNOWN


def _word(text: object) -> str:
    return str(text) if text else UNKNOWN
