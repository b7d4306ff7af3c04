"""Channels and readings of the Raspberry Pi's firmware."""

from collections.abc import Iterator
from typing import Final

from wattwatch.reading import Channel, Instant, Kind, Quality, Reading, Scope
from wattwatch.sources.pi_text import FLAGS, Rail, Throttled, board_watts, rails_watts

NOW: Final = "throttled_now_flag"
SINCE_BOOT: Final = "throttled_since_boot_flag"
SUM_ZONE: Final = "pmic"
BOARD_ZONE: Final = "board"

_POWER: Final = "power_watts"


class PiChannels:
    """Makes each channel once, in the order of the readings.

    `pmic/power_watts` is the sum of all rails and comes before them: it stands for the node where no better
    source does, and the rails are its parts. `board/power_watts` is an estimate of the whole, if wanted.
    """

    def __init__(self, source: str, *, board: bool, simulated: bool) -> None:
        self._source = source
        self._board = board
        self._simulated = simulated
        self._channels: dict[tuple[str, str], Channel] = {}

    def known(self) -> tuple[Channel, ...]:
        """Every channel that has had a reading."""
        return tuple(self._channels.values())

    def readings(self, rails: tuple[Rail, ...], flags: Throttled | None, at: Instant) -> tuple[Reading, ...]:
        """One reading of everything that the firmware told."""
        values = [*self._of_rails(rails), *self._of_flags(flags)]
        return tuple(Reading(channel, value, at) for channel, value in values)

    def _of_rails(self, rails: tuple[Rail, ...]) -> Iterator[tuple[Channel, float]]:
        if not rails:
            return
        total_watts = rails_watts(rails)
        if self._board:
            yield self._power(BOARD_ZONE, Scope.BOARD, Quality.MODEL), board_watts(total_watts)
        yield self._power(SUM_ZONE), total_watts
        for rail in rails:
            zone = rail.name.lower().replace("_", "-")
            if rail.amperes is not None:
                yield self._power(zone), rail.watts
                yield self._gauge(zone, "current_amperes"), rail.amperes
            yield self._gauge(zone, "voltage_volts"), rail.volts

    def _of_flags(self, flags: Throttled | None) -> Iterator[tuple[Channel, float]]:
        if flags is None:
            return
        for quantity, set_flags in ((NOW, flags.now), (SINCE_BOOT, flags.since_boot)):
            for reason in FLAGS:
                yield self._gauge(reason, quantity), float(reason in set_flags)

    def _power(self, zone: str, scope: Scope = Scope.RAIL, quality: Quality = Quality.SENSOR) -> Channel:
        return self._channel(zone, _POWER, Kind.POWER, scope, quality)

    def _gauge(self, zone: str, quantity: str) -> Channel:
        return self._channel(zone, quantity, Kind.GAUGE, Scope.NONE, Quality.SENSOR)

    def _channel(self, zone: str, quantity: str, kind: Kind, scope: Scope, quality: Quality) -> Channel:
        known = self._channels.get((zone, quantity))
        if known is None:
            quality = Quality.SIMULATED if self._simulated else quality
            known = Channel(self._source, zone, quantity, kind, scope, quality)
            self._channels[zone, quantity] = known
        return known
