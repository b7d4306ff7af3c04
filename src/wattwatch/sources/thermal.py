"""Thermal zones of the kernel (Documentation/driver-api/thermal/sysfs-api.rst): millidegrees Celsius."""

from pathlib import Path
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import SourceError, SourceUnavailable, SourceUnsupported
from wattwatch.reading import Batch, Channel, Kind, Quality, Reading
from wattwatch.sources.base import SourceDescription, ThermalSpec
from wattwatch.sources.sysfs import read_integer, read_text

_MILLI: Final = 1000


class ThermalSource:
    """Temperatures of all zones below `root`/class/thermal; a zone that fails is left out of that read."""

    def __init__(self, spec: ThermalSpec, clock: Clock) -> None:
        self._spec = spec
        self._clock = clock
        self._zones: dict[Path, Channel] = {}

    @property
    def description(self) -> SourceDescription:
        """Name, interval, and the zones found."""
        channels = tuple(self._zones.values())
        folder = str(self._spec.root / "class/thermal")
        return SourceDescription(self._spec.name, "thermal", self._spec.interval_seconds, channels, folder)

    def read(self) -> Batch:
        """One temperature of every zone that answers.

        Raises SourceUnsupported where the kernel has no zone, SourceUnavailable if none answers now.
        """
        self._zones = self._zones or self._find_zones()
        at = self._clock.now()
        readings, errors = [], []
        for folder, channel in self._zones.items():
            try:
                millidegrees = read_integer(folder / "temp")
            except SourceError as error:  # e.g. EAGAIN while a sensor warms up
                errors.append(str(error))
                continue
            readings.append(Reading(channel, millidegrees / _MILLI, at))
        if not readings:
            raise SourceUnavailable(errors[0])
        return Batch(self._spec.name, at, tuple(readings))

    def close(self) -> None:
        """Hold nothing, release nothing."""

    def _find_zones(self) -> dict[Path, Channel]:
        folders = sorted((self._spec.root / "class/thermal").glob("thermal_zone*"), key=_zone_number)
        if not folders:
            raise SourceUnsupported(f"no thermal zones in {self._spec.root / 'class/thermal'}")
        quality = Quality.SIMULATED if self._spec.simulated else Quality.SENSOR
        zones: dict[Path, Channel] = {}
        names: set[str] = set()
        for folder in folders:
            name = _zone_name(folder)
            while name in names:  # several zones of one type: acpitz, acpitz
                name = f"{name}-{_zone_number(folder)}"
            names.add(name)
            zones[folder] = Channel(self._spec.name, name, "temperature_celsius", Kind.GAUGE, quality=quality)
        return zones


def _zone_name(folder: Path) -> str:
    try:
        return read_text(folder / "type").replace("/", "-").replace(" ", "-") or folder.name
    except SourceError:
        return folder.name


def _zone_number(folder: Path) -> int:
    digits = folder.name.removeprefix("thermal_zone")
    return int(digits) if digits.isdecimal() else -1
