"""The RFCOMM route: channels, refusals, busy meters, every error of the kernel; never a leaked socket."""

import errno
import socket
from collections.abc import Iterator
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.clock import FakeClock
from support.fake_rfcomm import FakeAir, Outcome
from support.um_frames import frame
from wattwatch.errors import SourceError, SourceUnavailable, SourceUnsupported
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um.meter import UmMeter
from wattwatch.sources.um.rfcomm import RfcommRoute, open_rfcomm
from wattwatch.sources.um.stream import StreamTransport

ADDRESS = "00:15:A6:01:AA:BB"
SPEC = UmSpec(address=ADDRESS)


class Bench:
    """A route over a scripted air; pauses are noted and not made."""

    def __init__(
        self, *outcomes: Outcome, spec: UmSpec = SPEC, adapters: dict[str, str] | None = None
    ) -> None:
        self.air = FakeAir(*outcomes, adapters=adapters)
        self.pauses_seconds: list[float] = []
        self.route = RfcommRoute(spec, FakeClock(), self.air, self.pauses_seconds.append)

    def refusal(self) -> SourceUnavailable:
        with pytest.raises(SourceUnavailable) as caught:
            self.route()
        assert "\n" not in str(caught.value)
        assert self.air.open_sockets == 0
        return caught.value


@pytest.fixture
def benches() -> Iterator[list[Bench]]:
    made: list[Bench] = []
    yield made
    for bench in made:
        bench.air.close()


def answer(bench: Bench) -> None:
    """Let the meter answer on the newest connection."""
    bench.air.sockets[-1].meter_end.sendall(frame())


def test_channel_one_comes_first_and_is_said(benches: list[Bench]) -> None:
    benches.append(bench := Bench(None))
    assert bench.route.detail == "rfcomm"
    transport = bench.route()
    assert bench.air.connects == [(ADDRESS, 1)]
    assert bench.route.detail == "rfcomm, channel 1"
    transport.close()
    assert bench.air.open_sockets == 0


def test_a_refused_channel_leads_to_the_other_which_is_remembered(benches: list[Bench]) -> None:
    benches.append(bench := Bench(errno.ECONNREFUSED, None))
    for _ in range(3):
        transport = bench.route()
        answer(bench)
        assert transport.exchange(b"", 130, 60.0).data == frame()
        transport.close()
    assert bench.air.channels == [1, 2, 2, 2]
    assert bench.route.detail == "rfcomm, channel 2"
    assert bench.air.open_sockets == 0


def test_a_remembered_channel_that_is_refused_later_is_not_the_only_one(benches: list[Bench]) -> None:
    benches.append(bench := Bench(errno.ECONNREFUSED, None, errno.ECONNREFUSED, None))
    transport = bench.route()
    answer(bench)
    transport.exchange(b"", 130, 60.0)
    transport.close()
    bench.route().close()
    assert bench.air.channels == [1, 2, 2, 1]


def test_a_channel_that_connects_and_never_answers_gives_way_to_the_other(benches: list[Bench]) -> None:
    benches.append(bench := Bench(None))
    for _ in range(4):
        transport = bench.route()
        with pytest.raises(SourceUnavailable, match="no answer"):
            transport.exchange(b"", 130, 0.0)
        transport.close()
    assert bench.air.channels == [1, 2, 1, 2]


def test_a_configured_channel_is_the_only_one(benches: list[Bench]) -> None:
    benches.append(bench := Bench(errno.ECONNREFUSED, spec=UmSpec(address=ADDRESS, channel=5)))
    assert bench.refusal().reason == "busy"
    assert bench.air.channels == [5]


def test_a_meter_that_is_busy_after_a_close_is_tried_three_times(benches: list[Bench]) -> None:
    benches.append(bench := Bench(errno.EBUSY, errno.ECONNRESET, None))
    bench.route().close()
    assert bench.pauses_seconds == [0.1, 0.1]
    assert bench.air.channels == [1, 1, 1]
    assert len(bench.air.sockets) == 3  # a fresh one for each try
    benches.append(always := Bench(errno.EBUSY))
    assert always.refusal().reason == "busy"
    assert always.pauses_seconds == [0.1, 0.1]


@pytest.mark.parametrize(
    ("outcome", "reason", "words"),
    [
        (errno.ECONNREFUSED, "busy", "disconnect the phone or program"),
        (errno.EALREADY, "busy", "disconnect the phone or program"),
        (errno.EHOSTDOWN, "absent", "is the meter on ("),
        (errno.ETIMEDOUT, "absent", "is the meter on ("),
        (TimeoutError("timed out"), "absent", "is the meter on ("),
        (errno.ECONNRESET, "absent", "is the meter on ("),
        (errno.ECONNABORTED, "absent", "is the meter on ("),
        (errno.EIO, "absent", "is the meter on ("),
        (errno.EACCES, "permission", f"not paired: wattwatch meters pair {ADDRESS}"),
        (errno.EPERM, "permission", f"not paired: wattwatch meters pair {ADDRESS}"),
        (errno.EBADE, "permission", f"not paired: wattwatch meters pair {ADDRESS}"),
        (errno.EHOSTUNREACH, "absent", "bluetoothctl power on"),
        (errno.ENETDOWN, "absent", "bluetoothctl power on"),
        (errno.EMLINK, "busy", "at most 7 meters an adapter"),
        (errno.ENOSYS, "io", "switch the meter off and on"),
    ],
)
def test_every_error_of_a_connection_says_what_to_do(
    benches: list[Bench], outcome: Outcome, reason: str, words: str
) -> None:
    benches.append(bench := Bench(outcome))
    error = bench.refusal()
    assert error.reason == reason
    assert words in str(error)
    assert ADDRESS in str(error)


