"""Measuring in this process: the daemon's assembly on a private socket, for as long as it is needed."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from wattwatch.client import SOCKET_NAME
from wattwatch.clock import Clock
from wattwatch.config.load import load_settings
from wattwatch.config.settings import Settings
from wattwatch.session.runs import local_ledger


@contextmanager
def open_local_node(
    environment: Mapping[str, str], clock: Clock, config: Path | None = None
) -> Iterator[Path]:
    """The private socket of a node that measures with the settings that a daemon would have.

    Its readings are in a temporary directory; its runs in the user's own ledger, which they outlive.
    Raises ConfigError and StoreError.
    """
    from wattwatch.daemon.node import Node  # noqa: PLC0415 - all of the daemon, needed only here

    settings = load_settings(config, environment)
    with tempfile.TemporaryDirectory(prefix="wattwatch-") as directory:
        private = private_settings(settings, Path(directory))
        node = Node(private, clock, local_ledger=local_ledger(environment))
        node.start()
        try:
            yield node.socket_path
        finally:
            node.stop()


def private_settings(settings: Settings, directory: Path) -> Settings:
    """The settings with a socket and a store of their own, and nothing on TCP."""
    server = replace(settings.server, listen="", socket=directory / SOCKET_NAME, token_file=None)
    store = replace(settings.store, path=directory / "readings.db")
    return replace(settings, server=server, store=store)
