"""RAPL counters of made-up machines."""

import errno
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.clock import FakeClock
from support.sysfs_tree import FaultyKernel, build_tree
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Channel, Kind, Quality, Scope
from wattwatch.sampling.integrate import CounterIntegrator, CounterPoint
from wattwatch.sources.base import CounterLimits, PowercapSpec
from wattwatch.sources.powercap import PowercapSource
from wattwatch.sources.sysfs import KernelFiles

LAPTOP = {
    "package-0": 187_240_316_224,
    "package-0-core": 97_131_011_234,
    "package-0-uncore": 8_143_011_234,
    "package-0-dram": 21_131_011_234,
    "psys": 230_131_011_234,
}


class Machine:
    """A tree whose counters run while the source waits, at these microjoules a wait."""

    def __init__(self, root: Path, **growth: int) -> None:
        self.root = root
        self.growth = {name.replace("_", ":"): number for name, number in growth.items()}
        self.kernel = FaultyKernel()
        self.waits: list[float] = []

    def source(self, *, simulated: bool = False) -> PowercapSource:
        spec = PowercapSpec(root=self.root, simulated=simulated)
        files = KernelFiles(self.kernel.open_file, self.kernel.read_at)
        return PowercapSource(spec, FakeClock(), files, self.wait)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        for name, microjoules in self.growth.items():
            self.add(f"intel-rapl:{name.removeprefix('z')}", microjoules)

    def add(self, folder: str, microjoules: int) -> None:
        """Count up, and wrap as the kernel does."""
        path = self.root / "class/powercap" / folder
        most = int((path / "max_energy_range_uj").read_text())
        (path / "energy_uj").write_text(f"{(int((path / 'energy_uj').read_text()) + microjoules) % most}\n")


@pytest.fixture
def laptop(tmp_path: Path) -> Machine:
    return Machine(build_tree("laptop-intel", tmp_path))


def joules(source: PowercapSource) -> dict[str, float]:
    return {reading.channel.zone: reading.value for reading in source.read().readings}


def scopes(source: PowercapSource) -> dict[str, Scope]:
    return {channel.zone: channel.scope for channel in source.description.channels}


def limits(source: PowercapSource) -> dict[str, CounterLimits]:
    return {channel.zone: limit for channel, limit in source.description.counter_limits}


def test_every_domain_is_a_counter_of_joules(laptop: Machine) -> None:
    source = laptop.source()
    assert joules(source) == {zone: count / 10**6 for zone, count in LAPTOP.items()}
    for channel in source.description.channels:
        assert channel.id == f"rapl/{channel.zone}/energy_joules"
        assert (channel.kind, channel.quality) == (Kind.COUNTER, Quality.SENSOR)


def test_domains_are_known_before_the_first_read_and_wrap_each_at_its_own_range(laptop: Machine) -> None:
    ranges = {zone: limit.range_joules for zone, limit in limits(laptop.source()).items()}
    assert ranges == {**dict.fromkeys(LAPTOP, 262143.32885), "package-0-dram": 65712.999613}


def test_a_domain_has_the_scope_of_its_name(laptop: Machine) -> None:
    assert list(scopes(laptop.source()).values())[:4] == [
        Scope.PACKAGE,
        Scope.CORE,
        Scope.UNCORE,
        Scope.DRAM,
    ]


def test_zones_are_unique_over_sockets(tmp_path: Path) -> None:
    source = Machine(build_tree("server-2-sockets", tmp_path)).source()
    assert list(scopes(source)) == ["package-0", "package-0-dram", "package-1", "package-1-dram"]
    assert list(joules(source)) == list(scopes(source))


def test_amd_is_read_alike(tmp_path: Path) -> None:
    source = Machine(build_tree("workstation-amd", tmp_path)).source()
    assert scopes(source) == {"package-0": Scope.PACKAGE, "package-0-core": Scope.CORE}


def test_the_twin_of_a_package_is_not_counted_again(laptop: Machine) -> None:
    source = laptop.source()
    assert joules(source)["package-0"] == 187_240.316224
    assert "intel-rapl-mmio:0 left out: package-0 again" in source.description.detail


def test_a_twin_alone_is_taken(laptop: Machine) -> None:
    for link in (laptop.root / "class/powercap").glob("intel-rapl:*"):
        link.unlink()
    assert joules(laptop.source()) == {"package-0": 187_240.377777}


def test_dies_are_packages(tmp_path: Path) -> None:
    for die in range(2):
        folder = tmp_path / f"class/powercap/intel-rapl:{die}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"package-0-die-{die}\n")
        (folder / "energy_uj").write_text("1000000\n")
    assert scopes(Machine(tmp_path).source()) == {
        "package-0-die-0": Scope.PACKAGE,
        "package-0-die-1": Scope.PACKAGE,
    }


def test_what_has_no_counter_is_no_domain(tmp_path: Path) -> None:
    for name in ("intel-rapl:0", "dtpm:0", "dtpm", "intel-rapl:x"):
        (tmp_path / "class/powercap" / name).mkdir(parents=True)
        (tmp_path / "class/powercap" / name / "name").write_text("package-0\n")
    with pytest.raises(SourceUnsupported, match="no energy counters"):
        Machine(tmp_path).source().read()


