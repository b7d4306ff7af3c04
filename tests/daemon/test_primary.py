"""What stands for the node: by rule, by configuration, as a sum; and what is refused in one line."""

from itertools import permutations

import pytest

from wattwatch.daemon.primary import Supplies, better_known, choose_primary, choose_supplies, wanted_of_other
from wattwatch.errors import ConfigError
from wattwatch.reading import Channel, Kind, Quality, Scope
from wattwatch.sampling.account import Account
from wattwatch.sampling.counters import Counters
from wattwatch.sources.base import SourceDescription


def power(
    name: str, scope: Scope, quality: Quality = Quality.SENSOR, kind: str = "um24c", zone: str = "zone"
) -> SourceDescription:
    channel = Channel(name, zone, "power_watts", Kind.POWER, scope, quality)
    temperature = Channel(name, zone, "temperature_celsius", Kind.GAUGE)
    return SourceDescription(name, kind, 1.0, (temperature, channel))


def counter(source: str, zone: str, scope: Scope, quality: Quality = Quality.SENSOR) -> Channel:
    return Channel(source, zone, "energy_joules", Kind.COUNTER, scope, quality)


def rapl(
    *zones: tuple[str, Scope], name: str = "rapl", quality: Quality = Quality.SENSOR
) -> SourceDescription:
    channels = tuple(counter(name, zone, scope, quality) for zone, scope in zones)
    return SourceDescription(name, "rapl", 1.0, channels)


HOST = SourceDescription("host", "host", 1.0, (Channel("host", "memory", "used_bytes", Kind.GAUGE),))
METER = power("meter", Scope.BOARD, Quality.METERED)
SECOND = power("second", Scope.BOARD, Quality.METERED)
PLUG = power("plug", Scope.WALL, Quality.METERED)
PSYS = rapl(("package-0", Scope.PACKAGE), ("psys", Scope.BOARD), ("psys-1", Scope.BOARD), name="psys-host")
TWO_SOCKETS = rapl(
    ("package-0", Scope.PACKAGE),
    ("package-0-core", Scope.CORE),
    ("package-0-uncore", Scope.UNCORE),
    ("package-0-dram", Scope.DRAM),
    ("package-1", Scope.PACKAGE),
    ("package-1-dram", Scope.DRAM),
    ("psys", Scope.RAIL),
)
PI = SourceDescription(
    "pi",
    "pi",
    1.0,
    tuple(
        Channel("pi", zone, "power_watts", Kind.POWER, Scope.RAIL) for zone in ("pmic", "vdd-core", "3v3-sys")
    ),
)
RAILS = SourceDescription("pi", "pi", 1.0, PI.channels[1:])
INA = power("hwmon", Scope.BOARD, Quality.METERED, "hwmon")
RAIL_CHIP = power("hwmon", Scope.RAIL, Quality.METERED, "hwmon")
GPU = SourceDescription(
    "gpu",
    "nvml",
    1.0,
    tuple(
        channel
        for zone in ("gpu-0", "gpu-1")
        for channel in (
            counter("gpu", zone, Scope.GPU),
            Channel("gpu", zone, "power_watts", Kind.POWER, Scope.GPU),
        )
    ),
)


def ids(wanted: tuple[str, ...], *sources: SourceDescription) -> list[str]:
    primary = choose_primary(wanted, sources)
    assert primary is not None
    return [channel.id for channel in primary.channels]


def test_nothing_that_measures_power_gives_no_primary() -> None:
    assert choose_primary((), [HOST]) is None
    assert choose_primary((), []) is None


@pytest.mark.parametrize("best", range(5))
def test_external_meters_come_first_then_the_most_that_a_sensor_contains(best: int) -> None:
    order = [METER, PLUG, PSYS, TWO_SOCKETS, PI][best:]
    for sources in permutations([HOST, *order]):
        primary = choose_primary((), sources)
        assert primary is not None
        assert primary.sources == (order[0].name,)


@pytest.mark.parametrize("source", [RAIL_CHIP, GPU, power("lhm", Scope.PACKAGE, kind="lhm"), HOST])
def test_sensors_of_a_part_of_the_node_are_never_chosen_by_rule(
    source: SourceDescription,
) -> None:
    assert choose_primary((), [source]) is None


