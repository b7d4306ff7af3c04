"""CPU, frequency, memory, network and disk of this machine, and this process's own CPU time."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Batch, Channel, Instant, Kind, Reading
from wattwatch.sources import proc
from wattwatch.sources.base import SYSFS, HostSpec, SelfSpec, SourceDescription
from wattwatch.sources.sysfs import KernelFiles, numbered, sensor_quality

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_HERTZ_PER_KILOHERTZ: Final = 1000
_DISKS: Final = "diskstats"
_LOOPBACK: Final = "lo"
_UNREADABLE: Final = (ValueError, LookupError)
"""What becomes of files that are not as expected: containers show made-up ones (lxcfs, gVisor)."""

_NOT_A_DISK: Final = ("loop", "ram", "zram", "dm-", "md", "sr")
"""Block devices that are no disk of their own: what they write is counted at the disk below."""


_NETWORK: Final = (
    ("network-receive", "network_bytes"),
    ("network-receive", "network_errors"),
    ("network-transmit", "network_bytes"),
    ("network-transmit", "network_errors"),
)
"""Zone and quantity of each figure of a device, in the order of `proc.network_counts`."""

Value = tuple[str, str, float]
"""Zone, quantity, value."""


class HostSource:
    """What the kernel counts of this machine below `root` (/proc), and its clocks from /sys.

    Its files stay open: opening them anew each second cost more than reading them.
    """

    def __init__(self, spec: HostSpec, clock: Clock, files: KernelFiles | None = None) -> None:
        self._spec = spec
        self._clock = clock
        self._files = files or KernelFiles()
        self._clocks: list[str] | None = None  # files of the kernel's cpufreq
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
        at = self._clock.now()
        values = [
            *self._from("stat", self._cpu),
            *self._frequencies(),
            *self._from("meminfo", self._memory),
            *self._from("net/dev", self._network),
            *self._from(_DISKS, self._disks),
        ]
        return Batch(self._spec.name, at, tuple(self._reading(*value, at) for value in values))

    def close(self) -> None:
        """Close the files; reading again opens them again."""
        self._files.close()

    def _reading(self, zone: str, quantity: str, value: float, at: Instant) -> Reading:
        channel = self._channels.get((zone, quantity))
        if channel is None:
            gauge = zone == "memory" or quantity == "frequency_hertz"
            kind = Kind.GAUGE if gauge else Kind.COUNTER
            quality = sensor_quality(simulated=self._spec.simulated)
            channel = Channel(self._spec.name, zone, quantity, kind, quality=quality)
            self._channels[zone, quantity] = channel
        return Reading(channel, value, at)

    def _from(self, name: str, values: Callable[[bytes], list[Value]]) -> list[Value]:
        path = f"{self._spec.root}/{name}"
        try:
            return values(self._text(path))
        except _UNREADABLE as error:
            raise SourceUnavailable(f"{path}: not as the kernel writes it: {error!r}", "invalid") from error

    def _text(self, path: str) -> bytes:
        try:
            return self._files.whole(path)
        except SourceUnavailable as error:
            if error.reason == "absent" and path.endswith(_DISKS):
                return b""  # sandboxes without block devices have no such file
            if sys.platform != "linux":
                raise SourceUnsupported(f"{path}: only Linux has it") from error
            raise

    def _cpu(self, stat: bytes) -> list[Value]:
        seconds = proc.cpu_seconds(stat, _TICKS_PER_SECOND)
        return [(f"cpu-{mode}", "cpu_seconds", value) for mode, value in seconds.items()]

    def _frequencies(self) -> Iterator[Value]:
        """Of cpufreq; where there is none (most virtual machines) what cpuinfo says, if it does."""
        if self._clocks is None:
            self._clocks = [str(path) for path in numbered_by_cpu()]
        try:
            if self._clocks:
                hertz = [self._files.integer(path) * float(_HERTZ_PER_KILOHERTZ) for path in self._clocks]
            else:
                hertz = proc.frequencies_hertz(self._files.whole(f"{self._spec.root}/cpuinfo"))
        except (SourceUnavailable, ValueError):  # a CPU went offline: look again
            self._clocks, hertz = None, []
        for number, value in enumerate(hertz):
            yield f"cpu-{number}", "frequency_hertz", value

    def _memory(self, meminfo: bytes) -> list[Value]:
        available, total = proc.memory_bytes(meminfo)
        quantities = {"used_bytes": total - available, "available_bytes": available, "size_bytes": total}
        return [("memory", quantity, value) for quantity, value in quantities.items()]

    def _network(self, dev: bytes) -> list[Value]:
        counts = {name: nic for name, nic in proc.network_counts(dev).items() if name != _LOOPBACK}
        return [
            (zone, quantity, self._sum(zone + quantity, proc.columns(counts, place)))
            for place, (zone, quantity) in enumerate(_NETWORK)
        ]

    def _disks(self, diskstats: bytes) -> list[Value]:
        counts = proc.disk_bytes(diskstats)
        names = set(counts)
        whole = {name: disk for name, disk in counts.items() if _is_whole_disk(name, names)}
        return [
            (zone, "disk_bytes", self._sum(zone, proc.columns(whole, place)))
            for place, zone in enumerate(("disk-read", "disk-write"))
        ]

    def _sum(self, key: str, values: dict[str, float]) -> float:
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


def numbered_by_cpu(root: Path = SYSFS) -> list[Path]:
    """The file with the present clock of each CPU that has one, in the order of the CPUs."""
    folders = numbered((root / "devices/system/cpu").glob("cpu[0-9]*"))
    files = [folder / "cpufreq/scaling_cur_freq" for folder in folders]
    return [file for file in files if file.exists()]


def _is_whole_disk(name: str, names: set[str]) -> bool:
    """Whether a block device is a disk, not a partition of one or a layer above one."""
    if name.startswith(_NOT_A_DISK):
        return False
    base = name.rstrip("0123456789")
    partition_of = {base, base.removesuffix("p")} - {name, ""}
    return not partition_of & names
