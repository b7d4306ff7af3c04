"""Points of a power channel, with or without a meter's accumulator."""

from wattwatch.reading import Channel, Instant, Kind, MeterIdentity, Quality, Scope
from wattwatch.sampling.integrate import Accumulator, PowerPoint

POWER_CHANNEL = Channel("meter", "vbus", "power_watts", Kind.POWER, Scope.BOARD, Quality.METERED)
UM24C = MeterIdentity("UM24C", "00:15:A6:01:AA:BB", 0, 72.0)


def instant(boot_seconds: float, boot_id: str = "boot-1") -> Instant:
    return Instant(boot_id, round(boot_seconds, 6))


def plain_point(boot_seconds: float, watts: float, boot_id: str = "boot-1") -> PowerPoint:
    return PowerPoint(instant(boot_seconds, boot_id), watts)


def meter_point(
    boot_seconds: float,
    watts: float,
    milliwatt_hours: int,
    milliampere_hours: int = 0,
    identity: MeterIdentity = UM24C,
) -> PowerPoint:
    joules, coulombs = milliwatt_hours * 3.6, milliampere_hours * 3.6
    displayed = (watts, joules, coulombs)
    return PowerPoint(instant(boot_seconds), watts, Accumulator(identity, joules, coulombs, displayed))
