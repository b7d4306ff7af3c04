"""Where state and socket are by default: systemd's word, else the system's place, else the user's."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wattwatch.client import SOCKET_NAME, SYSTEM_SOCKET, user_socket, xdg_state_directory

SYSTEM_STATE: Final = Path("/var/lib/wattwatch")


def state_directory(environment: Mapping[str, str], system: Path = SYSTEM_STATE) -> Path:
    """The daemon's state directory, which may have to be made.

    $STATE_DIRECTORY, else `system` if this user may write or make it, else the XDG state directory.
    """
    if given := _first(environment.get("STATE_DIRECTORY", "")):
        return given
    return system if _is_ours(system) else xdg_state_directory(environment)


def runtime_socket(environment: Mapping[str, str], system: Path = SYSTEM_SOCKET) -> Path:
    """The daemon's socket, whose directory may have to be made.

    Below $RUNTIME_DIRECTORY, else `system` if this user may write or make its directory, else where
    `find_socket` looks for the user's own.
    """
    if given := _first(environment.get("RUNTIME_DIRECTORY", "")):
        return given / SOCKET_NAME
    return system if _is_ours(system.parent) else user_socket(environment)


def _first(directories: str) -> Path | None:
    """The first of a list as systemd writes it, with colons."""
    first = directories.split(":", maxsplit=1)[0]
    return Path(first) if first else None


def _is_ours(directory: Path) -> bool:
    """Whether files can be made in a directory, after making it if need be."""
    if directory.exists():
        return directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)
    return os.access(directory.parent, os.W_OK | os.X_OK)
