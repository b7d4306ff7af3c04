"""Runs that go on, on the page: their time and their energy so far."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Final

from wattwatch import metrics
from wattwatch.metrics import Sample
from wattwatch.runs.run import Run
from wattwatch.sampling.snapshot import Snapshot
from wattwatch.units import text_from_joules, text_from_seconds
from wattwatch.web.page_text import facts
from wattwatch.web.view import KnownRun

_MISSING: Final = "missing"
_SHOWN: Final = 20


@dataclass(slots=True)
class _Active:
    run_id: str
    phases: list[str] = field(default_factory=list)
    name: str = ""
    joules: float | None = None
    missing_seconds: float = 0.0


def runs_section(samples: Iterable[Sample], known_run: KnownRun, snapshot: Snapshot) -> str:
    """The section of the page, as HTML; energies are those of `/metrics`."""
    active = _active(list(samples))
    if not active:
        none = "None. Try <code>wattwatch tag-run --name first -- sleep 10</code>"
        return f'<h2 class="over">Active runs</h2><p class="quiet">{none}</p>'
    shown = "".join(_article(run, known_run, snapshot) for run in active[:_SHOWN])
    more = f'<p class="quiet">and {len(active) - _SHOWN} more</p>' if len(active) > _SHOWN else ""
    return f'<h2 class="over">Active runs</h2><div class="card">{shown}{more}</div>'


def _active(samples: list[Sample]) -> list[_Active]:
    runs: dict[str, _Active] = {}
    for sample in samples:
        if sample.spec is metrics.RUN_ACTIVE:
            run_id, _, phase = sample.labels
            runs.setdefault(run_id, _Active(run_id)).phases.append(phase)
    for sample in samples:
        run = runs.get(sample.labels[0]) if sample.labels else None
        if run is not None:
            _note(run, sample)
    return list(runs.values())


def _note(run: _Active, sample: Sample) -> None:
    if sample.spec is metrics.RUN_INFO:
        run.name = sample.labels[1]
    elif sample.spec is metrics.RUN_GROSS_ENERGY:
        run.joules = (run.joules or 0.0) + sample.value
    elif sample.spec is metrics.RUN_SECONDS and sample.labels[1] == _MISSING:
        run.missing_seconds = sample.value


def _article(run: _Active, known_run: KnownRun, snapshot: Snapshot) -> str:
    chips = " ".join(f'<span class="chip">{escape(phase)}</span>' for phase in run.phases)
    figures = facts(list(_facts(run, known_run, snapshot)))
    return (
        f'<article class="run"><div class="head"><h2>{escape(run.name or run.run_id)}</h2>{chips}</div>'
        f'{figures}<p class="quiet id">{escape(run.run_id)}</p></article>'
    )


def _facts(run: _Active, known_run: KnownRun, snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    known = known_run(run.run_id)
    if known is not None:
        yield "elapsed", text_from_seconds(_elapsed_seconds(known, snapshot))
    if run.joules is not None:
        at_least = "≥ " if run.missing_seconds else ""
        yield "energy so far", f"{at_least}{text_from_joules(run.joules)}"
    if run.missing_seconds:
        yield "missing", text_from_seconds(run.missing_seconds)


def _elapsed_seconds(run: Run, snapshot: Snapshot) -> float:
    """By the boot clock within a boot; by UTC where the computer was started anew meanwhile."""
    now, start = snapshot.at, run.start
    if start.at.boot_id == now.boot_id:
        return max(0.0, now.boot_seconds - start.at.boot_seconds)
    return max(0.0, now.boot_seconds + snapshot.wall.unix_minus_boot_seconds - start.utc_seconds)
