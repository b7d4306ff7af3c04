"""Reloads and restarts that add, remove and reroute sources: every joule on one node, once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from support.books import Desk, settings
from support.clock import FakeClock
from support.store import open_store
from wattwatch.config.settings import Settings
from wattwatch.daemon.books import Books, Plan
from wattwatch.metrics import ENERGY, NODE_ENERGY
from wattwatch.reading import Channel, Kind, Quality, Scope
from wattwatch.sampling.snapshot import Primary
from wattwatch.sources.base import LhmSpec, SourceDescription, UmSpec

METER = UmSpec(name="meter", url="/dev/rfcomm0")
OWN = settings([METER])
OF_PI_2 = settings([replace(METER, nodes=("pi-2",))])
RELAYED = settings([replace(METER, relayed=True)])
NONE = settings([])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(now: Settings, *unknown: str) -> Desk:
        made.append(Desk(tmp_path, now, unknown))
        return made[-1]

    yield make
    for each in made:
        each.close()


def joules(desk: Desk, node: str = "") -> float:
    return desk.counter(NODE_ENERGY.name, node)


def test_a_meter_that_goes_over_to_another_node_takes_nothing_with_it(desk: Callable[..., Desk]) -> None:
    at = desk(OWN)
    at.live(100, "meter")
    at.reload(OF_PI_2)
    at.live(10, "meter")
    assert joules(at) == 99.0
    assert joules(at, "pi-2") == at.counter(ENERGY.name, "pi-2") == 9.0


def test_nor_does_it_after_a_restart(desk: Callable[..., Desk]) -> None:
    at = desk(OWN)
    at.live(10, "meter")
    at.begin()
    at.live(600, "meter")
    at.reload(OF_PI_2)
    at.live(10, "meter")
    assert joules(at) == 609.0
    assert joules(at, "pi-2") == at.counter(ENERGY.name, "pi-2") == 9.0
    assert [gap for commit in at.watched.commits for gap in commit.gaps] == []


def test_what_another_node_had_is_not_counted_when_the_meter_comes_back(desk: Callable[..., Desk]) -> None:
    at = desk(OWN)
    at.live(100, "meter")
    at.reload(OF_PI_2)
    at.live(100, "meter")
    at.reload(OWN)
    at.live(100, "meter")
    assert (joules(at), joules(at, "pi-2")) == (198.0, 99.0)


def test_what_was_relayed_is_not_counted_here_afterwards(desk: Callable[..., Desk]) -> None:
    at = desk(RELAYED)
    at.live(100, "meter")
    assert joules(at) == 0.0
    at.reload(OWN)
    at.live(10, "meter")
    assert joules(at) == 9.0


def test_a_reload_that_changes_the_primary_loses_nothing_that_was_just_delivered(
    desk: Callable[..., Desk],
) -> None:
    """What was read since the last commit is in the store before the new primary looks there."""
    two = (METER, UmSpec(name="plug", url="/dev/rfcomm1"))
    at = desk(settings(two, ["meter"]))
    at.live(10, "meter", "plug")
    at.live(5, "plug")
    for _ in range(2):
        at.clock.advance(0.5)
        at.read("plug")
    at.reload(settings(two, ["plug"]))
    at.live(10, "meter", "plug")
    assert joules(at) == pytest.approx(25.0)


def test_what_is_counted_when_a_primary_becomes_known_is_committed_before_it_is_shown(
    desk: Callable[..., Desk],
) -> None:
    two = (METER, UmSpec(name="plug", url="/dev/rfcomm1"))
    at = desk(settings(two), "meter", "plug")
    at.live(5, "plug")
    at.live(5, "plug", "meter")
    at.reload(settings(two, ["meter"]))
    at.live(5, "plug", "meter")
    assert joules(at) == pytest.approx(14.0)


def test_runs_are_told_of_an_interval_that_is_known_once_a_source_was_read(desk: Callable[..., Desk]) -> None:
    """A relay reads as slowly as the other daemon does: else its runs would take each step for a gap."""
    at = desk(OWN)
    assert at.facts[-1].timing.limit_seconds == 3.0
    for _ in range(4):
        at.clock.advance(5.0)
        at.read("meter", interval_seconds=5.0)
        at.commit()
    assert joules(at) == 15.0
    assert [facts.intervals["meter"] for facts in at.facts] == [0.5, 5.0]
    facts = at.facts[-1]
    assert (facts.interval_seconds, facts.timing.limit_seconds, facts.primary) == (
        5.0,
        15.0,
        at.books.primary,
    )


def test_the_processor_of_a_host_stands_for_the_node_that_it_alone_measures(tmp_path: Path) -> None:
    """The configuration of DESIGN section 4: `type = "lhm"`, `nodes = ["vm-1"]`."""
    spec = LhmSpec(name="vm-host", url="http://h", zones=("CPU Package",), nodes=("vm-1",))
    package = Channel("vm-host", "cpu-package", "power_watts", Kind.POWER, Scope.PACKAGE, Quality.SENSOR)
    found = SourceDescription("vm-host", "lhm", 1.0, (package,))
    plan = Plan(Settings("pi-1", sources=(spec,), discover=False), [spec], [found])
    store = open_store(tmp_path / "wattwatch.db")
    try:
        books = Books(plan, store, FakeClock(), simulated=False)
    finally:
        store.close()
    assert books.primary is None
    assert books.accounts.others["vm-1"].primary == Primary.of(package)


happenings = st.lists(
    st.tuples(
        st.sampled_from(["read", "read", "read", "skip", "kill", "reload", "reload"]),
        st.sampled_from([OWN, OF_PI_2, RELAYED, NONE]),
        st.sampled_from([0.5, 1.0, 2.0, 40.0, 3700.0]),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
)


@given(happenings)
@hypothesis(max_examples=80, deadline=None)
def test_no_second_of_a_meter_is_counted_twice_wherever_it_is_sent(
    drawn: list[tuple[str, Settings, float, bool]],
) -> None:
    """1 W: joules are seconds; a filled gap is a milliwatt hour off at most. No counter falls."""
    with TemporaryDirectory() as directory:
        at, before = Desk(Path(directory), OWN), dict[tuple[str, tuple[str, ...]], float]()
        filled = 0
        for what, to, seconds, commits in drawn:
            at.clock.advance(seconds)
            match what:
                case "read":
                    at.read("meter")
                case "kill":
                    at.begin()
                    filled += 1
                case "reload":
                    at.reload(to)
            filled += seconds > 3
            if commits or what == "kill":
                at.commit()
                assert all(at.kept[key] >= value for key, value in before.items())
                before = dict(at.kept)
        at.commit()
        at.close()
    most = at.clock.boot_seconds - 1000.0 + 3.6 * filled + 1e-6
    for metric in (NODE_ENERGY.name, ENERGY.name):
        assert at.counter(metric) + at.counter(metric, "pi-2") <= most
