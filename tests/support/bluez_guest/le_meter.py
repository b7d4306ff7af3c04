"""A simulated meter on hci1 as a Bluetooth Low Energy peripheral: FFE0, FFE1, answers as notifications.

`python3 -m support.bluez_guest.le_meter` prints "ready"; SIGUSR1 drops the connection, and it advertises on.
"""

import asyncio
import contextlib
import signal
import time
from typing import Annotated

from dbus_fast.aio.message_bus import MessageBus
from dbus_fast.annotations import DBusBool, DBusBytes, DBusDict, DBusObjectPath, DBusSignature, DBusStr
from dbus_fast.constants import BusType, MessageType, PropertyAccess
from dbus_fast.message import Message
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

from support.bluez_guest import HOST, WATTS, say_ready
from wattwatch.sources.um.simulator import SimulatedMeter
from wattwatch.sources.um.simulator_profiles import constant

APPLICATION = "/meter"
ADVERTISEMENT = "/meter/advertisement"
SERVICE = "/meter/service0"
CHARACTERISTIC = "/meter/service0/char0"
FFE0 = "0000ffe0-0000-1000-8000-00805f9b34fb"
FFE1 = "0000ffe1-0000-1000-8000-00805f9b34fb"
NOTIFICATION_BYTES = 20
ADAPTER = "/org/bluez/hci1"
CLIENT = f"{ADAPTER}/dev_{HOST.replace(':', '_')}"

Strings = Annotated[list[str], DBusSignature("as")]


class Advertisement(ServiceInterface):
    """What is heard of the meter in a scan."""

    def __init__(self) -> None:
        super().__init__("org.bluez.LEAdvertisement1")

    @dbus_method("Release")
    def release(self) -> None:
        """bluetoothd has ended."""

    @dbus_property(PropertyAccess.READ, "Type")
    def kind(self) -> DBusStr:
        """Connectable."""
        return "peripheral"

    @dbus_property(PropertyAccess.READ, "ServiceUUIDs")
    def services(self) -> Strings:
        """As the real ones advertise."""
        return [FFE0]

    @dbus_property(PropertyAccess.READ, "Discoverable")
    def discoverable(self) -> DBusBool:
        """Without this flag bluetoothd does not list what it hears."""
        return True

    @dbus_property(PropertyAccess.READ, "LocalName")
    def name(self) -> DBusStr:
        """As the real ones are called."""
        return "UM24C_BLE"


class Service(ServiceInterface):
    """The service FFE0."""

    def __init__(self) -> None:
        super().__init__("org.bluez.GattService1")

    @dbus_property(PropertyAccess.READ, "UUID")
    def uuid(self) -> DBusStr:
        """FFE0."""
        return FFE0

    @dbus_property(PropertyAccess.READ, "Primary")
    def primary(self) -> DBusBool:
        """A service of its own."""
        return True


class Characteristic(ServiceInterface):
    """FFE1: requests are written to it, answers come as its notifications."""

    def __init__(self) -> None:
        super().__init__("org.bluez.GattCharacteristic1")
        self._meter = SimulatedMeter(constant(WATTS))
        self._started_at = time.monotonic()
        self._value = b""
        self.found = asyncio.Event()

    @dbus_property(PropertyAccess.READ, "UUID")
    def uuid(self) -> DBusStr:
        """FFE1."""
        return FFE1

    @dbus_property(PropertyAccess.READ, "Service")
    def service(self) -> DBusObjectPath:
        """Where it belongs."""
        return SERVICE

    @dbus_property(PropertyAccess.READ, "Flags")
    def flags(self) -> Strings:
        """Those of the common serial modules."""
        return ["read", "write", "write-without-response", "notify"]

    @dbus_property(PropertyAccess.READ, "Value")
    def value(self) -> DBusBytes:
        """The last notification."""
        return self._value

    @dbus_method("StartNotify")
    def start_notify(self) -> None:
        """Answers are wanted."""
        self.found.set()

    @dbus_method("StopNotify")
    def stop_notify(self) -> None:
        """Answers are no longer wanted."""

    @dbus_method("ReadValue")
    def read_value(self, options: DBusDict) -> DBusBytes:
        """The last notification."""
        del options
        return self._value

    @dbus_method("WriteValue")
    def write_value(self, value: DBusBytes, options: DBusDict) -> None:
        """Answer, in notifications as short as those of the smallest MTU."""
        del options
        self._meter.advance_to(time.monotonic() - self._started_at)
        answer = b"".join(piece.data for byte in value for piece in self._meter.reply(byte))
        for start in range(0, len(answer), NOTIFICATION_BYTES):
            self._value = answer[start : start + NOTIFICATION_BYTES]
            self.emit_properties_changed({"Value": self._value})


async def call(bus: MessageBus, path: str, interface: str, member: str, *arguments: object) -> None:
    """Call a method of bluetoothd: without arguments, with an object path, or with one and options."""
    message = Message("org.bluez", path, interface, member)
    message.signature, message.body = {0: "", 1: "o", 2: "oa{sv}"}[len(arguments)], list(arguments)
    reply = await bus.call(message)
    if reply.message_type is MessageType.ERROR:
        raise OSError(f"{member}: {reply.error_name} {reply.body}")


async def advertise(bus: MessageBus, found: asyncio.Event) -> None:
    """Begin again each second until there was a connection.

    Real ones are heard again and again; of a virtual one a scan hears only the beginning.
    """
    manager = (bus, ADAPTER, "org.bluez.LEAdvertisingManager1")
    await call(*manager, "RegisterAdvertisement", ADVERTISEMENT, {})
    while not found.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await found.wait()
                return
        await call(*manager, "UnregisterAdvertisement", ADVERTISEMENT)
        await call(*manager, "RegisterAdvertisement", ADVERTISEMENT, {})


async def main() -> None:
    """Advertise until the process is killed."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bus.export(ADVERTISEMENT, Advertisement())
    bus.export(SERVICE, Service())
    bus.export(CHARACTERISTIC, characteristic := Characteristic())
    await call(bus, ADAPTER, "org.bluez.GattManager1", "RegisterApplication", APPLICATION, {})
    drops = set()

    def drop() -> None:
        drops.add(asyncio.ensure_future(call(bus, CLIENT, "org.bluez.Device1", "Disconnect")))

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, drop)
    say_ready()
    await advertise(bus, characteristic.found)
    await asyncio.get_running_loop().create_future()  # until it is killed


if __name__ == "__main__":
    asyncio.run(main())
