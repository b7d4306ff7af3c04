"""Which power channel stands for the node."""

import pytest

from wattwatch.daemon.primary import choose_primary
from wattwatch.errors import ConfigError
from wattwatch.reading import Channel, Kind, Quality, Scope
from wattwatch.sources.base import SourceDescription


def power(name: str, scope: Scope, quality: Quality = Quality.SENSOR) -> SourceDescription:
    channel = Channel(name, "zone", "power_watts", Kind.POWER, scope, quality)
    temperature = Channel(name, "zone", "temperature_celsius", Kind.GAUGE)
    return SourceDescription(name, "um24c", 1.0, (temperature, channel))


HOST = SourceDescription("host", "host", 1.0, (Channel("host", "memory", "used_bytes", Kind.GAUGE),))
METER = power("meter", Scope.BOARD, Quality.METERED)
PLUG = power("plug", Scope.WALL, Quality.METERED)
PSYS = power("psys", Scope.BOARD)
RAPL = power("rapl", Scope.PACKAGE)
PMIC = power("pmic", Scope.RAIL)


def test_nothing_that_measures_power_gives_no_primary() -> None:
    assert choose_primary((), [HOST]) is None
    assert choose_primary((), []) is None


@pytest.mark.parametrize("best", range(5))
def test_external_meters_come_first_then_the_most_that_a_sensor_contains(best: int) -> None:
    order = [METER, PLUG, PSYS, RAPL, PMIC][best:]
    for sources in (order, order[::-1], [HOST, *order]):
        primary = choose_primary((), sources)
        assert primary is not None
        assert primary.source == order[0].name
        assert primary.channel_id == f"{order[0].name}/zone/power_watts"


def test_the_primary_carries_scope_and_quality() -> None:
    primary = choose_primary((), [power("meter", Scope.BOARD, Quality.SIMULATED), RAPL])
    assert primary is not None
    assert (primary.scope, primary.quality) == (Scope.BOARD, Quality.SIMULATED)


def test_the_configuration_outranks_the_rule() -> None:
    primary = choose_primary(("rapl",), [METER, RAPL])
    assert primary is not None
    assert primary.source == "rapl"


@pytest.mark.parametrize("wanted", ["host", "nobody"])
def test_a_wanted_source_without_power_is_refused_with_the_names_of_others(wanted: str) -> None:
    with pytest.raises(ConfigError, match=f"'{wanted}'.*meter, rapl$"):
        choose_primary((wanted,), [HOST, METER, RAPL])


def test_several_primaries_are_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="name one"):
        choose_primary(("meter", "rapl"), [METER, RAPL])
