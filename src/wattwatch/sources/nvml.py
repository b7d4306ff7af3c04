"""NVIDIA GPUs by NVML (docs.nvidia.com/deploy/nvml-api): energy, power, temperature of each."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from threading import Lock
from typing import Any, Final

from wattwatch.clock import Clock
from wattwatch.errors import SourceError, SourceUnavailable, SourceUnsupported
from wattwatch.reading import Batch, Channel, Instant, Kind, Quality, Reading, Scope
from wattwatch.sources.base import CounterLimits, NvmlSpec, SourceDescription
from wattwatch.sources.nvml_library import Nvml, load_nvml

logger = logging.getLogger("wattwatch.sources.nvml")

_MILLI: Final = 1000
_COUNTER_LIMITS: Final = CounterLimits(range_joules=0.0, max_watts=5000.0)
"""64 bits of millijoules never wrap: a fall is a reload of the driver. No GPU draws that many watts."""


class _Code(IntEnum):
    """Errors that mean something to us (nvml.h, nvmlReturn_t)."""

    NOT_SUPPORTED = 3
    NO_PERMISSION = 4
    DRIVER_NOT_LOADED = 9
    LIBRARY_NOT_FOUND = 12
    FUNCTION_NOT_FOUND = 13
    GPU_IS_LOST = 15
    LIB_RM_VERSION_MISMATCH = 18


_NO_DRIVER: Final = (_Code.DRIVER_NOT_LOADED, _Code.LIBRARY_NOT_FOUND)
_NOT_THERE: Final = (_Code.NOT_SUPPORTED, _Code.FUNCTION_NOT_FOUND)
_ADVICE: Final = {
    _Code.NO_PERMISSION: "let the user open /dev/nvidia*",
    _Code.GPU_IS_LOST: "it fell off the bus: restart the computer",
    _Code.LIB_RM_VERSION_MISMATCH: "the driver was updated: restart the computer",
}


@dataclass(frozen=True, slots=True)
class _Sensor:
    """One figure of one GPU: how it is read, in SI, and its channel."""

    channel: Channel
    read: Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Gpu:
    zone: str
    about: str
    sensors: tuple[_Sensor, ...]


class NvmlSource:
    """All NVIDIA GPUs of this machine, as zones gpu-0, gpu-1 and so on.

    A GPU that counts its energy is integrated by that counter, and its power is a gauge beside it; only
    where there is no counter (before Volta, some virtual GPUs) the power is integrated. What a GPU does
    not support is left out, and so is a GPU that is lost while others answer.
    """

    def __init__(self, spec: NvmlSpec, clock: Clock, load: Callable[[], Nvml] = load_nvml) -> None:
        self._spec = spec
        self._clock = clock
        self._load = load
        self._nvml: Nvml | None = None
        self._gpus: tuple[_Gpu, ...] = ()
        self._zones: dict[str, str] = {}  # by UUID: a GPU keeps its zone when another one vanishes
        self._lost: dict[str, str] = {}
        self._looked = False
        self._reading = Lock()
        self._close_wanted = False

    @property
    def description(self) -> SourceDescription:
        """Name, interval, and the channels found: the first time, the driver is asked."""
        if not self._looked:
            self._look()
        channels = tuple(sensor.channel for gpu in self._gpus for sensor in gpu.sensors)
        limits = tuple((channel, _COUNTER_LIMITS) for channel in channels if channel.kind is Kind.COUNTER)
        facts = [gpu.about for gpu in self._gpus] + [f"{zone}: {cause}" for zone, cause in self._lost.items()]
        spec = self._spec
        return SourceDescription(spec.name, "nvml", spec.interval_seconds, channels, "; ".join(facts), limits)

    def read(self) -> Batch:
        """Every figure of every GPU that answers.

        Raises SourceUnsupported without driver, extra or GPU; SourceUnavailable if no GPU answers now.
        """
        self._looked = True
        with self._reading:
            try:
                return self._read()
            except SourceError:
                self._close_wanted = True  # try again with a fresh connection
                raise
            finally:
                if self._close_wanted:
                    self._shut_down()

    def close(self) -> None:
        """Let go of the driver, at the latest when the read in progress has ended."""
        self._close_wanted = True
        if self._reading.acquire(blocking=False):
            self._shut_down()
            self._reading.release()

    def _look(self) -> None:
        try:
            self.read()
        except SourceError:
            return  # the next read says why

    def _read(self) -> Batch:
        nvml = self._nvml or self._open()
        at = self._clock.now()
        readings: list[Reading] = []
        errors: dict[str, SourceUnavailable] = {}
        for gpu in self._gpus:
            try:
                readings += _readings_of(gpu, nvml, at)
            except SourceUnavailable as error:
                errors[gpu.zone] = error
        self._note_lost({zone: str(error) for zone, error in errors.items()})
        if not readings:
            raise next(iter(errors.values()), SourceUnavailable("no GPU gives any figure now", "absent"))
        return Batch(self._spec.name, at, tuple(readings))

    def _note_lost(self, lost: dict[str, str]) -> None:
        for zone in lost.keys() - self._lost.keys():
            logger.warning("source %s: %s: %s", self._spec.name, zone, lost[zone])
        self._lost = lost

    def _open(self) -> Nvml:
        nvml = self._load()
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            if _code(error) in _NO_DRIVER:
                raise SourceUnsupported(f"no NVIDIA driver: {error}") from error
            raise _unavailable(error) from error
        self._nvml = nvml
        self._gpus = tuple(gpu for gpu in self._find(nvml) if gpu.sensors)
        if not self._gpus:
            raise SourceUnsupported("there is an NVIDIA driver, but no GPU that tells power or temperature")
        return nvml

    def _find(self, nvml: Nvml) -> Iterator[_Gpu]:
        """Every GPU but those that are lost already."""
        try:
            for index in range(nvml.nvmlDeviceGetCount()):
                if gpu := self._gpu(nvml, index):
                    yield gpu
        except nvml.NVMLError as error:
            raise _unavailable(error) from error

    def _gpu(self, nvml: Nvml, index: int) -> _Gpu | None:
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = nvml.nvmlDeviceGetUUID(handle)
            zone = self._zones.setdefault(uuid, f"gpu-{len(self._zones)}")
            about = f"{zone}: {nvml.nvmlDeviceGetName(handle)} {uuid}"
            return _Gpu(zone, about, tuple(self._sensors(nvml, handle, zone)))
        except nvml.NVMLError as error:
            if _code(error) != _Code.GPU_IS_LOST:
                raise
            logger.warning("source %s: GPU %d of the driver: %s", self._spec.name, index, _unavailable(error))
            return None

    def _sensors(self, nvml: Nvml, handle: Any, zone: str) -> Iterator[_Sensor]:
        """What this GPU supports; the counter decides what its power is."""
        energy = self._sensor(
            zone,
            "energy_joules",
            Kind.COUNTER,
            lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / _MILLI,
        )
        counts = _supports(energy, nvml)
        kind = Kind.GAUGE if counts else Kind.POWER
        power = self._sensor(zone, "power_watts", kind, lambda: nvml.nvmlDeviceGetPowerUsage(handle) / _MILLI)
        temperature = self._sensor(
            zone,
            "temperature_celsius",
            Kind.GAUGE,
            lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
        )
        if counts:
            yield energy
        yield from (sensor for sensor in (power, temperature) if _supports(sensor, nvml))

    def _sensor(self, zone: str, quantity: str, kind: Kind, read: Callable[[], float]) -> _Sensor:
        scope = Scope.NONE if quantity == "temperature_celsius" else Scope.GPU
        quality = Quality.SIMULATED if self._spec.simulated else Quality.SENSOR
        return _Sensor(Channel(self._spec.name, zone, quantity, kind, scope, quality), read)

    def _shut_down(self) -> None:
        self._close_wanted = False
        nvml, self._nvml = self._nvml, None
        if nvml is None:
            return
        try:
            nvml.nvmlShutdown()
        except nvml.NVMLError as error:
            logger.debug("nvmlShutdown: %s", error)  # a driver that is gone needs no good-bye


def _readings_of(gpu: _Gpu, nvml: Nvml, at: Instant) -> list[Reading]:
    """Readings of one GPU; SourceUnavailable, with what to do, if it is lost."""
    readings = []
    for sensor in gpu.sensors:
        try:
            readings.append(Reading(sensor.channel, sensor.read(), at))
        except nvml.NVMLError as error:
            if _code(error) not in _NOT_THERE:  # e.g. MIG was switched on meanwhile
                raise _unavailable(error) from error
    return readings


def _supports(sensor: _Sensor, nvml: Nvml) -> bool:
    try:
        sensor.read()
    except nvml.NVMLError as error:
        if _code(error) in _NOT_THERE:
            return False
        raise
    return True


def _code(error: Exception) -> int:
    return int(getattr(error, "value", 0))


def _unavailable(error: Exception) -> SourceUnavailable:
    code = _code(error)
    reason = "permission" if code == _Code.NO_PERMISSION else "io"
    advice = f": {_ADVICE[_Code(code)]}" if code in set(_ADVICE) else ""
    return SourceUnavailable(f"NVIDIA driver: {error}{advice}", reason)
