"""What a source is, and the specifications from which `open_source` makes one."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from wattwatch.reading import Batch, Channel

UmTransport = Literal["auto", "bluez", "rfcomm", "serial", "ble"]


@dataclass(frozen=True, slots=True)
class CounterLimits:
    """Of an energy counter: where it wraps (0 if unknown) and the most watts it can mean."""

    range_joules: float
    max_watts: float


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """What is known of a source without reading it; further channels may come with the readings."""

    name: str
    type: str
    interval_seconds: float
    channels: tuple[Channel, ...]
    detail: str = ""  # for people: address, path, model
    counter_limits: tuple[tuple[Channel, CounterLimits], ...] = ()


class Source(Protocol):
    """One thing that is read. Constructing it is cheap; `read` opens what it needs."""

    @property
    def description(self) -> SourceDescription:
        """Name, interval and expected channels; may become richer after a read."""
        ...

    def read(self) -> Batch:
        """One reading of every channel, blocking at most a few seconds.

        Raises SourceUnavailable (retry with a fresh connection) or SourceUnsupported (give up).
        """
        ...

    def close(self) -> None:
        """Release what is held; harmless when called twice, from any thread, or before the first read."""
        ...


@dataclass(frozen=True, slots=True)
class UmSpec:
    """A UM24C, UM25C or UM34C; the model is read off the meter."""

    name: str = "meter"
    type: str = "um24c"  # um24c, um25c, um34c: all the same
    url: str = ""  # /dev/rfcomm0, rfc2217://..., socket://...
    address: str = ""  # Bluetooth address
    channel: int = 0  # RFCOMM channel; 0: 1, then 2
    transport: UmTransport = "auto"
    interval_seconds: float = 0.5
    nodes: tuple[str, ...] = ()
    simulated: bool = False
    deadline_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class ThermalSpec:
    """The kernel's thermal zones below `root`/class/thermal."""

    name: str = "thermal"
    type: str = "thermal"
    root: Path = field(default=Path("/sys"))
    interval_seconds: float = 1.0
    nodes: tuple[str, ...] = ()
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class HostSpec:
    """CPU, frequency, memory, network and disk of this machine, by psutil."""

    name: str = "host"
    type: str = "host"
    root: Path = field(default=Path("/proc"))
    interval_seconds: float = 1.0
    nodes: tuple[str, ...] = ()
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class SelfSpec:
    """This process's own CPU time; every daemon has it, no configuration names it."""

    name: str = "self"
    type: str = "self"
    interval_seconds: float = 5.0
    nodes: tuple[str, ...] = ()
    simulated: bool = False


SourceSpec = UmSpec | ThermalSpec | HostSpec | SelfSpec
