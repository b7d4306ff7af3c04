"""A fake meter on the air: what it is, what goes wrong with it, and its links as bluetoothd keeps them."""

import asyncio
import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from dbus_fast.errors import DBusError

from wattwatch.sources.um.protocol import MODELS
from wattwatch.sources.um.simulator import MeterSettings, SimulatedMeter
from wattwatch.sources.um.simulator_profiles import constant

SPP_UUID = "00001101-0000-1000-8000-00805f9b34fb"
FFE0_UUID = "0000ffe0-0000-1000-8000-00805f9b34fb"
FFE1_UUID = "0000ffe1-0000-1000-8000-00805f9b34fb"
_WRAPPED_BYTES = 10
_WRAPPED_HEAD = b"\xff\x55\x11\x03"
_WRAP_KEY = 0x44  # METERS 4.1: the sum from byte 2 on, then this


class Gatt(StrEnum):
    """How a meter speaks over Bluetooth Low Energy, if it does."""

    NONE = "none"
    RAW = "raw"  # the command byte alone
    WRAPPED = "wrapped"  # in ten bytes, as the A3-B has it
    SPLIT = "split"  # notifies on FFE1, is written to FFE2 with acknowledgement
    ODD = "odd"  # has not the service of a meter


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """What a device is when it is added."""

    address: str = "00:15:A6:01:AA:BB"
    name: str = "UM24C"
    adapter: str = "hci0"
    model: str = "UM24C"
    watts: float = 5.0
    spp: bool = True
    gatt: Gatt = Gatt.NONE
    paired: bool = True
    known: bool = True  # has an object from the start; else after a scan
    visible: bool = True  # answers a scan
    pin: str = "1234"
    compares: bool = False  # pairs by comparing numbers, and has no PIN

    @property
    def path(self) -> str:
        """Its object path."""
        return f"/org/bluez/{self.adapter}/dev_{self.address.replace(':', '_')}"

    @property
    def uuids(self) -> list[str]:
        """The services that it offers."""
        return [SPP_UUID] * self.spp + [FFE0_UUID] * (self.gatt != Gatt.NONE)


@dataclass(slots=True)
class Faults:
    """What goes wrong, from now on until it is set back."""

    silent: bool = False  # connected, never answers
    no_descriptor: bool = False  # ConnectProfile succeeds, NewConnection never comes
    connect_seconds: float = 0.0  # how long a connection, or a pairing, takes
    connect_errors: deque[tuple[str, str]] = field(default_factory=deque)  # one for each attempt

    def raise_next(self) -> None:
        """The next error of a connection, if one is left."""
        if self.connect_errors:
            raise DBusError(*self.connect_errors.popleft())


class MeterBehind:
    """A simulated meter in real time: bytes in, bytes out; all that it was sent is kept."""

    def __init__(self, settings: DeviceSettings, faults: Faults) -> None:
        model = next(model for model in MODELS.values() if model.name == settings.model)
        self._meter = SimulatedMeter(constant(settings.watts), settings=MeterSettings(model=model))
        self._started = time.monotonic()
        self._wraps = settings.gatt == Gatt.WRAPPED
        self._faults = faults
        self.received = bytearray()

    def answer(self, data: bytes) -> bytes:
        """What comes back for these bytes, at once."""
        self.received += data
        self._meter.advance_to(time.monotonic() - self._started)
        fragments = [fragment for byte in data for fragment in self._meter.reply(byte)]
        return b"" if self._faults.silent else b"".join(fragment.data for fragment in fragments)

    def answer_gatt(self, data: bytes) -> bytes:
        """The same over FFE1, where an A3-B wants its commands wrapped and passes over everything else."""
        if not self._wraps:
            return self.answer(data)
        good = (
            len(data) == _WRAPPED_BYTES
            and data.startswith(_WRAPPED_HEAD)
            and data[-1] == (sum(data[2:-1]) & 0xFF) ^ _WRAP_KEY
        )
        return self.answer(data[4:5]) if good else b""


class SppLink:
    """An RFCOMM connection, as a socket pair: one end with the meter, one handed over, one dup of that kept.

    bluetoothd keeps its duplicate until the connection is shut down, so a client that only closes its
    descriptor leaves the connection open.
    """

    def __init__(self, meter: MeterBehind, on_end: Callable[[], None]) -> None:
        self._meter = meter
        self._on_end = on_end
        self._meter_end, self.client_end = socket.socketpair()
        self._daemons_end = self.client_end.dup()
        self._meter_end.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._meter_end.fileno(), self._on_readable)
        self.is_open = True

    def handed_over(self) -> None:
        """The client has its descriptor now; ours is not needed any more."""
        self.client_end.close()

    def end(self) -> None:
        """Break the connection: the client reads an end of file."""
        if not self.is_open:
            return
        self.is_open = False
        self._loop.remove_reader(self._meter_end.fileno())
        for end in (self._meter_end, self.client_end, self._daemons_end):
            end.close()
        self._on_end()

    def forget(self) -> None:
        """bluetoothd dies: its duplicate goes, the connection itself belongs to the kernel and stays."""
        self._daemons_end.close()

    def _on_readable(self) -> None:
        try:
            data = self._meter_end.recv(4096)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self.end()
            return
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            self._meter_end.sendall(self._meter.answer(data))
