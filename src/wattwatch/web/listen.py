"""Listening sockets: TCP and Unix, and what to do when one cannot be had."""

import contextlib
import errno
import grp
import logging
import os
import re
import socket
import stat
from pathlib import Path
from typing import Final

from wattwatch.errors import ConfigError

logger = logging.getLogger(__name__)

SOCKET_GROUP: Final = "wattwatch"
_SOCKET_MODE: Final = 0o660
_BACKLOG: Final = 64
_HIGHEST_PORT: Final = 65535
_LISTEN: Final = re.compile(r"(?:\[([0-9A-Fa-f]*:[0-9A-Fa-f:.]*)\]|([A-Za-z0-9._-]*)):([0-9]{1,5})")
_EXPECTED: Final = "expected HOST:PORT such as 127.0.0.1:9816 or [::1]:9816"


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:9816`, `[::1]:9816` or `:9816` (all addresses); ValueError."""
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[3]) > _HIGHEST_PORT:
        raise ValueError(f"{_EXPECTED}, got {text!r}")
    return match[1] or match[2], int(match[3])


def host_port(host: str, port: int) -> str:
    """`127.0.0.1:9816` or `[::1]:9816`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def open_tcp(listen: str) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one. ConfigError says why not, and what to do."""
    try:
        host, port = parse_listen(listen)
        if not host:
            return _all_addresses(port)
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, ValueError) as error:
        raise ConfigError(_tcp_cause(listen, error)) from error


def _all_addresses(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
    return socket.create_server(("", port), backlog=_BACKLOG)


def _tcp_cause(listen: str, error: Exception) -> str:
    where = f"[server] listen = {listen!r}"
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return (
                f"{where}: {listen} is in use by another program: stop it (`ss -ltnp` shows which it is)"
                " or choose another port"
            )
        case OSError(errno=errno.EADDRNOTAVAIL):
            return f"{where}: this machine has no such address: choose one that `ip address` shows"
        case PermissionError():
            return f"{where}: not permitted: choose a port of 1024 or above"
        case OSError():
            return f"{where}: {error.strerror or error}: check host and port"
    return f"{where}: {error}"


def open_unix(path: Path) -> socket.socket:
    """A listening Unix socket, mode 0660, of group `wattwatch` if there is one.

    The file that a dead process left behind is replaced; ConfigError if a living one answers there.
    """
    where = f"[server] socket = {str(path)!r}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_stale(path, where)
        return _bind(path)
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror or error}: choose a path this user may write") from error


def _clear_stale(path: Path, where: str) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"{where}: there is a file that is no socket: remove it or choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except TimeoutError:
            pass  # alive, only busy
    raise ConfigError(f"{where}: another daemon answers there: stop it or choose another path")


def _bind(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(_SOCKET_MODE)
        _give_to_group(path)
        listener.listen(_BACKLOG)  # only now can anyone connect: mode and group stand before
    except OSError:
        listener.close()
        raise
    return listener


def _give_to_group(path: Path) -> None:
    try:
        os.chown(path, -1, grp.getgrnam(SOCKET_GROUP).gr_gid)
    except KeyError:
        return  # no such group: the owner alone has access
    except PermissionError:
        logger.info("%s stays with its owner: only a member can give it to group %s", path, SOCKET_GROUP)


class SocketFile:
    """The file of our listening Unix socket, for removing it, and only it, at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity = _identity(path)

    def remove(self) -> None:
        """Remove the file unless it is another's by now."""
        with contextlib.suppress(OSError):
            if _identity(self._path) == self._identity:
                self._path.unlink()


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino
