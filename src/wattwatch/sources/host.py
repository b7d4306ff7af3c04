"""CPU, frequency, memory, network and disk of this machine, and this process's own CPU time (psutil)."""

import errno
import time
from collections.abc import Iterator, Mapping
from typing import Final

import psutil

from wattwatch.clock import Clock
from wattwatch.errors import SourceUnavailable
from wattwatch.reading import Batch, Channel, Instant, Kind, Quality, Reading
from wattwatch.sources.base import HostSpec, SelfSpec, SourceDescription

_CPU_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""Modes that add up to all CPU time; guest time is part of user (proc(5))."""

_HERTZ_PER_MEGAHERTZ: Final = 1_000_000
_LOOPBACK: Final = "lo"
_UNREADABLE: Final = (OSError, psutil.Error, RuntimeError, ValueError, LookupError, TypeError)
"""How psutil fails at files that are not as it expects: containers show made-up ones (lxcfs, gVisor)."""

_NOT_A_DISK: Final = ("loop", "ram", "zram", "dm-", "md", "sr")
"""Block devices that are no disk of their own: what they write is counted at the disk below."""


class HostSource:
    """What the kernel counts of this machine below `root` (/proc)."""

    def __init__(self, spec: HostSpec, clock: Clock) -> None:
        self._spec = spec
        self._clock = clock
        self._channels: dict[tuple[str, str], Channel] = {}
        self._sums: dict[str, _CarriedSum] = {}

    @property
    def description(self) -> SourceDescription:
        """Name, interval, and the channels seen."""
        channels = tuple(self._channels.values())
        return SourceDescription(
            self._spec.name, "host", self._spec.interval_seconds, channels, str(self._spec.root)
        )

    def read(self) -> Batch:
        """One value of every channel; SourceUnavailable if the kernel's files cannot be read."""
        psutil.PROCFS_PATH = str(self._spec.root)
        at = self._clock.now()
        try:
            values = [*_cpu(), *_memory(), *self._network(), *self._disks()]
        except _UNREADABLE as error:
            raise SourceUnavailable(f"{self._spec.root}: {_one_line(error)}") from error
        return Batch(self._spec.name, at, tuple(self._reading(*value, at) for value in values))

    def close(self) -> None:
        """Hold nothing, release nothing."""

    def _reading(self, zone: str, quantity: str, value: float, at: Instant) -> Reading:
        if (zone, quantity) not in self._channels:
            gauge = zone == "memory" or quantity == "frequency_hertz"
            kind = Kind.GAUGE if gauge else Kind.COUNTER
            quality = Quality.SIMULATED if self._spec.simulated else Quality.SENSOR
            self._channels[zone, quantity] = Channel(self._spec.name, zone, quantity, kind, quality=quality)
        return Reading(self._channels[zone, quantity], value, at)

    def _network(self) -> Iterator[tuple[str, str, float]]:
        nics = psutil.net_io_counters(pernic=True, nowrap=False) or {}
        real = {name: nic for name, nic in nics.items() if name != _LOOPBACK}
        for zone, size, errors in (
            ("network-receive", "bytes_recv", "errin"),
            ("network-transmit", "bytes_sent", "errout"),
        ):
            yield zone, "network_bytes", self._sum(f"{zone}-bytes", real, size)
            yield zone, "network_errors", self._sum(f"{zone}-errors", real, errors)

    def _disks(self) -> Iterator[tuple[str, str, float]]:
        try:
            disks = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
        except NotImplementedError:  # neither /proc/diskstats nor /sys/block
            disks = {}
        whole = {name: disk for name, disk in disks.items() if _is_whole_disk(name, set(disks))}
        for zone, attribute in (("disk-read", "read_bytes"), ("disk-write", "write_bytes")):
            yield zone, "disk_bytes", self._sum(zone, whole, attribute)

    def _sum(self, key: str, devices: Mapping[str, object], attribute: str) -> float:
        values = {name: float(getattr(device, attribute)) for name, device in devices.items()}
        return self._sums.setdefault(key, _CarriedSum()).total(values)


class _CarriedSum:
    """A sum over devices that come and go: what a vanished or reset one had counted stays counted."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._carried = 0.0

    def total(self, values: dict[str, float]) -> float:
        for name, before in self._last.items():
            if values.get(name, 0.0) < before:
                self._carried += before
        self._last = values
        return self._carried + sum(values.values())


class SelfSource:
    """CPU time of this process: the observer is part of the experiment."""

    def __init__(self, spec: SelfSpec, clock: Clock) -> None:
        self._spec = spec
        self._clock = clock
        self._channel = Channel(spec.name, "process", "cpu_seconds", Kind.COUNTER)

    @property
    def description(self) -> SourceDescription:
        """Name, interval, and the one channel."""
        return SourceDescription(
            self._spec.name, "self", self._spec.interval_seconds, (self._channel,), "this process"
        )

    def read(self) -> Batch:
        """CPU seconds of all threads of this process so far."""
        at = self._clock.now()
        return Batch(self._spec.name, at, (Reading(self._channel, time.process_time(), at),))

    def close(self) -> None:
        """Hold nothing, release nothing."""


def _cpu() -> Iterator[tuple[str, str, float]]:
    times = psutil.cpu_times()
    for mode in _CPU_MODES:
        if hasattr(times, mode):
            yield f"cpu-{mode}", "cpu_seconds", float(getattr(times, mode))
    for number, frequency in enumerate(_frequencies()):
        yield f"cpu-{number}", "frequency_hertz", frequency * _HERTZ_PER_MEGAHERTZ


def _frequencies() -> list[float]:
    try:
        return [f.current for f in psutil.cpu_freq(percpu=True) or []]
    except (NotImplementedError, OSError, FileNotFoundError):  # no cpufreq, as in most VMs
        return []


def _memory() -> Iterator[tuple[str, str, float]]:
    memory = psutil.virtual_memory()
    yield "memory", "used_bytes", float(memory.used)
    yield "memory", "available_bytes", float(memory.available)
    yield "memory", "size_bytes", float(memory.total)


def _is_whole_disk(name: str, names: set[str]) -> bool:
    """Whether a block device is a disk, not a partition of one or a layer above one."""
    if name.startswith(_NOT_A_DISK):
        return False
    base = name.rstrip("0123456789")
    partition_of = {base, base.removesuffix("p")} - {name, ""}
    return not partition_of & names


def _one_line(error: Exception) -> str:
    code = errno.errorcode.get(getattr(error, "errno", 0) or 0, type(error).__name__)
    return f"{code}: {str(error).splitlines()[0] if str(error) else 'cannot be read'}"
