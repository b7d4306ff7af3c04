"""Where a meter is: what users type, and what a daemon says that it holds."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.errors import ClientError, ConfigError
from wattwatch.session.meter_place import bluetooth_address, held_meters, is_at, meter_spec
from wattwatch.sources.base import UmSpec

ADDRESS = "00:15:A6:01:AA:BB"


@pytest.mark.parametrize("text", [ADDRESS, ADDRESS.lower(), ADDRESS.replace(":", "-")])
def test_an_address_is_taken_however_it_is_written(text: str) -> None:
    assert meter_spec(text) == UmSpec(address=ADDRESS)
    assert meter_spec(text, "ble").transport == "ble"


@pytest.mark.parametrize("text", ["/dev/rfcomm0", "socket://pi:7000", "rfc2217://pi:7000", "./meter"])
def test_a_port_or_url_is_taken_as_it_is(text: str) -> None:
    assert meter_spec(text) == UmSpec(url=text)


@pytest.mark.parametrize("text", ["", "meter", "00:15:A6:01:AA", "00:15:A6:01:AA:BG", "0015A601AABB"])
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    assert bluetooth_address(text) is None
    with pytest.raises(ConfigError, match="give a Bluetooth address such as"):
        meter_spec(text)


@given(st.binary(min_size=6, max_size=6))
def test_every_address_is_an_address(octets: bytes) -> None:
    assert bluetooth_address(octets.hex(":")) == octets.hex(":").upper()


@pytest.mark.parametrize(
    ("spec", "detail", "same"),
    [
        (UmSpec(address=ADDRESS), f"UM24C at {ADDRESS} by bluez", True),
        (UmSpec(address=ADDRESS), f"{ADDRESS.lower()} by rfcomm (channel 1)", True),
        (UmSpec(address=ADDRESS), "UM24C at 00:15:A6:01:AA:CC by bluez", False),
        (UmSpec(address=ADDRESS), "UM24C at /dev/rfcomm0", False),
        (UmSpec(url="/dev/rfcomm0"), "UM24C at /dev/rfcomm0", True),
        (UmSpec(url="/dev/rfcomm0"), "/dev/rfcomm1", False),
        (UmSpec(url="socket://pi:7000"), "UM25C at socket://pi:7000", True),
        (UmSpec(url="/dev/rfcomm0"), "", False),
    ],
)
def test_a_sources_detail_names_its_place(spec: UmSpec, detail: str, same: bool) -> None:
    assert is_at(spec, detail) == same


def test_a_link_and_the_port_that_it_names_are_one_place(tmp_path: Path) -> None:
    port, link = tmp_path / "ttyUSB0", tmp_path / "by-id"
    port.touch()
    link.symlink_to(port)
    assert is_at(UmSpec(url=str(link)), f"UM24C at {port}")


def environment(directory: Path) -> dict[str, str]:
    return {"XDG_RUNTIME_DIR": str(directory), "HOME": str(directory)}


def abandoned(path: Path) -> None:
    """The socket of a daemon that was killed."""
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))


def test_a_dead_daemons_socket_holds_no_meter_but_one_that_was_named_must_answer(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch" / "wattwatch.sock"
    assert held_meters(environment(tmp_path), None) == (None, [])
    abandoned(path)
    assert held_meters(environment(tmp_path), None) == (None, [])
    with pytest.raises(ClientError, match="no daemon answers"):
        held_meters(environment(tmp_path), path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every socket")
def test_a_daemon_that_refuses_us_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch" / "wattwatch.sock"
    abandoned(path)
    path.chmod(0)
    with pytest.raises(ClientError, match="usermod"):
        held_meters(environment(tmp_path), None)
