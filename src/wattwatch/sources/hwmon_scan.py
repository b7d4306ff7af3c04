"""Which hwmon chips there are, which of their attributes are read, and how their channels are named."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattwatch.reading import Channel, Kind, Quality, Scope
from wattwatch.sources.base import CounterLimits, HwmonSpec
from wattwatch.sources.hwmon_chips import CHIPS, UNKNOWN, Chip, Product
from wattwatch.sources.sysfs import integer_or, name_from, numbered, text_or

_MILLI: Final = 1000
_MICRO: Final = 1_000_000
_QUANTITIES: Final[Mapping[str, tuple[str, int, Kind]]] = {
    "power": ("power_watts", _MICRO, Kind.POWER),
    "energy": ("energy_joules", _MICRO, Kind.COUNTER),
    "curr": ("current_amperes", _MILLI, Kind.GAUGE),
    "in": ("voltage_volts", _MILLI, Kind.GAUGE),
    "temp": ("temperature_celsius", _MILLI, Kind.GAUGE),
    "fan": ("speed_rpm", 1, Kind.GAUGE),
}
"""By the first part of an attribute's name: quantity, divisor, kind; in the order of channels."""

_ATTRIBUTE: Final = re.compile(r"(?P<name>(?P<type>power|energy|curr|in|temp|fan)(?P<number>\d+))_input")
_AVERAGE: Final = re.compile(r"(?P<name>power\d+)_average")
_MIRRORED: Final = frozenset({"thermal", "power_supply"})
"""Classes that show their devices in hwmon too: they have sources of their own."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder of the class: chips that come and go change path or inode, if not the number."""

    folder: Path
    real_path: str
    inode: int


@dataclass(frozen=True, slots=True)
class Sensor:
    """One attribute that is read: its number by the divisor is the channel's value."""

    attribute: str  # without _input: power1
    path: str
    divisor: int
    channel: Channel


@dataclass(frozen=True, slots=True)
class Device:
    """A chip of this machine; `identity` is what it hangs on, the same wherever hwmonN moves."""

    name: str
    identity: str
    zone: str
    folder: str
    chip: Chip
    sensors: tuple[Sensor, ...]
    products: tuple[tuple[Channel, Product], ...]
    refresh_seconds: float
    sleep_file: str  # of a chip that reading would wake: tells whether it sleeps

    @property
    def channels(self) -> Iterator[Channel]:
        """All channels, those of power first."""
        yield from (channel for channel, _ in self.products)
        yield from (sensor.channel for sensor in self.sensors)

    @property
    def measures_power(self) -> bool:
        """Whether energy is made of any channel."""
        return any(channel.measures_energy for channel in self.channels)

    def hold_seconds(self, interval_seconds: float) -> float:
        """How long a value of the chip is its newest, if that is longer than from read to read; else 0."""
        return self.refresh_seconds if self.refresh_seconds > interval_seconds else 0.0

    def limits_of(self, channel: Channel) -> CounterLimits | None:
        """Of an energy counter: drivers count in 64 bits, so any fall is a reset. None for other channels."""
        return CounterLimits(0.0, self.chip.max_watts) if channel.kind is Kind.COUNTER else None


def entries(folder: Path) -> tuple[Entry, ...]:
    """The folders of the class now, in the order of their numbers."""
    found = []
    for one in numbered(folder.glob("hwmon*")):
        try:
            found.append(Entry(one, str(one.resolve()), one.stat().st_ino))
        except OSError:  # it went while we looked
            continue
    return tuple(found)


def find_devices(spec: HwmonSpec, found: Iterable[Entry], known: Iterable[Device]) -> tuple[Device, ...]:
    """The chips that are to be read; those known already keep their zones while they are there."""
    named = [(entry, text_or(entry.folder / "name")) for entry in found]
    wanted = [(entry, name) for entry, name in named if name and _is_wanted(spec, entry, name)]
    identities = [_identity(entry) for entry, _ in wanted]
    zones = _zones(
        [(name, identity) for (_, name), identity in zip(wanted, identities, strict=True)],
        {(device.name, device.identity): device.zone for device in known},
    )
    devices = [
        _device(spec, entry, name, identity, zone)
        for (entry, name), identity, zone in zip(wanted, identities, zones, strict=True)
    ]
    return tuple(device for device in devices if device.sensors)


def absent_channels(spec: HwmonSpec, present: Iterable[Device]) -> Iterator[Channel]:
    """The power of named chips that are not there yet: a meter plugged in later can stand for the node."""
    names = {device.name for device in present}
    for name in spec.devices:
        chip = CHIPS.get(name, UNKNOWN)
        if name not in names and chip.measures_power:
            yield _channel(spec, chip, name_from(name), "power", chip.scope)


