"""Running a node as a service: until SIGTERM or SIGINT, with a simulated meter if asked for."""

import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from wattwatch.client import Client
from wattwatch.clock import Clock
from wattwatch.config.paths import state_directory
from wattwatch.config.settings import Settings
from wattwatch.daemon.node import STORE_NAME, Node
from wattwatch.daemon.notify import Notifier
from wattwatch.daemon.reload import ConfigPlace, ConfigWatch
from wattwatch.errors import ClientError, ConfigError, WattwatchError
from wattwatch.sampling.snapshot import Snapshot, node_power_watts
from wattwatch.signals import Bell
from wattwatch.sources.base import UmSpec

logger = logging.getLogger("wattwatch.daemon")

SIMULATED_STATE = "simulated"
"""Below the state directory: what is simulated never shares a store with what is measured."""

_LOOK_SECONDS: Final = 10.0  # how often the configuration file is looked at, and the status line renewed
_UNSETTLED_SECONDS: Final = 1.0
_SILENT_LOOKS: Final = 2
_WEB_DEADLINE_SECONDS: Final = 5.0

Say = Callable[[str], None]
MakeSettings = Callable[[], Settings]


def run_service(place: ConfigPlace, clock: Clock, *, simulate: str | None = None, announce: Say) -> None:
    """Run a node until SIGTERM or SIGINT; `announce` gets one line a fact once it is ready.

    SIGHUP, or a change of the configuration file, has its settings read again. `simulate` is the profile of
    a simulated meter that is served and read beside the real sources.
    Raises ConfigError, StoreError or MissingExtra, in one line, if it cannot start.
    """
    faulthandler.enable()  # the watchdog ends us by SIGABRT: the journal then tells where each thread stood
    ends_with_terminal = _has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN  # nohup
    bell = Bell()
    bell.rung_by_signals()
    broken = _stop_on_broken_thread(bell)
    notifier = Notifier.of(os.environ)
    watch = ConfigWatch(place.file)
    with ExitStack() as undo:
        load = place.load if simulate is None else _with_meter(place, simulate, clock, undo)
        settings = load()
        node = Node(settings, clock)
        undo.callback(node.stop)
        node.start()
        for line in _facts(node, settings):
            _tell(announce, line)
        service = Service(node, load, watch, notifier)
        service.run(bell, ends_with_terminal=ends_with_terminal)
        notifier.stopping()
        _tell(announce, "stopping")
    if broken:
        raise WattwatchError(
            f"thread {broken[0]} ended by a mistake in wattwatch: please report what stands above"
        )


class Service:
    """A node that runs: its configuration is watched, and the service manager told how it goes."""

    def __init__(self, node: Node, load: MakeSettings, watch: ConfigWatch, notifier: Notifier) -> None:
        self._node = node
        self._load = load
        self._watch = watch
        self._notifier = notifier
        self._refusal = ""
        self._commits = node.commits
        self._silent_looks = 0

    def run(self, bell: Bell, *, ends_with_terminal: bool = False) -> None:
        """Until SIGTERM, SIGINT, or a ring of the bell; if so asked, also until its terminal closes."""
        self._notifier.status(self._status())
        self._notifier.ready()
        while not (heard := bell.heard(self._pause_seconds())) - {signal.SIGHUP}:
            if signal.SIGHUP in heard and ends_with_terminal and not _has_terminal():
                return
            if signal.SIGHUP in heard or self._watch.changed():
                self._reload()
            self._notifier.status(self._status())
            self._report_alive()

    def _pause_seconds(self) -> float:
        if self._watch.is_unsettled:
            return _UNSETTLED_SECONDS
        half_seconds = self._notifier.watchdog_seconds / 2
        return min(_LOOK_SECONDS, half_seconds or _LOOK_SECONDS)

    def _reload(self) -> None:
        self._notifier.reloading()
        self._watch.accept()
        try:
            said = self._node.reload(self._load())
        except WattwatchError as error:
            self._refusal = f"configuration refused, the old one stays: {error}"
            logger.error("%s", self._refusal)  # noqa: TRY400 - one line for its author, no traceback
        else:
            self._refusal = ""
            logger.info("configuration read again: %s", said)
        self._notifier.ready()

    def _status(self) -> str:
        line = status_line(self._node.last_snapshot, self._node.open_runs)
        return f"{self._refusal} ({line})" if self._refusal else line

    def _report_alive(self) -> None:
        """Postpone the watchdog if commits are made and the web answers; else it will end us, and rightly."""
        if not self._notifier.watchdog_seconds:
            return
        before, self._commits = self._commits, self._node.commits
        self._silent_looks = self._silent_looks + 1 if self._commits == before else 0
        if self._silent_looks == _SILENT_LOOKS:  # one may come within a second of the look before
            logger.error("the committing thread stands still: the watchdog will restart wattwatch")
        elif self._silent_looks:
            return
        elif not _answers(self._node.socket_path):
            logger.error("the web server does not answer: the watchdog will restart wattwatch")
        else:
            self._notifier.alive()


