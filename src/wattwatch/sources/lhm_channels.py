"""Which sensors of a LibreHardwareMonitor are taken, and the channel of each."""

import re
from collections.abc import Iterator
from typing import Final

from wattwatch.errors import SourceUnavailable
from wattwatch.reading import Channel, Instant, Kind, Quality, Reading, Scope
from wattwatch.sources.base import LhmSpec
from wattwatch.sources.lhm_tree import LhmSensor

_QUANTITIES: Final = {
    "Power": "power_watts",
    "Energy": "energy_joules",  # what is left in a battery: a gauge, no counter
    "Voltage": "voltage_volts",
    "Current": "current_amperes",
    "Load": "load_ratio",
    "Clock": "clock_hertz",
    "Temperature": "temperature_celsius",
}
_SCOPES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), scope)
    for pattern, scope in (
        (r"(cpu )?package", Scope.PACKAGE),
        (r"(cpu )?cores?( #\d+.*)?", Scope.CORE),
        (r"cpu graphics", Scope.UNCORE),
        (r"(cpu )?(memory|dram)", Scope.DRAM),
        (r"gpu( package| power| board power| total( board)? power)?", Scope.GPU),
    )
)
_BATTERY: Final = re.compile(r"charge", re.IGNORECASE)  # Charge Rate, Discharge Rate: not always a supply
_NOT_IN_ZONES: Final = re.compile(r"[^a-z0-9.+]+")
_ZONES_SHOWN: Final = 30
_NAMELESS: Final = "sensor"


def scope_of(sensor: str) -> Scope:
    """What a power sensor contains, by its name; `rail` for all that is not the whole of something."""
    return next((scope for pattern, scope in _SCOPES if pattern.fullmatch(sensor)), Scope.RAIL)


class LhmChannels:
    """The channels of the sensors that were seen, each made once.

    A zone is a sensor's name in small letters; where another sensor has it already, with its hardware's
    name before it. Power channels of the zones that the configuration names are expected before anything
    was read, so that a host that is still off may be chosen to stand for the node.
    """

    def __init__(self, spec: LhmSpec) -> None:
        self._spec = spec
        self._quality = Quality.SIMULATED if spec.simulated else Quality.SENSOR
        self._expected = tuple(dict.fromkeys(filter(None, map(self._expect, spec.zones))))
        self._by_key: dict[tuple[str, str], Channel] = {}
        self._taken: set[str] = set()
        self._known = self._expected

    def known(self) -> tuple[Channel, ...]:
        """Every channel that is expected or has been seen."""
        return self._known

    def readings(self, sensors: tuple[LhmSensor, ...], at: Instant) -> tuple[Reading, ...]:
        """A reading of every chosen sensor that has a value.

        SourceUnavailable if a chosen zone has never been seen (a slip in the configuration, most likely),
        or none has a value.
        """
        chosen = self._chosen(sensors)
        channels = [(self._channel(sensor), sensor.value) for sensor in chosen]
        readings = tuple(Reading(channel, value, at) for channel, value in channels if value is not None)
        if not readings:
            raise SourceUnavailable("no sensor has a value: does LibreHardwareMonitor run as administrator?")
        return readings

    def _chosen(self, sensors: tuple[LhmSensor, ...]) -> tuple[LhmSensor, ...]:
        if not self._spec.zones:
            return sensors
        chosen = tuple(sensor for sensor in sensors if _names(sensor) & set(self._spec.zones))
        if not self._by_key:
            found = set[str]().union(*map(_names, chosen))
            missing = [zone for zone in self._spec.zones if zone not in found]
            if missing:
                raise SourceUnavailable(_no_such_zone(missing[0], sensors), "absent")
        return chosen

    def _channel(self, sensor: LhmSensor) -> Channel:
        key = (sensor.key, sensor.type)
        if key not in self._by_key:
            self._by_key[key] = self._new_channel(sensor)
            self._known = tuple(dict.fromkeys((*self._expected, *self._by_key.values())))
        return self._by_key[key]

    def _new_channel(self, sensor: LhmSensor) -> Channel:
        quantity = _QUANTITIES[sensor.type]
        for zone in _zone_names(sensor):
            channel = self._named(zone, quantity, sensor.name)
            if channel.id not in self._taken:
                self._taken.add(channel.id)
                return channel
        raise AssertionError("names do not end")

    def _named(self, zone: str, quantity: str, sensor: str) -> Channel:
        if quantity != _QUANTITIES["Power"]:
            return Channel(self._spec.name, zone, quantity, Kind.GAUGE, quality=self._quality)
        kind = Kind.GAUGE if _BATTERY.search(sensor) else Kind.POWER
        scope = scope_of(sensor) if self._spec.scope == "auto" else Scope(self._spec.scope)
        return Channel(self._spec.name, zone, quantity, kind, scope, self._quality)

    def _expect(self, zone: str) -> Channel | None:
        """The power channel of a zone of the configuration, if it can be told without asking."""
        sensor = zone.rpartition("/")[2]
        if scope_of(sensor) is Scope.RAIL and self._spec.scope == "auto":
            return None
        return self._named(_zone(sensor), _QUANTITIES["Power"], sensor)


def _names(sensor: LhmSensor) -> set[str]:
    """What a zone of the configuration may call it."""
    return {sensor.name, f"{sensor.hardware}/{sensor.name}"}


def _zone_names(sensor: LhmSensor) -> Iterator[str]:
    """Names for its zone, the next one where one is taken; they do not end."""
    yield _zone(sensor.name)
    longer = _zone(f"{sensor.hardware} {sensor.name}")
    yield longer
    number = 1
    while number := number + 1:
        yield f"{longer}-{number}"


def _zone(name: str) -> str:
    return _NOT_IN_ZONES.sub("-", name.lower()).strip("-") or _NAMELESS


def _no_such_zone(zone: str, sensors: tuple[LhmSensor, ...]) -> str:
    powers_first = sorted(sensors, key=lambda sensor: sensor.type != "Power")
    names = list(dict.fromkeys(f"{sensor.hardware}/{sensor.name}" for sensor in powers_first))
    shown = ", ".join(names[:_ZONES_SHOWN]) or "none"
    more = f" and {len(names) - _ZONES_SHOWN} more" if len(names) > _ZONES_SHOWN else ""
    return f"there is no zone {zone!r}; zones there: {shown}{more}"
