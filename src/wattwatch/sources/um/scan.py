"""What Bluetooth devices there are: adapters, paired devices, and those that answer a scan."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

from wattwatch.sources.um.bluez_bus import BluezBus, bluez_bus
from wattwatch.sources.um.bluez_errors import BluezError
from wattwatch.sources.um.bluez_objects import ADAPTER, Adapter
from wattwatch.sources.um.nearby import Scan, meters, nearby

_LOOK_SECONDS: Final = 1.0

Say = Callable[[str], None]


def scan(seconds: float, say: Say) -> Scan:
    """Adapters, and devices that could be meters; those that are only heard with `seconds` above 0.

    `say` gets a line at the start and for each meter that is heard. Raises BluezError.
    """
    return asyncio.run(_scan(seconds, say))


async def _scan(seconds: float, say: Say) -> Scan:
    async with bluez_bus() as bus:
        objects = await bus.objects()
        if seconds <= 0 or not any(adapter.powered for adapter in objects.adapters):
            return Scan(objects.adapters, meters(objects.devices, {}))
        say(f"looking for Bluetooth devices for {seconds:g} s")
        heard: dict[str, int] = {}
        async with discovering(bus, objects.adapters) as problem:
            await _listen(bus, seconds, heard, say)
            objects = await bus.objects()  # before devices that were only heard are forgotten
        return Scan(objects.adapters, meters(objects.devices, heard), problem)


async def _listen(bus: BluezBus, seconds: float, heard: dict[str, int], say: Say) -> None:
    """Note each device's signal strength while the scan goes on: bluetoothd drops it at the end."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    while (left_seconds := ends_at - loop.time()) > 0:
        await asyncio.sleep(min(left_seconds, _LOOK_SECONDS))
        for device in (await bus.objects()).devices:
            if device.rssi_dbm is None:
                continue
            if device.path not in heard and nearby(device, None) is not None:
                say(f"heard {device.name or 'a device'} ({device.address})")
            heard[device.path] = device.rssi_dbm


@asynccontextmanager
async def discovering(bus: BluezBus, adapters: Iterable[Adapter]) -> AsyncIterator[str]:
    """A scan by those of the adapters that are on, ended in any case; yields why some could not, or ""."""
    started, problems = [], []
    for adapter in adapters:
        if not adapter.powered:
            continue
        try:
            await bus.call(adapter.path, f"{ADAPTER}.StartDiscovery")
            started.append(adapter.path)
        except BluezError as error:
            problems.append(f"{adapter.name} cannot scan: {error}")
    try:
        yield "; ".join(problems)
    finally:
        for path in started:
            with suppress(BluezError):  # it ends with our connection at the latest
                await bus.call(path, f"{ADAPTER}.StopDiscovery")
