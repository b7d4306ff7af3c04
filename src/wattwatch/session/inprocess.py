"""Measuring in this process: the daemon's assembly on a private socket, for as long as it is needed."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from wattwatch.client import SOCKET_NAME
from wattwatch.clock import Clock
from wattwatch.config.load import load_settings
from wattwatch.config.settings import Settings
from wattwatch.errors import StoreError
from wattwatch.session.runs import local_ledger

_PREFIX: Final = "wattwatch-"
_LONGEST_SOCKET_PATH_BYTES: Final = 107  # unix(7): sun_path with its closing NUL has 108


@contextmanager
def open_local_node(
    environment: Mapping[str, str], clock: Clock, config: Path | None = None
) -> Iterator[Path]:
    """The private socket of a node that measures with the settings that a daemon would have.

    Its readings are in a temporary directory; its runs in the user's own ledger, which they outlive.
    It is this process's: a child made by `os.fork` leaves it alone, however it ends.
    Raises ConfigError and StoreError.
    """
    from wattwatch.daemon.node import Node  # noqa: PLC0415 - all of the daemon, needed only here

    settings = load_settings(config, environment)
    ledger = local_ledger(environment)
    _make_directory(ledger.parent)
    with _own_directory() as directory:
        node = Node(private_settings(settings, directory), clock, local_ledger=ledger)
        node.start()
        owner = os.getpid()
        try:
            yield node.socket_path
        finally:
            if os.getpid() == owner:
                node.stop()


def private_settings(settings: Settings, directory: Path) -> Settings:
    """The settings with a socket and a store of their own, and nothing on TCP."""
    server = replace(settings.server, listen="", socket=directory / SOCKET_NAME, token_file=None)
    store = replace(settings.store, path=directory / "readings.db")
    return replace(settings, server=server, store=store)


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        told = f"runs cannot be kept in {directory}: {error.strerror}"
        raise StoreError(f"{told}; set XDG_STATE_HOME to a directory that can be written") from error


@contextmanager
def _own_directory() -> Iterator[Path]:
    """A temporary directory that goes with this process; `TemporaryDirectory` also goes with its children."""
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_parent_directory(tempfile.gettempdir())))
    remove = partial(_remove, directory, os.getpid())
    atexit.register(remove)
    try:
        yield directory
    finally:
        remove()
        atexit.unregister(remove)


def _parent_directory(temporary: str) -> str:
    """The usual place of temporary files, unless a socket's path in it were longer than Linux takes."""
    socket = Path(temporary) / f"{_PREFIX}12345678" / SOCKET_NAME
    return temporary if len(os.fsencode(socket)) <= _LONGEST_SOCKET_PATH_BYTES else "/tmp"  # noqa: S108 - mkdtemp is safe there


def _remove(directory: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)
