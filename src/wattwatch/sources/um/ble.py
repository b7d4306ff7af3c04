"""A meter over Bluetooth Low Energy, by bleak: service FFE0, characteristic FFE1, answers as notifications.

This and its helpers are the only modules that use bleak; asyncio stays inside, in a thread for each
connection. bleak may never tell that a peripheral is gone, so nobody relies on it: an exchange without an
answer fails at its own deadline, and the connection is then closed and made anew by its owner.
"""

import asyncio
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import MissingExtra, SourceUnavailable
from wattwatch.reading import Instant
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um.ble_forms import Form
from wattwatch.sources.um.ble_inbox import Inbox
from wattwatch.sources.um.bluez_devices import choose_adapter
from wattwatch.sources.um.bluez_objects import FFE0_UUID
from wattwatch.sources.um.link_errors import no_answer
from wattwatch.sources.um.links import connecting
from wattwatch.sources.um.serial_errors import closed, explain_lost
from wattwatch.sources.um.transport import Reply

try:
    from bleak import BleakClient, BleakScanner
    from bleak.backends.characteristic import BleakGATTCharacteristic
    from bleak.backends.device import BLEDevice
    from bleak.exc import BleakDeviceNotFoundError, BleakError

    from wattwatch.sources.um.ble_errors import BLE_ERRORS, explain_ble
    from wattwatch.sources.um.ble_radio import Radio
    from wattwatch.sources.um.bluez_bus import bluez_bus
except ModuleNotFoundError as error:
    raise MissingExtra("Bluetooth Low Energy needs bleak: pip install 'wattwatch[bluetooth]'") from error

CONNECT_SECONDS: Final = 20.0
SCAN_SECONDS: Final = 8.0
DISCONNECT_SECONDS: Final = 3.0
_NOTIFIES: Final = frozenset({"notify", "indicate"})
_QUICK_WRITE: Final = "write-without-response"
_WRITES: Final = frozenset({_QUICK_WRITE, "write"})
# A plain BleakError is what connecting to a device gives that bluetoothd has no object of.
_UNKNOWN_DEVICE: Final = frozenset({BleakError, BleakDeviceNotFoundError})

_forms: Final[dict[str, Form]] = {}
"""The form that each meter has answered to last: it is tried first after a reconnection."""


@dataclass(frozen=True, slots=True)
class _Link:
    """A connected meter: where to write, and whether the meter acknowledges that."""

    client: BleakClient
    characteristic: BleakGATTCharacteristic
    response: bool


class BleTransport:
    """A connection that was made already, and belongs to it from now on."""

    def __init__(self, spec: UmSpec, clock: Clock, radio: Radio, link: _Link, inbox: Inbox) -> None:
        self._address = spec.address
        self._adapter = spec.adapter
        self._place = _place(spec)
        self._clock = clock
        self._radio = radio
        self._link = link
        self._inbox = inbox
        self._form: Form | None = None  # known once the meter has answered
        self._exchanging = threading.Lock()
        self._closing = threading.Event()
        self._released = False

    def exchange(self, request: bytes, reply_bytes: int, deadline_seconds: float) -> Reply:
        """The reply to a request; see Transport."""
        with self._exchanging:
            if not self._closing.is_set():
                reply = self._exchange(request, reply_bytes, time.monotonic() + deadline_seconds)
                if reply is not None:
                    return reply
            if self._closing.is_set():
                raise closed(self._place)
            if self._inbox.ended:
                raise explain_lost(self._place, EOFError())
            raise no_answer(self._place)

    def close(self) -> None:
        """Disconnect; an exchange under way ends at once."""
        self._closing.set()
        self._inbox.end()
        with self._exchanging:
            if self._released:
                return
            self._released = True
            with suppress(*BLE_ERRORS):
                self._radio.run(_disconnect(self._link.client), 2 * DISCONNECT_SECONDS)
            self._radio.stop()

    def _exchange(self, request: bytes, reply_bytes: int, deadline_at: float) -> Reply | None:
        """None if not one byte came."""
        written_at = self._clock.now()
        if request:
            if not reply_bytes:
                self._write((self._form or Form.RAW).written(request), deadline_at)
                return Reply(b"", written_at, written_at)
            written_at = self._ask(request, deadline_at)
        self._inbox.wait(reply_bytes, deadline_at)
        data, first_at = self._inbox.take(reply_bytes)
        # An empty request reads on: the first byte of this part may have come before it was asked for.
        return (
            Reply(data, written_at, max(written_at, first_at or written_at, key=_seconds)) if data else None
        )

    def _ask(self, request: bytes, deadline_at: float) -> Instant:
        """When the request was written that got an answer, or the last one that got none."""
        forms = self._forms_to_try()
        for tries_left in range(len(forms), 0, -1):
            form = forms[-tries_left]
            self._inbox.drop()
            # Before writing: an answer may come before bluetoothd tells that it has written.
            written_at = self._clock.now()
            self._write(form.written(request), deadline_at)
            now = time.monotonic()
            if self._inbox.wait(1, now + (deadline_at - now) / tries_left):
                self._form = _forms[self._address] = form
                break
        return written_at

    def _forms_to_try(self) -> tuple[Form, ...]:
        if self._form is not None:
            return (self._form,)
        first = _forms.get(self._address, Form.RAW)
        return (first, first.other)

    def _write(self, data: bytes, deadline_at: float) -> None:
        link = self._link
        left_seconds = max(deadline_at - time.monotonic(), 0.0)
        work = link.client.write_gatt_char(link.characteristic, data, response=link.response)
        try:
            self._radio.run(work, left_seconds)
        except TimeoutError as error:
            raise explain_lost(self._place, error) from error
        except BLE_ERRORS as error:
            if self._closing.is_set():
                raise closed(self._place) from error
            if self._inbox.ended:
                raise explain_lost(self._place, EOFError()) from error
            raise explain_ble(self._place, self._address, self._adapter, error) from error


