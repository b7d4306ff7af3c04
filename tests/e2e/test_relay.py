"""Two daemons: one reads three meters, for itself, for a group and for the other, which relays its own."""

import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest

from support.daemon_process import Home, MeterProcess, free_port, samples, until, value

pytestmark = pytest.mark.xdist_group("relay")
GAP_SECONDS = 8.0
EDGE_JOULES = 3.0  # the profile's steps fall between two readings


@dataclass
class Pair:
    """The daemon that reads, the one that relays, and the meter of the latter's node."""

    reader: Home
    relay: Home
    meter: MeterProcess


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    base = tmp_path_factory.mktemp("w")
    (base / "m").mkdir()
    (base / "g").mkdir()
    token = base / "token"
    token.write_text("secret\n")
    profile = base / "steps.csv"
    profile.write_text("seconds,watts\n0,2.5\n3,6\n7,4\n")
    with MeterProcess(base / "m", profile) as meter, MeterProcess(base / "g", "constant") as group:
        reader = Home(base / "a", port=free_port())
        reader.config.write_text(f"""
            node = "pi-2"
            [server]
            listen = "127.0.0.1:{reader.port}"
            token_file = "{token}"
            [store]
            path = "{reader.store}"
            [[source]]
            type = "um24c"
            name = "meter-of-pi-1"
            url = "{meter.url}"
            nodes = ["pi-1"]
            relayed = true
            simulated = true
            [[source]]
            type = "um24c"
            name = "rack"
            url = "{group.url}"
            nodes = ["pi-7", "pi-8"]
            simulated = true
        """)
        relay = Home(base / "b", port=free_port())
        with relay.config.open("a") as config:
            config.write(f"""
                [[source]]
                type = "relay"
                name = "meter"
                url = "http://127.0.0.1:{reader.port}"
                source = "meter-of-pi-1"
                token_file = "{token}"
                simulated = true
            """)
        with reader.daemon() as reading, relay.daemon() as relaying:
            reading.ready()
            relaying.ready()
            until(lambda: joules(relay) > 10, 30, "relayed energy")
            yield Pair(reader, relay, meter)


def joules(home: Home) -> float:
    found = [v for (name, _), v in home.scrape().items() if name == "wattwatch_node_energy_joules_total"]
    return sum(found)


def test_the_measured_node_counts_what_its_meter_displayed(pair: Pair) -> None:
    before, counted, after = pair.relay.readings(), joules(pair.relay), pair.relay.readings()
    truth, start = pair.meter.truth(), before[0][0]
    least, most = (truth.between(start, readings[-1][0]) for readings in (before, after))
    assert least * 0.99 - EDGE_JOULES < counted < most * 1.01 + EDGE_JOULES
    assert all(later > earlier for (earlier, _), (later, _) in pairwise(after))


def test_what_is_relayed_has_its_series_at_the_measured_node_only(pair: Pair) -> None:
    there, here = samples(pair.reader.metrics()), samples(pair.relay.metrics())
    assert not [key for key in there if "meter-of-pi-1" in str(key)]
    assert value(here, "wattwatch_node_power_watts", node="pi-1", scope="board", quality="simulated") > 2
    assert value(here, "wattwatch_source_up", source="meter") == 1
    assert pair.reader.json("/v1/sources")["primary"] is None


def test_a_group_is_a_node_of_the_name_of_its_meter(pair: Pair) -> None:
    until(
        lambda: value(pair.reader.scrape(), "wattwatch_node_energy_joules_total", node="rack") > 1, 20, "rack"
    )
    page = pair.reader.scrape()
    assert value(page, "wattwatch_source_up", node="rack", source="rack") == 1
    assert not [key for key in page if key[0].startswith("wattwatch_node_energy") and "pi-2" in str(key)]
    listed = {s["name"]: s["measures"] for s in pair.reader.json("/v1/sources")["sources"]}
    assert (listed["rack"], listed["meter-of-pi-1"], listed["host"]) == ("rack", None, "pi-2")


def test_a_run_of_the_measured_node_is_measured_by_the_relayed_meter(pair: Pair) -> None:
    done = pair.relay.run("tag-run", "--json", "-", "--", sys.executable, "-c", "import time; time.sleep(3)")
    node = json.loads(done.stdout)["nodes"][0]
    assert (node["source"], node["quality"], node["missing_seconds"]) == ("meter", "simulated", 0)
    assert 2.0 < node["mean_power_watts"] < 7.0
    assert "UM24C" in node["meter_model"]


def test_the_relaying_daemon_may_be_away_and_loses_nothing(pair: Pair) -> None:
    """Killed and started again: what was read meanwhile is taken over reading by reading."""
    relay = Home(pair.relay.config.parent.parent / "c", port=free_port())
    relay.config.write_text(
        pair.relay.config.read_text()
        .replace(str(pair.relay.store), str(relay.store))
        .replace(str(pair.relay.port), str(relay.port))
    )
    with relay.daemon() as first:
        first.ready()
        until(lambda: joules(relay) > 5, 20, "energy")
        first.end(signal.SIGKILL)
    before = boot_of_last(pair.reader)
    until(lambda: boot_of_last(pair.reader) > before + GAP_SECONDS, 30, "time without the daemon")
    with relay.daemon() as second:
        second.ready()
        until(lambda: relay.readings()[-1][0] > before + GAP_SECONDS + 1, 20, "it has caught up")
        page = relay.scrape()
        times = [at for at, _ in relay.readings()]
    assert value(page, "wattwatch_energy_seconds_total", source="meter", state="missing") == 0
    assert max(after - earlier for earlier, after in pairwise(times)) < 3
    assert len(times) == len(set(times))


def test_a_relay_whose_address_was_wrong_for_a_while_goes_on_where_it_stopped(pair: Pair) -> None:
    """A reload opens it anew: what the other daemon read meanwhile is taken over, not lost."""
    relay = Home(pair.relay.config.parent.parent / "d", port=free_port())
    right = (
        pair.relay.config.read_text()
        .replace(str(pair.relay.store), str(relay.store))
        .replace(str(pair.relay.port), str(relay.port))
    )
    wrong = right.replace(f":{pair.reader.port}", f":{free_port()}")
    relay.config.write_text(right)
    with relay.daemon() as daemon:
        daemon.ready()
        until(lambda: joules(relay) > 5, 20, "energy")
        relay.config.write_text(wrong)
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: not up(relay), 20, "the loss of the other daemon")
        before = boot_of_last(pair.reader)
        until(lambda: boot_of_last(pair.reader) > before + GAP_SECONDS, 30, "time without the other daemon")
        relay.config.write_text(right)
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: relay.readings()[-1][0] > before + GAP_SECONDS + 1, 20, "it has caught up")
        page = relay.scrape()
        times = [at for at, _ in relay.readings()]
    states = [
        value(page, "wattwatch_energy_seconds_total", source="meter", state=state)
        for state in ("recovered", "missing")
    ]
    assert states == [0, 0]
    assert max(after - earlier for earlier, after in pairwise(times)) < 3


def up(home: Home) -> float:
    return value(home.scrape(), "wattwatch_source_up", source="meter")


def boot_of_last(home: Home) -> float:
    return home.readings("meter-of-pi-1/vbus/power_watts")[-1][0]
