"""What speaks against the figures of a group: runs left out, warnings of runs, order, coverage, mixtures."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from wattwatch.report.stats.records import Caution
from wattwatch.report.stats.trend import cold_run, drift
from wattwatch.report.study import Repetition
from wattwatch.report.words import number

LOWER_BOUND: Final = "lower-bound"
RUN_WARNING: Final = "run-warning"
_DIGITS: Final = re.compile(r"[0-9.]+")
_MIXED: Final = (
    ("scope", "scopes-mixed", "power of different scope"),
    ("quality", "qualities-mixed", "figures of different quality"),
    ("source", "sources-mixed", "different sources"),
    ("meter_model", "meters-mixed", "different meters"),
)
_DRIFTING: Final = (("energy_joules", "energy"), ("duration_seconds", "time"))
Document = Mapping[str, Any]


def group_cautions(repetitions: Sequence[Repetition], documents: Sequence[Document]) -> Iterator[Caution]:
    """Every caution of a group; `documents` are those of the repetitions, both in order of start."""
    kept = [(r, d) for r, d in zip(repetitions, documents, strict=True) if not r.is_left_out]
    counted, known = [r for r, _ in kept], [d for _, d in kept]
    yield from _left_out(repetitions)
    if not kept:
        yield Caution("nothing-counts", "none of its runs counts: there are no figures")
        return
    yield from _unknown(counted)
    yield from _bounds(known)
    yield from _provisional(counted)
    yield from _mixtures(known)
    yield from _order(counted, known)
    yield from _warnings(known)


def _left_out(repetitions: Sequence[Repetition]) -> Iterator[Caution]:
    reasons = [r.reason_left_out for r in repetitions if r.is_left_out]
    if reasons:
        counts = ", ".join(f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons))
        yield Caution("left-out", f"{_runs(len(reasons))} not counted: {counts}")


def _unknown(counted: Sequence[Repetition]) -> Iterator[Caution]:
    missing = sum(r.figures.get("energy_joules") is None for r in counted)
    if missing:
        text = f"the energy of {missing} of {_runs(len(counted))} is not known: nothing was covered"
        yield Caution("energy-unknown", text)


def _bounds(documents: Sequence[Document]) -> Iterator[Caution]:
    bounds = [d for d in documents if any((number(n, "missing_seconds") or 0) > 0 for n in d["nodes"])]
    if bounds:
        text = f"{len(bounds)} of {_runs(len(documents))} miss time: their energies are lower bounds"
        yield Caution(LOWER_BOUND, f"{text}, and so are median and mean")


def _provisional(counted: Sequence[Repetition]) -> Iterator[Caution]:
    open_runs = [r for r in counted if r.completeness != "final"]
    if open_runs:
        text = f"{len(open_runs)} of {_runs(len(counted))} not final: figures may still change"
        yield Caution("not-final", text)


def _mixtures(documents: Sequence[Document]) -> Iterator[Caution]:
    nodes = [node for document in documents for node in document["nodes"]]
    for key, code, what in _MIXED:
        values = sorted({str(node.get(key)) for node in nodes if node.get(key)})
        if len(values) > 1:
            yield Caution(code, f"{what} are taken together: {', '.join(values)}")
    kinds = sorted({str((node.get("baseline") or {}).get("kind", "none")) for node in nodes})
    if len(kinds) > 1:
        yield Caution("baselines-mixed", f"net energy against different baselines: {', '.join(kinds)}")


def _order(counted: Sequence[Repetition], documents: Sequence[Document]) -> Iterator[Caution]:
    starts = [_start_celsius(document) for document in documents]
    degrees = [celsius for celsius in starts if celsius is not None]
    temperatures = degrees if len(degrees) == len(starts) else None
    for key, title in _DRIFTING:
        values = [value for r in counted if (value := r.figures.get(key)) is not None]
        if len(values) == len(counted):
            found = (cold_run(values), drift(values, temperatures))
            yield from (Caution(c.code, f"{title}: {c.text}") for c in found if c is not None)


def _start_celsius(document: Document) -> float | None:
    known = (number(node.get("temperature_celsius") or {}, "start") for node in document["nodes"])
    return max((celsius for celsius in known if celsius is not None), default=None)


def _warnings(documents: Sequence[Document]) -> Iterator[Caution]:
    """Warnings of the runs, those that differ in their numbers only together, by the first of them."""
    alike: dict[str, list[str]] = {}
    for document in documents:
        seen = {_DIGITS.sub("#", str(warning)): str(warning) for warning in document["warnings"]}
        for shape, warning in seen.items():
            alike.setdefault(shape, []).append(warning)
    for warnings in alike.values():
        such = "" if len(set(warnings)) == 1 else "such as: "
        yield Caution(RUN_WARNING, f"{len(warnings)} of {_runs(len(documents))}: {such}{warnings[0]}")


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def texts(cautions: Iterable[Caution]) -> list[str]:
    """Their texts, each once, in order."""
    return list(dict.fromkeys(caution.text for caution in cautions))
