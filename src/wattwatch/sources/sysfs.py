"""Reading small kernel files, with errors turned into verdicts."""

import errno
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Final

from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Quality

_LONGEST_BYTES: Final = 64
"""More than any number or state that a sensor shows."""

_CHUNK_BYTES: Final = 1 << 16

_GONE: Final = frozenset({errno.ENODEV, errno.ESTALE})
"""What an open file of a removed device answers: under its path there may be a new one."""

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_.+-]+")
_LAST_NUMBER: Final = re.compile(r"(\d+)$")

OpenFile = Callable[[str], int]
ReadAt = Callable[[int, int, int], bytes]


def read_text(path: Path) -> str:
    """The stripped text of a file; SourceUnsupported if absent, SourceUnavailable if unreadable now."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError as error:
        raise SourceUnsupported(f"{path} does not exist") from error
    except OSError as error:
        raise _unavailable(str(path), error) from error


def read_integer(path: Path) -> int:
    """The integer in a file; SourceUnavailable if it holds none."""
    text = read_text(path)
    if len(text) > _LONGEST_BYTES:  # a number above every float is no number of the kernel's
        raise _no_integer(str(path), text)
    try:
        return int(text)
    except ValueError as error:
        raise _no_integer(str(path), text) from error


def text_or(path: Path, default: str = "") -> str:
    """The stripped text of a file, or a default where it cannot be read: for what is good to know only."""
    try:
        return read_text(path)
    except (SourceUnavailable, SourceUnsupported):
        return default


def integer_or(path: Path, default: int) -> int:
    """The integer in a file, or a default where there is none: for what is good to know only."""
    try:
        return read_integer(path)
    except (SourceUnavailable, SourceUnsupported):
        return default


def numbered(folders: Iterable[Path]) -> list[Path]:
    """Folders in the order of the number that their names end in, then of their names."""
    return sorted(folders, key=lambda folder: (_number(folder.name), folder.name))


def name_from(text: str) -> str:
    """A text of the kernel as part of a channel's name: lower case, without blanks and slashes."""
    return _NOT_IN_NAMES.sub("-", text.strip()).strip("-").lower()


def sensor_quality(*, simulated: bool) -> Quality:
    """The quality of the machine's own sensors."""
    return Quality.SIMULATED if simulated else Quality.SENSOR


def open_to_read(path: str) -> int:
    """A descriptor of a file; OSError as open(2)."""
    return os.open(path, os.O_RDONLY)


class KernelFiles:
    """Small kernel files that are read again and again: opened once, then read from offset 0 each time.

    sysfs makes an attribute's text anew whenever it is read from offset 0 (Documentation/filesystems/
    sysfs.rst), so a read is one system call instead of three and a walk along the path. A file whose
    device went is opened anew by its path. Any thread may call; `close` never waits for a read that hangs.
    """

    def __init__(self, open_file: OpenFile = open_to_read, read_at: ReadAt = os.pread) -> None:
        self._open_file = open_file
        self._read_at = read_at
        self._open: dict[str, tuple[int, bool]] = {}  # descriptor, and whether the kernel makes the text
        self._lock = Lock()
        self._close_wanted = False

    def text(self, path: str) -> str:
        """The stripped text of a file; SourceUnavailable if it cannot be read now, or is not there."""
        return self._read(path).decode("utf-8", "replace").strip()

    def integer(self, path: str) -> int:
        """The integer in a file; SourceUnavailable if there is none."""
        data = self._read(path)
        try:
            return int(data)
        except ValueError as error:
            raise _no_integer(path, data.decode("utf-8", "replace").strip()) from error

    def whole(self, path: str) -> bytes:
        """All of a longer file, such as those of /proc; SourceUnavailable as above."""
        return self._read(path, self._whole)

    def close(self) -> None:
        """Close all, at the latest when the read in progress has ended; reading again opens again."""
        self._close_wanted = True
        if self._lock.acquire(blocking=False):
            self._close_all()
            self._lock.release()

    def _read(self, path: str, read: Callable[[int], bytes] | None = None) -> bytes:
        with self._lock:
            try:
                return self._read_open(path, read or self._start)
            except FileNotFoundError as error:
                raise SourceUnavailable(f"{path} does not exist", "absent") from error
            except OSError as error:
                raise _unavailable(path, error) from error
            finally:
                if self._close_wanted:
                    self._close_all()

    def _start(self, descriptor: int) -> bytes:
        return self._read_at(descriptor, _LONGEST_BYTES, 0)

    def _whole(self, descriptor: int) -> bytes:
        """A file that the kernel makes as it is read comes in pieces of a page, whatever is asked for."""
        data = self._read_at(descriptor, _CHUNK_BYTES, 0)
        while more := self._read_at(descriptor, _CHUNK_BYTES, len(data)):
            data += more
        return data

    def _read_open(self, path: str, read: Callable[[int], bytes]) -> bytes:
        known = self._open.get(path)
        if known is not None:
            descriptor, of_kernel = known
            try:
                if of_kernel or os.fstat(descriptor).st_nlink:
                    return read(descriptor)
            except OSError as error:
                if error.errno not in _GONE:
                    raise
            del self._open[path]
            os.close(descriptor)
        descriptor = self._open_file(path)
        self._open[path] = (descriptor, _is_made_by_kernel(descriptor))
        return read(descriptor)

    def _close_all(self) -> None:
        self._close_wanted = False
        while self._open:
            os.close(self._open.popitem()[1][0])


def _is_made_by_kernel(descriptor: int) -> bool:
    """Whether a removed file would say so by itself: attributes of sysfs show the size of a page.

    An ordinary file (a tree made for a test) goes on living without a name, and has to be looked at.
    """
    return os.fstat(descriptor).st_size == os.sysconf("SC_PAGE_SIZE")


def _unavailable(path: str, error: OSError) -> SourceUnavailable:
    if isinstance(error, PermissionError):
        return SourceUnavailable(f"{path}: permission denied", "permission")
    name = errno.errorcode.get(error.errno or 0, "error")
    reason = "absent" if error.errno in _GONE else "io"
    return SourceUnavailable(f"{path}: {name}: {error.strerror}", reason)


def _no_integer(path: str, text: str) -> SourceUnavailable:
    return SourceUnavailable(f"{path}: not a whole number: {text[:40]!r}", "invalid")


def _number(name: str) -> int:
    match = _LAST_NUMBER.search(name)
    return int(match[1]) if match else -1