def _is_wanted(spec: HwmonSpec, entry: Entry, name: str) -> bool:
    if spec.devices:
        return name in spec.devices
    mirrored = (entry.folder / "device/subsystem").resolve().name in _MIRRORED
    return CHIPS.get(name, UNKNOWN).by_default and not mirrored


def _identity(entry: Entry) -> str:
    """The name of the device that the chip is: 1-0040 on I2C, 0000:01:00.0 on PCI, nvme0."""
    device = entry.folder / "device"
    return device.resolve().name if device.exists() else entry.folder.name


def _zones(named: list[tuple[str, str]], kept: Mapping[tuple[str, str], str]) -> list[str]:
    """A zone a chip: its name; with its identity where several have the name."""
    counts = Counter(name for name, _ in named)
    taken = {kept[key] for key in named if key in kept}
    zones = []
    for key in named:
        short = name_from(key[0])
        long = f"{short}-{name_from(key[1])}"
        free = short if counts[key[0]] == 1 and short not in taken else long
        zones.append(kept.get(key, free))
    return zones


def _device(spec: HwmonSpec, entry: Entry, name: str, identity: str, zone: str) -> Device:
    chip = CHIPS.get(name, UNKNOWN)
    folder = Path(entry.real_path)
    labels = {file.name.removesuffix("_label"): text_or(file) for file in folder.glob("*_label")}
    sensors = tuple(_sensors(spec, chip, folder, zone, labels))
    attributes = {sensor.attribute for sensor in sensors}
    products = tuple(
        (_channel(spec, chip, _zone(chip, zone, product.volts, labels), "power", chip.scope), product)
        for product in chip.products
        if {product.volts, product.amperes} <= attributes
    )
    refresh_seconds = max(0, integer_or(folder / chip.refresh, 0)) / _MILLI
    status = folder / "device/power/runtime_status"
    sleep_file = str(status) if chip.may_sleep and status.exists() else ""
    return Device(name, identity, zone, entry.real_path, chip, sensors, products, refresh_seconds, sleep_file)


def _sensors(
    spec: HwmonSpec, chip: Chip, folder: Path, zone: str, labels: Mapping[str, str]
) -> Iterator[Sensor]:
    taken: set[str] = set()
    for attribute, file in _attributes(chip, folder):
        scope = _scope(chip, labels.get(attribute, ""))
        if scope is None:
            continue
        channel = _channel(spec, chip, _zone(chip, zone, attribute, labels), _type(attribute), scope)
        if channel.id in taken:  # two attributes of one label
            channel = _channel(spec, chip, f"{channel.zone}-{attribute}", _type(attribute), scope)
        taken.add(channel.id)
        yield Sensor(attribute, str(file), _QUANTITIES[_type(attribute)][1], channel)
    for flag, (name, quantity) in chip.flags.items():
        if (folder / flag).exists():
            channel = Channel(spec.name, f"{zone}-{name}", quantity, Kind.GAUGE, quality=_quality(spec, chip))
            yield Sensor(flag, str(folder / flag), 1, channel)


def _attributes(chip: Chip, folder: Path) -> list[tuple[str, Path]]:
    """Attributes to read by name, with their files: the average of a power where there is one."""
    files: dict[str, Path] = {}
    for pattern in (_ATTRIBUTE, _AVERAGE):
        for file in folder.iterdir() if folder.is_dir() else ():
            if match := pattern.fullmatch(file.name):
                files[match["name"]] = file
    types = tuple(_QUANTITIES)
    wanted = [(name, file) for name, file in files.items() if not chip.only or name in chip.only]
    return sorted(wanted, key=lambda pair: (types.index(_type(pair[0])), _number(pair[0])))


def _zone(chip: Chip, zone: str, attribute: str, labels: Mapping[str, str]) -> str:
    if attribute in chip.main:
        return zone
    line = {product.amperes: product.volts for product in chip.products}.get(attribute, attribute)
    return f"{zone}-{name_from(labels.get(line, '')) or line}"


def _scope(chip: Chip, label: str) -> Scope | None:
    """The scope of a sensor's power; None for one that is not to be taken."""
    if not chip.scope_by_label:
        return chip.scope
    matching = (scope for start, scope in chip.scope_by_label.items() if label.lower().startswith(start))
    return next(matching, None)


def _channel(spec: HwmonSpec, chip: Chip, zone: str, of_type: str, scope: Scope) -> Channel:
    quantity, _, kind = _QUANTITIES[of_type]
    if kind is Kind.GAUGE:
        scope = Scope.NONE
    elif spec.scope != "auto":
        scope = Scope(spec.scope)
    return Channel(spec.name, zone, quantity, kind, scope, _quality(spec, chip))


def _quality(spec: HwmonSpec, chip: Chip) -> Quality:
    return Quality.SIMULATED if spec.simulated else chip.quality


def _type(attribute: str) -> str:
    return attribute.rstrip("0123456789")


def _number(attribute: str) -> int:
    return int(attribute.removeprefix(_type(attribute)))
