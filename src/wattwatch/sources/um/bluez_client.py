"""bluetoothd asked over D-Bus: its objects, its methods, and its refusals in our words.

For what is asked once and ends: scanning and pairing. Imported only when that is wanted.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from wattwatch.errors import MissingExtra
from wattwatch.sources.um.bluez_objects import BLUEZ, BluezError, Objects, Trouble, explain_refusal

try:
    from dbus_fast.aio.message_bus import MessageBus
    from dbus_fast.constants import BusType, MessageType
    from dbus_fast.errors import DBusFastError
    from dbus_fast.message import Message
    from dbus_fast.signature import Variant
    from dbus_fast.unpack import unpack_variants
except ModuleNotFoundError as error:
    raise MissingExtra("Bluetooth needs dbus-fast: pip install 'wattwatch[bluetooth]'") from error

_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_OBJECT_MANAGER: Final = "org.freedesktop.DBus.ObjectManager"
_BROKEN: Final = (OSError, EOFError, DBusFastError)


class BluezClient:
    """bluetoothd on a bus that is connected. Its methods raise BluezError."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus

    async def objects(self) -> Objects:
        """Every object of bluetoothd with its properties."""
        found: Objects = unpack_variants(await self.call("/", f"{_OBJECT_MANAGER}.GetManagedObjects"))
        return found

    async def switch_on(self, path: str, interface: str, name: str) -> None:
        """Set a property that is a yes or no to yes."""
        value = Variant("b", True)  # noqa: FBT003 - D-Bus's way
        await self.call(path, f"{_PROPERTIES}.Set", "ssv", (interface, name, value))

    async def call(self, path: str, member: str, signature: str = "", body: Sequence[Any] = ()) -> Any:
        """The first value of the answer to `interface.method`; None if it has none."""
        interface, _, method = member.rpartition(".")
        message = Message(
            destination=BLUEZ,
            path=path,
            interface=interface,
            member=method,
            signature=signature,
            body=list(body),
        )
        try:
            reply = await self.bus.call(message)
        except _BROKEN as error:
            raise BluezError(_no_bus(error), Trouble.NO_BUS) from error
        if reply.message_type is MessageType.ERROR:
            text = str(reply.body[0]) if reply.body else ""
            raise explain_refusal(str(reply.error_name), text)
        return reply.body[0] if reply.body else None


@asynccontextmanager
async def bluez_client() -> AsyncIterator[BluezClient]:
    """A client of bluetoothd on the system bus, disconnected at the end; BluezError if there is no bus."""
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        try:
            await bus.connect()
        except _BROKEN as error:
            raise BluezError(_no_bus(error), Trouble.NO_BUS) from error
        yield BluezClient(bus)
    finally:
        bus.disconnect()


def _no_bus(error: Exception) -> str:
    cause = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return (
        f"no D-Bus system bus ({' '.join(cause.split())}): sudo apt install dbus, in a container mount "
        "/run/dbus of the host"
    )
