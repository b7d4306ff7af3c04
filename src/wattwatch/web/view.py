"""What the web shows of a node: callables that the daemon provides."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wattwatch.clock import SystemClock
from wattwatch.exposition.samples import SERIES_LIMIT, Machine
from wattwatch.metrics import Sample
from wattwatch.reading import Batch, Instant
from wattwatch.runs.run import Run
from wattwatch.sampling.snapshot import Snapshot
from wattwatch.store.base import EnergyHistory, Span, StoreHealth

KnownRun = Callable[[str], Run | None]
"""The run of an id, or None."""


class DatedHistory(EnergyHistory, Protocol):
    """A history that knows when its boots were."""

    def utc_seconds(self, at: Instant, /) -> tuple[float, bool]:
        """UTC of an instant by the last synchronised offset of its boot, and whether there was one."""
        ...

    def batches(self, source: str, span: Span, /) -> Iterator[Batch]:
        """Whole batches of a source in a span, with the meter's identity, in order of time."""
        ...

    def spans(self, start_utc_seconds: float, end_utc_seconds: float, /) -> Sequence[Span]:
        """The parts of boots between two UTC times, both included, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node as the web sees it; every callable may be called from any thread."""

    commit: Callable[[], Snapshot]  # commits what was read, then answers
    history: DatedHistory
    store_health: Callable[[], StoreHealth]
    run_samples: Callable[[], Iterable[Sample]] = field(default=tuple)
    machine: Machine = field(default_factory=Machine)
    now: Callable[[], Instant] = field(default=SystemClock().now)
    series_limit: int = SERIES_LIMIT
    known_run: KnownRun = field(default=lambda _: None)
    gap_seconds: Callable[[], float] = lambda: 3.0  # a longer step between readings is drawn as a gap
