"""A private system bus, and a tree of D-Bus objects that answers Properties and ObjectManager by itself."""

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbus_fast.aio.message_bus import MessageBus
from dbus_fast.constants import MessageType
from dbus_fast.errors import DBusError
from dbus_fast.message import Message
from dbus_fast.signature import Variant

PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*" eavesdrop="true"/>
    {extra}
  </policy>
</busconfig>
"""


class PrivateBus:
    """A dbus-daemon of our own, which can be stopped and started again at the same address."""

    def __init__(self, extra_policy: str = "") -> None:
        """`extra_policy` is added to its policy, such as `<deny send_destination="org.bluez"/>`."""
        self._directory = Path(tempfile.mkdtemp(prefix="ww-bus-"))  # short: a socket's path has 107 bytes
        self._socket = self._directory / "bus"
        self._config = self._directory / "bus.conf"
        self._config.write_text(_CONFIG.format(socket=self._socket, extra=extra_policy))
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """For DBUS_SYSTEM_BUS_ADDRESS."""
        return f"unix:path={self._socket}"

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self._config}", "--nofork", "--print-address=1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # says that it may not raise its limit of descriptors
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("unix:path=")

    def stop(self) -> None:
        """End it: every connection breaks."""
        if (process := self._process) is None:
            return
        self._process = None
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
        self._socket.unlink(missing_ok=True)

    def remove(self) -> None:
        """End it and leave nothing behind."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)


async def leave(bus: MessageBus) -> None:
    """Disconnect, and wait until the socket is closed."""
    if bus.connected:
        bus.disconnect()
    with contextlib.suppress(EOFError, OSError):
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method returns."""

    signature: str = ""
    body: tuple[Any, ...] = ()


NOTHING = Answer()
Method = Callable[[Message], Awaitable[Answer]]


@dataclass(slots=True)
class Interface:
    """One interface of one object: current properties, methods, and those properties that may be set."""

    properties: dict[str, Variant] = field(default_factory=dict)
    methods: dict[str, Method] = field(default_factory=dict)
    settable: frozenset[str] = frozenset()


class ObjectTree:
    """Objects by path and interface, served on a bus; what changes is signalled. One event loop only."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._objects: dict[str, dict[str, Interface]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        bus.add_message_handler(self._on_message)

    def add(self, path: str, name: str, interface: Interface) -> None:
        """Make an interface appear."""
        self._objects.setdefault(path, {})[name] = interface
        self._signal(
            "/", OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, {name: interface.properties}]
        )

    def remove(self, path: str) -> None:
        """Make an object vanish; nothing happens if there is none."""
        if (interfaces := self._objects.pop(path, None)) is not None:
            self._signal("/", OBJECT_MANAGER, "InterfacesRemoved", "oas", [path, list(interfaces)])

    def has(self, path: str) -> bool:
        """Whether an object of that path is there."""
        return path in self._objects

    def change(self, path: str, name: str, **values: Variant) -> None:
        """Give properties new values; nothing happens if the object is not there."""
        if (interface := self._objects.get(path, {}).get(name)) is not None:
            interface.properties.update(values)
            self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [name, values, []])

    async def call(
        self, destination: str, path: str, member: str, answer: Answer, fd: int | None = None
    ) -> Any:
        """Call `interface.member` of a client with a body; its first value, or DBusError."""
        interface, _, method = member.rpartition(".")
        fds = [] if fd is None else [fd]
        reply = await self._bus.call(
            Message(
                destination=destination,
                path=path,
                interface=interface,
                member=method,
                signature=answer.signature,
                body=list(answer.body),
                unix_fds=fds,
            )
        )
        if reply.message_type is MessageType.ERROR:
            raise DBusError(str(reply.error_name), str(reply.body[0]) if reply.body else "")
        return reply.body[0] if reply.body else None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something run beside the answering."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End what runs beside, and leave the bus."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await leave(self._bus)

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        self._send(Message.new_signal(path, interface, member, signature, body))

    def _send(self, message: Message) -> None:
        if self._bus.connected:  # else nobody is left to hear it
            self._bus.send(message)

    def _on_message(self, message: Message) -> bool | None:
        if (
            message.message_type is not MessageType.METHOD_CALL
            or message.interface == "org.freedesktop.DBus.Peer"
        ):
            return None
        self.start(self._answer(message))
        return True

    async def _answer(self, call: Message) -> None:
        try:
            answer = await self._dispatch(call)
        except DBusError as error:
            self._send(Message.new_error(call, error.type, error.text))
        else:
            self._send(Message.new_method_return(call, answer.signature, list(answer.body)))

    async def _dispatch(self, call: Message) -> Answer:
        if (call.interface, call.member) == (OBJECT_MANAGER, "GetManagedObjects"):
            return Answer("a{oa{sa{sv}}}", (self._managed(),))
        if call.path not in self._objects:
            raise DBusError("org.freedesktop.DBus.Error.UnknownObject", f"no object {call.path}")
        if call.interface == PROPERTIES:
            return self._properties(call)
        interface = self._objects[call.path].get(str(call.interface), Interface())
        if str(call.member) not in interface.methods:
            raise DBusError(
                "org.freedesktop.DBus.Error.UnknownMethod", f"no method {call.interface}.{call.member}"
            )
        return await interface.methods[str(call.member)](call)

    def _managed(self) -> dict[str, dict[str, dict[str, Variant]]]:
        return {
            path: {name: interface.properties for name, interface in interfaces.items()}
            for path, interfaces in self._objects.items()
        }

    def _properties(self, call: Message) -> Answer:
        name = call.body[0]
        interface = self._objects[str(call.path)].get(name)
        if interface is None:
            raise DBusError("org.freedesktop.DBus.Error.InvalidArgs", f"no interface {name}")
        if call.member == "GetAll":
            return Answer("a{sv}", (interface.properties,))
        if call.body[1] not in interface.properties:
            raise DBusError("org.freedesktop.DBus.Error.InvalidArgs", f"no property {call.body[1]}")
        if call.member == "Get":
            return Answer("v", (interface.properties[call.body[1]],))
        if call.body[1] not in interface.settable:
            raise DBusError("org.freedesktop.DBus.Error.PropertyReadOnly", call.body[1])
        self.change(str(call.path), name, **{call.body[1]: call.body[2]})
        return NOTHING
