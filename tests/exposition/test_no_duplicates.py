"""No series stands on a page twice: Prometheus would throw the whole scrape away."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from support.store import WALL
from wattwatch import metrics
from wattwatch.errors import SourceUnavailable
from wattwatch.exposition.prometheus import render
from wattwatch.exposition.samples import Machine, node_samples
from wattwatch.reading import Batch, Channel, Instant, Kind, Quality, Reading, Scope
from wattwatch.sampling.account import Account, ReadFailure, ReadOutcome
from wattwatch.sampling.counters import Counters
from wattwatch.sampling.snapshot import Primary, Snapshot
from wattwatch.sources.base import SourceDescription
from wattwatch.store.base import StoreHealth

STORE = StoreHealth(4096, Instant("boot-1", 2.0))
ZONES = ("vbus", "cpu-0", "cpu-user", "memory", "package-0", "under-voltage", "network-receive", 'odd "\\')
QUANTITIES = (
    *(("power_watts", kind) for kind in (Kind.POWER, Kind.GAUGE)),
    ("energy_joules", Kind.COUNTER),
    ("cpu_seconds", Kind.COUNTER),
    ("network_bytes", Kind.COUNTER),
    *((name, Kind.GAUGE) for name in ("voltage_volts", "temperature_celsius", "used_bytes", "size_bytes")),
    *((name, Kind.GAUGE) for name in ("frequency_hertz", "throttled_now_flag", "state_ratio")),
)
TYPES = ("host", "pi", "hwmon", "rapl", "relay")

channels = st.builds(
    lambda zone, what, scope: (
        zone,
        *what,
        scope if what[0] in ("power_watts", "energy_joules") else Scope.NONE,
    ),
    st.sampled_from(ZONES),
    st.sampled_from(QUANTITIES),
    st.sampled_from([Scope.BOARD, Scope.RAIL]),
)
source = st.tuples(
    st.sampled_from(TYPES),
    st.lists(channels, min_size=1, max_size=12, unique_by=lambda channel: (channel[0], channel[1])),
    st.booleans(),
)
sources = st.lists(source, max_size=5)


def account_of(drawn: list[tuple[str, list[tuple[str, str, Kind, Scope]], bool]]) -> Account:
    """Sources of any types that have read twice; some are lost then."""
    descriptions = []
    for number, (kind, of_source, _) in enumerate(drawn):
        found = tuple(
            Channel(f"{kind}-{number}", zone, quantity, each, scope, Quality.SENSOR)
            for zone, quantity, each, scope in of_source
        )
        descriptions.append(SourceDescription(f"{kind}-{number}", kind, 1.0, found))
    energies = [channel for d in descriptions for channel in d.channels if channel.measures_energy]
    primary = Primary.of(energies[0]) if energies else None
    account = Account(Counters({}), descriptions, primary=primary, gap_seconds=3.0)
    for second in (1.0, 2.0):
        at = Instant("boot-1", second)
        for description in descriptions:
            readings = tuple(Reading(channel, 5.0 * second, at) for channel in description.channels)
            account.accept(ReadOutcome(description, Batch(description.name, at, readings), 0.0, 0.01))
    for description, (_, _, lost) in zip(descriptions, drawn, strict=True):
        if lost:
            error = SourceUnavailable("gone", "hangup")
            account.fail(ReadFailure(description, Instant("boot-1", 2.0), error))
    return account


def snapshot(node: str, account: Account, others: tuple[Snapshot, ...] = ()) -> Snapshot:
    return Snapshot(
        node,
        Instant("boot-1", 2.0),
        WALL,
        account.readings(),
        account.counters.snapshot(),
        account.sources(),
        account.primary,
        gauges=account.gauges(),
        others=others,
    )


def series_of(shown: Snapshot) -> Counter[tuple[str, frozenset[tuple[str, str]]]]:
    page = render(node_samples(shown, STORE, Machine()), shown.node, openmetrics=False).decode()
    families = text_string_to_metric_families(page)
    return Counter((s.name, frozenset(s.labels.items())) for family in families for s in family.samples)


@given(sources, st.lists(sources, max_size=2))
@settings(deadline=None)
def test_no_series_stands_there_twice_whatever_is_measured_for_whom(
    own: list[tuple[str, list[tuple[str, str, Kind, Scope]], bool]],
    others: list[list[tuple[str, list[tuple[str, str, Kind, Scope]], bool]]],
) -> None:
    measured = tuple(snapshot(f"node-{n}", account_of(drawn)) for n, drawn in enumerate(others))
    counts = series_of(snapshot("pi-1", account_of(own), measured))
    assert [series for series, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("kind", ["relay", "host"])
def test_the_cpu_time_of_a_node_is_that_of_its_own_host_source(kind: str) -> None:
    """A `host` source of another machine that is relayed here adds nothing to this node's."""
    busy = ("cpu-user", "cpu_seconds", Kind.COUNTER, Scope.NONE)
    account = account_of([(kind, [busy], False)])
    counted = account.counters.value(metrics.CPU_SECONDS, ("user",))
    assert counted == (10.0 if kind == "host" else None)
