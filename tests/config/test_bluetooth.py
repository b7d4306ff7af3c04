"""How many meters an adapter may be given."""

import tomllib

import pytest

from wattwatch.config.load import settings_from_document
from wattwatch.config.settings import Settings
from wattwatch.errors import ConfigError


def load(adapters: list[str], more: str = "") -> Settings:
    """Settings with a Bluetooth meter for each adapter named; "" leaves the choice open."""
    meters = [
        f'[[source]]\ntype = "um24c"\nname = "meter-{number}"\naddress = "00:15:A6:01:AA:{number:02X}"\n'
        + (f'adapter = "{adapter}"\n' if adapter else "")
        for number, adapter in enumerate(adapters)
    ]
    return settings_from_document(tomllib.loads("\n".join([*meters, more])), "f.toml", {"NODE_NAME": "n"})


def test_seven_on_each_of_two_adapters_fit() -> None:
    assert len(load(["hci0"] * 7 + ["hci1"] * 7).sources) == 14


@pytest.mark.parametrize(
    ("adapters", "index", "which"),
    [
        (["hci0"] * 8, 7, "hci0"),
        ([""] * 8, 7, "one Bluetooth adapter"),
        (["hci1", *["hci0"] * 7, "hci1", "hci0", "hci0"], 9, "hci0"),
    ],
)
def test_the_eighth_is_refused_in_one_line_that_names_it(adapters: list[str], index: int, which: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(adapters)
    line = str(caught.value)
    assert line.startswith(f"f.toml: source[{index}].address: ")
    assert f"{which} holds at most 7 meters" in line
    assert "\n" not in line


def test_serial_ports_are_no_links_of_an_adapter() -> None:
    ports = "\n".join(
        f'[[source]]\ntype = "um24c"\nname = "p{number}"\nurl = "/dev/ttyUSB{number}"\n'
        for number in range(9)
    )
    assert len(load(["hci0"] * 7, ports).sources) == 16
