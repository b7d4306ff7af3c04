import os
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from support.web_node import HOST, METER, NOW, snapshot, status
from wattwatch import metrics
from wattwatch.exposition.samples import Machine, cap_series, node_samples, this_machine
from wattwatch.metrics import MetricSpec, Sample
from wattwatch.reading import Channel, Instant, Kind, Reading
from wattwatch.sampling.snapshot import Snapshot, SourceHealth
from wattwatch.store.base import StoreHealth

STORE = StoreHealth(4096, Instant("boot-1", 1999.75))


def samples_of(spec: MetricSpec, shown: Snapshot, store: StoreHealth = STORE) -> dict[tuple[str, ...], float]:
    return {s.labels: s.value for s in node_samples(shown, store, Machine()) if s.spec is spec}


def test_only_sources_that_are_up_show_readings() -> None:
    down = SourceHealth(up=False, state="down", last_success=Instant("boot-1", 1900.0), last_error="gone")
    shown = snapshot(sources=(status("meter", "um24c", METER, down), status("host", "host", HOST)))
    assert samples_of(metrics.POWER, shown) == {}
    assert samples_of(metrics.NODE_POWER, shown) == {}
    assert samples_of(metrics.VOLTAGE, shown) == {}
    assert samples_of(metrics.SOURCE_UP, shown) == {("meter",): 0.0, ("host",): 1.0}
    assert len(samples_of(metrics.CPU_FREQUENCY, shown)) == 2


def test_a_lost_source_keeps_its_counters() -> None:
    shown = snapshot(sources=(status("meter", "um24c", METER, SourceHealth(state="down")),))
    assert samples_of(metrics.ENERGY, shown) == {("meter", "vbus", "board", "metered"): 1234.5}


def test_accumulators_of_a_meter_are_never_exported() -> None:
    shown = snapshot(counters={})
    assert any(reading.channel.kind is Kind.ACCUMULATOR for reading in shown.readings.values())
    assert samples_of(metrics.ENERGY, shown) == {}


def test_without_a_primary_there_is_no_node_power() -> None:
    assert samples_of(metrics.NODE_POWER, snapshot(primary=None)) == {}
    assert samples_of(metrics.NODE_POWER, snapshot()) == {("board", "metered"): 5.5}


def test_a_primary_without_a_reading_is_missing_not_zero() -> None:
    assert samples_of(metrics.NODE_POWER, snapshot(readings=())) == {}


def test_times_are_utc_and_those_of_another_boot_are_left_out() -> None:
    assert samples_of(metrics.SOURCE_LAST_SUCCESS, snapshot())["meter",] == 1_700_001_999.5
    assert samples_of(metrics.STORE_LAST_COMMIT, snapshot()) == {(): 1_700_001_999.75}
    older = SourceHealth(up=True, state="up", last_success=Instant("boot-0", 5.0))
    shown = snapshot(sources=(status("meter", "um24c", METER, older),))
    assert samples_of(metrics.SOURCE_LAST_SUCCESS, shown) == {}
    assert samples_of(metrics.STORE_LAST_COMMIT, shown, replace(STORE, last_commit=None)) == {}


def test_host_gauges_have_no_source() -> None:
    shown = snapshot()
    assert samples_of(metrics.CPU_FREQUENCY, shown) == {("0",): 1.5e9, ("1",): 6e8}
    assert samples_of(metrics.MEMORY_SIZE, shown) == {(): 8e9}
    assert samples_of(metrics.MEMORY_USED, shown) == {(): 1.2e9}


def test_the_reasons_of_throttling_are_told_for_now_and_since_boot() -> None:
    channels = [
        Channel("pi", zone, quantity, Kind.GAUGE)
        for zone in ("under-voltage", "throttled")
        for quantity in ("throttled_now_flag", "throttled_since_boot_flag")
    ]
    readings = [Reading(channel, float(index % 3 == 0), NOW) for index, channel in enumerate(channels)]
    shown = snapshot(readings, sources=(status("pi", "pi", tuple(channels)),), primary=None)
    assert samples_of(metrics.THROTTLED, shown) == {
        ("under-voltage", "now"): 1.0,
        ("under-voltage", "since_boot"): 0.0,
        ("throttled", "now"): 0.0,
        ("throttled", "since_boot"): 1.0,
    }


def test_a_degraded_store_and_an_unsynchronised_clock_are_told() -> None:
    shown = replace(snapshot(), wall=replace(snapshot().wall, synchronised=False))
    degraded = replace(STORE, degraded="disk full")
    assert samples_of(metrics.STORE_DEGRADED, shown, degraded) == {(): 1.0}
    assert samples_of(metrics.CLOCK_SYNCHRONISED, shown) == {(): 0.0}


def test_quantities_without_a_metric_and_unknown_counters_are_left_out() -> None:
    odd = Channel("meter", "x", "bananas_count", Kind.GAUGE)
    shown = snapshot(readings=[Reading(odd, 3.0, NOW)], counters={("wattwatch_unknown_total", ()): 1.0})
    names = {sample.spec.name for sample in node_samples(shown, STORE, Machine())}
    assert not any("banana" in name or "unknown" in name for name in names)


def test_label_counts_fit_their_specs() -> None:
    for sample in node_samples(snapshot(), STORE, Machine()):
        beyond = 1 if sample.suffix == "_bucket" else 0
        assert len(sample.labels) == len(sample.spec.labels) + beyond


@given(st.integers(0, 50), st.integers(0, 60))
def test_the_cap_keeps_the_first_and_counts_the_rest(count: int, limit: int) -> None:
    samples = [Sample(metrics.SOURCE_UP, (str(index),), 1.0) for index in range(count)]
    kept, left_out = cap_series(iter(samples), limit)
    assert kept == samples[:limit]
    assert len(kept) + left_out == count


def test_the_model_of_a_raspberry_is_read_off_its_device_tree(tmp_path: Path) -> None:
    model = tmp_path / "proc/device-tree/model"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    machine = this_machine(tmp_path)
    assert machine == Machine(os.uname().machine, "Raspberry Pi 4 Model B Rev 1.4", os.uname().release)


def test_the_model_of_a_pc_is_read_off_its_firmware_and_may_be_missing(tmp_path: Path) -> None:
    assert this_machine(tmp_path).model == ""
    product = tmp_path / "sys/class/dmi/id/product_name"
    product.parent.mkdir(parents=True)
    product.write_text("OptiPlex 7010\n")
    assert this_machine(tmp_path).model == "OptiPlex 7010"
