"""Which process measures a run, and whether it still lives: a lock that ends with its process."""

import fcntl
from pathlib import Path
from typing import IO

from wattwatch.errors import StoreError


class Keeper:
    """Held by a process as long as it measures runs of a ledger that others write to as well."""

    def __init__(self, directory: Path, identity: str) -> None:
        """Take the lock of `identity`; StoreError if the directory cannot be written."""
        self.identity = identity
        self._path = _lock_path(directory, identity)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = self._path.open("wb")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}; check the directory") from error

    def close(self) -> None:
        """Let go; harmless when called twice."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def keeper_lives(directory: Path, identity: str) -> bool:
    """Whether the process of a keeper still runs; the lock of a dead one is removed."""
    path = _lock_path(directory, identity)
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; check its permissions") from error
    return False


def _lock_path(directory: Path, identity: str) -> Path:
    return directory / f"keeper-{identity}.lock"
