"""Serving a simulated meter in real time.

server = make_simulator(SimulatorSettings(profile="host"), SystemClock())
url = server.start()    # for a UmSpec(url=url, simulated=True)
...
server.stop()
"""

import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import ConfigError
from wattwatch.reading import Instant
from wattwatch.signals import Bell
from wattwatch.sources.um.protocol import MODELS
from wattwatch.sources.um.simulator import MeterSettings, SimulatedMeter, TruthRow
from wattwatch.sources.um.simulator_endpoints import Endpoint, PtyEndpoint, TcpEndpoint
from wattwatch.sources.um.simulator_faults import FaultPlan, parse_fault
from wattwatch.sources.um.simulator_host import HostProfile
from wattwatch.sources.um.simulator_profiles import Profile, constant, from_csv, inference, training

TRUTH_COLUMNS: Final = "boot_seconds,displayed_watts,displayed_joules,true_watts,true_joules"
PROFILES: Final = ("constant", "host", "training", "inference")
MODEL_NAMES: Final = tuple(model.name.lower() for model in MODELS.values())


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """What to simulate and where to serve it: on `listen` (HOST:PORT) if given, else on a pseudo-terminal.

    `profile` is constant, host, training, inference, or the name of a CSV file.
    """

    model: str = "um24c"
    profile: str = "host"
    watts: float = 5.0  # of the constant profile
    seed: int = 1
    averaging_seconds: float = 0.5
    latency_seconds: float = 0.02
    faults: tuple[str, ...] = ()
    pty: Path | None = None
    listen: str = ""
    truth: Path | None = None


class SimulatorServer:
    """A simulated meter on an endpoint, in a thread of its own that sleeps until something happens."""

    def __init__(
        self, meter: SimulatedMeter, endpoint: Endpoint, clock: Clock, truth: Path | None = None
    ) -> None:
        self._meter = meter
        self._endpoint = endpoint
        self._clock = clock
        self._truth_path = truth
        self._truth: TextIOWrapper | None = None
        self._started_at: Instant | None = None
        self._outbox: deque[tuple[float, bytes]] = deque()  # when to send what
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated-meter", daemon=True)
        self._bell, self._wake = socket.socketpair()

    def start(self) -> str:
        """The url under which the meter can be read from now on; ConfigError if it cannot be served."""
        self._open_truth()
        self._endpoint.plug()
        if not self._meter.link_up:
            self._endpoint.unplug()
        self._started_at = self._clock.now()
        self._thread.start()
        return self._endpoint.url

    def stop(self) -> None:
        """End the thread, remove the link or port, close the file of truth. Harmless when called twice."""
        self._stopping.set()
        if self._bell.fileno() >= 0:
            self._bell.send(b"!")
        if self._thread.is_alive():
            self._thread.join()
        self._endpoint.close()
        self._bell.close()
        self._wake.close()
        if self._truth is not None:
            self._truth.close()

    def wait(self, stop_asked: Bell) -> None:
        """Block until `stop_asked` has rung, or the thread has ended by an error of its own."""
        one_look_seconds = 1.0
        while not stop_asked.wait(one_look_seconds) and not self._ended.is_set():
            pass

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            self._ended.set()

    def _turn(self) -> None:
        """One wake-up: let time pass, send what is due, sleep until the next thing, take requests."""
        self._advance()
        self._send_due()
        received = self._endpoint.receive(self._wake, self._idle_seconds())
        seconds = self._advance()
        for byte in received:
            due_seconds = max(seconds, self._outbox[-1][0] if self._outbox else 0.0)
            for fragment in self._meter.reply(byte):
                due_seconds += fragment.after_seconds
                self._outbox.append((due_seconds, fragment.data))

    def _seconds(self) -> float:
        assert self._started_at is not None  # noqa: S101 - the thread runs only after start
        return self._clock.now().boot_seconds - self._started_at.boot_seconds

    def _advance(self) -> float:
        seconds = self._seconds()
        self._write_truth(self._meter.advance_to(seconds))
        if self._meter.link_up:
            self._endpoint.plug()
        else:
            self._endpoint.unplug()
            self._outbox.clear()
        return seconds

    def _send_due(self) -> None:
        while self._outbox and self._outbox[0][0] <= self._seconds():
            self._endpoint.send(self._outbox.popleft()[1])

    def _idle_seconds(self) -> float:
        next_seconds = self._meter.next_refresh_seconds
        if self._outbox:
            next_seconds = min(next_seconds, self._outbox[0][0])
        return max(next_seconds - self._seconds(), 0.0)

    def _open_truth(self) -> None:
        if self._truth_path is None:
            return
        try:
            self._truth = self._truth_path.open("w", encoding="ascii")
        except OSError as error:
            raise ConfigError(
                f"--truth {self._truth_path}: {error.strerror}: choose a file that can be made"
            ) from error
        self._truth.write(
            f"# simulated {self._meter.model.name}, not a measurement; a row is what shows from then on, "
            f"true_watts the mean since the row before\n{TRUTH_COLUMNS}\n"
        )
        self._truth.flush()

    def _write_truth(self, rows: list[TruthRow]) -> None:
        if self._truth is None or self._started_at is None or not rows:
            return
        for row in rows:
            boot_seconds = self._started_at.plus(row.seconds).boot_seconds
            self._truth.write(
                f"{boot_seconds:.6f},{row.displayed_watts:.7f},{row.displayed_joules:.6f},"
                f"{row.true_watts:.6f},{row.true_joules:.6f}\n"
            )
        self._truth.flush()


