"""What the kernel says of adapters, on trees and structures built from its documented formats."""

import socket
import struct
from pathlib import Path

import pytest

from wattwatch.errors import SourceUnsupported
from wattwatch.sources.um import hci


@pytest.mark.parametrize(
    ("names", "on", "first"),
    [
        ([], [], "hci0"),
        ([], ["hci0"], "hci0"),
        (["hci1"], [], "hci1"),
        (["hci10", "hci2", "hci2:11"], [], "hci2"),
        (["hci1:3"], [], "hci0"),
        (["hci0", "hci1"], ["hci1"], "hci1"),
        (["hci0", "hci1"], ["hci0", "hci1"], "hci0"),
        (["hci10", "hci2", "hci1"], ["hci10", "hci2"], "hci2"),
        (["hci0", "hci0:11"], ["hci0:11"], "hci0"),
    ],
)
def test_the_first_adapter_is_the_lowest_that_is_on_and_a_link_is_none(
    tmp_path: Path, names: list[str], on: list[str], first: str
) -> None:
    for name in names:
        (tmp_path / "class/bluetooth" / name).mkdir(parents=True)
    assert hci.first_adapter(tmp_path, on.__contains__) == first


def test_where_the_kernel_does_not_tell_none_counts_as_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not hci.is_on("hci250")
    monkeypatch.delattr(socket, "AF_BLUETOOTH", raising=False)
    assert not hci.has_sockets()
    assert not hci.is_on("hci0")
    with pytest.raises(SourceUnsupported, match=r'built without .* transport = "bluez"'):
        hci.adapter_address("hci0")


def test_what_the_kernel_says_of_an_adapter_is_read() -> None:
    # struct hci_dev_info: u16 number, char name[8], u8 address[6] from the last byte on, u32 flags, 72 more.
    def info(flags: int) -> bytes:
        return struct.pack("<H8s6BI", 1, b"hci1", 0x01, 0x44, 0x33, 0x22, 0x11, 0x00, flags) + b"\xaa" * 72

    assert hci.address_of_device_info(info(0b101)) == "00:11:22:33:44:01"
    assert hci.address_of_device_info(info(0b100)) == ""


@pytest.mark.parametrize("name", ["hci250", "usb0", "hci", "hci0:1"])
def test_an_adapter_that_no_machine_has_is_an_oserror(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "AF_BLUETOOTH", 31, raising=False)
    with pytest.raises(OSError, match=r"."):
        hci.adapter_address(name)
