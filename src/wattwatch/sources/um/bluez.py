"""The meter's serial port from bluetoothd: it makes the RFCOMM connection and hands over its descriptor.

By D-Bus, `org.bluez.ProfileManager1.RegisterProfile` and `Device1.ConnectProfile` lead to
`Profile1.NewConnection(device, descriptor)`. This needs neither Bluetooth sockets in Python nor the host's
network namespace. One registration serves all meters of the process; descriptors are told apart by the path
of their device. Nothing is subscribed to: whether bluetoothd was restarted is seen by its unique name before
each connection.

The only module of the serial route that imports dbus-fast; asyncio stays inside, in a thread of its own.
"""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from wattwatch.clock import Clock
from wattwatch.errors import MissingExtra, SourceError
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um.bluez_devices import (
    SPP_UUID,
    KnownDevice,
    ObjectTree,
    choose_device,
    only_low_energy,
)
from wattwatch.sources.um.bluez_errors import RefusedError, explain_bus, explain_refusal, lost_bus
from wattwatch.sources.um.link_errors import away, held
from wattwatch.sources.um.links import connecting
from wattwatch.sources.um.stream import StreamTransport, hang_up

try:
    from dbus_fast.aio.message_bus import MessageBus
    from dbus_fast.auth import AuthExternal
    from dbus_fast.constants import BusType, MessageType
    from dbus_fast.errors import DBusFastError
    from dbus_fast.message import Message
    from dbus_fast.signature import Variant
    from dbus_fast.unpack import unpack_variants
except ModuleNotFoundError as error:
    raise MissingExtra("meters by BlueZ need dbus-fast: pip install 'wattwatch[bluetooth]'") from error

T = TypeVar("T")

CONNECT_SECONDS: Final = 20.0  # paging, then asking for the channel, then connecting
_BLUEZ: Final = "org.bluez"
_PROFILE_PATH: Final = "/org/wattwatch/serial"
_PROFILE: Final = "org.bluez.Profile1"
_DEVICE: Final = "org.bluez.Device1"
_TRIES: Final = 3
_PAUSE_SECONDS: Final = 0.1
_GRACE_SECONDS: Final = 0.5  # the descriptor comes before the answer of ConnectProfile, if it comes
_BUS_ERRORS: Final = (OSError, EOFError, DBusFastError)


@dataclass(frozen=True, slots=True)
class _Wanted:
    address: str
    adapter: str

    @property
    def place(self) -> str:
        return f"{self.address} by bluez"