def test_a_chip_that_meters_the_whole_board_is_a_meter() -> None:
    assert ids((), HOST, TWO_SOCKETS, INA) == ["hwmon/zone/power_watts"]


def test_a_platform_counter_that_is_not_the_whole_board_does_not_stand_for_the_node() -> None:
    assert choose_primary((), [rapl(("psys", Scope.RAIL), ("core", Scope.CORE))]) is None


def test_packages_and_their_memory_of_all_sockets_are_summed_and_never_what_they_contain() -> None:
    expected = [f"rapl/{zone}/energy_joules" for zone in (
        "package-0", "package-0-dram", "package-1", "package-1-dram"
    )]  # fmt: skip
    assert ids((), TWO_SOCKETS) == ids(("rapl",), TWO_SOCKETS) == expected
    primary = choose_primary((), [TWO_SOCKETS])
    assert primary is not None
    assert (primary.scope, primary.quality, primary.source) == (Scope.PACKAGE, Quality.SENSOR, "rapl")


def test_one_platform_counter_stands_for_the_board_and_not_with_its_packages() -> None:
    assert ids((), PSYS) == ids(("psys-host",), PSYS) == ["psys-host/psys/energy_joules"]


def test_the_sum_of_the_rails_or_the_rails_and_never_both() -> None:
    assert ids((), PI) == ids(("pi",), PI) == ["pi/pmic/power_watts"]
    assert ids((), RAILS) == ["pi/vdd-core/power_watts", "pi/3v3-sys/power_watts"]


def test_who_wants_the_board_of_a_pi_estimated_gets_it() -> None:
    board = Channel("pi", "board", "power_watts", Kind.POWER, Scope.BOARD, Quality.MODEL)
    primary = choose_primary((), [SourceDescription("pi", "pi", 1.0, (board, *PI.channels)), TWO_SOCKETS])
    assert primary is not None
    assert primary.source == "rapl"
    assert ids(("pi",), SourceDescription("pi", "pi", 1.0, (board, *PI.channels))) == ["pi/board/power_watts"]


def test_a_zone_with_counter_and_power_counts_once() -> None:
    assert ids(("gpu",), GPU) == ["gpu/gpu-0/energy_joules", "gpu/gpu-1/energy_joules"]


def test_the_configuration_outranks_the_rule() -> None:
    assert ids(("rapl",), METER, TWO_SOCKETS)[0] == "rapl/package-0/energy_joules"
    assert ids(("hwmon",), METER, INA) == ["hwmon/zone/power_watts"]


def test_several_supplies_of_one_scope_are_summed_and_carry_the_worst_quality() -> None:
    pretended = power("pretended", Scope.BOARD, Quality.SIMULATED)
    primary = choose_primary(("pretended", "meter"), [METER, pretended])
    assert primary is not None
    assert (primary.source, primary.scope, primary.quality) == (
        "pretended+meter", Scope.BOARD, Quality.SIMULATED,
    )  # fmt: skip
    assert primary.channel_id == "pretended/zone/power_watts+meter/zone/power_watts"


def test_package_and_memory_of_two_sources_are_disjoint() -> None:
    packages, memory = rapl(("package-0", Scope.PACKAGE)), rapl(("dram", Scope.DRAM), name="memory")
    assert ids(("memory", "rapl"), packages, memory) == [
        "memory/dram/energy_joules", "rapl/package-0/energy_joules",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sources",
    [
        (METER, PLUG),  # what the board draws is in what is drawn from the wall
        (METER, TWO_SOCKETS),
        (METER, PSYS),  # both board, but psys is in it
        (TWO_SOCKETS, power("lhm", Scope.PACKAGE, kind="lhm")),  # the same processor twice
        (TWO_SOCKETS, power("cores", Scope.CORE)),
        (power("cores", Scope.CORE), power("more", Scope.CORE)),
        (TWO_SOCKETS, GPU),
        (METER, PI),
    ],
)
def test_scopes_that_may_overlap_are_never_summed(sources: tuple[SourceDescription, ...]) -> None:
    wanted = tuple(source.name for source in sources)
    with pytest.raises(
        ConfigError, match=rf"^primary: {wanted[0]} .*{wanted[1]}.* may contain the same"
    ) as error:
        choose_primary(wanted, sources)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wanted", ["host", "nobody"])
