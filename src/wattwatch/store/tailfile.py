"""The bytes of a tail file: each append survives the death of this process, and the disk gets them in lots.

A file that is written each second has its times journalled by ext4 every five: that alone costs a memory
card some 200 MB a day. So appends go to a live copy in shared memory, which outlives the process, and what
has gathered there is written to the disk at each sync. After a kill the live copy is read; after a power
cut there is what was synced. Where there is no shared memory, appends go to the disk at once.
"""

import errno
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

LIVE_DIRECTORY: Final = Path("/dev/shm")  # noqa: S108 - unguessable names, made exclusively, owner checked
_MAGIC: Final = b"WWT1"
_PREAMBLE_BYTES: Final = 16  # magic, then random bytes that name the live copy


class TailFile:
    """One new file. Only one thread appends; any thread may sync."""

    def __init__(self, path: Path) -> None:
        """OSError if it cannot be made on the disk."""
        self.path = path
        # `_syncing` is held while the disk is waited for, `_appending` never.
        self._syncing, self._appending = threading.Lock(), threading.Lock()
        self._pending = bytearray()  # in the live copy only
        self._disk_bytes = self._synced_bytes = 0
        self._live = -1
        self._disk = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        preamble = _MAGIC + os.urandom(_PREAMBLE_BYTES - len(_MAGIC))
        try:
            self._write_disk(preamble)
        except OSError:
            self.close()
            path.unlink(missing_ok=True)
            raise
        self._open_live(preamble)

    @property
    def size_bytes(self) -> int:
        """How much was appended."""
        return self._disk_bytes + len(self._pending)

    def append(self, data: bytes) -> None:
        """Have the data outlive this process; OSError if it cannot: the file is then as it was."""
        if not self._append_live(data):
            self._leave_live()
            self._write_disk(data)

    def sync(self) -> None:
        """Have everything on the disk; OSError if it is not."""
        with self._syncing:
            if self._disk < 0:
                return
            with self._appending:
                pending, self._pending = self._pending, bytearray()
            if pending:
                self._write_disk(pending)
            if self._live >= 0 and not os.fstat(self._live).st_nlink:
                self._close_live()  # logind clears shared memory when a user has logged out
            written_bytes = self._disk_bytes
            if self._synced_bytes != written_bytes:
                os.fdatasync(self._disk)
                if not self._synced_bytes:
                    _sync_directory(self.path.parent)  # the name of a new file
                self._synced_bytes = written_bytes

    def close(self) -> None:
        """Let go of both files, which stay; harmless when called twice."""
        with self._syncing:
            self._close_live()
            descriptor, self._disk = self._disk, -1
            if descriptor >= 0:
                os.close(descriptor)

    def _open_live(self, preamble: bytes) -> None:
        path = _live_path(os.fstat(self._disk).st_ino, preamble)
        with suppress(OSError):
            self._live = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            if os.write(self._live, preamble) != len(preamble):
                self._close_live()

    def _append_live(self, data: bytes) -> bool:
        with self._appending:
            try:
                if self._live < 0 or os.write(self._live, data) != len(data):
                    return False
            except OSError:
                return False
            self._pending += data
            return True

    def _leave_live(self) -> None:
        """Do without the live copy, whose last write may be torn: the disk has to take what is only there."""
        if self._live < 0 and not self._pending:
            return
        with self._syncing, self._appending:
            pending, self._pending = self._pending, bytearray()
            self._close_live()
            self._write_disk(pending)

    def _close_live(self) -> None:
        descriptor, self._live = self._live, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _write_disk(self, data: bytes | bytearray) -> None:
        written_bytes = os.write(self._disk, data)
        if written_bytes != len(data):
            os.ftruncate(self._disk, self._disk_bytes)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self._disk_bytes += written_bytes


def _live_path(inode: int, preamble: bytes) -> Path:
    # With the inode: a copy of the directory is another store, whose files have no live copy.
    return LIVE_DIRECTORY / f"wattwatch-{inode:x}-{preamble[len(_MAGIC) :].hex()}"


def _live_of(path: Path, disk: bytes) -> Path:
    return _live_path(path.stat().st_ino, disk[:_PREAMBLE_BYTES])


def read(path: Path) -> bytes:
    """Everything that was appended to a file, as far as it is there; OSError if it cannot be read."""
    disk = path.read_bytes()
    live = b""
    with suppress(OSError):
        live_path = _live_of(path, disk)
        if live_path.stat().st_uid == os.geteuid():
            live = live_path.read_bytes()
    # The live copy begins as the disk does; it is the shorter one if it was left for want of room.
    return max(disk, live, key=len)[_PREAMBLE_BYTES:]


def discard(path: Path) -> None:
    """Delete a file and its live copy; OSError if that cannot be done."""
    with suppress(FileNotFoundError):
        with path.open("rb") as file:
            preamble = file.read(_PREAMBLE_BYTES)
        _live_of(path, preamble).unlink(missing_ok=True)
        path.unlink()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
