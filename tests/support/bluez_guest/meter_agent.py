"""The meter's side of a pairing: `python3 -m support.bluez_guest.meter_agent`.

Prints "ready", and agrees to whatever hci1 is asked, until it is killed. The virtual controllers do the newer
kind of pairing only, without a PIN.
"""

import asyncio

from dbus_fast.aio.message_bus import MessageBus
from dbus_fast.constants import BusType, MessageType
from dbus_fast.message import Message

from support.bluez_guest import HOST, say_ready
from wattwatch.sources.um.pairing_agent import PairingAgent

AGENT = "/meter/agent"
CLIENT = f"/org/bluez/hci1/dev_{HOST.replace(':', '_')}"
CAPABILITY = "NoInputNoOutput"  # neither keys nor a display that shows numbers


async def call(bus: MessageBus, member: str, signature: str, *body: str) -> None:
    """Call a method of bluetoothd's agent manager."""
    manager = ("org.bluez", "/org/bluez", "org.bluez.AgentManager1")
    reply = await bus.call(Message(*manager, member, signature=signature, body=list(body)))
    if reply.message_type is MessageType.ERROR:
        raise OSError(f"{member}: {reply.error_name} {reply.body}")


async def main() -> None:
    """Be asked whenever hci1 is paired with."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bus.export(AGENT, PairingAgent(CLIENT, pin=""))
    await call(bus, "RegisterAgent", "os", AGENT, CAPABILITY)
    await call(bus, "RequestDefaultAgent", "o", AGENT)
    say_ready()
    await asyncio.get_running_loop().create_future()  # until it is killed


if __name__ == "__main__":
    asyncio.run(main())
