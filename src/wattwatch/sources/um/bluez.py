"""The meter's serial port from bluetoothd: it makes the RFCOMM connection and hands over its descriptor.

By D-Bus, `org.bluez.ProfileManager1.RegisterProfile` and `Device1.ConnectProfile` lead to
`Profile1.NewConnection(device, descriptor)`. This needs neither Bluetooth sockets in Python nor the host's
network namespace. One registration serves all meters of the process; descriptors are told apart by the path
of their device. Nothing is subscribed to: whether bluetoothd was restarted is seen by its unique name before
each connection.

asyncio stays inside, in a thread of its own.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from wattwatch.clock import Clock
from wattwatch.errors import SourceError
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um.bluez_bus import BluezBus, open_bus
from wattwatch.sources.um.bluez_devices import choose_device, only_low_energy
from wattwatch.sources.um.bluez_errors import BluezError, Trouble, explain_connect
from wattwatch.sources.um.bluez_objects import DEVICE, SPP_UUID, Objects
from wattwatch.sources.um.bluez_profile import SerialProfile
from wattwatch.sources.um.link_errors import away, held
from wattwatch.sources.um.links import connecting
from wattwatch.sources.um.stream import StreamTransport

T = TypeVar("T")

CONNECT_SECONDS: Final = 20.0  # paging, then asking for the channel, then connecting
_TRIES: Final = 3
_PAUSE_SECONDS: Final = 0.1


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
        self._bus: BluezBus | None = None
        self._profile = SerialProfile()
        self._preparing = asyncio.Lock()  # two adapters may connect at once: still one bus, one registration
        self._thread.start()

    def connect(self, spec: UmSpec, clock: Clock) -> StreamTransport:
        """An open serial port of the meter; SourceUnavailable or SourceUnsupported."""
        wanted = _Wanted(spec.address, spec.adapter)
        path, stream = self._run(self._connect(wanted))
        return StreamTransport(stream, wanted.place, clock, partial(self._forget_soon, path, stream))

    def is_only_low_energy(self, address: str) -> bool:
        """Whether bluetoothd knows the device as one without a serial port; False where it cannot tell."""
        try:
            return only_low_energy(self._run(self._objects()), address)
        except SourceError:
            return False

    @property
    def links(self) -> int:
        """How many descriptors are in use."""
        return len(self._profile.links)

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
            self._loop.call_soon_threadsafe(self._profile.forget, path, stream)

    # -- from here on in the event loop -------------------------------------------------------------------

    async def _connect(self, wanted: _Wanted) -> tuple[str, socket.socket]:
        adapter = wanted.adapter
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                async with self._preparing:
                    bus = await self._connected_bus()
                    objects, owner = await bus.objects_and_owner()
                    device = choose_device(objects, wanted.address, adapter, wanted.place)
                    adapter = device.adapter
                    await self._profile.register(bus, owner)
                return device.path, await self._descriptor(bus, device.path, wanted.place)
        except TimeoutError as error:
            raise away(wanted.place) from error
        except BluezError as error:
            raise explain_connect(wanted.place, wanted.address, adapter, error) from error

    async def _objects(self) -> Objects:
        async with self._preparing:
            return await (await self._connected_bus()).objects()

    async def _connected_bus(self) -> BluezBus:
        if self._bus is None or not self._bus.connected:
            self._bus = None
            self._profile.forget_owner()
            self._bus = await open_bus(self._profile.on_message)
        return self._bus

    async def _descriptor(self, bus: BluezBus, path: str, place: str) -> socket.socket:
        for _ in range(_TRIES):
            asking = bus.call(path, f"{DEVICE}.ConnectProfile", "s", (SPP_UUID,))
            try:
                return await self._profile.receive(path, asking)
            except TimeoutError:
                pass
            except BluezError as error:
                if not error.is_momentary:
                    raise
            # bluetoothd is not done with the last link, or has not noticed its end.
            await _disconnect(bus, path)
            await asyncio.sleep(_PAUSE_SECONDS)
        raise held(place)

    async def _leave(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            await self._profile.unregister(bus)
            await bus.leave()


async def _disconnect(bus: BluezBus, path: str) -> None:
    try:
        await bus.call(path, f"{DEVICE}.DisconnectProfile", "s", (SPP_UUID,))
    except BluezError as error:
        if error.trouble is not Trouble.REFUSED:  # it refuses if there is nothing to disconnect
            raise


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