def test_a_wanted_source_without_power_is_refused_with_the_names_of_others(wanted: str) -> None:
    with pytest.raises(ConfigError, match=f"^primary: '{wanted}'.*meter, rapl$"):
        choose_primary(("meter", wanted), [HOST, METER, TWO_SOCKETS])
    with pytest.raises(ConfigError, match=f"^fallback: '{wanted}'.*meter, rapl$"):
        choose_supplies((), wanted, [HOST, METER, TWO_SOCKETS])


def test_a_fallback_has_a_series_of_its_own() -> None:
    chosen = choose_supplies(("meter",), "rapl", [METER, TWO_SOCKETS])
    assert chosen.fallback is not None
    assert chosen.fallback.labels == ("package", "sensor")
    with pytest.raises(ConfigError, match=r"^fallback: 'second' is of scope board and quality metered"):
        choose_supplies(("meter",), "second", [METER, SECOND])
    with pytest.raises(ConfigError, match=r"^fallback: 'meter' is the primary already"):
        choose_supplies((), "meter", [METER])


LATE = SourceDescription("pi", "pi", 1.0, ())


def now(supplies: Supplies) -> Account:
    return Account(Counters({}), [], primary=supplies.primary, fallback=supplies.fallback, gap_seconds=3.0)


def test_a_source_that_tells_its_channels_late_is_waited_for() -> None:
    at_first = choose_supplies(("pi",), "", [LATE, METER])
    assert (at_first.primary, at_first.waiting) == (None, ("pi",))
    assert better_known(("pi",), "", [LATE, METER], now(at_first)) is None
    later = better_known(("pi",), "", [PI, METER], now(at_first))
    assert later is not None
    assert later.primary == choose_primary(("pi",), [PI])


def test_a_fallback_may_come_late_too() -> None:
    at_first = choose_supplies(("meter",), "pi", [METER, LATE])
    assert at_first.primary is not None
    assert at_first.fallback is None
    later = better_known(("meter",), "pi", [METER, PI], now(at_first))
    assert later is not None
    assert later.fallback == choose_primary(("pi",), [PI])


def test_what_was_assumed_of_a_source_is_put_right_when_it_is_read() -> None:
    pretended = power("meter", Scope.BOARD, Quality.SIMULATED)
    later = better_known((), "", [pretended], now(choose_supplies((), "", [METER])))
    assert later is not None
    assert later.primary is not None
    assert later.primary.quality is Quality.SIMULATED


def test_what_stands_for_the_node_stays_when_something_better_appears() -> None:
    assert better_known((), "", [PI, METER], now(choose_supplies((), "", [PI, HOST]))) is None
    more = SourceDescription("pi", "pi", 1.0, (*RAILS.channels, counter("pi", "late", Scope.RAIL)))
    assert better_known(("pi",), "", [more], now(choose_supplies(("pi",), "", [RAILS]))) is None


def test_channels_that_measure_nothing_after_all_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    nothing = SourceDescription("pi", "pi", 1.0, HOST.channels)
    assert better_known(("pi",), "", [nothing], now(Supplies())) is None
    assert "'pi' is not a source that measures power" in caplog.text


@pytest.mark.parametrize(
    ("sources", "wanted"),
    [
        ([power("vm-host", Scope.PACKAGE, kind="lhm")], ("vm-host",)),
        ([power("vm-host", Scope.PACKAGE, kind="lhm"), HOST], ("vm-host",)),
        ([RAIL_CHIP], ("hwmon",)),  # its owner says what hangs on it
        ([SourceDescription("meter", "um24c", 0.5, ())], ("meter",)),  # not read yet
        ([power("vm-host", Scope.PACKAGE, kind="lhm"), METER], ()),  # by rule: the meter
        ([GPU], ()),
        ([power("battery", Scope.RAIL, kind="power_supply")], ()),
        ([HOST], ()),
        ([], ()),
    ],
)
def test_the_only_source_of_another_node_stands_for_it(
    sources: list[SourceDescription], wanted: tuple[str, ...]
) -> None:
    assert wanted_of_other(sources) == wanted
    chosen = choose_supplies(wanted_of_other(sources), "", sources)
    assert (chosen.primary.sources if chosen.primary else chosen.waiting) in (wanted, ("meter",))
