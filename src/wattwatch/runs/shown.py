"""The samples of runs that are on the page, and until when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wattwatch.metrics import Sample


@dataclass(frozen=True, slots=True)
class _Shown:
    samples: tuple[Sample, ...]
    until_boot_seconds: float | None  # None: while the run is open


class ShownRuns:
    """Samples by run; read from any thread, changed by one at a time."""

    def __init__(self) -> None:
        self._shown: dict[str, _Shown] = {}

    def __bool__(self) -> bool:
        return bool(self._shown)

    def put(self, run_id: str, samples: Iterable[Sample], until_boot_seconds: float | None = None) -> None:
        """Show these of a run from now on, until a boot second if one is given."""
        self._shown[run_id] = _Shown(tuple(samples), until_boot_seconds)

    def drop(self, run_id: str) -> None:
        """Show nothing of a run any more."""
        self._shown.pop(run_id, None)

    def drop_old(self, now_boot_seconds: float) -> None:
        """Drop those whose time is over."""
        for run_id, shown in list(self._shown.items()):
            if shown.until_boot_seconds is not None and shown.until_boot_seconds < now_boot_seconds:
                self.drop(run_id)

    def samples(self) -> Sequence[Sample]:
        """Samples of all runs that are shown."""
        return [sample for shown in list(self._shown.values()) for sample in shown.samples]
