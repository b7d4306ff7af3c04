"""Bluetooth adapters as a good that is shared: connections are made one at a time, and at most seven live.

Whoever connects to a meter (by socket, by BlueZ, by Low Energy) does it so, and only for as long as the
connecting takes:

    with connecting(spec.adapter):
        ...  # connect; blocking, from the source's own thread

An adapter pages one device at a time: a second attempt meanwhile fails (EBUSY, br-connection-busy) and makes
both slower. The lock is this process's; it may be taken again by the thread that holds it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from wattwatch.errors import SourceUnavailable
from wattwatch.sources.um.hci import first_adapter

LINKS_PER_ADAPTER: Final = 7  # active members of a piconet beside its master: the address has three bits
_PATIENCE_SECONDS: Final = 60.0

_locks: Final[dict[str, threading.RLock]] = {}
_locks_guard: Final = threading.Lock()


@contextmanager
def connecting(adapter: str, patience_seconds: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """The right to make a connection with an adapter (such as hci0; "" is the first that is on).

    Raises SourceUnavailable (reason `busy`) if others make theirs for longer than `patience_seconds`.
    """
    name = adapter or first_adapter()
    with _locks_guard:
        lock = _locks.setdefault(name, threading.RLock())
    if not lock.acquire(timeout=patience_seconds):
        raise SourceUnavailable(
            f"{name}: busy with connecting other meters for {patience_seconds:g} s: "
            "switch those on or take them out of the configuration",
            "busy",
        )
    try:
        yield
    finally:
        lock.release()
