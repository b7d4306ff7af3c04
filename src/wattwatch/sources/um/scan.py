"""What Bluetooth devices there are: adapters, paired devices, and those that answer a scan."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from wattwatch.sources.um import nearby
from wattwatch.sources.um.bluez_client import BluezClient, bluez_client
from wattwatch.sources.um.bluez_objects import ADAPTER, DEVICE, BluezError, Objects, adapter_paths
from wattwatch.sources.um.nearby import Scan

_LOOK_SECONDS: Final = 1.0

Say = Callable[[str], None]


def scan(seconds: float, say: Say) -> Scan:
    """Adapters, and devices that could be meters; those that are only heard with `seconds` above 0.

    `say` gets a line at the start and for each meter that is heard. Raises BluezError.
    """
    return asyncio.run(_scan(seconds, say))


async def _scan(seconds: float, say: Say) -> Scan:
    async with bluez_client() as client:
        objects = await client.objects()
        adapters = nearby.adapters(objects)
        if seconds <= 0 or not any(adapter.powered for adapter in adapters):
            return Scan(adapters, nearby.meters(objects, {}))
        say(f"looking for Bluetooth devices for {seconds:g} s")
        heard: dict[str, int] = {}
        async with discovering(client, objects) as problem:
            await _listen(client, seconds, heard, say)
            objects = await client.objects()  # before devices that were only heard are forgotten
        return Scan(adapters, nearby.meters(objects, heard), problem)


async def _listen(client: BluezClient, seconds: float, heard: dict[str, int], say: Say) -> None:
    """Note each device's signal strength while the scan goes on: bluetoothd drops it at the end."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    while (left_seconds := ends_at - loop.time()) > 0:
        await asyncio.sleep(min(left_seconds, _LOOK_SECONDS))
        objects = await client.objects()
        for path, interfaces in objects.items():
            device = interfaces.get(DEVICE, {})
            if "RSSI" in device:
                if path not in heard and (meter := nearby.nearby(path, device, None)) is not None:
                    say(f"heard {meter.name or 'a device'} ({meter.address})")
                heard[path] = int(device["RSSI"])


@asynccontextmanager
async def discovering(client: BluezClient, objects: Objects, adapter: str = "") -> AsyncIterator[str]:
    """A scan by every adapter that is on, ended in any case; yields why some could not, or ""."""
    started, problems = [], []
    for path in adapter_paths(objects, adapter):
        if not objects[path][ADAPTER].get("Powered"):
            continue
        try:
            await client.call(path, f"{ADAPTER}.StartDiscovery")
            started.append(path)
        except BluezError as error:
            problems.append(f"{path.rpartition('/')[2]} cannot scan: {error}")
    try:
        yield "; ".join(problems)
    finally:
        for path in started:
            with suppress(BluezError):  # it ends with our connection at the latest
                await client.call(path, f"{ADAPTER}.StopDiscovery")
