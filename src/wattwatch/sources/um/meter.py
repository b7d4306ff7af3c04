"""A UM24C, UM25C or UM34C as a source: one frame read is one batch of readings."""

from collections.abc import Callable
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import (
    Batch,
    Channel,
    Instant,
    Kind,
    MeterIdentity,
    Quality,
    Reading,
    Scope,
)
from wattwatch.sources.base import Source, SourceDescription, UmSpec
from wattwatch.sources.um.connect import BluetoothLink
from wattwatch.sources.um.polling import Poller
from wattwatch.sources.um.protocol import GROUPS, Frame
from wattwatch.sources.um.transport import Transport
from wattwatch.units import coulombs_from_milliampere_hours, joules_from_milliwatt_hours

_GAUGES: Final = (
    ("vbus", "voltage_volts"),
    ("vbus", "current_amperes"),
    ("vbus", "resistance_ohms"),
    ("data-positive", "voltage_volts"),
    ("data-negative", "voltage_volts"),
    ("meter", "temperature_celsius"),
)


class UmMeter:
    """A meter that is polled over a transport, which is opened anew after every failure."""

    def __init__(
        self,
        spec: UmSpec,
        clock: Clock,
        connect: Callable[[], Transport],
        way: Callable[[], str] = lambda: "",
    ) -> None:
        """`connect` opens a transport or raises SourceUnavailable; nothing opens before the first read.

        `way` says for people by which way it was connected, "" if that is plain.
        """
        self._spec = spec
        self._connect = connect
        self._way = way
        self._transport: Transport | None = None
        self._closings = 0  # counts, so that a close during a connection attempt is not lost
        self._where = spec.url or spec.address
        self._poller = Poller(self._where, clock, spec.deadline_seconds)
        self._model_name = ""
        self._quality = Quality.SIMULATED if spec.simulated else Quality.METERED
        self._power = Channel(spec.name, "vbus", "power_watts", Kind.POWER, Scope.BOARD, self._quality)
        self._gauges = tuple(self._channel(zone, quantity, Kind.GAUGE) for zone, quantity in _GAUGES)
        self._accumulators = tuple(
            (
                self._channel(f"group-{group}", "energy_joules", Kind.ACCUMULATOR),
                self._channel(f"group-{group}", "charge_coulombs", Kind.ACCUMULATOR),
            )
            for group in range(GROUPS)
        )
        self._groups_seen: tuple[int, ...] = ()
        self._described_groups: tuple[int, ...] = ()
        self._description: SourceDescription | None = None

    @property
    def description(self) -> SourceDescription:
        """Channels and place; the model and the accumulators are known after the first read."""
        known, detail = self._description, self._detail()
        if known is None or known.detail != detail or self._described_groups != self._groups_seen:
            self._described_groups = self._groups_seen
            known = self._description = self._describe(detail)
        return known

    def _describe(self, detail: str) -> SourceDescription:
        accumulators = [channel for group in self._groups_seen for channel in self._accumulators[group]]
        return SourceDescription(
            name=self._spec.name,
            type=self._spec.type,
            interval_seconds=self._spec.interval_seconds,
            channels=(self._power, *self._gauges, *accumulators),
            detail=detail,
        )

    def _detail(self) -> str:
        model = f"{self._model_name} at " if self._model_name else ""
        way = f" by {way}" if (way := self._way()) else ""
        return f"{model}{self._where}{way}"

    def read(self) -> Batch:
        """One frame as readings, stamped midway between the request and the first byte of the answer.

        Raises SourceUnavailable with reason `absent`, `permission` or `busy` (no connection), `timeout`,
        `hangup`, `garbage` (bytes, but no frame) or `invalid` (a frame that contradicts itself).
        """
        transport = self._open_transport()
        try:
            frame, at = self._poller.poll(transport)
        except SourceUnavailable:
            self._drop(transport)
            raise
        return self._batch(frame, at)

    def close(self) -> None:
        """Release the port, from any thread; a later read opens it again."""
        self._closings += 1
        if (transport := self._transport) is not None:
            self._drop(transport)

    def _open_transport(self) -> Transport:
        if (transport := self._transport) is not None:
            return transport
        closings_before = self._closings
        transport = self._connect()
        self._transport = transport
        if self._closings != closings_before:  # closed while connecting: nobody else would release it
            self._drop(transport)
            raise SourceUnavailable(f"{self._where}: closed while connecting", "hangup")
        return transport

    def _drop(self, transport: Transport) -> None:
        if self._transport is transport:
            self._transport = None
        transport.close()

    def _batch(self, frame: Frame, at: Instant) -> Batch:
        group = frame.selected_group
        self._model_name = frame.model.name
        if group not in self._groups_seen:
            self._groups_seen = (*self._groups_seen, group)
        identity = MeterIdentity(frame.model.name, self._where, group, frame.model.full_scale_watts)
        return Batch(self._spec.name, at, self._readings(frame, at), identity)

    def _readings(self, frame: Frame, at: Instant) -> tuple[Reading, ...]:
        counts = frame.groups[frame.selected_group]
        channels = (self._power, *self._gauges, *self._accumulators[frame.selected_group])
        values = (
            frame.product_watts,
            frame.voltage_volts,
            frame.current_amperes,
            frame.resistance_ohms,
            frame.data_positive_volts,
            frame.data_negative_volts,
            float(frame.temperature_celsius),
            joules_from_milliwatt_hours(counts.energy_milliwatt_hours),
            coulombs_from_milliampere_hours(counts.charge_milliampere_hours),
        )
        return tuple(Reading(channel, value, at) for channel, value in zip(channels, values, strict=True))

    def _channel(self, zone: str, quantity: str, kind: Kind) -> Channel:
        return Channel(self._spec.name, zone, quantity, kind, quality=self._quality)


def open_meter(spec: UmSpec, clock: Clock) -> Source:
    """The meter of a specification, by its url or its Bluetooth address; the first read connects to it.

    Raises MissingExtra, naming what to install, without the package that the way to it needs.
    """
    if spec.url and spec.transport in {"auto", "serial"}:
        from wattwatch.sources.um.serial import open_serial  # noqa: PLC0415 - pyserial only for who uses it

        return UmMeter(spec, clock, lambda: open_serial(spec.url, clock))
    if not spec.address or spec.transport == "serial":
        needed = "url" if spec.transport == "serial" else "address"
        raise SourceUnsupported(f'{spec.name}: transport = "{spec.transport}" needs {needed}: set it')
    link = BluetoothLink(spec, clock)
    return UmMeter(spec, clock, link, way=lambda: link.detail)
