"""What a machine is looked for, beside what its configuration names."""

import pytest

from wattwatch.config.settings import Settings
from wattwatch.daemon.node import all_specs
from wattwatch.sources.base import HwmonSpec, PowercapSpec, SourceSpec, ThermalSpec


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
