"""Texts of /proc as numbers: proc(5), Documentation/filesystems/proc.rst and admin-guide/iostats.rst (Linux).

Pure. ValueError or LookupError for a text that is not as the kernel writes it: containers show made-up ones.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

CPU_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""Modes that add up to all CPU time, in their order; guest time is part of user (proc(5))."""

_KIBIBYTE: Final = 1024
_SECTOR_BYTES: Final = 512  # of /proc/diskstats, whatever the disk's own sectors are
_MEGAHERTZ: Final = 1_000_000
_MEMORY_LINE: Final = re.compile(rb"^(MemTotal|MemFree|MemAvailable):\s+(\d+)", re.MULTILINE)
_MEGAHERTZ_LINE: Final = re.compile(rb"^cpu MHz\s*:\s*([\d.]+)", re.MULTILINE)
_HEAD_LINES: Final = 2
_RECEIVED, _RECEIVE_ERRORS, _SENT, _SEND_ERRORS = 0, 2, 8, 10  # fields of a line of /proc/net/dev
_NET_FIELDS: Final = 16
_DISK_NAME, _DISK_READ, _DISK_WRITTEN = 2, 5, 9  # fields of a line of /proc/diskstats

Counts = dict[str, tuple[float, ...]]


def cpu_seconds(stat: bytes, ticks_per_second: int) -> dict[str, float]:
    """Seconds of all CPUs together by mode, from the first line of /proc/stat."""
    word, *fields = stat[: stat.find(b"\n")].split()
    if word != b"cpu" or not fields:
        raise ValueError("no line of all CPUs")
    return {mode: int(field) / ticks_per_second for mode, field in zip(CPU_MODES, fields, strict=False)}


def memory_bytes(meminfo: bytes) -> tuple[float, float]:
    """Available and all memory, from /proc/meminfo; free memory where it does not say what is available."""
    found = {name: int(kibibytes) * _KIBIBYTE for name, kibibytes in _MEMORY_LINE.findall(meminfo)}
    total, free = found[b"MemTotal"], found[b"MemFree"]
    available = found.get(b"MemAvailable", free)
    # More than there is (a container whose limit only some lines know): then what is free.
    return float(free if available > total else available), float(total)


def network_counts(dev: bytes) -> Counts:
    """Bytes received, errors, bytes sent, errors by device, from /proc/net/dev."""
    return dict(_network_lines(dev))


def _network_lines(dev: bytes) -> Iterator[tuple[str, tuple[float, ...]]]:
    for line in dev.splitlines()[_HEAD_LINES:]:
        name, colon, rest = line.rpartition(b":")
        fields = rest.split()
        if not colon or len(fields) != _NET_FIELDS:
            raise ValueError("a line of net/dev is not one of a device")
        counts = (fields[place] for place in (_RECEIVED, _RECEIVE_ERRORS, _SENT, _SEND_ERRORS))
        yield name.strip().decode("utf-8", "replace"), tuple(map(float, counts))


def disk_bytes(diskstats: bytes) -> Counts:
    """Bytes read and written by block device, from /proc/diskstats; disks and partitions alike."""
    lines = (line.split() for line in diskstats.splitlines())
    return {
        fields[_DISK_NAME].decode("utf-8", "replace"): (
            float(fields[_DISK_READ]) * _SECTOR_BYTES,
            float(fields[_DISK_WRITTEN]) * _SECTOR_BYTES,
        )
        for fields in lines
    }


def frequencies_hertz(cpuinfo: bytes) -> list[float]:
    """The clock of each CPU, from /proc/cpuinfo; none where it does not say (ARM)."""
    return [float(text) * _MEGAHERTZ for text in _MEGAHERTZ_LINE.findall(cpuinfo)]


def columns(counts: Mapping[str, tuple[float, ...]], place: int) -> dict[str, float]:
    """One figure of each device."""
    return {name: values[place] for name, values in counts.items()}
