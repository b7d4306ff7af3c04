"""Batches of another daemon's source, carried over: nothing lost, nothing twice, instants in this clock."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.clock import FakeClock
from support.web_node import FakeNode, serving, snapshot, status
from wattwatch.clock import ClockOffset, WallOffset
from wattwatch.errors import SourceUnavailable
from wattwatch.reading import Batch, Channel, Instant, Kind, MeterIdentity, Quality, Reading, Scope
from wattwatch.sampling.snapshot import SourceHealth
from wattwatch.sources.base import CounterLimits, RelaySpec
from wattwatch.sources.relay import RelaySource, _description
from wattwatch.store.base import Commit, StoreHealth
from wattwatch.store.local import LocalStore, StoreLimits
from wattwatch.web.http import Response, Route
from wattwatch.web.v1 import read_routes
from wattwatch.web.view import NodeView

POWER = Channel("meter-of-pi-1", "vbus", "power_watts", Kind.POWER, Scope.BOARD, Quality.METERED)
ENERGY = Channel("meter-of-pi-1", "group-0", "energy_joules", Kind.ACCUMULATOR, quality=Quality.METERED)
IDENTITY = MeterIdentity("UM24C", "00:15:A6:01:AA:BB", 0, 93.6)
AHEAD_SECONDS = 4321.5


@dataclass
class Reader:
    """The daemon that reads the meter: a real store behind real HTTP, on a boot clock of its own."""

    store: LocalStore
    clock: FakeClock
    address: str = ""
    health: SourceHealth = field(default_factory=lambda: SourceHealth(up=True, state="up"))

    def add(self, watts: float) -> None:
        at = self.clock.now()
        batch = Batch(POWER.source, at, (Reading(POWER, watts, at), Reading(ENERGY, 3.6, at)), IDENTITY)
        self.store.append(Commit(at, self.clock.wall(), (batch,)))

    def view(self) -> NodeView:
        return NodeView(
            lambda: replace(
                snapshot(sources=(status(POWER.source, "um24c", (POWER,), self.health),)),
                wall=self.clock.wall(),
            ),
            self.store,
            lambda: StoreHealth(0, None),
            now=self.clock.now,
        )


@contextmanager
def reading(directory: Path, clock: FakeClock) -> Iterator[Reader]:
    store = LocalStore.open(
        directory / "there.db", boot_id=clock.boot_id, limits=StoreLimits(), simulated=False, clock=clock
    )
    token = directory / "token"
    token.write_text("secret")
    reader = Reader(store, clock)
    try:
        with serving(read_routes(reader.view()), token_file=token) as server:
            reader.address = server.address
            yield reader
    finally:
        store.close()


@dataclass
class Pair:
    """Both clocks, which go on together, the reading daemon, and the relayed source here."""

    reader: Reader
    here: FakeClock
    source: RelaySource

    def advance(self, seconds: float) -> None:
        self.here.advance(seconds)
        self.reader.clock.advance(seconds)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    here, there = FakeClock(1000.0, "here"), FakeClock(1000.0 + AHEAD_SECONDS, "there")
    there.offset = WallOffset(1.0, synchronised=False)  # a Pi that thinks it is 1970: no wall clock matters
    with reading(tmp_path, there) as reader:

        def pause(seconds: float) -> bool:
            here.advance(seconds)
            there.advance(seconds)
            return False

        spec = RelaySpec(url=f"http://{reader.address}", source=POWER.source, token_file=tmp_path / "token")
        yield Pair(reader, here, RelaySource(spec, here, pause))


def test_batches_come_in_order_once_with_identity_and_in_this_clock(pair: Pair) -> None:
    seen: list[Batch] = []
    for round_ in range(5):
        for step in range(round_ + 1):
            pair.advance(0.5)
            pair.reader.add(10.0 * round_ + step)
        newest = pair.source.read()
        seen += [*newest.earlier, newest]
    assert [batch.readings[0].value for batch in seen] == [
        10.0 * r + s for r in range(5) for s in range(r + 1)
    ]
    assert [batch.at for batch in seen] == [Instant("here", 1000.5 + 0.5 * n) for n in range(15)]
    assert {batch.identity for batch in seen} == {IDENTITY}
    assert {reading.channel.source for batch in seen for reading in batch.readings} == {"meter"}
    assert seen[0].readings[1].channel.kind is Kind.ACCUMULATOR


def test_a_new_process_goes_on_where_the_old_one_stopped(pair: Pair) -> None:
    for watts in (1.0, 2.0, 3.0):
        pair.advance(1.0)
        pair.reader.add(watts)
    pair.source.resume(Instant("here", 1001.0))
    newest = pair.source.read()
    assert [batch.readings[0].value for batch in (*newest.earlier, newest)] == [2.0, 3.0]


def test_what_an_hour_has_refused_is_not_brought_back(pair: Pair) -> None:
    pair.advance(1.0)
    pair.reader.add(1.0)
    pair.source.resume(pair.here.now())
    for _ in range(40):
        pair.advance(100.0)
        pair.reader.add(2.0)
    with pytest.raises(SourceUnavailable, match="nothing new"):
        pair.source.read()
    pair.advance(0.5)
    pair.reader.add(3.0)
    assert pair.source.read().earlier == ()


def test_a_reader_that_was_rebooted_is_a_new_clock(pair: Pair, tmp_path: Path) -> None:
    pair.advance(1.0)
    pair.reader.add(1.0)
    assert pair.source.read().at == pair.here.now()
    rebooted = FakeClock(7.0, "after")
    directory = tmp_path / "again"
    directory.mkdir()
    with reading(directory, rebooted) as again:
        pair.source._spec = RelaySpec(  # the same address, in real life
            url=f"http://{again.address}", source=POWER.source, token_file=directory / "token"
        )
        pair.here.advance(20.0)
        rebooted.advance(3.0)
        again.add(5.0)
        batch = pair.source.read()
    assert (batch.at, batch.readings[0].value) == (pair.here.now(), 5.0)


def test_a_meter_that_is_lost_there_is_lost_here_with_the_reason(pair: Pair) -> None:
    pair.reader.health = SourceHealth(up=False, state="down", last_error="no answer within 2 s")
    with pytest.raises(SourceUnavailable, match=r"meter-of-pi-1 on http.* is down: no answer") as caught:
        pair.source.read()
    assert caught.value.reason == "timeout"


def test_it_waits_for_a_slow_source_rather_than_call_it_lost(pair: Pair) -> None:
    pair.advance(0.5)
    pair.reader.add(1.0)
    pair.source.read()
    waited: list[float] = []

    def pause(seconds: float) -> bool:
        waited.append(seconds)
        pair.advance(seconds)
        if len(waited) == 2:
            pair.reader.add(2.0)
        return False

    pair.source._pause = pause
    assert pair.source.read().readings[0].value == 2.0
    assert len(waited) == 2


@pytest.mark.parametrize(
    ("change", "reason", "cause"),
    [
        ({"token_file": None}, "permission", "Authorization: Bearer"),
        ({"source": "other"}, "absent", "sources here: meter-of-pi-1"),
        ({"url": "http://127.0.0.1:1"}, "io", "nothing listens"),
        ({"token_file": Path("/nonexistent/token")}, "permission", "token_file /nonexistent/token"),
    ],
)
def test_what_is_wrong_is_one_line(pair: Pair, change: dict[str, object], reason: str, cause: str) -> None:
    spec = pair.source._spec
    fields = {name: getattr(spec, name) for name in ("url", "source", "token_file")}
    broken = RelaySource(RelaySpec(**(fields | change)), pair.here)
    with pytest.raises(SourceUnavailable, match=cause) as caught:
        broken.read()
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)


def test_another_server_is_no_daemon(tmp_path: Path) -> None:
    with serving(read_routes(FakeNode().view()), socket_path=tmp_path / "s") as server:
        source = RelaySource(RelaySpec(url=f"http://{server.address}", source="meter"), FakeClock())
        with pytest.raises(SourceUnavailable):
            source.read()


def test_before_the_first_answer_it_is_taken_for_a_meter_and_then_for_what_it_is(pair: Pair) -> None:
    assert [channel.id for channel in pair.source.description.channels] == ["meter/vbus/power_watts"]
    assert pair.source.description.channels[0].measures_energy
    pair.advance(1.0)
    pair.reader.add(1.0)
    pair.source.read()
    assert pair.source.description.interval_seconds == 1.0
    assert "a test's" in pair.source.description.detail


@given(
    offset=st.floats(-1e6, 1e6),
    delays=st.lists(
        st.tuples(st.floats(0, 3), st.floats(0, 3), st.floats(0, 1), st.floats(0, 60)),
        min_size=1,
        max_size=40,
    ),
)
def test_the_offset_is_never_further_off_than_its_doubt(
    offset: float, delays: list[tuple[float, float, float, float]]
) -> None:
    measured, now = ClockOffset(), 1000.0
    for there, back, busy, later in delays:
        now += later
        received, sent = now + there, now + there + busy
        measured.add(Instant("b", now), Instant("b", sent + back), received + offset, sent + offset)
    assert abs(measured.seconds - offset) <= measured.doubt_seconds + 1e-6
    assert measured.here(1e4 + measured.seconds, "b").boot_seconds == pytest.approx(1e4, abs=1e-5)


def test_the_offset_of_the_two_wall_clocks_is_told(pair: Pair) -> None:
    pair.advance(1.0)
    pair.reader.add(1.0)
    pair.source.read()
    there, here = (clock.wall().unix_minus_boot_seconds for clock in (pair.reader.clock, pair.here))
    description = pair.source.description
    assert description.peer == "pi-1"
    assert description.clock_offset_seconds == pytest.approx(there + AHEAD_SECONDS - here)


def test_counter_limits_are_carried_over() -> None:
    document = {
        "channels": [{"zone": "package-0", "quantity": "energy_joules", "kind": "counter", "scope": "package",
                      "quality": "sensor"}],
        "node": "pi-2",
        "counter_limits": [{"zone": "package-0", "quantity": "energy_joules", "kind": "counter",
                            "scope": "package", "quality": "sensor", "range_joules": 262143.3,
                            "max_watts": None}],
        "interval_seconds": 2.0, "detail": "x",
    }  # fmt: skip
    description = _description(RelaySpec(name="rapl", source="r"), document)
    channel = Channel("rapl", "package-0", "energy_joules", Kind.COUNTER, Scope.PACKAGE)
    assert description.counter_limits == ((channel, CounterLimits(262143.3, float("inf"))),)
    assert description.interval_seconds == 2.0


ROW = {"zone": "vbus", "quantity": "power_watts", "kind": "power", "scope": "board", "quality": "metered"}


def document(**changes: Any) -> dict[str, Any]:
    """An answer with one row, but for what is changed."""
    return {
        "detail": "x", "interval_seconds": 0.5, "state": "up", "last_error": "", "channels": [ROW],
        "counter_limits": [], "layouts": [{"identity": None, "channels": [ROW]}], "next": "n",
        "rows": [{"boot_id": "there", "boot_seconds": 5000.0, "layout": 0, "values": [5.0]}],
        "node": "pi-2", "unix_minus_boot_seconds": 1.0,
        "boot_id": "there", "received_boot_seconds": 5001.0, "sent_boot_seconds": 5001.0,
    } | changes  # fmt: skip


def answered(body: str) -> Batch:
    """What a source reads whose daemon gives this answer."""
    route = Route("GET", "/v1/readings", lambda _: Response(body.encode()))
    clock = FakeClock()
    with TemporaryDirectory() as directory, serving([route], listen="", socket_path=Path(directory) / "s"):
        spec = RelaySpec(url=f"unix:{directory}/s", source="m")
        made = RelaySource(spec, clock, pause=lambda _: True)
        made.resume(clock.now().plus(-100))
        return made.read()


def rows(*boot_seconds: float) -> list[dict[str, Any]]:
    return [{"boot_id": "there", "boot_seconds": s, "layout": 0, "values": [5.0]} for s in boot_seconds]


IDENTITY_ROW = {"model": "UM24C", "address": "", "group": 0, "full_scale_watts": 93.6}


@pytest.mark.parametrize(
    "changes",
    [
        {"interval_seconds": float("inf")},
        {"interval_seconds": 10**400},
        {"received_boot_seconds": float("nan")},
        {"received_boot_seconds": 9000.0},  # sent before it was asked for: any offset would do
        {"rows": rows(5000.0, 1e300)},
        {"rows": rows(5000.0, 5050.0)},  # from the future
        {"rows": rows(5000.0, 4999.0)},
        {"rows": rows(5000.0, 5000.0)},
        {"rows": ["x"]},
        {"rows": [rows(5000.0)[0] | {"values": [float("nan")]}]},
        {"rows": [rows(5000.0)[0] | {"values": [10**400]}]},
        {"layouts": [{"identity": IDENTITY_ROW | {"full_scale_watts": "x"}, "channels": [ROW]}]},
        {"layouts": [{"identity": IDENTITY_ROW | {"group": "x"}, "channels": [ROW]}]},
        {"layouts": [{"identity": None, "channels": [ROW, ROW]}]},
        {"channels": [ROW | {"zone": "\ud800"}]},  # no page could be written with it
        {"channels": [ROW | {"zone": 3}]},
        {"channels": [ROW | {"zone": ""}]},
        {"counter_limits": [ROW | {"range_joules": -1, "max_watts": None}]},
    ],
)
def test_an_answer_that_makes_no_sense_gives_nothing(changes: dict[str, Any]) -> None:
    assert answered(json.dumps(document())).readings[0].value == 5.0
    with pytest.raises(SourceUnavailable) as caught:
        answered(json.dumps(document(**changes)))
    assert caught.value.reason == "invalid"
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("missing", sorted(document()))
def test_an_answer_that_lacks_something_gives_nothing(missing: str) -> None:
    cut = {key: value for key, value in document().items() if key != missing}
    with pytest.raises(SourceUnavailable):
        answered(json.dumps(cut))


def test_an_answer_that_is_nested_too_deep_gives_nothing() -> None:
    with pytest.raises(SourceUnavailable, match="not JSON"):
        answered("[" * 100_000)
