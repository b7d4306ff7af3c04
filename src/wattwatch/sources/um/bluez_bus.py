"""bluetoothd asked over D-Bus: the one place where the system bus is opened, and answers become ours.

Imported only when Bluetooth is wanted; asyncio stays with those who use it.
"""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from wattwatch.errors import MissingExtra
from wattwatch.sources.um.bluez_errors import answer_error, bus_error
from wattwatch.sources.um.bluez_objects import BLUEZ, Objects, objects_of

try:
    from dbus_fast.aio.message_bus import MessageBus
    from dbus_fast.auth import AuthExternal
    from dbus_fast.constants import BusType, MessageType
    from dbus_fast.errors import DBusFastError
    from dbus_fast.message import Message
    from dbus_fast.service import ServiceInterface
    from dbus_fast.signature import Variant
    from dbus_fast.unpack import unpack_variants
except ModuleNotFoundError as error:
    raise MissingExtra("Bluetooth needs dbus-fast: pip install 'wattwatch[bluetooth]'") from error

OnMessage = Callable[[Message], Message | None]

_BROKEN: Final = (OSError, EOFError, DBusFastError)


class BluezBus:
    """A connected system bus, for questions to bluetoothd. What fails raises BluezError."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus

    @property
    def connected(self) -> bool:
        """Whether it has not been lost."""
        return self._bus.connected

    async def objects(self) -> Objects:
        """What bluetoothd has."""
        return (await self.objects_and_owner())[0]

    async def objects_and_owner(self) -> tuple[Objects, str]:
        """What bluetoothd has, and its unique name; the call starts it where the bus may."""
        reply = await self._answered("/", "org.freedesktop.DBus.ObjectManager.GetManagedObjects")
        return objects_of(unpack_variants(reply.body[0])), str(reply.sender)

    async def switch_on(self, path: str, interface: str, name: str) -> None:
        """Set a property that is a yes or no to yes."""
        value = Variant("b", True)  # noqa: FBT003 - a variant is made by position
        await self.call(path, "org.freedesktop.DBus.Properties.Set", "ssv", (interface, name, value))

    async def call(
        self, path: str, member: str, signature: str = "", body: Sequence[Any] = (), owner: str = BLUEZ
    ) -> None:
        """Let bluetoothd, or the one of that unique name, do `interface.method`."""
        await self._answered(path, member, signature, body, owner)

    async def _answered(
        self, path: str, member: str, signature: str = "", body: Sequence[Any] = (), owner: str = BLUEZ
    ) -> Message:
        interface, _, method = member.rpartition(".")
        call = Message(owner, path, interface, method, signature=signature, body=list(body))
        try:
            reply = await self._bus.call(call)
        except _BROKEN as error:
            raise bus_error(error) from error
        if reply is None:  # dbus-fast's way of saying that the bus went away
            raise bus_error(EOFError())
        if reply.message_type is MessageType.ERROR:
            text = reply.body[0] if reply.body and isinstance(reply.body[0], str) else ""
            raise answer_error(str(reply.error_name), text)
        return reply

    def export(self, path: str, interface: ServiceInterface) -> None:
        """Let bluetoothd call an object of ours."""
        self._bus.export(path, interface)

    def unexport(self, path: str, interface: ServiceInterface) -> None:
        """Take an object of ours back."""
        self._bus.unexport(path, interface)

    async def leave(self) -> None:
        """Disconnect, and wait until the socket is closed; harmless if the bus is gone."""
        if not self._bus.connected:
            return
        self._bus.disconnect()
        with suppress(*_BROKEN):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # no types there


async def open_bus(on_message: OnMessage | None = None) -> BluezBus:
    """A connection to the system bus; `on_message` is told what comes, and answers calls. BluezError."""
    uid = os.environ.get("BLEAK_DBUS_AUTH_UID", "")  # the same remedy as bleak's, for user namespaces
    auth = AuthExternal(int(uid)) if uid.isdecimal() else AuthExternal()
    try:
        bus = MessageBus(bus_type=BusType.SYSTEM, negotiate_unix_fd=True, auth=auth)
        await bus.connect()
    except _BROKEN as error:
        raise bus_error(error) from error
    if on_message is not None:
        bus.add_message_handler(on_message)
    return BluezBus(bus)


@asynccontextmanager
async def bluez_bus() -> AsyncIterator[BluezBus]:
    """A connection to the system bus for the length of the block."""
    bus = await open_bus()
    try:
        yield bus
    finally:
        await bus.leave()
