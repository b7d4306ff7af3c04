"""What every target asserts besides its own laws."""

import json
import math
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from wattwatch.reading import Batch

LONGEST_LINE = 1000


def one_line(error: BaseException, longest: int = LONGEST_LINE, of: Path | None = None) -> None:
    """An error is one line that a terminal and a log can take, never long; it begins with the file `of`."""
    text = str(error)
    assert of is None or text.startswith(str(of)), text
    assert text.strip(), repr(error)
    assert len(text.splitlines()) == 1, repr(text)
    assert len(text) <= longest, f"{len(text)} characters: {text[:200]!r}"


def sound_batch(batch: Batch) -> None:
    """Finite values of channels whose names can be served; one instant."""
    for reading in batch.readings:
        assert isinstance(reading.value, float | int)
        assert math.isfinite(reading.value), reading
        assert reading.at == batch.at
        reading.channel.id.encode("utf-8")
    ids = [reading.channel.id for reading in batch.readings]
    assert len(ids) == len(set(ids)), "a channel twice"
    assert math.isfinite(batch.at.boot_seconds)


def rising(batches: Iterable[Batch]) -> None:
    """Batches in strict order of time."""
    seconds = [batch.at.boot_seconds for batch in batches]
    assert all(one < other for one, other in pairwise(seconds)), seconds


def strict_json(body: bytes) -> Any:
    """The document of an answer, which is UTF-8 and has neither NaN nor Infinity."""
    return json.loads(body.decode("utf-8"), parse_constant=_refuse)


def _refuse(constant: str) -> float:
    raise AssertionError(f"{constant} in an answer")


class Script:
    """Takes decisions off the bytes of an input; an input that is used up gives zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    @property
    def is_over(self) -> bool:
        """Whether all bytes were taken."""
        return self._offset >= len(self._data)

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def number(self, size_bytes: int) -> int:
        """The next bytes as a number."""
        return int.from_bytes(self.take(size_bytes), "big")

    def take(self, count: int) -> bytes:
        """The next bytes, exactly so many."""
        taken = self._data[self._offset : self._offset + count]
        self._offset += count
        return taken.ljust(count, b"\0")

    def rest(self) -> bytes:
        """All that was not taken yet."""
        rest = self._data[self._offset :]
        self._offset = len(self._data)
        return rest