class NoSockets(FakeAir):
    """A machine without them."""

    def __init__(self, error: OSError) -> None:
        super().__init__(None)
        self._error = error

    def rfcomm(self) -> socket.socket:
        raise self._error


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.EAFNOSUPPORT, SourceUnsupported, "hostNetwork: true"),
        (errno.EPROTONOSUPPORT, SourceUnsupported, "modprobe rfcomm"),
        (errno.EPERM, SourceUnavailable, "AF_BLUETOOTH"),
        (errno.EMFILE, SourceUnavailable, "descriptors"),
    ],
)
def test_a_kernel_without_sockets_says_why(number: int, kind: type[SourceError], words: str) -> None:
    route = RfcommRoute(SPEC, FakeClock(), NoSockets(OSError(number, "no")))
    with pytest.raises(kind, match=words) as caught:
        route()
    assert "\n" not in str(caught.value)


def test_a_python_without_the_family_says_which_way_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_BLUETOOTH", raising=False)
    with pytest.raises(SourceUnsupported, match=r'built without .* transport = "bluez"'):
        open_rfcomm(SPEC, FakeClock())


def test_an_adapter_is_used_by_its_address(benches: list[Bench]) -> None:
    spec = UmSpec(address=ADDRESS, adapter="hci1")
    benches.append(bench := Bench(None, spec=spec, adapters={"hci1": "00:11:22:33:44:01"}))
    bench.route().close()
    assert bench.air.binds == [("00:11:22:33:44:01", 0)]


@pytest.mark.parametrize(
    ("adapters", "words"), [({"hci1": ""}, "hci1 is off"), ({}, "there is no Bluetooth adapter hci1")]
)
def test_an_adapter_that_is_off_or_not_there_is_named(
    benches: list[Bench], adapters: dict[str, str], words: str
) -> None:
    benches.append(bench := Bench(None, spec=UmSpec(address=ADDRESS, adapter="hci1"), adapters=adapters))
    error = bench.refusal()
    assert error.reason == "absent"
    assert words in str(error)
    assert bench.air.connects == []


@pytest.mark.parametrize(
    ("adapters", "bound"),
    [
        ({"hci0": "", "hci1": "00:11:22:33:44:01", "hci2": "00:11:22:33:44:02"}, ["00:11:22:33:44:01"]),
        ({"hci0": "00:11:22:33:44:00", "hci1": "00:11:22:33:44:01"}, ["00:11:22:33:44:00"]),
        ({"hci0": ""}, []),  # the kernel says why: none is on
        ({}, []),
    ],
)
def test_without_a_name_the_first_adapter_that_is_on_is_used(
    benches: list[Bench], adapters: dict[str, str], bound: list[str]
) -> None:
    benches.append(bench := Bench(None, adapters=adapters))
    bench.route().close()
    assert bench.air.binds == [(address, 0) for address in bound]


FAILURES = st.sampled_from(sorted(errno.errorcode))


@given(st.lists(st.one_of(st.none(), FAILURES, FAILURES), min_size=1, max_size=12))
def test_no_sequence_of_errors_leaks_a_socket_or_escapes_as_another_error(outcomes: list[Outcome]) -> None:
    bench = Bench(*outcomes)
    for _ in outcomes:
        lines = []
        try:
            transport = bench.route()
        except SourceError as error:
            lines = str(error).splitlines()
        if lines:
            assert len(lines) == 1
            assert bench.air.open_sockets == 0
        else:
            assert bench.air.open_sockets == 1
            transport.close()
            assert bench.air.open_sockets == 0
    bench.air.close()


def test_a_meter_reads_through_drops_with_a_fresh_connection_each(benches: list[Bench]) -> None:
    benches.append(bench := Bench(None))

    def answer_once() -> None:
        meter_end = bench.air.sockets[-1].meter_end
        assert meter_end.recv(1) == b"\xf0"
        meter_end.sendall(frame())

    def connect() -> StreamTransport:
        transport = bench.route()
        threads.append(Thread(target=answer_once))
        threads[-1].start()
        return transport

    threads: list[Thread] = []
    meter = UmMeter(UmSpec(address=ADDRESS, deadline_seconds=60.0), FakeClock(), connect)
    for _ in range(50):
        assert meter.read().readings[0].value == 0.251
        threads[-1].join()
        bench.air.sockets[-1].meter_end.close()
        with pytest.raises(SourceUnavailable) as caught:
            meter.read()
        assert caught.value.reason == "hangup"
        assert bench.air.open_sockets == 0
    assert bench.air.channels == [1] * 50
