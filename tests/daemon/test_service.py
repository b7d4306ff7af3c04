"""The loop around a running node: reloads, refusals, the status line, and when the watchdog is fed."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from support.clock import FakeClock
from support.daemon_process import until
from support.notify_socket import NotifySocket
from support.power import POWER_CHANNEL
from wattwatch.config.settings import Settings
from wattwatch.daemon.notify import Notifier
from wattwatch.daemon.reload import ConfigWatch
from wattwatch.daemon.service import Service, status_line, with_simulated_meter
from wattwatch.errors import ConfigError
from wattwatch.reading import Reading
from wattwatch.sampling.snapshot import Primary, Snapshot, SourceHealth, SourceStatus
from wattwatch.signals import Bell
from wattwatch.sources.base import RelaySpec, SourceDescription
from wattwatch.web.http import Route, json_response
from wattwatch.web.server import WebServer


def snapshot(*up: bool) -> Snapshot:
    clock = FakeClock()
    sources = tuple(
        SourceStatus(SourceDescription(f"s{index}", "host", 1.0, ()), SourceHealth(up=each))
        for index, each in enumerate(up)
    )
    return Snapshot("pi-1", clock.now(), clock.wall(), sources=sources)


@dataclass
class FakeNode:
    """A node as the loop sees it; `commits` grows at each look unless it is stuck."""

    socket_path: Path
    last_snapshot: Snapshot = field(default_factory=lambda: snapshot(True, True, False))
    open_runs: int = 1
    stuck: bool = False
    reloads: list[Settings] = field(default_factory=list)
    _commits: int = 0

    @property
    def commits(self) -> int:
        self._commits += not self.stuck
        return self._commits

    def reload(self, settings: Settings) -> str:
        self.reloads.append(settings)
        return "nothing"


class Loop:
    """The loop in a thread, its node, the file that is watched, and the ear that is told."""

    def __init__(self, directory: Path, ear: NotifySocket, watchdog_seconds: float) -> None:
        self.node = FakeNode(directory / "s")
        self.ear = ear
        self.bell = Bell()
        self.refusal = ""
        watch = ConfigWatch(lambda: None)
        service = Service(self.node, self._load, watch, Notifier(ear.address, watchdog_seconds))  # type: ignore[arg-type]
        self._thread = threading.Thread(target=service.run, args=(self.bell,))
        self._thread.start()

    def _load(self) -> Settings:
        if self.refusal:
            raise ConfigError(self.refusal)
        return Settings("pi-1")

    def hang_up(self) -> None:
        os.write(self.bell._rope, bytes((signal.SIGHUP,)))

    def end(self) -> None:
        self.bell.ring()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[NotifySocket]:
    with NotifySocket(str(tmp_path / "notify")) as ear:
        yield ear


@pytest.fixture
def start(tmp_path: Path, ear: NotifySocket) -> Iterator[Callable[..., Loop]]:
    loops: list[Loop] = []

    def make(watchdog_seconds: float = 0.0) -> Loop:
        loops.append(Loop(tmp_path, ear, watchdog_seconds))
        return loops[-1]

    yield make
    for loop in loops:
        loop.end()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    """The health page, on the socket that the loop asks."""
    healthy = Route("GET", "/-/healthy", lambda _: json_response({}))
    server = WebServer([healthy], socket_path=tmp_path / "s")
    server.start()
    yield server
    server.stop()


def test_ready_comes_with_a_status(start: Callable[..., Loop], ear: NotifySocket) -> None:
    start()
    until(lambda: ear.values("READY"), 20, "READY")
    assert ear.messages == [
        {"STATUS": "nothing measures power · 2 of 3 sources up · 1 run"},
        {"READY": "1"},
    ]


def test_sighup_reads_again_and_a_bad_configuration_is_in_the_status_until_a_good_one_comes(
    start: Callable[..., Loop], ear: NotifySocket, caplog: pytest.LogCaptureFixture
) -> None:
    loop = start()
    loop.refusal = "f.toml: nodee: unknown key"
    loop.hang_up()
    until(lambda: len(ear.values("READY")) == 2, 20, "the end of the first reload")
    loop.refusal = ""
    loop.hang_up()
    until(lambda: len(ear.values("STATUS")) == 3, 20, "the end of the second reload")
    assert loop.node.reloads == [Settings("pi-1")]
    assert len(ear.values("RELOADING")) == 2
    fine, refused, again = ear.values("STATUS")
    assert refused == f"configuration refused, the old one stays: f.toml: nodee: unknown key ({fine})"
    assert again == fine
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert errors == ["configuration refused, the old one stays: f.toml: nodee: unknown key"]


@pytest.mark.usefixtures("web")
def test_the_watchdog_is_fed_while_commits_are_made(start: Callable[..., Loop], ear: NotifySocket) -> None:
    start(watchdog_seconds=0.1)
    until(lambda: len(ear.values("WATCHDOG")) >= 5, 20, "five signs of life")


@pytest.mark.usefixtures("web")
def test_a_stuck_committer_gives_no_sign_of_life(
    start: Callable[..., Loop], ear: NotifySocket, caplog: pytest.LogCaptureFixture
) -> None:
    loop = start(watchdog_seconds=0.1)
    until(lambda: ear.values("WATCHDOG"), 20, "a sign of life")
    loop.node.stuck = True
    until(lambda: "committing thread stands still" in caplog.text, 20, "the log line")
    fed = len(ear.values("WATCHDOG"))
    loop.hang_up()  # it goes on otherwise
    until(lambda: ear.values("RELOADING"), 20, "a reload")
    loop.end()
    assert len(ear.values("WATCHDOG")) == fed
    assert caplog.text.count("stands still") == 1


def test_a_web_server_that_does_not_answer_gives_no_sign_of_life(
    start: Callable[..., Loop], ear: NotifySocket, caplog: pytest.LogCaptureFixture
) -> None:
    start(watchdog_seconds=0.1)  # nobody listens on the socket
    until(lambda: "web server does not answer" in caplog.text, 20, "the log line")
    assert not ear.values("WATCHDOG")


def test_a_web_server_that_is_too_busy_answers(tmp_path: Path, start: Callable[..., Loop]) -> None:
    server = WebServer([], socket_path=tmp_path / "s")  # every path is a 404
    server.start()
    try:
        loop = start(watchdog_seconds=0.1)
        until(lambda: loop.ear.values("WATCHDOG"), 20, "a sign of life")
    finally:
        server.stop()


def test_the_status_line_names_the_power_of_the_primary() -> None:
    at = FakeClock().now()
    primary = Primary.of(POWER_CHANNEL)
    readings = {POWER_CHANNEL.id: Reading(POWER_CHANNEL, 4.931, at)}
    source = SourceStatus(SourceDescription("meter", "um24c", 0.5, ()), SourceHealth(up=True))
    shown = replace(snapshot(), sources=(source,), primary=primary, readings=readings)
    assert status_line(shown, 2) == "meter 4.93 W · 1 of 1 sources up · 2 runs"
    absent = SourceStatus(SourceDescription("rapl", "rapl", 1.0, ()), SourceHealth(state="unsupported"))
    assert "1 of 1 sources up" in status_line(replace(shown, sources=(*shown.sources, absent)), 2)
    assert status_line(replace(shown, readings={}), 0) == "meter no reading · 1 of 1 sources up · 0 runs"


def test_a_simulated_meter_beside_one_of_its_name_is_refused_before_it_is_served() -> None:
    relay = RelaySpec(name="meter", url="http://pi-2:9816", source="meter-of-pi-1", simulated=True)
    with ExitStack() as undo, pytest.raises(ConfigError, match="--simulate: a meter is configured"):
        with_simulated_meter(Settings("pi-1", sources=(relay,)), "constant", FakeClock(), undo)
