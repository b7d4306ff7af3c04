"""What may have disturbed a measurement: throttling, a supply that gave way, a meter at its limits. Pure."""

import math
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from wattwatch.reading import Channel, Reading
from wattwatch.sources.um.protocol import MODELS
from wattwatch.units import JOULES_PER_MILLIWATT_HOUR

LOW_SUPPLY_VOLTS: Final = 4.75
"""USB's lower limit at the board; the meter sees a little more than the board does."""

FULL_RATIO: Final = 0.95
_FULL_SCALE_AMPERES: Final = {model.name: model.full_scale_amperes for model in MODELS.values()}

DISPLAY_ENDS_JOULES: Final = (
    99_999 * JOULES_PER_MILLIWATT_HOUR,
    999_990 * JOULES_PER_MILLIWATT_HOUR,
)
"""The meter's display goes to 99999 mWh, then to 999.99 Wh; what it does beyond is not published."""

_THROTTLED: Final = "throttled_now_flag"
_VOLTS: Final = "vbus/voltage_volts"
_AMPERES: Final = "vbus/current_amperes"
_GROUP_ZONE: Final = "group-"


@dataclass(frozen=True, slots=True)
class Conditions:
    """The worst of a stretch; those of adjoining stretches are added."""

    lowest_volts: float = math.inf
    highest_amperes: float = 0.0
    throttled: frozenset[str] = frozenset()
    counted: dict[Channel, float] = field(default_factory=dict)  # joules of each group that was selected

    def __add__(self, later: "Conditions") -> "Conditions":
        """Both together; `later` comes after this one."""
        return Conditions(
            min(self.lowest_volts, later.lowest_volts),
            max(self.highest_amperes, later.highest_amperes),
            self.throttled | later.throttled,
            self.counted | later.counted,
        )


def condition_channels(channels: Iterable[Channel], meters: Container[str]) -> tuple[Channel, ...]:
    """The channels that conditions are told from: those of the meters, and throttling flags of any source."""
    return tuple(channel for channel in channels if _tells(channel, meters))


def _tells(channel: Channel, meters: Container[str]) -> bool:
    if channel.quantity == _THROTTLED:
        return True
    if channel.source not in meters:
        return False
    name = f"{channel.zone}/{channel.quantity}"
    return name in {_VOLTS, _AMPERES} or _is_count(channel)


def _is_count(channel: Channel) -> bool:
    return channel.zone.startswith(_GROUP_ZONE) and channel.quantity == "energy_joules"


def conditions_of(readings: Iterable[Reading]) -> Conditions:
    """The worst of readings of one channel, in order of time."""
    values = list(readings)
    if not values:
        return Conditions()
    channel = values[0].channel
    if channel.quantity == _THROTTLED:
        seen = any(reading.value for reading in values)
        return Conditions(throttled=frozenset({channel.zone} if seen else ()))
    if channel.quantity == "voltage_volts":
        return Conditions(lowest_volts=min(reading.value for reading in values))
    if channel.quantity == "current_amperes":
        return Conditions(highest_amperes=max(reading.value for reading in values))
    return Conditions(counted={channel: values[-1].value})


def condition_warnings(conditions: Conditions, model: str) -> Iterator[str]:
    """One line for each thing that makes the measurement doubtful (docs/measuring.md explains them).

    `model` is the meter's, "" if there is none or if there are several kinds.
    """
    if conditions.throttled:
        names = ", ".join(sorted(conditions.throttled))
        yield f"the node was slowed down during the run ({names}): check supply, lead and cooling"
    if conditions.lowest_volts < LOW_SUPPLY_VOLTS:
        yield (
            f"the meter saw {conditions.lowest_volts:.2f} V, below {LOW_SUPPLY_VOLTS} V: "
            "use a shorter or thicker lead or a stronger supply"
        )
    range_amperes = _FULL_SCALE_AMPERES.get(model, math.inf)
    if conditions.highest_amperes >= FULL_RATIO * range_amperes:
        yield (
            f"the current reached {conditions.highest_amperes:.3g} A of the {model}'s {range_amperes:g} A: "
            "beyond its range the reading is not specified"
        )
    for source in sorted({channel.source for channel in conditions.counted}):
        groups = sorted(channel.zone for channel in conditions.counted if channel.source == source)
        if len(groups) > 1:
            names = ", ".join(groups)
            yield f"{source}: its selected group was changed ({names}): gaps across that cannot be filled"
    for channel, joules in conditions.counted.items():
        if any(FULL_RATIO * end <= joules <= end for end in DISPLAY_ENDS_JOULES):
            yield (
                f"{channel.source}: its {channel.zone} is near the end of its display "
                f"({joules / JOULES_PER_MILLIWATT_HOUR:.0f} mWh): reset it before the next run "
                "(wattwatch meters set ADDRESS --reset-group)"
            )
