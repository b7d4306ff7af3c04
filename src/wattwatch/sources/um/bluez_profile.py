"""Our end of `org.bluez.Profile1`: what bluetoothd calls to hand over the descriptor of a serial port.

Imports dbus-fast, and is imported after `bluez_bus`, which says what to install.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Final

from dbus_fast.constants import MessageType
from dbus_fast.message import Message
from dbus_fast.signature import Variant

from wattwatch.sources.um.bluez_bus import BluezBus
from wattwatch.sources.um.bluez_errors import BluezError
from wattwatch.sources.um.bluez_objects import BLUEZ_PATH, SPP_UUID
from wattwatch.sources.um.stream import hang_up

_PATH: Final = "/org/wattwatch/serial"
_PROFILE: Final = "org.bluez.Profile1"
_MANAGER: Final = "org.bluez.ProfileManager1"
_GRACE_SECONDS: Final = 0.5  # the descriptor comes before the answer of ConnectProfile, if it comes


class SerialProfile:
    """One registration for all meters; descriptors are told apart by the path of their device.

    For one event loop, but for `links`.
    """

    def __init__(self) -> None:
        """Not registered yet."""
        self.links: dict[str, socket.socket] = {}  # descriptors in use, by path of their device
        self._owner = ""  # unique name of the bluetoothd that knows it
        self._expected: dict[str, asyncio.Future[socket.socket]] = {}

    async def register(self, bus: BluezBus, owner: str) -> None:
        """Make it known to the bluetoothd of that unique name, once."""
        if self._owner == owner:
            return
        options = {
            "Name": Variant("s", "wattwatch"),
            "Role": Variant("s", "client"),
            "AutoConnect": Variant("b", False),  # noqa: FBT003 - a variant is made by position
            # As with a socket: the meter asks for its PIN itself where it wants one.
            "RequireAuthentication": Variant("b", False),  # noqa: FBT003 - as above
            "RequireAuthorization": Variant("b", False),  # noqa: FBT003 - as above
        }
        body = (_PATH, SPP_UUID, options)
        await bus.call(BLUEZ_PATH, f"{_MANAGER}.RegisterProfile", "osa{sv}", body, owner)
        self._owner = owner

    async def unregister(self, bus: BluezBus) -> None:
        """Take it back; harmless if it is not registered."""
        if self._owner and bus.connected:
            with suppress(BluezError):  # it goes with our connection at the latest
                await bus.call(BLUEZ_PATH, f"{_MANAGER}.UnregisterProfile", "o", (_PATH,), self._owner)
        self.forget_owner()

    def forget_owner(self) -> None:
        """The bus was lost, and with it the registration."""
        self._owner = ""

    async def receive(self, path: str, asking: Awaitable[None]) -> socket.socket:
        """The descriptor of a device, which comes while `asking` waits for bluetoothd; TimeoutError."""
        arriving: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
        self._expected[path] = arriving
        stream = None
        try:
            await asking
            async with asyncio.timeout(_GRACE_SECONDS):
                stream = await arriving
        finally:
            self._expected.pop(path, None)
            if stream is None and arriving.done() and not arriving.cancelled():
                arriving.result().close()  # it came, and what waited for it has failed
        self.links[path] = stream
        return stream

    def forget(self, path: str, stream: socket.socket) -> None:
        """A descriptor is in use no longer."""
        if self.links.get(path) is stream:
            del self.links[path]

    def on_message(self, message: Message) -> Message | None:
        """What bluetoothd says to it; descriptors that nobody waits for are closed."""
        if (
            message.message_type is MessageType.METHOD_CALL
            and (message.path, message.interface) == (_PATH, _PROFILE)
            and message.sender == self._owner
        ):
            return self._on_call(message)
        _close_all(message.unix_fds)
        return None

    def _on_call(self, message: Message) -> Message:
        match message.member:
            case "NewConnection":
                return self._on_new_connection(message)
            case "RequestDisconnection":
                if (link := self.links.get(message.body[0])) is not None:
                    hang_up(link)
            case "Release":
                self.forget_owner()
        return Message.new_method_return(message)

    def _on_new_connection(self, message: Message) -> Message:
        path, index, _ = message.body
        arriving = self._expected.get(path)
        if arriving is None or arriving.done():
            _close_all(message.unix_fds)
            return Message.new_error(message, "org.bluez.Error.Rejected", "nobody waits for it")
        arriving.set_result(socket.socket(fileno=message.unix_fds[index]))
        return Message.new_method_return(message)


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
