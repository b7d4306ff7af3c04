"""Counters as the store keeps them: the value of this boot, and what earlier boots had counted."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wattwatch.errors import StoreError
from wattwatch.metrics import SeriesKey

CONTINUED: Final = ("wattwatch_run_", "wattwatch_pod_")
"""Names of counters that go on across boots; all others start at 0 at a new boot."""


@dataclass(slots=True)
class _Counter:
    value: float | None  # None: not begun in this boot
    earlier: float = 0.0  # sum over earlier boots
    changed_utc_seconds: float | None = None  # of continued ones; None: not since the clock is right


class CounterBook:
    """Every counter of a store. Its state is small, and written as one piece."""

    def __init__(self, boot_id: str = "", *, simulated: bool = False) -> None:
        self.boot_id = boot_id
        self.simulated = simulated
        self._counters: dict[SeriesKey, _Counter] = {}

    def set(self, changed: Mapping[SeriesKey, float]) -> None:
        """Take new absolute values."""
        counters = self._counters
        for key, value in changed.items():
            counter = counters.get(key)
            if counter is None:
                counters[key] = _Counter(value)
            elif counter.value != value:
                counter.value = value
                counter.changed_utc_seconds = None

    def begin_boot(self, boot_id: str) -> None:
        """Go over to a boot: if it is a new one, node and source counters start from nothing."""
        if boot_id == self.boot_id:
            return
        self.boot_id = boot_id
        for (name, _), counter in self._counters.items():
            if not name.startswith(CONTINUED):
                counter.earlier += counter.value or 0.0
                counter.value = None

    def forget_unchanged(self, utc_seconds: float, retention_seconds: float) -> None:
        """Drop counters of runs and pods that did not change for longer than readings are kept."""
        for key, counter in list(self._counters.items()):
            if not key[0].startswith(CONTINUED):
                continue
            if counter.changed_utc_seconds is None:
                counter.changed_utc_seconds = utc_seconds
            elif utc_seconds - counter.changed_utc_seconds > retention_seconds:
                del self._counters[key]

    def current(self) -> dict[SeriesKey, float]:
        """Counters that have begun in this boot, and those of runs and pods from whenever."""
        return {key: c.value for key, c in self._counters.items() if c.value is not None}

    def lifetime(self) -> dict[SeriesKey, float]:
        """Totals over all boots."""
        return {key: counter.earlier + (counter.value or 0.0) for key, counter in self._counters.items()}

    def state(self) -> bytes:
        """Everything, as bytes for `from_state`."""
        rows = [[*k, c.value, c.earlier, c.changed_utc_seconds] for k, c in self._counters.items()]
        document = {"boot_id": self.boot_id, "simulated": self.simulated, "counters": rows}
        return zlib.compress(json.dumps(document, separators=(",", ":")).encode())

    @classmethod
    def from_state(cls, state: bytes) -> "CounterBook":
        """The book that wrote this state; StoreError if the bytes are no state."""
        try:
            document = json.loads(zlib.decompress(state))
            book = cls(document["boot_id"], simulated=document["simulated"])
            for name, labels, value, earlier, changed in document["counters"]:
                book._counters[name, tuple(labels)] = _Counter(value, earlier, changed)
        except (zlib.error, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"the counters cannot be read: {error}") from error
        return book
