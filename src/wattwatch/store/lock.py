"""One daemon per store: a lock that the kernel lets go of when its holder ends, however it ends."""

import fcntl
import os
from pathlib import Path

from wattwatch.errors import StoreError


class StoreLock:
    """Held from construction until `close`."""

    def __init__(self, database: Path) -> None:
        """StoreError if another process holds it, or the directory cannot be written."""
        path = database.with_name(database.name + ".lock")
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
        except OSError as error:
            raise StoreError(
                f"{path}: {error.strerror}: make the directory writable, or set another [store] path"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder(self._descriptor)
            os.close(self._descriptor)
            raise StoreError(
                f"{database} is in use by process {holder}: stop that one, "
                "or give this one another [store] path"
            ) from error
        _write_pid(self._descriptor)

    def close(self) -> None:
        """Let another process have the store."""
        os.close(self._descriptor)


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"


def _write_pid(descriptor: int) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError:  # a full disk: the lock holds without a name in it
        return
