"""Pairing with a meter: an agent that knows its PIN, for as long as the pairing takes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from wattwatch.errors import SourceUnavailable
from wattwatch.sources.um.bluez_bus import BluezBus, bluez_bus
from wattwatch.sources.um.bluez_devices import usable_adapters
from wattwatch.sources.um.bluez_errors import BluezError, Trouble
from wattwatch.sources.um.bluez_objects import BLUEZ_PATH, DEVICE, Device, Objects, first_on
from wattwatch.sources.um.link_errors import adapter_off, away
from wattwatch.sources.um.pairing_agent import AGENT_PATH, CAPABILITY, PairingAgent
from wattwatch.sources.um.scan import discovering

_MANAGER: Final = "org.bluez.AgentManager1"
_LOOK_SECONDS: Final = 0.5

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PairingRequest:
    """Whom to pair with, and how long to look for it and to wait for it."""

    address: str
    pin: str = "1234"
    adapter: str = ""  # "": any
    search_seconds: float = 12.0
    pair_seconds: float = 45.0


@dataclass(frozen=True, slots=True)
class Paired:
    """A meter that is paired and trusted now."""

    address: str
    name: str
    adapter: str
    is_first_adapter: bool  # of those that are on: it is used where none is named
    was_paired: bool
    was_trusted: bool


def pair(request: PairingRequest, say: Say) -> Paired:
    """Pair with a meter and trust it; harmless if that was done before.

    Raises BluezError or SourceUnavailable, one line with what to do. The agent is gone at the end in any
    case.
    """
    return asyncio.run(_pair(request, say))


async def _pair(request: PairingRequest, say: Say) -> Paired:
    async with bluez_bus() as bus:
        objects = await bus.objects()
        adapters = usable_adapters(objects, request.adapter, request.address)
        device = objects.device(request.address, adapters) or await _search(
            bus, objects, adapters, request, say
        )
        if not device.paired:
            say(f"pairing with {device.name or request.address}")
            await _pair_device(bus, device.path, request)
        if not device.trusted:
            await bus.switch_on(device.path, DEVICE, "Trusted")
        return Paired(
            request.address,
            device.name,
            device.adapter,
            is_first_adapter=device.adapter == first_on(objects.adapters),
            was_paired=device.paired,
            was_trusted=device.trusted,
        )


async def _search(
    bus: BluezBus, objects: Objects, adapters: tuple[str, ...], request: PairingRequest, say: Say
) -> Device:
    """A device that is not known yet, once a scan has heard it."""
    say(f"{request.address} is not known yet: looking for it for up to {request.search_seconds:g} s")
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + request.search_seconds
    listening = [adapter for adapter in objects.adapters if adapter.name in adapters]
    async with discovering(bus, listening) as problem:
        while loop.time() < ends_at:
            await asyncio.sleep(_LOOK_SECONDS)
            if device := (await bus.objects()).device(request.address, adapters):
                return device
    raise SourceUnavailable(
        problem
        or f"{request.address} was not found: is it on (it runs from the supply that it measures), near, and "
        "not connected to a phone? wattwatch meters lists what is heard",
        "absent",
    )


async def _pair_device(bus: BluezBus, path: str, request: PairingRequest) -> None:
    async with _agent(bus, path, request.pin):
        try:
            async with asyncio.timeout(request.pair_seconds):
                await bus.call(path, f"{DEVICE}.Pair")
        except TimeoutError as error:
            with suppress(BluezError):
                await bus.call(path, f"{DEVICE}.CancelPairing")
            raise _explain_slow(request) from error
        except BluezError as error:
            if error.trouble is not Trouble.REFUSED:
                raise
            if error.short_name != "AlreadyExists":  # somebody was faster
                raise _explain(request, error) from error


@asynccontextmanager
async def _agent(bus: BluezBus, path: str, pin: str) -> AsyncIterator[None]:
    agent = PairingAgent(path, pin)
    bus.export(AGENT_PATH, agent)
    await bus.call(BLUEZ_PATH, f"{_MANAGER}.RegisterAgent", "os", (AGENT_PATH, CAPABILITY))
    try:
        yield
    finally:
        with suppress(BluezError):  # it goes with our connection at the latest
            await bus.call(BLUEZ_PATH, f"{_MANAGER}.UnregisterAgent", "o", (AGENT_PATH,))
        bus.unexport(AGENT_PATH, agent)


def _other(pin: str) -> str:
    """The PIN that most devices have which do not have this one."""
    return "1234" if pin != "1234" else "0000"


def _explain(request: PairingRequest, error: BluezError) -> SourceUnavailable:
    """The error to raise when bluetoothd could not pair."""
    name, address = error.short_name, request.address
    if name in {"AuthenticationFailed", "AuthenticationRejected"}:
        return SourceUnavailable(
            f"{address} refused to pair with the PIN {request.pin}: try --pin {_other(request.pin)}, or the "
            f"one of its manual, or forget an old pairing first: bluetoothctl remove {address}",
            "permission",
        )
    if name in {"AuthenticationCanceled", "AuthenticationTimeout"}:
        return _explain_slow(request)
    if name == "ConnectionAttemptFailed" or "page-timeout" in error.text.lower().replace(" ", "-"):
        return away(address)
    if name == "NotReady":
        return adapter_off(address, request.adapter)
    if name == "InProgress":
        return SourceUnavailable(
            f"{address} is being paired or connected by another program: try again in some seconds", "busy"
        )
    return SourceUnavailable(
        f"{address} could not be paired ({name}: {error.text}): try again, or with bluetoothctl pair "
        f"{address}",
        "io",
    )


def _explain_slow(request: PairingRequest) -> SourceUnavailable:
    return SourceUnavailable(
        f"{request.address} broke off the pairing: bring it nearer, leave it on, and try again", "timeout"
    )
