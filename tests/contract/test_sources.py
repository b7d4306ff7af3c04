"""What every source keeps, whatever it reads."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.fake_nvml import FakeNvml
from support.lhm_server import lhm_server
from support.sysfs_tree import build_tree
from support.vcgencmd import FakePi, pi_4, pi_5
from wattwatch.clock import Clock, SystemClock
from wattwatch.errors import SourceError
from wattwatch.metrics import QUANTITY_METRICS
from wattwatch.reading import Kind
from wattwatch.sampling.account import TOTALS
from wattwatch.sources import open_source
from wattwatch.sources.base import (
    CoolingSpec,
    HostSpec,
    HwmonSpec,
    LhmSpec,
    NvmlSpec,
    PiSpec,
    PowercapSpec,
    PowerSupplySpec,
    SelfSpec,
    Source,
    SourceSpec,
    ThermalSpec,
    UmSpec,
)
from wattwatch.sources.nvml import NvmlSource
from wattwatch.sources.nvml_library import has_driver
from wattwatch.sources.um.simulator_server import SimulatorSettings, make_simulator

UNITS = {
    "watts",
    "volts",
    "amperes",
    "ohms",
    "celsius",
    "joules",
    "coulombs",
    "seconds",
    "bytes",
    "hertz",
    "errors",
    "ratio",
    "flag",
    "rpm",
}
MakeSpec = Callable[[Path], SourceSpec]
NO_METER = "00:00:00:00:00:00"


def a_thermal(root: Path) -> ThermalSpec:
    for number in range(2):
        folder = root / f"class/thermal/thermal_zone{number}"
        folder.mkdir(parents=True)
        (folder / "type").write_text("cpu-thermal\n")
        (folder / "temp").write_text("48312\n")
    return ThermalSpec(root=root)


def a_pi(made: FakePi, *, board: bool = False) -> PiSpec:
    return PiSpec(root=made.root, command=str(made.command), board=board)


def a_windows_host(directory: Path, *zones: str) -> LhmSpec:
    return LhmSpec(url=(directory / "lhm-url").read_text(), zones=zones)


PRESENT: dict[str, MakeSpec] = {
    "um24c": lambda directory: UmSpec(url=str(directory / "meter"), simulated=True),
    "thermal": a_thermal,
    "cooling": lambda directory: CoolingSpec(root=build_tree("pi-4-poe", directory)),
    "rapl": lambda directory: PowercapSpec(root=build_tree("server-2-sockets", directory)),
    "rapl-psys": lambda directory: PowercapSpec(root=build_tree("laptop-intel", directory)),
    "hwmon": lambda directory: HwmonSpec(root=build_tree("workstation-amd", directory)),
    "hwmon-meters": lambda directory: HwmonSpec(root=build_tree("bench", directory)),
    "hwmon-pi": lambda directory: HwmonSpec(root=build_tree("pi-4-poe", directory)),
    "power-supply": lambda directory: PowerSupplySpec(root=build_tree("laptop-intel", directory)),
    "power-supply-poe": lambda directory: PowerSupplySpec(root=build_tree("pi-4-poe", directory)),
    "host": lambda _: HostSpec(),
    "self": lambda _: SelfSpec(),
    "pi-4": lambda directory: a_pi(pi_4(directory)),
    "pi-5": lambda directory: a_pi(pi_5(directory), board=True),
    "nvml": lambda _: NvmlSpec(),
    "lhm": a_windows_host,
    "lhm-zones": lambda directory: a_windows_host(directory, "CPU Package", "GPU Package"),
}
ABSENT: dict[str, MakeSpec] = {
    "um24c": lambda directory: UmSpec(url=str(directory / "meter")),
    "um24c-tcp": lambda _: UmSpec(url="socket://127.0.0.1:1"),
    "um24c-rfcomm": lambda _: UmSpec(address=NO_METER, adapter="hci250", transport="rfcomm"),
    "um24c-bluez": lambda _: UmSpec(address=NO_METER, adapter="hci250", transport="bluez"),
    "thermal": lambda directory: ThermalSpec(root=directory / "sys"),
    "cooling": lambda directory: CoolingSpec(root=directory / "sys"),
    "rapl": lambda directory: PowercapSpec(root=directory / "sys"),
    "hwmon": lambda directory: HwmonSpec(root=directory / "sys"),
    "hwmon-unplugged": lambda directory: HwmonSpec(root=directory / "sys", devices=("powerz",)),
    "power-supply": lambda directory: PowerSupplySpec(root=directory / "sys"),
    "host": lambda directory: HostSpec(root=directory / "proc"),
    "pi": lambda directory: PiSpec(root=directory / "sys"),
    "pi-tool": lambda directory: PiSpec(root=pi_5(directory).root, command=str(directory / "nowhere")),
    "lhm": lambda _: LhmSpec(url="http://127.0.0.1:1/data.json", zones=("CPU Package",)),
}
if not has_driver():
    ABSENT["nvml"] = lambda _: NvmlSpec()


def open_present(spec: SourceSpec, clock: Clock) -> Source:
    """As open_source, but for what no test machine has."""
    return NvmlSource(spec, clock, FakeNvml) if isinstance(spec, NvmlSpec) else open_source(spec, clock)


@pytest.fixture(params=PRESENT)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    clock = SystemClock()
    simulator = make_simulator(SimulatorSettings(profile="constant", pty=tmp_path / "meter"), clock)
    simulator.start()
    with lhm_server() as lhm:
        (tmp_path / "lhm-url").write_text(lhm.url)
        made = open_present(PRESENT[request.param](tmp_path), clock)
        yield made
        made.close()
    simulator.stop()


@pytest.fixture(params=ABSENT)
def absent(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    made = open_source(ABSENT[request.param](tmp_path), SystemClock())
    yield made
    made.close()


def test_it_is_described_before_it_is_read(source: Source) -> None:
    before = source.description
    assert before.name
    assert before.type
    assert before.interval_seconds > 0
    batch = source.read()
    after = source.description
    assert (after.name, after.type, after.interval_seconds) == (
        before.name,
        before.type,
        before.interval_seconds,
    )
    assert batch.source == before.name
    assert set(before.channels) <= set(after.channels)
    assert {reading.channel for reading in batch.readings} <= set(after.channels)


def test_one_read_is_of_one_instant_in_whole_microseconds(source: Source) -> None:
    clock = SystemClock()
    batches = []
    for _ in range(2):
        begun = clock.now()
        batches.append(source.read())
        assert begun.boot_seconds <= batches[-1].at.boot_seconds <= clock.now().boot_seconds
    for batch in batches:
        assert batch.readings
        assert {reading.at for reading in batch.readings} == {batch.at}
        assert batch.at.boot_seconds == round(batch.at.boot_seconds, 6)
    assert batches[0].at.boot_seconds < batches[1].at.boot_seconds


def test_channels_are_unique_belong_to_it_and_end_in_a_unit(source: Source) -> None:
    batch = source.read()
    channels = [reading.channel for reading in batch.readings]
    assert len({channel.id for channel in channels}) == len(channels)
    for channel in channels:
        assert channel.source == source.description.name
        assert channel.quantity.rpartition("_")[2] in UNITS
        assert channel.id.count("/") == 2
        assert not set(channel.id) & set(' "\\\n')


def test_channels_are_the_same_objects_in_every_read(source: Source) -> None:
    first, second = (tuple(r.channel for r in source.read().readings) for _ in range(2))
    assert first == second


def test_what_counts_has_a_metric(source: Source) -> None:
    for reading in source.read().readings:
        channel = reading.channel
        if channel.kind is Kind.COUNTER and not channel.measures_energy:
            assert channel.quantity in TOTALS
        if channel.kind is Kind.POWER:
            assert channel.quantity in QUANTITY_METRICS
            assert channel.scope.value


def test_it_may_be_closed_twice_at_any_time_and_read_again(source: Source) -> None:
    source.close()
    source.close()
    assert source.read().readings
    source.close()
    source.close()
    assert source.read().readings


def test_what_is_absent_is_a_source_error_of_one_line_each_time(absent: Source) -> None:
    assert absent.description.name
    for _ in range(2):
        with pytest.raises(SourceError) as caught:
            absent.read()
        assert str(caught.value).count("\n") == 0
        assert len(str(caught.value)) > 10
    absent.close()
    absent.close()
