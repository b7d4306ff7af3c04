"""A fake BlueZ on a private system bus, for tests: no radio, no root, no bluetoothd.

    with FakeBlueZ() as bluez:
        meter = bluez.add_device(address="00:15:A6:01:AA:BB", name="UM24C")
        ...  # a client with DBUS_SYSTEM_BUS_ADDRESS=bluez.address
        meter.drop()

It runs in a thread with an event loop of its own. The meters behind it are wattwatch's simulated ones.
"""

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import pytest
from dbus_fast.aio.message_bus import MessageBus
from dbus_fast.constants import MessageType
from dbus_fast.message import Message
from dbus_fast.signature import Variant

from support.fake_bluez_bus import PrivateBus, leave
from support.fake_bluez_device import DeviceSettings, Faults, MeterBehind
from support.fake_bluez_stack import Device, Records, Stack

T = TypeVar("T")
needs_dbus_daemon = pytest.mark.skipif(
    shutil.which("dbus-daemon") is None, reason="needs dbus-daemon (Debian: dbus-daemon)"
)
PAGE_TIMEOUT = ("org.bluez.Error.Failed", "br-connection-page-timeout")
_PATIENCE_SECONDS = 10.0


class FakeDevice:
    """A device of the fake, as tests handle it; every method may be called from any thread."""

    def __init__(self, bluez: "FakeBlueZ", device: Device) -> None:
        self._bluez = bluez
        self._device = device

    @property
    def address(self) -> str:
        """Its Bluetooth address."""
        return self._device.settings.address

    @property
    def path(self) -> str:
        """Its object path."""
        return self._device.settings.path

    @property
    def faults(self) -> Faults:
        """What goes wrong; set what you want."""
        return self._device.faults

    @property
    def paired(self) -> bool:
        """Whether it is paired by now."""
        return self._device.paired

    @property
    def connects(self) -> int:
        """How many connections were made."""
        return self._device.connects

    @property
    def is_connected(self) -> bool:
        """Whether a link is open, of either kind."""
        return self._device.link is not None or self._device.gatt is not None

    @property
    def received(self) -> bytes:
        """Every command byte that the meter was sent."""
        return bytes(self._device.meter.received)

    def fail_connects(self, times: int = 1, error: tuple[str, str] = PAGE_TIMEOUT) -> None:
        """Let the next connections (or pairings) fail with (name, text)."""
        self._device.faults.connect_errors.extend([error] * times)

    def drop(self) -> None:
        """Lose the link now."""
        self._bluez.run(lambda stack: stack.drop(self._device))

    def drop_link(self) -> None:
        """Lose the serial link while no bluetoothd runs."""
        self._bluez.call(_drop(self._device))


