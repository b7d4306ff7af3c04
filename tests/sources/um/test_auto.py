"""Which way to a meter `auto` takes, when it goes on to another, and when it stays."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.clock import FakeClock
from support.fake_bluez import FakeBlueZ, needs_dbus_daemon
from support.um_frames import frame
from support.um_transport import ScriptedTransport
from wattwatch.clock import Clock, SystemClock
from wattwatch.errors import MissingExtra, SourceUnavailable, SourceUnsupported, WattwatchError
from wattwatch.sources import open_source
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um import connect, rfcomm
from wattwatch.sources.um.bluez import close_bluez
from wattwatch.sources.um.connect import AUTO_ORDER, ROUTES, BluetoothLink, MakeRoute

ADDRESS = "00:15:A6:01:AA:BB"
AUTO = UmSpec(address=ADDRESS)
UNSUPPORTED = SourceUnsupported("not here")
ABSENT = SourceUnavailable("nobody answers", "absent")
Outcome = WattwatchError | None


class Ways:
    """Routes that do as told: an error, or None for a connection; the last outcome again and again."""

    def __init__(self, **outcomes: list[Outcome]) -> None:
        self.outcomes = outcomes
        self.tried: list[str] = []
        self.made: list[str] = []

    def routes(self) -> dict[str, MakeRoute]:
        return {name: self._make(name) for name in ROUTES}

    def _make(self, name: str) -> MakeRoute:
        def make(spec: UmSpec, clock: Clock) -> Callable[[], ScriptedTransport]:
            assert spec.address == ADDRESS
            self.made.append(name)
            return lambda: self._open(name, clock)

        return make

    def _open(self, name: str, clock: Clock) -> ScriptedTransport:
        self.tried.append(name)
        outcomes = self.outcomes[name]
        outcome = outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]
        if outcome is not None:
            raise outcome
        assert isinstance(clock, FakeClock)
        return ScriptedTransport(clock, frame())

    def link(self, spec: UmSpec = AUTO) -> BluetoothLink:
        return BluetoothLink(spec, FakeClock(), self.routes())


@pytest.fixture(autouse=True)
def _sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "AF_BLUETOOTH", 31, raising=False)


def test_the_order_is_of_ways_that_exist() -> None:
    assert set(AUTO_ORDER) == set(ROUTES)


def test_the_first_way_is_taken_and_kept_and_said() -> None:
    ways = Ways(rfcomm=[None, ABSENT, ABSENT, None], bluez=[None], ble=[None])
    link = ways.link()
    assert link.detail == ""
    link()
    assert link.detail == "rfcomm"
    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            link()
    link()
    assert ways.tried == ["rfcomm"] * 4
    assert ways.made == ["rfcomm"]


def test_a_way_that_is_not_here_is_passed_over_for_good() -> None:
    ways = Ways(rfcomm=[UNSUPPORTED], bluez=[ABSENT, None, ABSENT, None], ble=[None])
    link = ways.link()
    for outcome in (False, True, False, True):
        if outcome:
            link()
        else:
            with pytest.raises(SourceUnavailable, match="nobody"):
                link()
    assert ways.tried == ["rfcomm", "bluez", "bluez", "bluez", "bluez"]
    assert link.detail == "bluez"


def test_a_way_that_ends_to_exist_gives_way_to_the_next() -> None:
    ways = Ways(rfcomm=[None, UNSUPPORTED], bluez=[None], ble=[None])
    link = ways.link()
    for _ in range(3):
        link()
    assert ways.tried == ["rfcomm", "rfcomm", "bluez", "bluez"]


def test_once_no_way_is_left_each_says_why() -> None:
    ways = Ways(
        rfcomm=[SourceUnsupported("no sockets")],
        bluez=[MissingExtra("pip install 'wattwatch[bluetooth]'")],
        ble=[SourceUnsupported("no radio")],
    )
    link = ways.link()
    for _ in range(2):
        with pytest.raises(SourceUnsupported) as caught:
            link()
        assert str(caught.value) == "no sockets; pip install 'wattwatch[bluetooth]'; no radio"
    assert ways.tried == ["rfcomm", "bluez", "ble"]


def test_a_chosen_way_is_the_only_one() -> None:
    ways = Ways(rfcomm=[None], bluez=[UNSUPPORTED], ble=[None])
    link = ways.link(UmSpec(address=ADDRESS, transport="bluez"))
    for _ in range(2):
        with pytest.raises(SourceUnsupported, match="not here"):
            link()
    assert set(ways.tried) == {"bluez"}


def test_a_python_without_sockets_begins_with_the_next_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_BLUETOOTH")
    ways = Ways(rfcomm=[None], bluez=[None], ble=[None])
    link = ways.link()
    link()
    assert ways.tried == ["bluez"]
    chosen = ways.link(UmSpec(address=ADDRESS, transport="rfcomm"))
    chosen()
    assert ways.tried == ["bluez", "rfcomm"]


OUTCOMES = st.lists(st.sampled_from([None, UNSUPPORTED, ABSENT]), min_size=1, max_size=6)


@given(OUTCOMES, OUTCOMES, OUTCOMES)
def test_it_never_goes_back_to_a_way_that_is_not_here(
    first: list[Outcome], second: list[Outcome], third: list[Outcome]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connect.BluetoothLink, "_should_go_on", lambda *_: False)
        ways = Ways(rfcomm=[*first, None], bluez=[*second, None], ble=[*third, None])
        link = ways.link()
        for _ in range(20):
            try:
                link()
            except (SourceUnavailable, SourceUnsupported):
                continue
    # The ways are tried in order, and none again after a later one.
    assert ways.tried == sorted(ways.tried, key=AUTO_ORDER.index)


@pytest.fixture
def bluez(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBlueZ]:
    with FakeBlueZ() as fake:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", fake.address)
        yield fake
        close_bluez()


class DeafSocket(socket.socket):
    """Pages for ever."""

    def connect(self, address: object) -> None:
        raise OSError(112, f"Host is down: {address}")


class DeafSockets:
    """A machine with sockets and nobody near."""

    def rfcomm(self) -> socket.socket:
        return DeafSocket(socket.AF_UNIX, socket.SOCK_STREAM)

    def adapter_address(self, adapter: str) -> str:
        return adapter


@needs_dbus_daemon
@pytest.mark.parametrize(
    ("spp", "gatt", "tried"), [(False, "raw", ["ble"]), (True, "raw", []), (True, "none", [])]
)
def test_only_a_meter_without_a_serial_port_is_left_to_low_energy(
    bluez: FakeBlueZ, monkeypatch: pytest.MonkeyPatch, spp: bool, gatt: str, tried: list[str]
) -> None:
    device = bluez.add_device(address=ADDRESS, spp=spp, gatt=gatt)
    monkeypatch.setattr(rfcomm, "KernelSockets", DeafSockets)
    ways = Ways(rfcomm=[None], bluez=[UNSUPPORTED], ble=[None])
    routes = ways.routes() | {"rfcomm": ROUTES["rfcomm"]}
    link = BluetoothLink(UmSpec(address=device.address), FakeClock(), routes)
    if tried:
        link()
        assert link.detail == "ble"
    else:
        with pytest.raises(SourceUnavailable, match="is the meter on"):
            link()
    assert [name for name in ways.tried if name == "ble"] == tried


@needs_dbus_daemon
def test_without_sockets_a_real_meter_source_goes_by_bluez(
    bluez: FakeBlueZ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "AF_BLUETOOTH")
    device = bluez.add_device(address=ADDRESS)
    meter = open_source(UmSpec(address=device.address, deadline_seconds=10.0), SystemClock())
    assert meter.description.detail == ADDRESS
    meter.read()
    assert meter.description.detail == f"UM24C at {ADDRESS} by bluez"
    meter.close()


def test_without_dbus_fast_a_python_without_sockets_names_the_extra() -> None:
    program = (
        "import socket, sys\n"
        "sys.modules['dbus_fast'] = None\n"
        "if hasattr(socket, 'AF_BLUETOOTH'): del socket.AF_BLUETOOTH\n"
        "from wattwatch.clock import SystemClock\n"
        "from wattwatch.sources import open_source\n"
        "from wattwatch.sources.base import UmSpec\n"
        "from wattwatch.errors import MissingExtra\n"
        "try:\n"
        f"    open_source(UmSpec(address='{ADDRESS}'), SystemClock())\n"
        "except MissingExtra as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'wattwatch[bluetooth]'" in done.stdout
