"""Running a node as a service: until SIGTERM or SIGINT, with a simulated meter if asked for."""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from wattwatch.clock import Clock
from wattwatch.config.paths import state_directory
from wattwatch.config.settings import Settings
from wattwatch.daemon.node import STORE_NAME, Node
from wattwatch.errors import ConfigError, WattwatchError
from wattwatch.signals import Bell
from wattwatch.sources.base import UmSpec

logger = logging.getLogger("wattwatch.daemon")

SIMULATED_STATE = "simulated"
"""Below the state directory: what is simulated never shares a store with what is measured."""


def run_service(
    settings: Settings,
    clock: Clock,
    *,
    simulate: str | None = None,
    announce: Callable[[str], None],
) -> None:
    """Run a node until SIGTERM or SIGINT; `announce` gets one line a fact once it is ready.

    `simulate` is the profile of a simulated meter that is served and read beside the real sources.
    Raises ConfigError, StoreError or MissingExtra, in one line, if it cannot start.
    """
    stopping = Bell()
    stopping.rung_by_signals()
    broken = _stop_on_broken_thread(stopping)
    with ExitStack() as undo:
        if simulate is not None:
            settings = with_simulated_meter(settings, simulate, clock, undo)
        node = Node(settings, clock)
        undo.callback(node.stop)
        node.start()
        for line in _facts(node, settings):
            announce(line)
        stopping.wait()
        announce("stopping")
    if broken:
        raise WattwatchError(
            f"thread {broken[0]} ended by a mistake in wattwatch: please report what stands above"
        )


def _stop_on_broken_thread(stopping: Bell) -> list[str]:
    """Names of threads that an unforeseen error ended: better a clean end than figures that stand still."""
    broken: list[str] = []

    def note(arguments: threading.ExceptHookArgs) -> None:
        logger.critical("unforeseen error", exc_info=arguments.exc_value)
        broken.append(arguments.thread.name if arguments.thread else "unknown")
        stopping.ring()

    threading.excepthook = note
    return broken


def with_simulated_meter(settings: Settings, profile: str, clock: Clock, undo: ExitStack) -> Settings:
    """The settings with a simulated meter that `undo` will stop, in a state directory of its own."""
    from wattwatch.sources.um.simulator_server import (  # noqa: PLC0415 - only simulations need it
        SimulatorSettings,
        make_simulator,
    )

    if any(isinstance(spec, UmSpec) for spec in settings.sources):
        raise ConfigError("--simulate: a meter is configured: take it out, or run without --simulate")
    server = make_simulator(SimulatorSettings(profile=profile), clock)
    undo.callback(server.stop)
    meter = UmSpec(url=server.start(), simulated=True)
    path = simulated_store(settings)
    store = replace(settings.store, path=path)
    return replace(settings, sources=(*settings.sources, meter), store=store)


def simulated_store(settings: Settings) -> Path:
    """Where the readings of a simulation are kept: the configured store's directory, one level down."""
    directory = settings.store.path.parent if settings.store.path else state_directory(os.environ)
    return directory / SIMULATED_STATE / STORE_NAME


def _facts(node: Node, settings: Settings) -> list[str]:
    lines = [f"node {settings.node}, store {node.store_path}, socket {node.socket_path}"]
    if node.address:
        lines.append(f"ready: http://{node.address}/  (metrics: http://{node.address}/metrics)")
    else:
        lines.append("ready")
    return lines


def log_to_stderr() -> None:
    """Changes of state on stderr, one line each."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