class FakeBlueZ:
    """Adapters, devices and bluetoothd's D-Bus interfaces, until the end of the `with` block."""

    def __init__(self, adapters: Sequence[str] = ("hci0",), *, extra_policy: str = "") -> None:
        self.bus = PrivateBus(extra_policy)
        self._adapters = dict.fromkeys(adapters, True)
        self._devices: dict[str, Device] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-bluez", daemon=True)
        self._stack: Stack | None = None
        self.records = Records()

    @property
    def address(self) -> str:
        """For DBUS_SYSTEM_BUS_ADDRESS."""
        return self.bus.address

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, with this bus as the system bus."""
        return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def __enter__(self) -> Self:
        self.bus.start()
        self._thread.start()
        self.start_bluetoothd()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for device in self._devices.values():
            self.call(_drop(device))
        self.stop_bluetoothd()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_SECONDS)
        self._loop.close()
        self.bus.remove()

    def add_device(self, settings: DeviceSettings | None = None, **changes: Any) -> FakeDevice:
        """A device; `changes` are fields of DeviceSettings."""
        made = settings or DeviceSettings(**changes)
        faults = Faults()
        device = Device(made, faults, MeterBehind(made, faults), made.paired)
        self._devices[made.path] = device
        if made.known or made.paired:
            self.run(lambda stack: stack.expose(device))
        return FakeDevice(self, device)

    def set_powered(self, powered: bool, adapter: str = "hci0") -> None:
        """Switch an adapter on or off."""
        self._adapters[adapter] = powered
        self.run(lambda stack: stack.set_powered(adapter, powered))

    @property
    def profiles(self) -> dict[str, tuple[str, str, dict[str, Variant]]]:
        """The profiles that are registered: owner, path and options by UUID."""
        return self.run(lambda stack: dict(stack.profiles))

    @property
    def agents(self) -> dict[str, str]:
        """The agents that are registered: path by owner."""
        return self.run(lambda stack: dict(stack.agents))

    def stop_bluetoothd(self, *, in_order: bool = False) -> None:
        """Let bluetoothd end: as if killed, or telling its profiles first."""
        if (stack := self._stack) is not None:
            self._stack = None
            if in_order:
                self.call(stack.release_profiles())
            self.call(stack.stop())

    def start_bluetoothd(self) -> None:
        """Let bluetoothd start, with no profile or agent registered."""
        assert self._stack is None
        self._stack = self.call(self._started())

    def stop_bus(self) -> None:
        """Let the whole bus die; bluetoothd dies with it."""
        self.bus.stop()
        self.stop_bluetoothd()

    def start_bus(self) -> None:
        """A new bus at the old address, and bluetoothd on it."""
        self.bus.start()
        self.start_bluetoothd()

    def match_rules(self) -> int:
        """How many match rules the clients of the bus have in all, the fake's own left out."""
        return self.call(self._match_rules())

    def run(self, action: Callable[[Stack], T]) -> T:
        """What an action on the running bluetoothd returns; it runs in the fake's event loop."""
        assert self._stack is not None, "bluetoothd is stopped"
        return self.call(_acted(action, self._stack))

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine in the fake's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_SECONDS)

    async def _started(self) -> Stack:
        bus = await MessageBus(bus_address=self.address, negotiate_unix_fd=True).connect()
        stack = Stack(bus, self._adapters, self._devices, self.records)
        await bus.call(_to_bus("AddMatch", "s", ["type='signal',member='NameOwnerChanged'"]))

        def on_signal(message: Message) -> None:
            if message.member == "NameOwnerChanged" and not message.body[2]:
                stack.forget_client(message.body[0])

        bus.add_message_handler(on_signal)
        await stack.start()
        return stack

    async def _match_rules(self) -> int:
        bus = await MessageBus(bus_address=self.address).connect()
        stats = "org.freedesktop.DBus.Debug.Stats"
        reply = await bus.call(_to_bus("GetAllMatchRules", "", [], stats))
        assert reply.message_type is MessageType.METHOD_RETURN, reply.body
        await leave(bus)
        own = 1  # NameOwnerChanged, above
        return sum(len(rules) for rules in reply.body[0].values()) - own


def _to_bus(member: str, signature: str, body: list[Any], interface: str = "org.freedesktop.DBus") -> Message:
    return Message(
        destination="org.freedesktop.DBus",
        path="/org/freedesktop/DBus",
        interface=interface,
        member=member,
        signature=signature,
        body=body,
    )


@contextmanager
def another_client(bluez: FakeBlueZ) -> Iterator[Callable[[Message], Message]]:
    """Some other client of the bus: calls are answered with whatever comes back."""

    async def connected() -> MessageBus:
        return await MessageBus(bus_address=bluez.address, negotiate_unix_fd=True).connect()

    bus = bluez.call(connected())

    try:
        yield lambda message: bluez.call(bus.call(message))
    finally:
        bluez.call(leave(bus))


async def _acted(action: Callable[[Stack], T], stack: Stack) -> T:
    return action(stack)


async def _drop(device: Device) -> None:
    if device.link is not None:
        device.link.end()
