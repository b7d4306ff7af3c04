"""The meter as a source, over a scripted transport and a clock that stands still."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.clock import FakeClock
from support.um_frames import frame
from support.um_transport import ScriptedTransport
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Batch, Kind, Quality, Scope
from wattwatch.sources import open_source
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um.meter import UmMeter

GOOD = frame()


class Bench:
    """A meter whose connections are scripted: one list of answers for each connection."""

    def __init__(self, *connections: list[bytes | SourceUnavailable], spec: UmSpec | None = None) -> None:
        self.clock = FakeClock()
        self.transports: list[ScriptedTransport] = []
        self._connections = list(connections)
        self.meter = UmMeter(spec or UmSpec(url="/dev/rfcomm0"), self.clock, self._connect)

    def _connect(self) -> ScriptedTransport:
        self.transports.append(ScriptedTransport(self.clock, *self._connections.pop(0)))
        return self.transports[-1]

    @property
    def written(self) -> list[bytes]:
        return [request for transport in self.transports for request in transport.written]

    def refusal(self) -> SourceUnavailable:
        with pytest.raises(SourceUnavailable) as caught:
            self.meter.read()
        assert "\n" not in str(caught.value)
        return caught.value


def values(batch: Batch) -> dict[str, float]:
    return {reading.channel.id: reading.value for reading in batch.readings}


def test_a_frame_becomes_readings_in_si_units() -> None:
    batch = Bench([GOOD]).meter.read()
    assert values(batch) == {
        "meter/vbus/power_watts": 0.251,
        "meter/vbus/voltage_volts": 5.02,
        "meter/vbus/current_amperes": 0.05,
        "meter/vbus/resistance_ohms": 100.4,
        "meter/data-positive/voltage_volts": 3.06,
        "meter/data-negative/voltage_volts": 0.0,
        "meter/meter/temperature_celsius": 24.0,
        "meter/group-0/energy_joules": pytest.approx(2016 * 3.6),
        "meter/group-0/charge_coulombs": pytest.approx(403 * 3.6),
    }
    assert {reading.at for reading in batch.readings} == {batch.at}


def test_power_is_the_product_of_the_digits_not_the_meters_own() -> None:
    batch = Bench([frame(volts=512, amperes=1234)]).meter.read()
    assert values(batch)["meter/vbus/power_watts"] == 6.31808


@pytest.mark.parametrize(("simulated", "quality"), [(False, Quality.METERED), (True, Quality.SIMULATED)])
def test_channels_say_what_they_are(simulated: bool, quality: Quality) -> None:
    bench = Bench([GOOD], spec=UmSpec(url="x", simulated=simulated))
    channels = {reading.channel.id: reading.channel for reading in bench.meter.read().readings}
    assert {channel.quality for channel in channels.values()} == {quality}
    power = channels.pop("meter/vbus/power_watts")
    assert (power.kind, power.scope) == (Kind.POWER, Scope.BOARD)
    kinds = {channel_id: channel.kind for channel_id, channel in channels.items()}
    accumulators = {channel_id for channel_id, kind in kinds.items() if kind is Kind.ACCUMULATOR}
    assert accumulators == {"meter/group-0/energy_joules", "meter/group-0/charge_coulombs"}
    assert {channel.scope for channel in channels.values()} == {Scope.NONE}


def test_the_stamp_is_midway_between_request_and_first_byte() -> None:
    bench = Bench([GOOD])
    assert bench.meter.read().at.boot_seconds == 1000.01  # asked at 1000.0, answered at 1000.02


@pytest.mark.parametrize(("model", "watts"), [("UM24C", 72.0), ("UM25C", 120.0), ("UM34C", 96.0)])
def test_identity_names_model_place_group_and_full_scale(model: str, watts: float) -> None:
    identity = Bench([frame(model=model, group=4)]).meter.read().identity
    assert identity is not None
    assert (identity.model, identity.address, identity.group) == (model, "/dev/rfcomm0", 4)
    assert identity.full_scale_watts == watts


def test_the_description_grows_with_the_groups_seen() -> None:
    bench = Bench([GOOD, frame(group=7), GOOD])
    before = bench.meter.description
    assert len(before.channels) == 7
    assert before.detail == "/dev/rfcomm0"
    read = set()
    for _ in range(3):
        read |= {reading.channel for reading in bench.meter.read().readings}
    after = bench.meter.description
    assert set(after.channels) == read
    assert after.detail == "UM24C at /dev/rfcomm0"


@given(st.binary(max_size=120).filter(lambda noise: b"\x09" not in noise and b"\x0d" not in noise))
def test_garbage_before_a_frame_is_passed_over(noise: bytes) -> None:
    bench = Bench([noise + GOOD])
    assert values(bench.meter.read())["meter/vbus/voltage_volts"] == 5.02
    assert bench.written == [b"\xf0"]


def test_only_f0_is_ever_written_whatever_happens() -> None:
    lost = SourceUnavailable("gone", "hangup")
    bench = Bench([GOOD, b""], [b"noise" * 40], [lost], [frame(milliwatts=1)], [GOOD[:60]], [GOOD])
    for _ in range(7):
        try:
            bench.meter.read()
        except SourceUnavailable:
            continue
    assert bench.written
    assert set(bench.written) == {b"\xf0"}


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (b"", "timeout", "no answer"),
        (GOOD[:65], "timeout", "65 of 130 bytes"),
        (b"\x55\xaa" * 65, "garbage", "unknown model id 0x55AA"),
        (b"$GPGGA,", "garbage", "is this the meter's port"),
        (frame(model_id=0x0965), "garbage", "0x0965"),
        (frame(milliwatts=252), "invalid", "power_mismatch"),
        (frame(group=11), "invalid", "group_out_of_range"),
        (frame(deciohms=1, fahrenheit=1), "invalid", "resistance_mismatch, fahrenheit_mismatch"),
        (GOOD[:60] + b"0123456789" + GOOD[60:120], "invalid", "resistance_mismatch"),
        (SourceUnavailable("gone", "hangup"), "hangup", "gone"),
    ],
)
def test_a_failure_says_its_reason_and_the_next_read_connects_anew(
    answer: bytes | SourceUnavailable, reason: str, words: str
) -> None:
    bench = Bench([answer], [GOOD])
    error = bench.refusal()
    assert error.reason == reason
    assert words in str(error)
    assert bench.transports[0].is_closed
    assert values(bench.meter.read())["meter/vbus/voltage_volts"] == 5.02
    assert len(bench.transports) == 2


def test_another_end_mark_is_accepted() -> None:
    batch = Bench([frame(trailer=b"\x00\x00")]).meter.read()
    assert values(batch)["meter/vbus/power_watts"] == 0.251


def test_a_fahrenheit_display_that_disagrees_costs_no_energy() -> None:
    assert values(Bench([frame(fahrenheit=73)]).meter.read())["meter/vbus/power_watts"] == 0.251


def test_garbage_for_ever_is_given_up_and_costs_little() -> None:
    bench = Bench([b"\x00" * 10_000_000])
    started = bench.clock.boot_seconds
    assert bench.refusal().reason == "garbage"
    assert bench.clock.boot_seconds - started <= 2.1


def test_a_good_connection_is_kept() -> None:
    bench = Bench([GOOD, GOOD, GOOD])
    for _ in range(3):
        bench.meter.read()
    assert len(bench.transports) == 1


def test_close_is_harmless_before_reading_twice_and_reading_goes_on_after_it() -> None:
    bench = Bench([GOOD], [GOOD])
    bench.meter.close()
    bench.meter.read()
    bench.meter.close()
    bench.meter.close()
    assert bench.transports[0].is_closed
    bench.meter.read()
    assert len(bench.transports) == 2


def test_a_close_while_connecting_releases_the_new_connection() -> None:
    clock = FakeClock()
    transport = ScriptedTransport(clock, GOOD)

    def connect() -> ScriptedTransport:
        meter.close()  # as another thread might, while opening takes its seconds
        return transport

    meter = UmMeter(UmSpec(url="/dev/rfcomm0"), clock, connect)
    with pytest.raises(SourceUnavailable):
        meter.read()
    assert transport.is_closed
    assert transport.written == []


@pytest.mark.parametrize(
    ("spec", "needed"),
    [
        (UmSpec(url="/dev/rfcomm0", transport="ble"), "address"),
        (UmSpec(address="00:15:A6:01:AA:BB", transport="serial"), "url"),
        (UmSpec(), "address"),
    ],
)
def test_a_way_without_its_place_is_refused(spec: UmSpec, needed: str) -> None:
    with pytest.raises(SourceUnsupported, match=f"needs {needed}: set it"):
        open_source(spec, FakeClock())


def test_the_way_of_a_connection_is_shown_and_is_no_part_of_the_identity() -> None:
    clock = FakeClock()
    way = ""

    def connect() -> ScriptedTransport:
        nonlocal way
        way = "rfcomm, channel 2"
        return ScriptedTransport(clock, GOOD)

    meter = UmMeter(UmSpec(address="00:15:A6:01:AA:BB"), clock, connect, way=lambda: way)
    assert meter.description.detail == "00:15:A6:01:AA:BB"
    identity = meter.read().identity
    assert meter.description.detail == "UM24C at 00:15:A6:01:AA:BB by rfcomm, channel 2"
    assert identity is not None
    assert identity.address == "00:15:A6:01:AA:BB"