def test_switched_off_capping_is_told(laptop: Machine) -> None:
    detail = laptop.source().description.detail
    assert (
        "enabled=0 (no cap, counted all the same): package-0-core, package-0-uncore, package-0-dram" in detail
    )


# psys


@pytest.mark.parametrize(
    ("psys", "package", "dram", "scope"),
    [
        (1_200_000, 900_000, 300_000, Scope.BOARD),
        (1_199_999, 900_000, 300_000, Scope.RAIL),
        (50_000, 900_000, 300_000, Scope.RAIL),
        (0, 0, 0, Scope.RAIL),
    ],
)
def test_psys_is_the_board_if_it_is_at_least_package_and_dram(
    tmp_path: Path, psys: int, package: int, dram: int, scope: Scope
) -> None:
    growth = {"z1": psys, "z0": package, "z0_2": dram}
    machine = Machine(build_tree("laptop-intel", tmp_path), **growth)
    source = machine.source()
    assert scopes(source)["psys"] is scope
    assert machine.waits == [0.1]
    said = "the whole board" if scope is Scope.BOARD else "some part of the board (rail)"
    assert f"psys is taken for {said}" in source.description.detail


def test_psys_is_compared_over_a_wrap(tmp_path: Path) -> None:
    machine = Machine(build_tree("laptop-intel", tmp_path), z1=2_000_000, z0=900_000, z0_2=300_000)
    (tmp_path / "class/powercap/intel-rapl:1/energy_uj").write_text("262143328000\n")
    assert scopes(machine.source())["psys"] is Scope.BOARD


@pytest.mark.parametrize("denied", ["intel-rapl:1/energy_uj", "intel-rapl:0/energy_uj"])
def test_psys_that_cannot_be_compared_is_not_the_board(tmp_path: Path, denied: str) -> None:
    machine = Machine(build_tree("laptop-intel", tmp_path), z1=2_000_000, z0=900_000, z0_2=300_000)
    machine.kernel.open_errors[denied] = errno.EACCES
    assert scopes(machine.source())["psys"] is Scope.RAIL


def test_psys_without_a_package_is_not_the_board(laptop: Machine) -> None:
    for link in (laptop.root / "class/powercap").glob("*:0*"):
        link.unlink()
    laptop.growth = {"1": 1_000_000}
    assert scopes(laptop.source()) == {"psys": Scope.RAIL}


def test_a_second_psys_that_stands_still_is_not_the_board(tmp_path: Path) -> None:
    """Registers of other sockets read 0 where one socket has the platform's."""
    machine = Machine(build_tree("laptop-intel", tmp_path), z1=2_000_000, z0=900_000, z0_2=300_000)
    folder = tmp_path / "class/powercap/intel-rapl:2"
    folder.mkdir()
    (folder / "name").write_text("psys-1\n")
    (folder / "energy_uj").write_text("0\n")
    found = scopes(machine.source())
    assert (found["psys"], found["psys-1"]) == (Scope.BOARD, Scope.RAIL)


def test_a_machine_without_psys_does_not_wait(tmp_path: Path) -> None:
    machine = Machine(build_tree("server-2-sockets", tmp_path))
    assert machine.source().description.channels
    assert machine.waits == []


def test_the_scope_stays_what_it_was_at_the_start(tmp_path: Path) -> None:
    machine = Machine(build_tree("laptop-intel", tmp_path), z1=2_000_000, z0=900_000, z0_2=300_000)
    source = machine.source()
    before = source.description.channels
    machine.add("intel-rapl:0", 50_000_000)
    source.read()
    assert source.description.channels == before
    assert machine.waits == [0.1]


# the most watts


def test_the_most_watts_follow_the_highest_limit_within_reason(tmp_path: Path) -> None:
    found = limits(Machine(build_tree("server-2-sockets", tmp_path)).source())
    assert found["package-0"].max_watts == 1000.0  # twice 526 W
    assert found["package-1"].max_watts == 1000.0  # 4095 W: no limit
    assert found["package-0-dram"].max_watts == 250.0  # never less
    assert found["package-1-dram"] == CounterLimits(0.0, 1000.0)  # neither range nor limit


def test_a_laptop_is_believed_twice_its_peak_limit(laptop: Machine) -> None:
    found = limits(laptop.source())
    assert found["package-0"].max_watts == 280.0
    assert found["psys"].max_watts == 4000.0


# permission and faults


def test_root_only_counters_say_what_to_do(laptop: Machine) -> None:
    laptop.kernel.open_errors["energy_uj"] = errno.EACCES
    source = laptop.source()
    assert set(scopes(source)) == set(LAPTOP)
    with pytest.raises(SourceUnavailable, match=r"root only.*CVE-2020-8694.*tmpfiles.*chgrp") as caught:
        source.read()
    assert caught.value.reason == "permission"
    assert "\n" not in str(caught.value)
    assert "package-0 cannot be read (permission)" in source.description.detail


