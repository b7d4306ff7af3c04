"""One run as one HTML file that opens without a network: no script, nothing is loaded. Pure."""

from collections.abc import Iterator, Sequence
from html import escape

from wattwatch.report.chart import ChartFrame, NodeCurves, PhaseBand, legend, power_chart, temperature_chart
from wattwatch.report.epochs import EpochRuns, epochs_section
from wattwatch.report.markup import page, quiet, warning
from wattwatch.report.series import Trace
from wattwatch.report.tables import completeness_text, figures_table, method_table, run_table
from wattwatch.report.words import Document, number, run_title, sentence

_NO_CURVE = (
    "No power curve: its readings are not at hand. They are kept by the daemon for the time of its "
    "[store] retention; a run measured without the daemon keeps none."
)
_READING_FIGURES = (
    "± is the doubt by edges and filled gaps together. ≥ is a lower bound: time is missing, and missing time "
    "adds nothing. Unknown is not zero."
)


def run_page(document: Document, curves: Sequence[NodeCurves] = ()) -> str:
    """The report of a run document (DESIGN section 6), with the curves that are still known.

    Traces and bands are in seconds since the start of the run; a trace without points counts as none.
    """
    return page(run_title(document), _body(document, curves), simulated=_is_simulated(document))


def _body(document: Document, curves: Sequence[NodeCurves]) -> Iterator[str]:
    yield f"<header><h1>{escape(run_title(document))}</h1>"
    for node in document["nodes"] or [None]:
        yield f'<p class="lead">{escape(sentence(document, node))}</p>'
    yield "</header><main>"
    for text in document["warnings"]:
        yield warning(str(text))
    if document["completeness"] != "final":
        yield warning(completeness_text(document), "Not final")
    yield "<h2>Over time</h2>"
    for index, of_node in enumerate(curves or (NodeCurves(""),)):
        yield from _charts(document, of_node, f"-{index}" if index else "")
    yield from epochs_section(_epochs(document), simulated=_is_simulated(document))
    if document["nodes"]:
        yield "<h2>Figures</h2>"
        yield quiet(_READING_FIGURES)
        yield figures_table(document)
        yield "<h2>How it was measured</h2>"
        yield from map(method_table, document["nodes"])
    yield "<h2>What was run</h2>"
    yield run_table(document)
    yield "</main>"


def _epochs(document: Document) -> list[EpochRuns]:
    epochs = tuple(document.get("epochs") or ())
    return [EpochRuns(run_title(document), 0, (epochs,))] if epochs else []


def _charts(document: Document, curves: NodeCurves, suffix: str) -> Iterator[str]:
    power, temperature, bands = _drawable(curves.power), _drawable(curves.temperature), curves.bands
    traces = [trace for trace in (power, temperature) if trace is not None]
    frame = _frame(document, traces, bands)
    if power is not None:
        node: Document = next((node for node in document["nodes"] if node.get("node") == curves.node), {})
        yield power_chart(power, frame, number(node, "mean_power_watts"), f"power{suffix}")
    else:
        yield quiet(_NO_CURVE)
    if temperature is not None:
        yield temperature_chart(temperature, frame, f"temperature{suffix}")
    if traces:
        yield legend(frame, gaps=any(trace.gaps for trace in traces))
        yield quiet("Time since the start of the run. Dashed: its start and end; dotted: mean.")


def _frame(document: Document, traces: Sequence[Trace], bands: Sequence[PhaseBand]) -> ChartFrame:
    duration_seconds = number(document, "duration_seconds") or 0.0
    times = [point.seconds for trace in traces for point in trace.points]
    start_seconds = min([0.0, *times])
    end_seconds = max([duration_seconds, start_seconds + 1e-3, *times])
    edges_seconds = (0.0, duration_seconds) if document.get("ended_at") else (0.0,)
    return ChartFrame(start_seconds, end_seconds, edges_seconds, bands, simulated=_is_simulated(document))


def _drawable(trace: Trace | None) -> Trace | None:
    return trace if trace is not None and trace.lines else None


def _is_simulated(document: Document) -> bool:
    return any(part.get("quality") == "simulated" for part in (*document["nodes"], *document["phases"]))