def _seconds(instant: Instant) -> float:
    return instant.boot_seconds


def _place(spec: UmSpec) -> str:
    return f"{spec.address} by ble"


def open_ble(spec: UmSpec, clock: Clock) -> BleTransport:
    """A connection to the meter of an address, made anew.

    Raises SourceUnavailable with one line on cause and next step.
    """
    radio = Radio()
    inbox = Inbox(clock)
    try:
        with connecting(spec.adapter):
            link = radio.run(_connect(spec, inbox), CONNECT_SECONDS)
    except BLE_ERRORS as error:
        radio.stop()
        raise explain_ble(_place(spec), spec.address, spec.adapter, error) from error
    except BaseException:
        radio.stop()
        raise
    return BleTransport(spec, clock, radio, link, inbox)


async def _connect(spec: UmSpec, inbox: Inbox) -> _Link:
    # Our own question, and not bleak's default adapter: that is any which is on, another one each time.
    async with bluez_bus() as bus:
        adapter = choose_adapter(await bus.objects(), spec.address, spec.adapter, _place(spec))
    try:
        return await _connect_to(_known(spec.address, adapter), adapter, inbox, spec)
    except BleakError as error:
        if type(error) not in _UNKNOWN_DEVICE:
            raise
        found = await BleakScanner.find_device_by_address(
            spec.address, timeout=SCAN_SECONDS, bluez={"adapter": adapter}
        )
        if found is None:
            raise BleakDeviceNotFoundError(spec.address) from error
        return await _connect_to(found, adapter, inbox, spec)


def _known(address: str, adapter: str) -> BLEDevice:
    """A device that bluetoothd knows from before: no scan is needed, which would disturb other meters."""
    path = f"/org/bluez/{adapter}/dev_{address.upper().replace(':', '_')}"
    return BLEDevice(address, None, {"path": path, "props": {}})


async def _connect_to(device: BLEDevice, adapter: str, inbox: Inbox, spec: UmSpec) -> _Link:
    client = BleakClient(
        device,
        disconnected_callback=lambda _: inbox.end(),
        timeout=CONNECT_SECONDS,
        bluez={"adapter": adapter},
    )
    try:
        await client.connect()
        notifying, writable = _characteristics(client, spec)
        await client.start_notify(notifying, lambda _, data: inbox.put(bytes(data)))
    except BaseException:
        await _disconnect(client)
        raise
    return _Link(client, writable, response=_QUICK_WRITE not in writable.properties)


def _characteristics(
    client: BleakClient, spec: UmSpec
) -> tuple[BleakGATTCharacteristic, BleakGATTCharacteristic]:
    """What notifies and what can be written, in the meter's service; firmwares differ in which that is."""
    for service in client.services:
        if service.uuid == FFE0_UUID:
            notifying = [each for each in service.characteristics if _NOTIFIES & set(each.properties)]
            writable = [each for each in service.characteristics if _WRITES & set(each.properties)]
            both = [each for each in notifying if each in writable]
            if both or (notifying and writable):
                return (both or notifying)[0], (both or writable)[0]
    raise SourceUnavailable(
        f"{_place(spec)}: connected, but it has not the service of a meter (FFE0): is this its address? "
        "wattwatch meters lists those that could be",
        "garbage",
    )


async def _disconnect(client: BleakClient) -> None:
    """Let go of a meter, whatever has become of it; bleak frees what is its own in any case."""
    with suppress(*BLE_ERRORS):
        async with asyncio.timeout(DISCONNECT_SECONDS):
            await client.disconnect()