def make_simulator(settings: SimulatorSettings, clock: Clock) -> SimulatorServer:
    """A server of the meter that the settings describe, not yet started; ConfigError names what is wrong."""
    model = next((m for m in MODELS.values() if m.name.lower() == settings.model.lower()), None)
    if model is None:
        raise ConfigError(f"model {settings.model!r}: expected one of {', '.join(MODEL_NAMES)}")
    if not 0 <= settings.watts <= model.full_scale_watts:
        raise ConfigError(
            f"--watts {settings.watts:g}: a {model.name} shows 0 to {model.full_scale_watts:g} W"
        )
    meter = SimulatedMeter(
        make_profile(settings),
        FaultPlan(tuple(map(parse_fault, settings.faults))),
        MeterSettings(model, settings.averaging_seconds, settings.latency_seconds, settings.seed),
    )
    return SimulatorServer(meter, _endpoint(settings), clock, settings.truth)


def make_profile(settings: SimulatorSettings) -> Profile:
    """The load that the settings name; ConfigError for a file that is none."""
    match settings.profile:
        case "constant":
            return constant(settings.watts)
        case "training":
            return training(settings.seed)
        case "inference":
            return inference(settings.seed)
        case "host":
            return HostProfile()
        case name if Path(name).suffix or Path(name).exists():
            return from_csv(Path(name))
        case name:
            raise ConfigError(f"profile {name!r}: expected {', '.join(PROFILES)} or a CSV file")


def _endpoint(settings: SimulatorSettings) -> Endpoint:
    if not settings.listen:
        return PtyEndpoint(settings.pty)
    if settings.pty:
        raise ConfigError("--pty and --listen: choose one of them")
    host, _, port = settings.listen.rpartition(":")
    highest_port = 65535
    if not host or not port.isdecimal() or int(port) > highest_port:
        raise ConfigError(f"--listen {settings.listen!r}: expected HOST:PORT, such as 127.0.0.1:0")
    return TcpEndpoint(host.strip("[]"), int(port))


def serve(settings: SimulatorSettings, clock: Clock, announce: Callable[[str], None]) -> None:
    """Serve a simulated meter until SIGTERM, SIGINT or SIGHUP; `announce` gets one line with its url."""
    server = make_simulator(settings, clock)
    stop_asked = Bell()
    stop_asked.rung_by_signals()
    try:
        url = server.start()
        announce(f'simulated {settings.model.upper()} (profile {settings.profile}): url = "{url}"')
        server.wait(stop_asked)
    finally:
        server.stop()
