"""One account a node: what is read for others is counted under their names, or only kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch import metrics
from wattwatch.errors import SourceUnavailable
from wattwatch.metrics import SeriesKey
from wattwatch.reading import Batch, Channel, Instant, Kind, Quality, Reading, Scope
from wattwatch.sampling.account import Account, ReadFailure, ReadOutcome
from wattwatch.sampling.accounts import OWN, Accounts, Routes, counters_of, marked
from wattwatch.sampling.counters import Counters
from wattwatch.sampling.snapshot import Primary
from wattwatch.sources.base import LhmSpec, SourceDescription, UmSpec

LABELS = ("board", "metered")


def described(name: str) -> SourceDescription:
    channel = Channel(name, "vbus", "power_watts", Kind.POWER, Scope.BOARD, Quality.METERED)
    return SourceDescription(name, "um24c", 0.5, (channel,))


def account(*names: str) -> Account:
    descriptions = [described(name) for name in names]
    primary = Primary.of(descriptions[0].channels[0]) if descriptions else None
    return Account(Counters({}), descriptions, primary=primary, gap_seconds=3.0)


def outcome(name: str, seconds: float, watts: float = 4.0) -> ReadOutcome:
    at = Instant("boot-1", seconds)
    description = described(name)
    return ReadOutcome(
        description, Batch(name, at, (Reading(description.channels[0], watts, at),)), 0.0, 0.01
    )


def three() -> Accounts:
    specs = (
        UmSpec(name="own"),
        LhmSpec(name="vm-host", nodes=("vm-1",)),
        UmSpec(name="rack", nodes=("pi-1", "pi-2")),
        UmSpec(name="meter-of-pi-3", relayed=True, nodes=("pi-3",)),
    )
    others = {"vm-1": account("vm-host"), "rack": account("rack")}
    return Accounts(account("own"), others, account("meter-of-pi-3"), Routes.of(specs, "pi-1"))


def test_one_node_is_named_several_are_a_group_under_the_name_of_their_meter() -> None:
    routes = three().routes
    assert [routes.node_of(name) for name in ("own", "vm-host", "rack", "host")] == [OWN, "vm-1", "rack", OWN]
    assert routes.relayed == {"meter-of-pi-3"}


def test_a_source_that_names_this_node_measures_this_node() -> None:
    assert Routes.of((UmSpec(nodes=("pi-1",)),), "pi-1") == Routes()


def test_each_joule_is_counted_on_its_own_node_and_on_no_other() -> None:
    accounts = three()
    for seconds in (1.0, 1.5, 2.0):
        for name, watts in (("own", 2.0), ("vm-host", 30.0), ("rack", 8.0), ("meter-of-pi-3", 5.0)):
            assert accounts.accept(outcome(name, seconds, watts)).keep
    joules = {
        node: accounts.others.get(node, accounts.own).counters.value(metrics.NODE_ENERGY, LABELS)
        for node in ("", "vm-1", "rack")
    }
    assert joules == {"": 2.0, "vm-1": 30.0, "rack": 8.0}
    kept = accounts.take_changes()
    assert kept[metrics.NODE_ENERGY.name, LABELS] == 2.0
    assert kept[f"vm-1:{metrics.NODE_ENERGY.name}", LABELS] == 30.0
    assert not [key for key in kept if "meter-of-pi-3" in key[1]]
    assert accounts.take_changes() == {}


def test_the_health_of_each_source_is_known_where_it_belongs() -> None:
    accounts = three()
    failure = SourceUnavailable("no answer", "timeout")
    for name in ("vm-host", "meter-of-pi-3"):
        accounts.fail(ReadFailure(described(name), Instant("boot-1", 1.0), failure))
    states = {s.description.name: s.health.state for a in accounts.all() for s in a.sources()}
    assert states == {"own": "waiting", "vm-host": "down", "rack": "waiting", "meter-of-pi-3": "down"}


def test_gaps_of_other_nodes_are_decided_here_those_of_relayed_sources_are_not() -> None:
    accounts = three()
    for name in ("vm-host", "meter-of-pi-3"):
        accounts.accept(outcome(name, 1.0))
        gaps = accounts.accept(outcome(name, 61.0)).gaps
        assert [gap.missing_seconds for gap in gaps] == ([60.0] if name == "vm-host" else [])
    expired = accounts.expire(Instant("boot-1", 4000.0))
    assert {record.channel.source for record in expired} == {"vm-host"}


names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)
counters = st.dictionaries(
    st.tuples(st.sampled_from([spec.name for spec in metrics.METRICS]), st.tuples(names)),
    st.floats(0, 1e9),
    max_size=5,
)


@given(st.dictionaries(names, counters, max_size=4), counters)
def test_what_is_kept_in_one_store_comes_apart_again(
    others: dict[str, dict[SeriesKey, float]], own: dict[SeriesKey, float]
) -> None:
    kept = dict(own)
    for node, values in others.items():
        kept |= marked(node, values)
    assert counters_of(OWN, kept) == own
    assert {node: counters_of(node, kept) for node in others} == others


def test_an_unknown_source_is_counted_on_this_node() -> None:
    accounts = Accounts(account("own"))
    accounts.accept(outcome("own", 1.0))
    accounts.accept(outcome("own", 2.0))
    assert accounts.own.counters.value(metrics.NODE_ENERGY, LABELS) == pytest.approx(4.0)
