"""What a machine is looked for, beside what its configuration names."""

import pytest

from wattwatch.config.settings import Settings
from wattwatch.daemon.node import all_specs
from wattwatch.sources.base import HwmonSpec, PowercapSpec, SourceSpec, ThermalSpec, UmSpec


def found(*configured: SourceSpec, discover: bool = True) -> list[str]:
    settings = Settings(node="pi-1", sources=configured, discover=discover)
    return [spec.name for spec in all_specs(settings)]


def test_everything_that_the_kernel_may_have_is_looked_for() -> None:
    assert {"thermal", "cooling", "rapl", "hwmon", "power-supply", "host", "self"} <= set(found())


def test_nothing_is_looked_for_that_was_not_asked_for() -> None:
    assert found(discover=False) == ["self"]


@pytest.mark.parametrize("spec", [ThermalSpec(), HwmonSpec(devices=("powerz",)), PowercapSpec()])
def test_what_is_configured_is_not_found_again(spec: SourceSpec) -> None:
    assert found(spec).count(spec.name) == 1


@pytest.mark.parametrize("word", ["rapl", "powercap"])
def test_no_counter_is_read_twice_under_two_words(word: str) -> None:
    assert "rapl" not in found(PowercapSpec(name="cpu", type=word))


def test_a_name_that_keeps_a_source_from_being_found_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A meter called `host` would silently cost the CPU time and the memory of the node."""
    assert found(UmSpec(name="host", url="/dev/rfcomm0")).count("host") == 1
    (record,) = caplog.records
    assert "source 'host' (um24c) has the name of what would be found (host)" in record.message
    assert "another name" in record.message
    caplog.clear()
    found(ThermalSpec(), PowercapSpec(name="cpu"), UmSpec(url="/dev/rfcomm0"))
    assert caplog.records == []
