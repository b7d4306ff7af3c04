"""Run documents for people."""

from collections.abc import Iterator, Sequence
from typing import Final

from wattwatch.report.words import (
    Document,
    bytes_text,
    energy_text,
    net_text,
    parts_text,
    run_title,
    state_text,
    watts_text,
)
from wattwatch.units import text_from_joules, text_from_seconds

_LABEL_WIDTH: Final = 12


def summary_lines(document: Document) -> list[str]:
    """What a run cost, a line each: of one phase if it had only one, with a table if it had more."""
    lines = [f"{run_title(document)}: {state_text(document)}"]
    several = len(document["nodes"]) > 1
    for node in document["nodes"]:
        if several:
            lines.append(f" {node['node']}")
        lines += [f"  {label:<{_LABEL_WIDTH}} {text}" for label, text in _node_lines(node, document)]
    if labels := document.get("labels"):
        shown = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
        lines.append(f"  {'labels':<{_LABEL_WIDTH}} {shown}")
    lines.append(f"  {'run':<{_LABEL_WIDTH}} {document['run_id']}")
    if len({phase["phase"] for phase in document["phases"]}) > 1:
        lines += ["", *phase_lines(document)]
    lines += [f"  warning: {warning}" for warning in document["warnings"]]
    if document["completeness"] == "provisional":
        lines.append(f"  provisional: a gap is still open; see wattwatch runs show {document['run_id']}")
    return lines


def phase_lines(document: Document) -> list[str]:
    """A table of the phases."""
    several = len({phase["node"] for phase in document["phases"]}) > 1
    rows = [("phase", "energy", "mean power", "time", "max °C"), *map(_phase_row, document["phases"])]
    if several:
        nodes = ["node", *(phase["node"] for phase in document["phases"])]
        rows = [(row[0], node, *row[1:]) for row, node in zip(rows, nodes, strict=True)]
    return [f"  {line}" for line in table_lines(rows)]


def table_lines(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as columns: the first flush left, the others flush right."""
    first_width, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    return ["  ".join([row[0].ljust(first_width), *map(str.rjust, row[1:], widths)]).rstrip() for row in rows]


def run_list_lines(documents: Sequence[Document]) -> list[str]:
    """A table of runs, or how to make the first."""
    if not documents:
        return ["no runs yet: wattwatch tag-run -- CMD measures one"]
    header = ("run", "name", "node", "state", "started", "duration", "energy", "mean power", "quality")
    return table_lines([header, *map(_run_row, documents)])


def _run_row(document: Document) -> tuple[str, ...]:
    node = document["nodes"][0] if document["nodes"] else {}
    return (
        document["run_id"],
        document["name"] or "",
        ", ".join(dict.fromkeys(node["node"] for node in document["nodes"])),
        document["state"],
        document["started_at"].partition(".")[0].replace("T", " ") + "Z",
        text_from_seconds(document["duration_seconds"]),
        energy_text(node),
        watts_text(node.get("mean_power_watts")),
        node.get("quality") or "",
    )


def _node_lines(node: Document, document: Document) -> Iterator[tuple[str, str]]:
    yield "energy", f"{energy_text(node)}{_origin(node)}"
    if node["net_energy_joules"] is not None:
        idle = node["baseline"]
        yield "net", f"{net_text(node)} above idle {watts_text(idle['watts'])} ({idle['kind']})"
    if parts := parts_text(node):
        yield "parts", parts
    if node["mean_power_watts"] is not None:
        yield (
            "mean power",
            f"{watts_text(node['mean_power_watts'])}, peak {watts_text(node['peak_power_watts'])}",
        )
    yield "duration", text_from_seconds(document["duration_seconds"])
    if degrees := node["temperature_celsius"]:
        start, mean, highest = (f"{degrees[stat]:.1f} °C" for stat in ("start", "mean", "max"))
        yield "temperature", f"{start} at the start, mean {mean}, max {highest} ({degrees['zone']})"
    if node["source"] is not None:
        yield "coverage", _coverage(node)
    if use := _use(node):
        yield "machine", use
    if (joules := node["observer_energy_joules"]) is not None:
        yield "observer", f"{node['observer_cpu_ratio']:.2%} of the CPU, at most {text_from_joules(joules)}"


def _origin(node: Document) -> str:
    if node["source"] is None:
        return ""
    model = f" {node['meter_model']}" if node["meter_model"] else ""
    return f"  ({node['quality']}, {node['scope']}: {node['source']}{model})"


def _coverage(node: Document) -> str:
    seconds = [(state, node[f"{state}_seconds"]) for state in ("sampled", "recovered", "missing")]
    parts = ", ".join(f"{state} {text_from_seconds(value)}" for state, value in seconds if value)
    ratio = node["covered_ratio"]
    return parts if ratio is None else f"{ratio:.1%}: {parts}"


def _use(node: Document) -> str:
    parts = []
    if node["cpu_ratio"] is not None:
        parts.append(f"CPU {node['cpu_ratio']:.1%}")
    if node["memory_peak_bytes"] is not None:
        parts.append(f"memory up to {bytes_text(node['memory_peak_bytes'])}")
    if node["network_bytes"] is not None:
        parts.append(f"network {bytes_text(node['network_bytes'])}")
    return ", ".join(parts)


def _phase_row(phase: Document) -> tuple[str, ...]:
    degrees = phase["temperature_celsius"]
    seconds = phase["sampled_seconds"] + phase["recovered_seconds"] + phase["missing_seconds"]
    return (
        phase["phase"],
        energy_text(phase),
        watts_text(phase["mean_power_watts"]),
        text_from_seconds(seconds),
        f"{degrees['max']:.1f}" if degrees else "",
    )
