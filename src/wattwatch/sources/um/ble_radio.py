"""An event loop in a thread of its own for one connection by bleak; imported by `ble` alone.

One for each connection, and not one for all, though bleak advises that: what it remembers of bluetoothd
belongs to the loop, and is wrong for ever when bluetoothd was killed (a device that was connected then counts
as connected, and is never connected again). A new loop begins with what is.
"""

import asyncio
import logging
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from bleak.backends.bluezdbus import manager as bleak_manager

logger = logging.getLogger(__name__)

T = TypeVar("T")

_GRACE_SECONDS: Final = 2.0  # for what ends itself by a deadline of its own
_LAST_TASKS_SECONDS: Final = 1.0

# It warns of what is said in our own words already (a lost bus), and of its own closing.
logging.getLogger("bleak").setLevel(logging.ERROR)


class Radio:
    """Runs coroutines for threads that wait for them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_note)
        self._thread = threading.Thread(target=self._loop.run_forever, name="ble", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """What the work returns; TimeoutError after so many seconds, the work being cancelled."""
        future = asyncio.run_coroutine_threadsafe(_bounded(work, seconds), self._loop)
        try:
            return future.result(seconds + _GRACE_SECONDS)
        finally:
            future.cancel()  # does nothing to one that is done

    def stop(self) -> None:
        """End everything that runs in it, its connection to the bus, and its thread; once."""
        asyncio.run_coroutine_threadsafe(_end_all(), self._loop).add_done_callback(
            lambda _: self._loop.call_soon_threadsafe(self._loop.stop)
        )
        self._thread.join(_GRACE_SECONDS + _LAST_TASKS_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()


def _note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Of a connection that broke, bleak leaves errors behind that nobody asks for: ours has been raised."""
    logger.debug("%s: %r", context.get("message"), context.get("exception"))


async def _bounded(work: Coroutine[Any, Any, T], seconds: float) -> T:
    async with asyncio.timeout(seconds):
        return await work


async def _end_all() -> None:
    _leave_bus()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=_LAST_TASKS_SECONDS)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _leave_bus() -> None:
    """Close what bleak keeps open for each loop, and offers no way to close but another loop's first use."""
    managers: dict[asyncio.AbstractEventLoop, Any] = getattr(bleak_manager, "_global_instances", {})
    bus = getattr(managers.pop(asyncio.get_running_loop(), None), "_bus", None)
    if bus is not None:
        bus.disconnect()
