"""Thermal zones of the kernel (Documentation/driver-api/thermal/sysfs-api.rst): millidegrees Celsius."""

from pathlib import Path
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Batch, Channel, Kind, Reading
from wattwatch.sources.base import SourceDescription, ThermalSpec
from wattwatch.sources.sysfs import KernelFiles, numbered, sensor_quality, text_or

_MILLI: Final = 1000


class ThermalSource:
    """Temperatures of all zones below `root`/class/thermal; a zone that fails is left out of that read."""

    def __init__(self, spec: ThermalSpec, clock: Clock, files: KernelFiles | None = None) -> None:
        self._spec = spec
        self._clock = clock
        self._files = files or KernelFiles()
        self._folder = spec.root / "class/thermal"
        self._zones: dict[str, Channel] = {}

    @property
    def description(self) -> SourceDescription:
        """Name, interval, and the zones found."""
        self._zones = self._zones or self._find_zones()
        channels = tuple(self._zones.values())
        spec = self._spec
        return SourceDescription(spec.name, "thermal", spec.interval_seconds, channels, str(self._folder))

    def read(self) -> Batch:
        """One temperature of every zone that answers.

        Raises SourceUnsupported where the kernel has no zone, SourceUnavailable if none answers now.
        """
        self._zones = self._zones or self._find_zones()
        if not self._zones:
            raise SourceUnsupported(f"no thermal zones in {self._folder}")
        at = self._clock.now()
        readings, errors = [], []
        for path, channel in self._zones.items():
            try:
                millidegrees = self._files.integer(path)
            except SourceUnavailable as error:  # e.g. EAGAIN while a sensor warms up
                errors.append(error)
                continue
            readings.append(Reading(channel, millidegrees / _MILLI, at))
        if not readings:
            raise errors[0]
        return Batch(self._spec.name, at, tuple(readings))

    def close(self) -> None:
        """Close the files; reading again opens them again."""
        self._files.close()

    def _find_zones(self) -> dict[str, Channel]:
        """The temperature file of each zone, and its channel."""
        quality = sensor_quality(simulated=self._spec.simulated)
        zones: dict[str, Channel] = {}
        names: set[str] = set()
        for folder in numbered(self._folder.glob("thermal_zone*")):
            name = _zone_name(folder)
            while name in names:  # several zones of one type: acpitz, acpitz
                name = f"{name}-{folder.name.removeprefix('thermal_zone')}"
            names.add(name)
            channel = Channel(self._spec.name, name, "temperature_celsius", Kind.GAUGE, quality=quality)
            zones[str(folder / "temp")] = channel
        return zones


def _zone_name(folder: Path) -> str:
    return text_or(folder / "type").replace("/", "-").replace(" ", "-") or folder.name