class BlueZ:
    """This process's one connection to bluetoothd, with its one registration; for any number of threads."""

    def __init__(self) -> None:
        """Starts the thread; the bus is connected when it is first needed, and anew when it was lost."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bluez", daemon=True)
        self._bus: MessageBus | None = None
        self._registered_with = ""  # unique name of the bluetoothd that knows our profile
        self._preparing = asyncio.Lock()  # two adapters may connect at once: still one bus, one registration
        self._expected: dict[str, asyncio.Future[socket.socket]] = {}
        self._links: dict[str, socket.socket] = {}
        self._thread.start()

    def connect(self, spec: UmSpec, clock: Clock) -> StreamTransport:
        """An open serial port of the meter; SourceUnavailable or SourceUnsupported."""
        wanted = _Wanted(spec.address, spec.adapter)
        path, stream = self._run(self._connect(wanted))
        return StreamTransport(stream, wanted.place, clock, partial(self._forget_soon, path, stream))

    def is_only_low_energy(self, address: str) -> bool:
        """Whether bluetoothd knows the device as one without a serial port; False where it cannot tell."""
        try:
            return only_low_energy(self._run(self._ask_objects(_Wanted(address, ""))), address)
        except SourceError:
            return False

    @property
    def links(self) -> int:
        """How many descriptors are in use."""
        return len(self._links)

    def close(self) -> None:
        """End registration, bus connection and thread; open links end when their transports are closed."""
        self._run(self._leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _forget_soon(self, path: str, stream: socket.socket) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before the link
            self._loop.call_soon_threadsafe(self._forget, path, stream)

    # -- from here on in the event loop -------------------------------------------------------------------

    def _forget(self, path: str, stream: socket.socket) -> None:
        if self._links.get(path) is stream:
            del self._links[path]

    async def _connect(self, wanted: _Wanted) -> tuple[str, socket.socket]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                async with self._preparing:
                    bus = await self._connected_bus(wanted)
                    objects, owner = await self._objects(bus, wanted)
                    device = choose_device(objects, wanted.address, wanted.adapter, wanted.place)
                    await self._register(bus, owner, wanted)
                return device.path, await self._descriptor(bus, device, wanted)
        except TimeoutError as error:
            raise away(wanted.place) from error

    async def _ask_objects(self, wanted: _Wanted) -> ObjectTree:
        async with self._preparing:
            bus = await self._connected_bus(wanted)
            return (await self._objects(bus, wanted))[0]

    async def _connected_bus(self, wanted: _Wanted) -> MessageBus:
        if self._bus is not None and self._bus.connected:
            return self._bus
        self._bus, self._registered_with = None, ""
        uid = os.environ.get("BLEAK_DBUS_AUTH_UID", "")  # the same remedy as bleak's, for user namespaces
        auth = AuthExternal(int(uid)) if uid.isdecimal() else AuthExternal()
        try:
            bus = MessageBus(bus_type=BusType.SYSTEM, negotiate_unix_fd=True, auth=auth)
            await bus.connect()
        except _BUS_ERRORS as error:
            raise explain_bus(wanted.place, error) from error
        bus.add_message_handler(self._on_message)
        self._bus = bus
        return bus

    async def _objects(self, bus: MessageBus, wanted: _Wanted) -> tuple[ObjectTree, str]:
        """Bluetoothd's objects and its unique name; the call starts it where the bus may."""
        call = _call_to(_BLUEZ, "/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        reply = await self._called(bus, call, wanted)
        return unpack_variants(reply.body[0]), str(reply.sender)

    async def _register(self, bus: MessageBus, owner: str, wanted: _Wanted) -> None:
        if self._registered_with == owner:
            return
        options = {
            "Name": Variant("s", "wattwatch"),
            "Role": Variant("s", "client"),
            "AutoConnect": Variant("b", False),  # noqa: FBT003 - a variant is made by position
            # As with a socket: the meter asks for its PIN itself where it wants one.
            "RequireAuthentication": Variant("b", False),  # noqa: FBT003 - as above
            "RequireAuthorization": Variant("b", False),  # noqa: FBT003 - as above
        }
        call = _call_to(owner, "/org/bluez", "org.bluez.ProfileManager1", "RegisterProfile")
        call.signature, call.body = "osa{sv}", [_PROFILE_PATH, SPP_UUID, options]
        await self._called(bus, call, wanted)
        self._registered_with = owner

    async def _descriptor(self, bus: MessageBus, device: KnownDevice, wanted: _Wanted) -> socket.socket:
        for _ in range(_TRIES):
            stream = await self._ask_for_descriptor(bus, device, wanted)
            if stream is not None:
                self._links[device.path] = stream
                return stream
            # bluetoothd is not done with the last link, or has not noticed its end.
            with contextlib.suppress(RefusedError):
                await self._answered(bus, _profile_call(device, "DisconnectProfile"), wanted)
            await asyncio.sleep(_PAUSE_SECONDS)
        raise held(wanted.place)

    async def _ask_for_descriptor(
        self, bus: MessageBus, device: KnownDevice, wanted: _Wanted
    ) -> socket.socket | None:
        arriving: asyncio.Future[socket.socket] = self._loop.create_future()
        self._expected[device.path] = arriving
        stream = None
        try:
            await self._answered(bus, _profile_call(device, "ConnectProfile"), wanted)
            async with asyncio.timeout(_GRACE_SECONDS):
                stream = await arriving
        except TimeoutError:
            return None
        except RefusedError as error:
            if error.is_momentary:
                return None
            raise explain_refusal(wanted.place, wanted.address, device.adapter, error) from error
        finally:
            self._expected.pop(device.path, None)
            if stream is None and arriving.done() and not arriving.cancelled():
                arriving.result().close()  # it came, and what waited for it has failed
        return stream

    async def _called(self, bus: MessageBus, call: Message, wanted: _Wanted) -> Message:
        try:
            return await self._answered(bus, call, wanted)
        except RefusedError as error:
            raise explain_refusal(wanted.place, wanted.address, wanted.adapter, error) from error

    async def _answered(self, bus: MessageBus, call: Message, wanted: _Wanted) -> Message:
        """The answer of a call; RefusedError if it is an error, SourceUnavailable if the bus is gone."""
        try:
            reply = await bus.call(call)
        except _BUS_ERRORS as error:
            raise lost_bus(wanted.place, error) from error
        if reply is None:  # dbus-fast's way of saying so
            raise lost_bus(wanted.place)
        if reply.message_type is MessageType.ERROR:
            text = reply.body[0] if reply.body and isinstance(reply.body[0], str) else ""
            raise RefusedError(str(reply.error_name), text)
        return reply

    async def _leave(self) -> None:
        bus, self._bus = self._bus, None
        if bus is None or not bus.connected:
            return
        if self._registered_with:
            call = _call_to(
                self._registered_with, "/org/bluez", "org.bluez.ProfileManager1", "UnregisterProfile"
            )
            call.signature, call.body = "o", [_PROFILE_PATH]
            with contextlib.suppress(*_BUS_ERRORS):
                await bus.call(call)
        bus.disconnect()
        with contextlib.suppress(*_BUS_ERRORS):
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # dbus-fast has no types there

    def _on_message(self, message: Message) -> Message | None:
        """What bluetoothd says to our profile; descriptors that nobody waits for are closed."""
        if (
            message.message_type is MessageType.METHOD_CALL
            and (message.path, message.interface) == (_PROFILE_PATH, _PROFILE)
            and message.sender == self._registered_with
        ):
            return self._on_profile_call(message)
        _close_all(message.unix_fds)
        return None

    def _on_profile_call(self, message: Message) -> Message:
        if message.member == "NewConnection":
            return self._on_new_connection(message)
        if message.member == "RequestDisconnection":
            if (link := self._links.get(message.body[0])) is not None:
                hang_up(link)
        elif message.member == "Release":
            self._registered_with = ""
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


def _call_to(destination: str, path: str, interface: str, member: str) -> Message:
    return Message(destination=destination, path=path, interface=interface, member=member)


def _profile_call(device: KnownDevice, member: str) -> Message:
    call = _call_to(_BLUEZ, device.path, _DEVICE, member)
    call.signature, call.body = "s", [SPP_UUID]
    return call


_shared: BlueZ | None = None
_shared_guard: Final = threading.Lock()


def shared_bluez() -> BlueZ:
    """The one of this process, made when first asked for."""
    global _shared  # noqa: PLW0603 - BlueZ knows one registration of a service, so a process has one
    with _shared_guard:
        if _shared is None:
            _shared = BlueZ()
        return _shared


def close_bluez() -> None:
    """End the one of this process, if there is one; the next connection makes another."""
    global _shared  # noqa: PLW0603 - as above
    with _shared_guard:
        if _shared is not None:
            _shared.close()
            _shared = None


def open_bluez(spec: UmSpec, clock: Clock) -> StreamTransport:
    """A connection to the meter of an address, made anew.

    Raises SourceUnavailable (reason `absent`, `permission`, `busy` or `io`) or SourceUnsupported, with one
    line on cause and next step.
    """
    with connecting(spec.adapter):
        return shared_bluez().connect(spec, clock)
