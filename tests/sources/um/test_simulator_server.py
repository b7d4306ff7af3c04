"""The simulated meter served for real, and read by the real meter over real pyserial."""

import csv
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wattwatch.clock import SystemClock
from wattwatch.errors import ConfigError, SourceUnavailable
from wattwatch.reading import Batch, Quality
from wattwatch.signals import Bell
from wattwatch.sources import open_source
from wattwatch.sources.base import Source, UmSpec
from wattwatch.sources.um.simulator_server import SimulatorServer, SimulatorSettings, make_simulator

Serve = Callable[..., str]
DEADLINE_SECONDS = 0.3
PATIENCE_SECONDS = 30.0


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts simulated meters of 5 W on `meter` in the test's directory; all end with the test."""
    servers: list[SimulatorServer] = []

    def start(*faults: str, **others: object) -> str:
        options = {"profile": "constant", "faults": faults, "latency_seconds": 0.0} | others
        if "listen" not in others:
            options.setdefault("pty", tmp_path / "meter")
        servers.append(make_simulator(SimulatorSettings(**options), SystemClock()))  # type: ignore[arg-type]
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


def opened(url: str, deadline_seconds: float = DEADLINE_SECONDS) -> Source:
    spec = UmSpec(url=url, simulated=True, deadline_seconds=deadline_seconds)
    return open_source(spec, SystemClock())


def read_until_good(meter: Source) -> tuple[Batch, list[str]]:
    """The next good batch, and the reasons of the failures before it."""
    reasons: list[str] = []
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        try:
            return meter.read(), reasons
        except SourceUnavailable as error:
            reasons.append(error.reason)
            time.sleep(0.02)
    raise AssertionError(reasons)


def value(batch: Batch, quantity: str) -> float:
    return next(reading.value for reading in batch.readings if reading.channel.id.endswith(quantity))


def test_a_served_meter_is_read_and_marked_simulated(serve: Serve) -> None:
    meter = opened(serve())
    batch = meter.read()
    meter.close()
    assert value(batch, "vbus/power_watts") == pytest.approx(5.0, rel=0.01)
    assert {reading.channel.quality for reading in batch.readings} == {Quality.SIMULATED}


@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        ("hang-up@0:0.6", {"absent"}),
        ("silence@0:0.6", {"timeout"}),
        ("half-frame@0:0.6", {"timeout"}),
        ("garbage-inside@0:0.6", {"invalid", "timeout", "garbage"}),
        ("wrong-model@0:0.6", {"garbage"}),
        ("power-cut@0:0.6", {"absent"}),
    ],
)
def test_a_fault_costs_readings_while_it_lasts_and_none_after(
    serve: Serve, fault: str, reasons: set[str]
) -> None:
    meter = opened(serve(fault))
    batch, seen = read_until_good(meter)
    assert seen
    assert set(seen) <= reasons
    assert value(batch, "vbus/power_watts") == pytest.approx(5.0, rel=0.01)
    for _ in range(3):
        meter.read()
    meter.close()


@pytest.mark.parametrize(
    "fault", ["garbage", "wrong-trailer", "frozen-frame", "group-change", "accumulator-reset"]
)
def test_a_fault_that_leaves_valid_frames_costs_no_reading(serve: Serve, fault: str) -> None:
    meter = opened(serve(f"{fault}@0:60"), deadline_seconds=2.0)
    for _ in range(5):
        assert value(meter.read(), "vbus/power_watts") == pytest.approx(5.0, rel=0.01)
    meter.close()


def test_slow_bytes_are_waited_for_and_cut_off_by_the_deadline(serve: Serve) -> None:
    url = serve("slow-bytes@0:600")
    patient = opened(url, deadline_seconds=10.0)
    assert value(patient.read(), "vbus/power_watts") == pytest.approx(5.0, rel=0.01)
    patient.close()
    hasty = opened(url)
    with pytest.raises(SourceUnavailable) as caught:
        hasty.read()
    hasty.close()
    assert caught.value.reason == "timeout"


def test_a_link_lost_in_the_middle_is_a_hang_up_and_comes_back(serve: Serve) -> None:
    meter = opened(serve("hang-up@0.5:0.5"))
    reasons: list[str] = []
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not reasons and time.monotonic() < give_up_at:
        reasons = read_until_good(meter)[1]
    meter.close()
    assert reasons[0] == "hangup"
    assert set(reasons[1:]) <= {"absent", "io"}  # io: it went while it was opened


def test_clients_come_go_and_vanish(serve: Serve) -> None:
    url = serve()
    for _ in range(3):
        meter = opened(url)
        meter.read()
        meter.close()
    descriptor = os.open(url, os.O_RDWR | os.O_NOCTTY)
    os.write(descriptor, b"\xf0\xf0\xf0")
    os.close(descriptor)  # without taking the answers
    meter = opened(url)
    meter.read()
    meter.close()


