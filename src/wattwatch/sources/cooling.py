"""Cooling devices of the kernel (Documentation/driver-api/thermal/sysfs-api.rst): how far they are on."""

from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Batch, Channel, Kind, Reading
from wattwatch.sources.base import CoolingSpec, SourceDescription
from wattwatch.sources.sysfs import KernelFiles, integer_or, name_from, numbered, sensor_quality, text_or

_PREFIX: Final = "cooling_device"


class CoolingSource:
    """Fans and frequency caps below `root`/class/thermal: `state_ratio` is cur_state over max_state, 0 to 1.

    No series on `/metrics`: the readings are served by `/v1/readings`. A device without states, and one
    that does not say (intel_powerclamp gives -1 while it is off), is left out of that read.
    """

    def __init__(self, spec: CoolingSpec, clock: Clock, files: KernelFiles | None = None) -> None:
        self._spec = spec
        self._clock = clock
        self._files = files or KernelFiles()
        self._folder = spec.root / "class/thermal"
        self._devices: dict[
            str, tuple[Channel, int]
        ] = {}  # by the file of the state: channel and highest state

    @property
    def description(self) -> SourceDescription:
        """Name, interval, and the devices found."""
        self._devices = self._devices or self._find_devices()
        channels = tuple(channel for channel, _ in self._devices.values())
        spec = self._spec
        return SourceDescription(spec.name, "cooling", spec.interval_seconds, channels, str(self._folder))

    def read(self) -> Batch:
        """The state of every device that answers.

        Raises SourceUnsupported where the kernel has none, SourceUnavailable if none answers now.
        """
        self._devices = self._devices or self._find_devices()
        if not self._devices:
            raise SourceUnsupported(f"no cooling devices in {self._folder}")
        at = self._clock.now()
        readings, errors = [], []
        for path, (channel, most) in self._devices.items():
            try:
                state = self._files.integer(path)
            except SourceUnavailable as error:
                errors.append(error)
                continue
            if state >= 0:
                readings.append(Reading(channel, min(state / most, 1.0), at))
        if not readings:
            raise errors[0] if errors else SourceUnavailable(f"no cooling device in {self._folder} is on")
        return Batch(self._spec.name, at, tuple(readings))

    def close(self) -> None:
        """Close the files; reading again opens them again."""
        self._files.close()

    def _find_devices(self) -> dict[str, tuple[Channel, int]]:
        quality = sensor_quality(simulated=self._spec.simulated)
        folders = [
            f for f in numbered(self._folder.glob(f"{_PREFIX}*")) if integer_or(f / "max_state", 0) > 0
        ]
        names = [name_from(text_or(folder / "type")) or _PREFIX for folder in folders]
        devices = {}
        for folder, name in zip(folders, names, strict=True):
            number = folder.name.removeprefix(_PREFIX)
            zone = name if names.count(name) == 1 else f"{name}-{number}"
            channel = Channel(self._spec.name, zone, "state_ratio", Kind.GAUGE, quality=quality)
            devices[str(folder / "cur_state")] = (channel, integer_or(folder / "max_state", 1))
        return devices
