"""Pairing with a meter: an agent that knows its PIN, for as long as the pairing takes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from wattwatch.errors import SourceUnavailable
from wattwatch.sources.um.bluez_client import BluezClient, bluez_client
from wattwatch.sources.um.bluez_objects import (
    ADAPTER,
    DEVICE,
    BluezError,
    Objects,
    Trouble,
    adapter_paths,
    device_path,
)
from wattwatch.sources.um.pairing_agent import AGENT_PATH, CAPABILITY, PairingAgent
from wattwatch.sources.um.scan import discovering

_MANAGER: Final = "org.bluez.AgentManager1"
_MANAGER_PATH: Final = "/org/bluez"
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
    was_paired: bool
    was_trusted: bool


def pair(request: PairingRequest, say: Say) -> Paired:
    """Pair with a meter and trust it; harmless if that was done before.

    Raises BluezError or SourceUnavailable, one line with what to do. The agent is gone at the end in any
    case.
    """
    return asyncio.run(_pair(request, say))


async def _pair(request: PairingRequest, say: Say) -> Paired:
    async with bluez_client() as client:
        objects = await client.objects()
        _check_adapter(objects, request.adapter)
        path = device_path(objects, request.address, request.adapter)
        if path is None:
            path = await _search(client, objects, request, say)
        device = (await client.objects()).get(path, {}).get(DEVICE, {})
        was_paired, was_trusted = bool(device.get("Paired")), bool(device.get("Trusted"))
        name = str(device.get("Name") or device.get("Alias") or "")
        if not was_paired:
            say(f"pairing with {name or request.address}")
            await _pair_device(client, path, request)
        if not was_trusted:
            await client.switch_on(path, DEVICE, "Trusted")
        return Paired(request.address, name, was_paired, was_trusted)


def _check_adapter(objects: Objects, adapter: str) -> None:
    paths = adapter_paths(objects, adapter)
    which = adapter or "a Bluetooth adapter"
    if not paths:
        raise SourceUnavailable(f"there is no {which}: wattwatch meters says what is missing", "absent")
    if not any(objects[path][ADAPTER].get("Powered") for path in paths):
        names = ", ".join(path.rpartition("/")[2] for path in paths)
        raise SourceUnavailable(
            f"Bluetooth is off ({names}): rfkill unblock bluetooth, then bluetoothctl power on", "absent"
        )


async def _search(client: BluezClient, objects: Objects, request: PairingRequest, say: Say) -> str:
    """The path of a device that is not known yet, once a scan has heard it."""
    say(f"{request.address} is not known yet: looking for it for up to {request.search_seconds:g} s")
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + request.search_seconds
    async with discovering(client, objects, request.adapter) as problem:
        while loop.time() < ends_at:
            await asyncio.sleep(_LOOK_SECONDS)
            if path := device_path(await client.objects(), request.address, request.adapter):
                return path
    raise SourceUnavailable(
        problem
        or f"{request.address} was not found: is it on (it runs from the supply that it measures), near, and "
        "not connected to a phone? wattwatch meters lists what is heard",
        "absent",
    )


async def _pair_device(client: BluezClient, path: str, request: PairingRequest) -> None:
    async with _agent(client, path, request.pin):
        try:
            async with asyncio.timeout(request.pair_seconds):
                await client.call(path, f"{DEVICE}.Pair")
        except TimeoutError as error:
            with suppress(BluezError):
                await client.call(path, f"{DEVICE}.CancelPairing")
            raise _explain(request, "AuthenticationTimeout", "") from error
        except BluezError as error:
            if error.trouble is not Trouble.REFUSED:
                raise
            if error.name != "AlreadyExists":  # somebody was faster
                raise _explain(request, error.name, error.text) from error


@asynccontextmanager
async def _agent(client: BluezClient, path: str, pin: str) -> AsyncIterator[None]:
    agent = PairingAgent(path, pin)
    client.bus.export(AGENT_PATH, agent)
    await client.call(_MANAGER_PATH, f"{_MANAGER}.RegisterAgent", "os", (AGENT_PATH, CAPABILITY))
    try:
        yield
    finally:
        with suppress(BluezError):  # it goes with our connection at the latest
            await client.call(_MANAGER_PATH, f"{_MANAGER}.UnregisterAgent", "o", (AGENT_PATH,))
        client.bus.unexport(AGENT_PATH, agent)


def _other(pin: str) -> str:
    """The PIN that most devices have which do not have this one."""
    return "1234" if pin != "1234" else "0000"


def _explain(request: PairingRequest, name: str, text: str) -> SourceUnavailable:
    """The error to raise when bluetoothd could not pair."""
    address = request.address
    if name in {"AuthenticationFailed", "AuthenticationRejected"}:
        return SourceUnavailable(
            f"{address} refused to pair with the PIN {request.pin}: try --pin {_other(request.pin)}, or the "
            f"one of its manual, or forget an old pairing first: bluetoothctl remove {address}",
            "permission",
        )
    if name in {"AuthenticationCanceled", "AuthenticationTimeout"}:
        return SourceUnavailable(
            f"{address} broke off the pairing: bring it nearer, leave it on, and try again", "timeout"
        )
    if name == "ConnectionAttemptFailed" or "page-timeout" in text.lower().replace(" ", "-"):
        return SourceUnavailable(
            f"{address} does not answer: is it on (it runs from the supply that it measures), near, and not "
            "connected to a phone or another computer? It takes one connection only",
            "absent",
        )
    if name in {"InProgress", "NotReady"}:
        return SourceUnavailable(
            f"Bluetooth is busy or not ready ({name}): try again in some seconds; wattwatch meters checks it",
            "busy",
        )
    return SourceUnavailable(
        f"{address} could not be paired ({name}: {text}): try again, or with bluetoothctl pair {address}",
        "io",
    )