def test_counters_that_are_opened_later_are_read(laptop: Machine) -> None:
    laptop.kernel.open_errors["energy_uj"] = errno.EACCES
    source = laptop.source()
    with pytest.raises(SourceUnavailable):
        source.read()
    laptop.kernel.open_errors.clear()
    assert set(joules(source)) == set(LAPTOP)
    assert "cannot be read" not in source.description.detail


def test_what_can_be_read_is_given_and_the_rest_named(laptop: Machine) -> None:
    laptop.kernel.open_errors["intel-rapl:1/energy_uj"] = errno.EACCES
    laptop.kernel.read_errors["intel-rapl:0:0/energy_uj"] = errno.ENODATA
    source = laptop.source()
    assert set(joules(source)) == set(LAPTOP) - {"psys", "package-0-core"}
    assert "package-0-core cannot be read (io); psys cannot be read (permission)" in source.description.detail


def test_a_package_that_went_offline_comes_back_under_its_name(laptop: Machine) -> None:
    source = laptop.source()
    source.read()
    laptop.kernel.read_errors["intel-rapl:0/energy_uj"] = errno.ENODEV
    assert "package-0" not in joules(source)
    laptop.kernel.read_errors.clear()
    laptop.add("intel-rapl:0", 5_000_000)
    assert joules(source)["package-0"] == pytest.approx(187_245.316224)


def test_counters_stay_open_from_read_to_read(laptop: Machine) -> None:
    source = laptop.source()
    for _ in range(5):
        source.read()
    assert len(laptop.kernel.opened) == len(LAPTOP)
    source.close()
    source.read()
    assert len(laptop.kernel.opened) == 2 * len(LAPTOP)


def test_a_simulated_tree_says_so(laptop: Machine) -> None:
    assert {channel.quality for channel in laptop.source(simulated=True).description.channels} == {
        Quality.SIMULATED
    }


# energy


def integrated(machine: Machine, zone: str, steps: list[int]) -> tuple[float, float, float]:
    """Joules, sampled and missing seconds of a zone that counts these microjoules, one a second."""
    clock = FakeClock()
    source = PowercapSource(PowercapSpec(root=machine.root), clock, wait=lambda _: None)
    known = dict(source.description.counter_limits)
    channel: Channel = next(c for c in known if c.zone == zone)
    integrator = CounterIntegrator(channel, known[channel])
    state, total, sampled_seconds, missing_seconds = None, 0.0, 0.0, 0.0
    for microjoules in [0, *steps]:
        machine.add("intel-rapl:0", microjoules)
        reading = next(r for r in source.read().readings if r.channel == channel)
        step = integrator.step(state, CounterPoint(reading.at, reading.value))
        state = step.state
        if step.record is not None:
            total += step.record.joules
            sampled_seconds += step.record.sampled_seconds
            missing_seconds += step.record.missing_seconds
        clock.advance(1)
    return total, sampled_seconds, missing_seconds


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 65_000_000), steps=st.lists(st.integers(0, 249_000_000), max_size=30))
def test_joules_are_exact_over_any_number_of_wraps(
    tmp_path_factory: pytest.TempPathFactory, start: int, steps: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("sys") / "class/powercap/intel-rapl:0"
    folder.mkdir(parents=True)
    for name, text in {
        "name": "package-0",
        "energy_uj": start,
        "max_energy_range_uj": 600_000_000,  # a wrap every few seconds
        "constraint_0_power_limit_uw": 125_000_000,
    }.items():
        (folder / name).write_text(f"{text}\n")
    total, sampled_seconds, missing_seconds = integrated(Machine(folder.parents[2]), "package-0", steps)
    assert total == pytest.approx(sum(steps) / 10**6, abs=1e-6)
    assert (sampled_seconds, missing_seconds) == (len(steps), 0)


def test_a_fall_of_unknown_range_is_missing_time(laptop: Machine) -> None:
    folder = laptop.root / "class/powercap/intel-rapl:0"
    (folder / "max_energy_range_uj").unlink()
    clock = FakeClock()
    source = PowercapSource(PowercapSpec(root=laptop.root), clock, wait=lambda _: None)
    assert limits(source)["package-0"].range_joules == 0.0
    assert "package-0: range unknown" in source.description.detail
    channel, limit = source.description.counter_limits[0]
    integrator = CounterIntegrator(channel, limit)
    records = []
    state = None
    for microjoules in (LAPTOP["package-0"], LAPTOP["package-0"] + 9_000_000, 17, 5_000_017):
        (folder / "energy_uj").write_text(f"{microjoules}\n")
        step = integrator.step(state, CounterPoint(clock.now(), joules(source)["package-0"]))
        state = step.state
        records.append(step.record and (round(step.record.joules, 6), step.record.missing_seconds))
        clock.advance(1)
    assert records == [None, (9.0, 0.0), (0.0, 1.0), (5.0, 0.0)]


def test_counters_that_all_fail_say_how(laptop: Machine) -> None:
    laptop.kernel.read_errors["energy_uj"] = errno.EIO
    with pytest.raises(SourceUnavailable, match="energy_uj: EIO") as caught:
        laptop.source().read()
    assert caught.value.reason == "io"
