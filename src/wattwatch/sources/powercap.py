"""Energy counters of the kernel's powercap class: RAPL of Intel and AMD, in microjoules.

Files and units: Documentation/power/powercap/powercap.rst; names of domains: drivers/powercap/
intel_rapl_common.c (`package-N`, `package-N-die-M`, `core`, `uncore`, `dram`, `psys`, `psys-N`).
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Batch, Channel, Kind, Reading, Scope
from wattwatch.sources.base import CounterLimits, PowercapSpec, SourceDescription
from wattwatch.sources.sysfs import KernelFiles, integer_or, name_from, sensor_quality, text_or

_MICRO: Final = 1_000_000
_FOLDER: Final = re.compile(r"(?P<type>[^:]+):(?P<package>\d+)(?::\d+)*")
_TWIN_TYPE: Final = "intel-rapl-mmio"
"""The same counters by memory-mapped registers: taken only where the MSRs do not give the domain."""

_SCOPES: Final = {
    "package": Scope.PACKAGE,
    "core": Scope.CORE,
    "uncore": Scope.UNCORE,
    "dram": Scope.DRAM,
}
_PLATFORM: Final = "psys"
_LEAST_WATTS, _MOST_WATTS, _MOST_PLATFORM_WATTS = 250.0, 1000.0, 4000.0
"""What a counter is believed to mean at the least and at the most: firmware's limits may be absent, 0 (not
set), the sustained power only, or 4095 W (none)."""

_PEAK_FACTOR: Final = 2.0  # over the highest limit, which holds for a mean over milliseconds to seconds
_COMPARE_SECONDS: Final = 0.1  # RAPL counters move every millisecond
_PERMISSION: Final = (
    "{path} is for root only (since Linux 5.10, CVE-2020-8694): run wattwatch as its systemd service, whose "
    "tmpfiles rule opens it to the group wattwatch, or `sudo chmod g+r` and `sudo chgrp` it for your group"
)


@dataclass(frozen=True, slots=True)
class _Domain:
    path: str  # of energy_uj
    channel: Channel
    limits: CounterLimits


@dataclass(frozen=True, slots=True)
class _Found:
    """A folder of the class: `zone` is unique over sockets, `kind` what the kernel calls it."""

    folder: Path
    zone: str
    kind: str


class PowercapSource:
    """RAPL domains below `root`/class/powercap, one counter of joules a zone: package-0, package-0-dram.

    A domain's counter wraps at its max_energy_range_uj. Where that cannot be read its range is unknown, and
    a fall of the counter becomes missing time, never energy. `enabled` is about capping: it is told, and
    the counter is read all the same.

    psys is what the board's maker wired to it. It counts as scope `board` if, over a tenth of a second at
    the start, its power is at least that of all packages and their memory; else, or where that cannot be
    found out, as `rail`: some part of the board.
    """

    def __init__(
        self,
        spec: PowercapSpec,
        clock: Clock,
        files: KernelFiles | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._files = files or KernelFiles()
        self._wait = wait
        self._folder = spec.root / "class/powercap"
        self._domains: tuple[_Domain, ...] = ()
        self._notes: tuple[str, ...] = ()  # found at the start
        self._unreadable: tuple[str, ...] = ()  # of the last read
        self._description: SourceDescription | None = None

    @property
    def description(self) -> SourceDescription:
        """Name, interval, the domains found with their ranges, and what is to be known of them."""
        self._find_once()
        if self._description is None:
            self._description = SourceDescription(
                self._spec.name,
                "rapl",
                self._spec.interval_seconds,
                tuple(domain.channel for domain in self._domains),
                "; ".join((str(self._folder), *self._notes, *self._unreadable)),
                tuple((domain.channel, domain.limits) for domain in self._domains),
            )
        return self._description

    def read(self) -> Batch:
        """The joules of every domain that can be read; what cannot is named in the description.

        Raises SourceUnsupported where the kernel has no counter, SourceUnavailable if none can be read.
        """
        self._find_once()
        if not self._domains:
            raise SourceUnsupported(f"no energy counters (RAPL) in {self._folder}")
        at = self._clock.now()
        readings, errors = [], []
        for domain in self._domains:
            try:
                microjoules = self._files.integer(domain.path)
            except SourceUnavailable as error:
                errors.append((domain, error))
                continue
            readings.append(Reading(domain.channel, microjoules / _MICRO, at))
        self._note_unreadable(f"{domain.channel.zone} cannot be read ({e.reason})" for domain, e in errors)
        if not readings:
            raise _with_advice(*errors[0])
        return Batch(self._spec.name, at, tuple(readings))

    def close(self) -> None:
        """Close the files; reading again opens them again."""
        self._files.close()

    def _note_unreadable(self, notes: Iterable[str]) -> None:
        now = tuple(notes)
        if now != self._unreadable:
            self._unreadable, self._description = now, None

    def _find_once(self) -> None:
        if self._domains:
            return
        found, self._notes = _find(self._folder)
        boards = self._boards(found)
        self._domains = tuple(self._domain(one, boards) for one in found)
        for one in found:
            if one.kind == _PLATFORM:
                taken_for = "the whole board" if one in boards else "some part of the board (rail)"
                self._notes += (f"{one.zone} is taken for {taken_for}",)

    def _domain(self, found: _Found, boards: frozenset[_Found]) -> _Domain:
        scope = Scope.BOARD if found in boards else _SCOPES.get(found.kind, Scope.RAIL)
        quality = sensor_quality(simulated=self._spec.simulated)
        channel = Channel(self._spec.name, found.zone, "energy_joules", Kind.COUNTER, scope, quality)
        return _Domain(str(found.folder / "energy_uj"), channel, _limits(found))

    def _boards(self, found: tuple[_Found, ...]) -> frozenset[_Found]:
        """The psys domains that contain at least all packages and memory."""
        platforms = [one for one in found if one.kind == _PLATFORM]
        parts = [one for one in found if _SCOPES.get(one.kind) in {Scope.PACKAGE, Scope.DRAM}]
        if not platforms or not parts:
            return frozenset()
        before = self._microjoules([*platforms, *parts])
        self._wait(_COMPARE_SECONDS)
        after = self._microjoules([*platforms, *parts])
        if any(one not in before or one not in after for one in parts):
            return frozenset()
        grown = {one: _growth(one, before[one], after[one]) for one in before if one in after}
        whole = sum(grown[one] for one in parts)
        return frozenset(one for one in platforms if 0 < grown.get(one, 0) >= whole)

    def _microjoules(self, found: list[_Found]) -> dict[_Found, int]:
        values = {}
        for one in found:
            try:
                values[one] = self._files.integer(str(one.folder / "energy_uj"))
            except SourceUnavailable:
                continue
        return values


def _find(folder: Path) -> tuple[tuple[_Found, ...], tuple[str, ...]]:
    """The domains with a counter, each once, and what is to be said of them."""
    found: dict[str, _Found] = {}
    notes = []
    for one in sorted(_named(folder), key=lambda f: (f.folder.name.startswith(_TWIN_TYPE), _numbers(f))):
        if one.zone in found:
            notes.append(f"{one.folder.name} left out: {one.zone} again")
            continue
        found[one.zone] = one
        if _range_microjoules(one) == 0:
            notes.append(f"{one.zone}: range unknown")
    uncapped = [one.zone for one in found.values() if integer_or(one.folder / "enabled", 1) == 0]
    if uncapped:
        notes.append(f"enabled=0 (no cap, counted all the same): {', '.join(uncapped)}")
    return tuple(found.values()), tuple(notes)


def _named(folder: Path) -> Iterator[_Found]:
    for one in folder.glob("*:*"):
        match = _FOLDER.fullmatch(one.name)
        if match is None or not (one / "energy_uj").exists():
            continue
        own = name_from(text_or(one / "name", one.name))
        kind = own.partition("-")[0]
        parent = text_or(folder / f"{match['type']}:{match['package']}/name")
        is_part = one.name.count(":") > 1 and kind != _PLATFORM
        yield _Found(one, f"{name_from(parent)}-{own}" if is_part and parent else own, kind)


def _numbers(found: _Found) -> tuple[int, ...]:
    return tuple(int(number) for number in found.folder.name.split(":")[1:])


def _range_microjoules(found: _Found) -> int:
    return max(0, integer_or(found.folder / "max_energy_range_uj", 0))


def _growth(found: _Found, before: int, after: int) -> int:
    return after - before if after >= before else after - before + _range_microjoules(found)


def _limits(found: _Found) -> CounterLimits:
    """Range, and the most watts: twice the highest limit that the firmware names, within what is sane."""
    most_watts = _MOST_PLATFORM_WATTS if found.kind == _PLATFORM else _MOST_WATTS
    names = ("constraint_*_power_limit_uw", "constraint_*_max_power_uw")
    limits = [integer_or(path, 0) / _MICRO for name in names for path in found.folder.glob(name)]
    highest_watts = _PEAK_FACTOR * max(limits, default=0.0)
    max_watts = min(max(highest_watts, _LEAST_WATTS), most_watts) if highest_watts > 0 else most_watts
    return CounterLimits(_range_microjoules(found) / _MICRO, max_watts)


def _with_advice(domain: _Domain, error: SourceUnavailable) -> SourceUnavailable:
    if error.reason != "permission":
        return error
    return SourceUnavailable(_PERMISSION.format(path=domain.path), "permission")
