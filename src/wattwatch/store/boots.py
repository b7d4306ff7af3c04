"""Boots in order: where a boot's instants lie in UTC, and how old is too old."""

import math
from collections.abc import Iterator
from typing import Final

from wattwatch.clock import WallOffset
from wattwatch.errors import StoreError
from wattwatch.reading import Instant
from wattwatch.store.base import Span
from wattwatch.store.segment import MICROSECONDS, BootTimes, instant_of

_ALL_US: Final = 2**62  # later than any reading


class BootBook:
    """Every boot of a store, the present one last."""

    def __init__(self) -> None:
        self._boots: dict[str, BootTimes] = {}

    def __iter__(self) -> Iterator[BootTimes]:
        return iter(self._boots.values())

    def merge(self, boot: BootTimes) -> None:
        """Take in what a file says of a boot; files are given in order of time."""
        known = self._boots.setdefault(boot.boot_id, BootTimes(boot.boot_id))
        known.cover(boot.first_us, boot.last_us)
        known.see(boot.offset_seconds, synchronised=False)
        if boot.synchronised_offset_seconds is not None:
            known.synchronised_offset_seconds = boot.synchronised_offset_seconds

    def begin(self, boot_id: str, wall: WallOffset) -> BootTimes:
        """The present boot, whether known from before or new."""
        boot = self._boots.setdefault(boot_id, BootTimes(boot_id))
        boot.see(wall.unix_minus_boot_seconds, synchronised=wall.synchronised)
        return boot

    def utc_seconds(self, instant: Instant) -> tuple[float, bool]:
        """UTC of an instant, and whether that boot's clock was ever synchronised; StoreError if unknown."""
        boot = self._boots.get(instant.boot_id)
        if boot is None:
            raise StoreError(f"boot {instant.boot_id} is not known to this store")
        utc_seconds = instant.boot_seconds + boot.best_offset_seconds
        return utc_seconds, boot.synchronised_offset_seconds is not None

    def spans(self, utc_start: float, utc_end: float) -> list[Span]:
        """Which stretches of which boots lie in a stretch of UTC, as far as the store has them."""
        spans = []
        for boot in self:
            if boot.first_us is None or boot.last_us is None:
                continue
            start_us = max(boot.first_us, _boot_us(boot, utc_start))
            end_us = min(boot.last_us, _boot_us(boot, utc_end))
            if start_us <= end_us:
                spans.append(Span(instant_of(boot.boot_id, start_us), instant_of(boot.boot_id, end_us)))
        return spans

    def oldest_us(self, now: Instant, retention_seconds: float) -> dict[str, int]:
        """Of each boot, the microsecond before which its readings are older than that.

        A clock that was never right makes nothing old: a boot without one is as old as the start of the next
        boot that has one; and if only the present boot has none, ages are not known. Where no boot has one,
        the wall clock is taken as it is.
        """
        any_synchronised = any(boot.synchronised_offset_seconds is not None for boot in self)
        if any_synchronised and self._boots[now.boot_id].synchronised_offset_seconds is None:
            return {}
        horizon = self.utc_seconds(now)[0] - retention_seconds
        oldest = {}
        next_start_utc = math.inf
        for boot in reversed(list(self)):
            if boot.synchronised_offset_seconds is not None or not any_synchronised:
                next_start_utc = boot.best_offset_seconds
                oldest[boot.boot_id] = _boot_us(boot, horizon)
            elif next_start_utc < horizon:
                oldest[boot.boot_id] = _ALL_US
        return oldest


def _boot_us(boot: BootTimes, utc_seconds: float) -> int:
    return round((utc_seconds - boot.best_offset_seconds) * MICROSECONDS)
