"""What went wrong with a port, in one line with the next step: pyserial's and the kernel's words in ours."""

import errno
import grp
import socket
from pathlib import Path
from typing import Final

from wattwatch.errors import SourceError, SourceUnavailable, SourceUnsupported

_ABSENT: Final = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR}
_PERMISSION: Final = {errno.EACCES, errno.EPERM}
_BUSY: Final = {errno.EBUSY, errno.EAGAIN}
_SILENT: Final = {
    errno.ECONNREFUSED, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT,
    errno.ENOTCONN, errno.ECONNRESET, errno.ECONNABORTED,
}  # fmt: skip
_UNREADABLE_URL: Final = (ValueError, TypeError)  # pyserial stumbles over a url without a port


def explain_open(url: str, error: Exception) -> SourceError:
    """The error to raise when a port could not be opened, with reason and next step."""
    number = _errno(error)
    if number in _ABSENT:
        return SourceUnavailable(f"{url}: no such port: {_how_to_get(url)}", "absent")
    if number in _PERMISSION:
        return SourceUnavailable(f"{url}: permission denied: {_how_to_be_allowed(url)}", "permission")
    if number in _BUSY:
        return SourceUnavailable(
            f"{url}: held by another program: close it first (fuser {url} shows which)", "busy"
        )
    if number in _SILENT or isinstance(_cause(error), TimeoutError | socket.gaierror):
        return SourceUnavailable(
            f"{url}: nobody answers there ({_reason(error)}): {_how_to_get(url)}", "absent"
        )
    return _explain_odd(url, error, number)


def _explain_odd(url: str, error: Exception, number: int | None) -> SourceError:
    if number == errno.ENOTTY or isinstance(error, ValueError) or isinstance(_cause(error), _UNREADABLE_URL):
        return SourceUnsupported(
            f"{url}: not a serial port: use /dev/rfcomm0, socket://HOST:PORT or rfc2217://HOST:PORT"
        )
    if "RFC2217" in str(error):
        return SourceUnavailable(
            f"{url}: does not speak RFC 2217: for a plain TCP bridge use socket://HOST:PORT", "io"
        )
    return SourceUnavailable(f"{url}: cannot be opened ({_reason(error)}): {_how_to_get(url)}", "io")


def explain_lost(url: str, error: Exception) -> SourceUnavailable:
    """The error to raise when an open port failed: the other end is gone, or the write got stuck."""
    if isinstance(error, TimeoutError) or "timeout" in str(error).lower():
        return SourceUnavailable(f"{url}: takes no bytes: is the meter still on?", "timeout")
    return SourceUnavailable(f"{url}: the connection was lost: is the meter still on and near?", "hangup")


def no_answer(url: str) -> SourceUnavailable:
    """The error to raise when not one byte came back."""
    return SourceUnavailable(f"{url}: no answer: is the meter on, and this its port?", "timeout")


def closed(url: str) -> SourceUnavailable:
    """The error to raise in an exchange that was ended by our own close."""
    return SourceUnavailable(f"{url}: closed while reading: nothing to do if the program is ending", "hangup")


def is_momentarily_busy(error: Exception) -> bool:
    """Whether the device itself refused, which passes; a lock of another program (EAGAIN) does not."""
    return _errno(error) == errno.EBUSY


def _cause(error: Exception) -> BaseException | None:
    # pyserial wraps without `from`: what it caught stands in the context.
    return error.__cause__ or error.__context__


def _errno(error: Exception) -> int | None:
    for candidate in (error, _cause(error)):
        number = getattr(candidate, "errno", None)
        if isinstance(number, int):
            return number
        arguments = getattr(candidate, "args", ())
        if arguments and isinstance(arguments[0], int):  # termios.error has no errno attribute
            return arguments[0]
    return None


def _reason(error: Exception) -> str:
    cause = _cause(error)
    text = getattr(cause, "strerror", None) or str(cause or error)
    return " ".join(str(text).split())


def _how_to_get(url: str) -> str:
    if "://" in url:
        return "check host and port, and that the bridge runs"
    if "rfcomm" in url:
        number = url.rpartition("rfcomm")[2] or "0"
        return f"is the meter on and bound? sudo rfcomm bind {number} ADDRESS 1"
    return "is it plugged in? ls /dev/rfcomm* /dev/tty* shows the ports that exist"


def _how_to_be_allowed(url: str) -> str:
    group = _owning_group(Path(url))
    if group == "root":
        return f"only root may open it: sudo chgrp dialout {url} && sudo chmod 660 {url}"
    return f"it belongs to group {group}: sudo usermod -aG {group} $USER, then log in again"


def _owning_group(path: Path) -> str:
    """The group that owns a port; dialout, which is usual, where that cannot be read."""
    try:
        return grp.getgrgid(path.stat().st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"
