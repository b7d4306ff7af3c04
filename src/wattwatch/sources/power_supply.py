"""The kernel's power supplies (Documentation/ABI/testing/sysfs-class-power): PoE, batteries, mains.

Everything is in microvolts, microamperes, microwatts and microwatt hours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Batch, Channel, Kind, Reading, Scope
from wattwatch.sources.base import PowerSupplySpec, SourceDescription
from wattwatch.sources.sysfs import KernelFiles, name_from, numbered, sensor_quality, text_or

_MICRO: Final = 1_000_000
_GAUGES: Final[Mapping[str, tuple[str, int, int]]] = {
    "online": ("online_ratio", 1, 1),
    "voltage_now": ("voltage_volts", 1, _MICRO),
    "current_now": ("current_amperes", 1, _MICRO),
    "energy_now": ("stored_joules", 36, 10_000),  # 1 uWh is 3.6 mJ
    "capacity": ("charge_ratio", 1, 100),
    "temp": ("temperature_celsius", 1, 10),
}
"""Quantity of an attribute, and what it is multiplied with and divided by: whole numbers, to stay decimal."""

_SIGNED: Final = frozenset({"temp"})
_BATTERIES: Final = frozenset({"Battery", "UPS"})
_DISCHARGING: Final = "Discharging"
_NEGOTIATED: Final = "ucsi-source-psy"
"""USB-C ports by UCSI: voltage and current are what was agreed upon, not what flows."""


@dataclass(frozen=True, slots=True)
class _Supply:
    folder: str
    gauges: tuple[tuple[str, Channel, int, int], ...]  # attribute, channel, factor, divisor
    power: Channel | None  # of a battery


class PowerSupplySource:
    """Supplies below `root`/class/power_supply, a zone each.

    What is integrated: the power that a battery gives, `power_now`, else `voltage_now` x `current_now`, only
    while its status is Discharging. At other times it has no reading: the time is missing, not 0 J, because
    what mains gives is not known here. Its scope is `rail`, one of the ways in: it is what the whole node
    draws only while no other supply feeds it. Signs are dropped, for drivers do not agree on them (some
    laptops give a negative `current_now` while discharging, as the ABI wants, most do not): the status tells
    the direction. Batteries of peripherals (scope Device) are no part of the node.

    The PoE+ HAT (`rpi-poe`) gives a current and no voltage: no power.
    """

    def __init__(self, spec: PowerSupplySpec, clock: Clock, files: KernelFiles | None = None) -> None:
        self._spec = spec
        self._clock = clock
        self._files = files or KernelFiles()
        self._folder = spec.root / "class/power_supply"
        self._supplies: tuple[_Supply, ...] = ()

    @property
    def description(self) -> SourceDescription:
        """Name, interval, and the supplies found."""
        self._supplies = self._supplies or tuple(self._find_supplies())
        powers = [s.power for s in self._supplies if s.power is not None]
        channels = (*powers, *(channel for s in self._supplies for _, channel, *_ in s.gauges))
        spec = self._spec
        return SourceDescription(
            spec.name, "power_supply", spec.interval_seconds, channels, str(self._folder)
        )

    def read(self) -> Batch:
        """What every supply shows.

        Raises SourceUnsupported where the kernel has none, SourceUnavailable if none answers now.
        """
        self._supplies = self._supplies or tuple(self._find_supplies())
        if not self._supplies:
            raise SourceUnsupported(f"no power supplies in {self._folder}")
        at = self._clock.now()
        errors: list[SourceUnavailable] = []
        pairs = [pair for supply in self._supplies for pair in self._read_supply(supply, errors)]
        if not pairs:
            raise errors[0] if errors else SourceUnavailable(f"{self._folder}: no battery discharges")
        return Batch(self._spec.name, at, tuple(Reading(channel, value, at) for channel, value in pairs))

    def close(self) -> None:
        """Close the files; reading again opens them again."""
        self._files.close()

    def _read_supply(
        self, supply: _Supply, errors: list[SourceUnavailable]
    ) -> Iterator[tuple[Channel, float]]:
        shown: dict[str, int] = {}
        for attribute, channel, factor, divisor in supply.gauges:
            try:
                number = self._files.integer(f"{supply.folder}/{attribute}")
            except SourceUnavailable as error:  # ENODATA and the like: the driver does not know it now
                errors.append(error)
                continue
            shown[attribute] = _meant(attribute, number)
            yield channel, shown[attribute] * factor / divisor
        if supply.power is not None and (watts := self._watts(supply, shown)) > 0:
            yield supply.power, watts

    def _watts(self, supply: _Supply, shown: Mapping[str, int]) -> float:
        """Watts that a battery gives; 0 while it gives none, or does not say."""
        try:
            if self._files.text(f"{supply.folder}/status") != _DISCHARGING:
                return 0.0
        except SourceUnavailable:
            return 0.0
        try:
            microwatts = self._files.integer(f"{supply.folder}/power_now")
        except SourceUnavailable:  # most batteries have either this or a current
            microwatts = 0
        if microwatts:
            return abs(microwatts) / _MICRO
        return shown.get("voltage_now", 0) * shown.get("current_now", 0) / _MICRO**2

    def _find_supplies(self) -> Iterator[_Supply]:
        for folder in numbered(self._folder.glob("*")):
            if text_or(folder / "scope") == "Device":
                continue
            gauges = tuple(self._gauges(folder))
            power = self._power(folder) if text_or(folder / "type") in _BATTERIES else None
            if gauges or power:
                yield _Supply(str(folder), gauges, power)

    def _gauges(self, folder: Path) -> Iterator[tuple[str, Channel, int, int]]:
        for attribute, (quantity, factor, divisor) in _GAUGES.items():
            if folder.name.startswith(_NEGOTIATED) and attribute != "online":
                continue
            if (folder / attribute).exists():
                yield attribute, self._channel(folder, quantity, Kind.GAUGE, Scope.NONE), factor, divisor

    def _power(self, folder: Path) -> Channel | None:
        has = {name for name in ("power_now", "voltage_now", "current_now") if (folder / name).exists()}
        if "power_now" in has or {"voltage_now", "current_now"} <= has:
            return self._channel(folder, "power_watts", Kind.POWER, Scope.RAIL)
        return None

    def _channel(self, folder: Path, quantity: str, kind: Kind, scope: Scope) -> Channel:
        quality = sensor_quality(simulated=self._spec.simulated)
        return Channel(self._spec.name, name_from(folder.name), quantity, kind, scope, quality)


def _meant(attribute: str, number: int) -> int:
    """The number without a sign that drivers do not agree on; of `online`, 2 (programmable) is online too."""
    if attribute == "online":
        return min(number, 1)
    return number if attribute in _SIGNED else abs(number)
