"""Serial ports that could have a meter behind them. The trees are built from the kernel's documented layout
(Documentation/ABI: tty, usb; net/bluetooth/rfcomm/tty.c), never captured."""

from pathlib import Path

from wattwatch.sources.um.ports import find_ports


def make_tree(root: Path) -> tuple[Path, Path]:
    dev, sys = root / "dev", root / "sys"
    dev.mkdir()
    for name in ("rfcomm1", "ttyUSB0", "ttyACM0", "tty1", "ttyS0", "null", "rfcomm0"):
        (dev / name).touch()
    rfcomm = sys / "class/tty/rfcomm0"
    rfcomm.mkdir(parents=True)
    (rfcomm / "address").write_text("00:15:a6:01:aa:bb\n")
    (rfcomm / "channel").write_text("1\n")
    usb = sys / "devices/usb1/1-1"
    (usb / "1-1:1.0/ttyUSB0").mkdir(parents=True)
    (usb / "product").write_text("USB Serial\n")
    (usb / "manufacturer").write_text("1a86\n")
    node = sys / "class/tty/ttyUSB0"
    node.mkdir()
    (node / "device").symlink_to(usb / "1-1:1.0/ttyUSB0")
    return dev, sys


def test_rfcomm_ports_come_first_and_say_what_they_are_bound_to(tmp_path: Path) -> None:
    dev, sys = make_tree(tmp_path)
    found = find_ports(dev, sys)
    assert [(Path(port.path).name, port.about) for port in found] == [
        ("rfcomm0", "bound to 00:15:A6:01:AA:BB, channel 1"),
        ("rfcomm1", "Bluetooth serial port"),
        ("ttyACM0", "USB serial port"),
        ("ttyUSB0", "USB: 1a86 USB Serial"),
    ]
    assert all(port.usable for port in found)
    assert {port.group_id for port in found} == {dev.stat().st_gid}


def test_a_computer_without_ports_has_none(tmp_path: Path) -> None:
    assert find_ports(tmp_path / "dev", tmp_path / "sys") == ()