def test_over_tcp_a_second_client_is_put_out_and_the_first_stays(serve: Serve) -> None:
    url = serve(listen="127.0.0.1:0")
    first = opened(url, deadline_seconds=5.0)
    first.read()
    host, port = url.removeprefix("socket://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as second:
        assert second.recv(1) == b""
    first.read()
    first.close()
    third = opened(url, deadline_seconds=5.0)
    read_until_good(third)
    third.close()


def test_over_tcp_a_hang_up_is_one(serve: Serve) -> None:
    meter = opened(serve("hang-up@0:0.5", listen="127.0.0.1:0"), deadline_seconds=5.0)
    _, reasons = read_until_good(meter)
    meter.close()
    assert reasons
    assert set(reasons) == {"hangup"}


def test_a_taken_port_says_so(serve: Serve) -> None:
    taken = serve(listen="127.0.0.1:0").rpartition(":")[2]
    with pytest.raises(ConfigError, match=f"--listen 127.0.0.1:{taken}.*choose another port"):
        serve(listen=f"127.0.0.1:{taken}")


def test_the_link_is_removed_and_a_stale_one_replaced(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    link.symlink_to("/dev/pts/nothing")
    server = make_simulator(SimulatorSettings(profile="constant", pty=link), SystemClock())
    assert server.start() == str(link)
    assert link.resolve().exists()
    server.stop()
    server.stop()
    assert not link.is_symlink()


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    link.write_text("mine")
    server = make_simulator(SimulatorSettings(profile="constant", pty=link), SystemClock())
    with pytest.raises(ConfigError, match="choose a path"):
        server.start()
    server.stop()
    assert link.read_text() == "mine"


def test_without_a_link_one_is_made_and_removed() -> None:
    server = make_simulator(SimulatorSettings(profile="constant"), SystemClock())
    url = server.start()
    assert Path(url).is_symlink()
    server.stop()
    assert not Path(url).parent.exists()


def test_the_truth_is_written_refresh_by_refresh(serve: Serve, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    clock = SystemClock()
    before = clock.now().boot_seconds
    serve(truth=truth)
    rows: list[dict[str, str]] = []
    while len(rows) < 4:
        lines = truth.read_text().splitlines(keepends=True)
        assert lines[0].startswith("# simulated UM24C")
        rows = list(csv.DictReader(line for line in lines[1:] if line.endswith("\n")))
        time.sleep(0.02)
    assert list(rows[0]) == [
        "boot_seconds",
        "displayed_watts",
        "displayed_joules",
        "true_watts",
        "true_joules",
    ]
    seconds = [float(row["boot_seconds"]) for row in rows]
    assert before <= seconds[0] <= clock.now().boot_seconds
    assert [round(second - seconds[0], 6) for second in seconds[:4]] == [0.0, 0.5, 1.0, 1.5]
    assert float(rows[3]["true_joules"]) == pytest.approx(7.5)
    assert float(rows[3]["displayed_joules"]) == pytest.approx(1.5 * 5.11 * 0.978)


def test_a_truth_that_cannot_be_written_says_so(serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--truth"):
        serve(truth=tmp_path / "no" / "such" / "directory.csv")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "um26c"}, "um24c, um25c, um34c"),
        ({"profile": "nosuch"}, "constant, host, training, inference"),
        ({"profile": "nosuch.csv"}, "cannot be read"),
        ({"profile": "constant", "watts": 100.0}, "0 to 72 W"),
        ({"listen": "somewhere"}, "HOST:PORT"),
        ({"listen": "127.0.0.1:99999"}, "HOST:PORT"),
        ({"listen": "127.0.0.1:0", "pty": Path("x")}, "choose one"),
        ({"faults": ("fire@3",)}, "KIND@TIME"),
    ],
)
def test_impossible_settings_say_what_is_allowed(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_simulator(SimulatorSettings(**options), SystemClock())  # type: ignore[arg-type]


class CountingEndpoint:
    """Counts how often the server looks, and sleeps for it as a real one does."""

    url = "nowhere"

    def __init__(self) -> None:
        self.looks = 0

    def plug(self) -> None: ...
    def unplug(self) -> None: ...
    def close(self) -> None: ...
    def send(self, data: bytes) -> None: ...

    def receive(self, wake: socket.socket, timeout_seconds: float) -> bytes:
        self.looks += 1
        select.select([wake], [], [], timeout_seconds)
        return b""


def test_it_sleeps_while_nothing_happens() -> None:
    made = make_simulator(SimulatorSettings(profile="constant"), SystemClock())
    made.stop()
    endpoint = CountingEndpoint()
    server = SimulatorServer(made._meter, endpoint, SystemClock())  # type: ignore[arg-type] # the same methods
    server.start()
    stop_asked = Bell()
    timer = threading.Timer(1.2, stop_asked.ring)
    timer.start()
    server.wait(stop_asked)
    server.stop()
    refreshes = made._meter._refreshes
    assert endpoint.looks <= 2 * refreshes + 2