def status_line(snapshot: Snapshot, open_runs: int) -> str:
    """How a node does, for `systemctl status`: `meter 4.93 W · 3 of 4 sources up · 2 runs`."""
    every = [status.health for part in snapshot.everywhere() for status in part.sources]
    here = [health for health in every if health.state != "unsupported"]
    up = sum(health.up for health in here)
    runs = f"{open_runs} run{'' if open_runs == 1 else 's'}"
    return " · ".join((_power(snapshot), f"{up} of {len(here)} sources up", runs))


def _power(snapshot: Snapshot) -> str:
    if snapshot.primary is None:
        return "nothing measures power"
    watts = node_power_watts(snapshot, snapshot.primary)
    shown = "no reading" if watts is None else f"{watts:.2f} W"
    return f"{snapshot.primary.source} {shown}"


def _answers(socket_path: Path) -> bool:
    """Whether the web answers at all; that it is too busy is an answer."""
    try:
        Client(f"unix:{socket_path}", deadline_seconds=_WEB_DEADLINE_SECONDS).get_text("/-/healthy")
    except ClientError as error:
        return error.status != 0
    return True


def _has_terminal() -> bool:
    """Whether this process has a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _with_meter(place: ConfigPlace, profile: str, clock: Clock, undo: ExitStack) -> MakeSettings:
    """What reads the settings and adds the one simulated meter, which `undo` will stop."""
    meter = _simulated_meter(place.load(), profile, clock, undo)
    return lambda: _adding(place.load(), meter)


def _tell(announce: Say, line: str) -> None:
    """Say a line, if anyone is there to hear it: the terminal may be gone, and measuring goes on."""
    with suppress(OSError):
        announce(line)


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
    return _adding(settings, _simulated_meter(settings, profile, clock, undo))


def _simulated_meter(settings: Settings, profile: str, clock: Clock, undo: ExitStack) -> UmSpec:
    from wattwatch.sources.um.simulator_server import (  # noqa: PLC0415 - only simulations need it
        SimulatorSettings,
        make_simulator,
    )

    _refuse_meters(settings)
    server = make_simulator(SimulatorSettings(profile=profile), clock)
    undo.callback(server.stop)
    return UmSpec(url=server.start(), simulated=True)


def _adding(settings: Settings, meter: UmSpec) -> Settings:
    _refuse_meters(settings)
    store = replace(settings.store, path=simulated_store(settings))
    return replace(settings, sources=(*settings.sources, meter), store=store)


def _refuse_meters(settings: Settings) -> None:
    if any(isinstance(spec, UmSpec) or spec.name == UmSpec().name for spec in settings.sources):
        raise ConfigError("--simulate: a meter is configured: take it out, or run without --simulate")


def simulated_store(settings: Settings) -> Path:
    """Where the readings of a simulation are kept: the configured store's directory, one level down."""
    directory = settings.store.path.parent if settings.store.path else state_directory(os.environ)
    return directory / SIMULATED_STATE / STORE_NAME


def _facts(node: Node, settings: Settings) -> list[str]:
    lines = [f"node {settings.node}, store {node.store_path}, socket {node.socket_path}"]
    if node.address:
        lines.append(f"ready: {node.url}/  (metrics: {node.url}/metrics)")
    else:
        lines.append("ready")
    return lines


def log_to_stderr() -> None:
    """Changes of state on stderr, one line each."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
