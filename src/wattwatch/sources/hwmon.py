"""Sensors of the kernel's hwmon class (Documentation/hwmon/sysfs-interface.rst).

Millivolts, milliamperes, microwatts, microjoules, millidegrees Celsius, revolutions per minute.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import SourceError, SourceUnavailable, SourceUnsupported
from wattwatch.reading import Batch, Channel, Instant, Kind, Reading
from wattwatch.sources.base import CounterLimits, HwmonSpec, SourceDescription
from wattwatch.sources.hwmon_scan import Device, Entry, absent_channels, entries, find_devices
from wattwatch.sources.sysfs import KernelFiles

_LOOK_SECONDS: Final = 10.0
"""How often the list of chips is looked at for new ones, while none is lost."""

_LONGEST_INTERVAL_SECONDS: Final = 5.0
"""A chip that is slower than this is not waited for: its last value is given again."""

_MICRO: Final = 1_000_000  # millivolts times milliamperes are microwatts
_SUSPENDED: Final = "suspended"

Values = tuple[tuple[Channel, float], ...]


@dataclass(slots=True)
class _Held:
    """What a chip gave last, and until when it would only give it again."""

    until: Instant
    values: Values = ()
    error: SourceUnavailable | None = None


@dataclass(slots=True)
class _Tally:
    """What went wrong in one read."""

    errors: list[SourceUnavailable] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lost: bool = False  # a chip is gone: look for it


class HwmonSource:
    """Chips below `root`/class/hwmon; zones are named by chip and label, not by hwmonN, which changes.

    An attribute that fails is left out of that read, a chip that went is looked for until it is back, and
    channels stay the same. Where a chip refreshes its power more slowly than `interval`, the source is read
    as slowly as that (at most every 5 s); any slower chip gives its last value again until it has a new one,
    as its driver would. Negative power is 0: a line that feeds back takes nothing. What other classes show
    as well (thermal zones, power supplies) is left to them unless `devices` names it, and so are disks.
    """

    def __init__(self, spec: HwmonSpec, clock: Clock, files: KernelFiles | None = None) -> None:
        self._spec = spec
        self._clock = clock
        self._files = files or KernelFiles()
        self._folder = spec.root / "class/hwmon"
        self._devices: tuple[Device, ...] = ()
        self._interval_seconds = spec.interval_seconds
        self._entries: tuple[Entry, ...] | None = None  # None: look before the next read
        self._looked_seconds = 0.0  # boot seconds; 0: not yet
        self._held: dict[str, _Held] = {}
        self._known: dict[Channel, CounterLimits | None] = {}  # every channel since the start
        self._notes: tuple[str, ...] = ()
        self._description: SourceDescription | None = None

    @property
    def description(self) -> SourceDescription:
        """Name, interval, and the channels found so far; those of an absent chip of `devices` if known."""
        if self._description is None:
            if not self._looked_seconds:
                self._look()
            limits = tuple((channel, limit) for channel, limit in self._known.items() if limit is not None)
            self._description = SourceDescription(
                self._spec.name,
                "hwmon",
                self._interval_seconds,
                tuple(self._known),
                "; ".join((str(self._folder), *self._notes)),
                limits,
            )
        return self._description

    def read(self) -> Batch:
        """What every chip shows now.

        Raises SourceUnsupported where the kernel has no chip, SourceUnavailable if none answers now, or
        none of the named ones is there.
        """
        self._look()
        if not self._devices:
            self._entries = None  # look again before the next read
            raise self._nothing()
        at, tally = self._clock.now(), _Tally()
        pairs = [pair for device in self._devices for pair in self._values(device, at, tally)]
        if tally.lost or not pairs:
            self._entries = None
        self._set_notes((*self._missing(), *tally.notes))
        if not pairs:
            raise tally.errors[0] if tally.errors else SourceUnavailable("; ".join(self._notes), "absent")
        return Batch(self._spec.name, at, tuple(Reading(channel, value, at) for channel, value in pairs))

    def close(self) -> None:
        """Close the files; reading again opens them again."""
        self._files.close()

    def _interval(self) -> float:
        slowest_seconds = max((d.refresh_seconds for d in self._devices if d.measures_power), default=0.0)
        return max(self._spec.interval_seconds, min(slowest_seconds, _LONGEST_INTERVAL_SECONDS))

    def _look(self) -> None:
        """Look at the list of chips now and then, and after a loss; find them anew if it changed."""
        now_seconds = self._clock.now().boot_seconds
        if self._entries is not None and now_seconds - self._looked_seconds < _LOOK_SECONDS:
            return
        self._looked_seconds = now_seconds
        found = entries(self._folder)
        if found != self._entries:
            self._find(found)

    def _find(self, found: tuple[Entry, ...]) -> None:
        self._entries = found
        self._devices = find_devices(self._spec, found, self._devices)
        self._interval_seconds = self._interval()
        self._held.clear()
        self._files.close()
        for device in self._devices:
            self._known.update((channel, device.limits_of(channel)) for channel in device.channels)
        for channel in absent_channels(self._spec, self._devices):
            self._known.setdefault(channel)
        self._notes, self._description = self._missing(), None

    def _missing(self) -> tuple[str, ...]:
        names = {device.name for device in self._devices}
        return tuple(f"no chip named {name}" for name in self._spec.devices if name not in names)

    def _nothing(self) -> SourceError:
        if self._missing():
            return SourceUnavailable(f"{', '.join(self._missing())} in {self._folder}", "absent")
        return SourceUnsupported(f"no hwmon chips in {self._folder}")

    def _set_notes(self, notes: tuple[str, ...]) -> None:
        if notes != self._notes:
            self._notes, self._description = notes, None

    def _values(self, device: Device, at: Instant, tally: _Tally) -> Values:
        """What a chip shows; its last values again if it cannot have new ones yet."""
        held = self._held.get(device.folder)
        if held is None or at.boot_seconds >= held.until.boot_seconds:
            held = self._fresh(device, at, tally)
            self._held[device.folder] = held
        if held.error is not None:
            tally.errors.append(held.error)
            tally.notes.append(f"{device.name} does not answer ({held.error.reason})")
            tally.lost |= held.error.reason == "absent"
        return held.values

    def _fresh(self, device: Device, at: Instant, tally: _Tally) -> _Held:
        if device.sleep_file and self._sleeps(device.sleep_file):
            tally.notes.append(f"{device.name} sleeps and is left alone")
            return _Held(at)
        shown: dict[str, int] = {}
        error: SourceUnavailable | None = None
        for sensor in device.sensors:
            try:
                shown[sensor.attribute] = self._files.integer(sensor.path)
            except SourceUnavailable as failed:  # EAGAIN, ENODATA, EIO: this attribute, this time
                error = error or failed
        values = tuple(_pairs(device, shown))
        if values:
            return _Held(at.plus(device.hold_seconds(self._interval_seconds)), values)
        return _Held(at, (), error)

    def _sleeps(self, path: str) -> bool:
        try:
            return self._files.text(path) == _SUSPENDED
        except SourceUnavailable:
            return False


def _pairs(device: Device, shown: dict[str, int]) -> Iterator[tuple[Channel, float]]:
    for sensor in device.sensors:
        if sensor.attribute in shown:
            value = shown[sensor.attribute] / sensor.divisor
            yield sensor.channel, max(0.0, value) if sensor.channel.kind is Kind.POWER else value
    for channel, product in device.products:
        if product.volts in shown and product.amperes in shown:
            # A meter in the line shows a current of either sign, by which way round it is plugged in.
            yield channel, abs(shown[product.volts] * shown[product.amperes]) / _MICRO
