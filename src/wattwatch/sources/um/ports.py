"""Serial ports that a meter could be behind: bound RFCOMM ports and USB serial adapters."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_USB_PREFIXES: Final = ("ttyUSB", "ttyACM")
_RFCOMM_PREFIX: Final = "rfcomm"


@dataclass(frozen=True, slots=True)
class Port:
    """A serial port; `about` is for people, `group` owns it, `usable` says whether we may open it."""

    path: str
    about: str
    group_id: int
    usable: bool


def find_ports(dev: Path = Path("/dev"), sys: Path = Path("/sys")) -> tuple[Port, ...]:
    """RFCOMM ports first, as a meter is behind each, then USB serial ports."""
    names = sorted(
        (path.name for path in dev.glob("*") if path.name.startswith((_RFCOMM_PREFIX, *_USB_PREFIXES))),
        key=lambda name: (not name.startswith(_RFCOMM_PREFIX), name),
    )
    return tuple(_port(dev / name, sys / "class/tty" / name) for name in names)


def _port(path: Path, node: Path) -> Port:
    about = _rfcomm_about(node) if path.name.startswith(_RFCOMM_PREFIX) else _usb_about(node)
    return Port(str(path), about, path.stat().st_gid, os.access(path, os.R_OK | os.W_OK))


def _rfcomm_about(node: Path) -> str:
    """What the port is bound to, as net/bluetooth/rfcomm/tty.c shows it."""
    address, channel = _text(node / "address"), _text(node / "channel")
    if not address:
        return "Bluetooth serial port"
    return f"bound to {address.upper()}" + (f", channel {channel}" if channel else "")


def _usb_about(node: Path) -> str:
    """Maker and product of the USB device, which is one of the folders above the tty's device."""
    device = (node / "device").resolve()
    for folder in (device, *device.parents):
        if product := _text(folder / "product"):
            return f"USB: {' '.join(filter(None, (_text(folder / 'manufacturer'), product)))}"
    return "USB serial port"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
