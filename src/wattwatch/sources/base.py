"""What a source is, and the specifications from which `open_source` makes one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, runtime_checkable

from wattwatch.reading import Batch, Channel, Instant

UmTransport = Literal["auto", "bluez", "rfcomm", "serial", "ble"]
SYSFS: Final = Path("/sys")

KERNEL_TYPES: Final = frozenset({"thermal", "cooling", "rapl", "hwmon", "power_supply", "host", "self"})
"""Types of sources that read small files of the kernel, in microseconds each: they may share a thread."""


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
    peer: str = ""  # the node whose daemon reads it, where that is another
    clock_offset_seconds: float | None = None  # how far that node's UTC is ahead of ours


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


@runtime_checkable
class Resumable(Protocol):
    """A source that can go on where an earlier process stopped."""

    def resume(self, last: Instant) -> None:
        """Give what came after a batch of this boot; called before the first read."""
        ...


@dataclass(frozen=True, slots=True)
class Spec:
    """What every specification of a source has; `nodes` is what it measures, empty for this node."""

    name: str
    type: str
    interval_seconds: float = 1.0
    nodes: tuple[str, ...] = ()
    simulated: bool = False
    relayed: bool = False  # served to another daemon by /v1/readings, with no series here


@dataclass(frozen=True, slots=True)
class UmSpec(Spec):
    """A UM24C, UM25C or UM34C; the model is read off the meter."""

    name: str = "meter"
    type: str = "um24c"  # um24c, um25c, um34c: all the same
    interval_seconds: float = 0.5
    url: str = ""  # /dev/rfcomm0, rfc2217://..., socket://...
    address: str = ""  # Bluetooth address
    adapter: str = ""  # hci0; "": the first that is on, one that knows the meter before others
    channel: int = 0  # RFCOMM channel; 0: 1, then 2
    transport: UmTransport = "auto"
    deadline_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class ThermalSpec(Spec):
    """The kernel's thermal zones below `root`/class/thermal."""

    name: str = "thermal"
    type: str = "thermal"
    root: Path = SYSFS


@dataclass(frozen=True, slots=True)
class CoolingSpec(Spec):
    """The kernel's cooling devices (fans, frequency caps) below `root`/class/thermal."""

    name: str = "cooling"
    type: str = "cooling"
    root: Path = SYSFS


@dataclass(frozen=True, slots=True)
class PowercapSpec(Spec):
    """Energy counters of CPU package, cores, memory and platform (RAPL) below `root`/class/powercap."""

    name: str = "rapl"
    type: str = "rapl"
    root: Path = SYSFS


@dataclass(frozen=True, slots=True)
class HwmonSpec(Spec):
    """Power, energy, current, voltage and temperature sensors below `root`/class/hwmon."""

    name: str = "hwmon"
    type: str = "hwmon"
    root: Path = SYSFS
    devices: tuple[str, ...] = ()  # chip names such as ina226; empty: all
    scope: str = "auto"  # of its power channels; auto: by the chip


@dataclass(frozen=True, slots=True)
class PowerSupplySpec(Spec):
    """Batteries, mains and PoE supplies below `root`/class/power_supply."""

    name: str = "power-supply"
    type: str = "power_supply"
    root: Path = SYSFS


@dataclass(frozen=True, slots=True)
class PiSpec(Spec):
    """The Raspberry Pi's firmware: throttling and under-voltage, on a Pi 5 also its power rails."""

    name: str = "pi"
    type: str = "pi"
    root: Path = SYSFS
    command: str = "vcgencmd"
    board: bool = False  # also the board's power, estimated from the rails by a published fit


@dataclass(frozen=True, slots=True)
class NvmlSpec(Spec):
    """NVIDIA GPUs, by NVML."""

    name: str = "gpu"
    type: str = "nvml"


@dataclass(frozen=True, slots=True)
class LhmSpec(Spec):
    """Sensors of a Windows host, by LibreHardwareMonitor's web server; only ever read."""

    name: str = "lhm"
    type: str = "lhm"
    url: str = ""  # http://host:8085/data.json
    zones: tuple[str, ...] = ()  # sensors to take, such as "CPU Package"; empty: all
    scope: str = "auto"  # of its power channels; auto: by the sensor
    user: str = ""
    password_file: Path | None = None
    deadline_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class RelaySpec(Spec):
    """A source that another daemon reads for this node."""

    name: str = "meter"
    type: str = "relay"
    url: str = ""  # http://host:9816
    source: str = ""  # its name there
    token_file: Path | None = None
    ca_file: Path | None = None  # of an https URL
    deadline_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class HostSpec(Spec):
    """CPU, frequency, memory, network and disk of this machine."""

    name: str = "host"
    type: str = "host"
    root: Path = Path("/proc")


@dataclass(frozen=True, slots=True)
class SelfSpec(Spec):
    """This process's own CPU time; every daemon has it, no configuration names it."""

    name: str = "self"
    type: str = "self"


SourceSpec = (
    UmSpec
    | ThermalSpec
    | CoolingSpec
    | PowercapSpec
    | HwmonSpec
    | PowerSupplySpec
    | PiSpec
    | NvmlSpec
    | LhmSpec
    | RelaySpec
    | HostSpec
    | SelfSpec
)
