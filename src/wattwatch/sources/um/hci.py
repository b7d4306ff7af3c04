"""What the kernel says of Bluetooth adapters: which there are, which are on, and their addresses.

Any user may ask. In a container without the host's network only their names can be seen. Python has the
socket family only where it was built with the kernel's Bluetooth headers; nothing here touches it on import.
"""

import errno
import fcntl
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from wattwatch.errors import SourceUnsupported
from wattwatch.sources.base import SYSFS

# Linux include/net/bluetooth/hci_sock.h: HCIGETDEVINFO fills struct hci_dev_info for the number in it.
_GET_DEVICE_INFO: Final = 0x800448D3
_DEVICE_INFO: Final = struct.Struct("<H8s6sI72x")
_UP: Final = 1
_PROTOCOL: Final = 1  # BTPROTO_HCI
_PREFIX: Final = "hci"
_USUAL: Final = "hci0"


def has_sockets() -> bool:
    """Whether this Python can make Bluetooth sockets at all."""
    return hasattr(socket, "AF_BLUETOOTH")


def socket_family() -> int:
    """The address family of Bluetooth sockets; SourceUnsupported if this Python has none."""
    family: int | None = getattr(socket, "AF_BLUETOOTH", None)
    if family is None:
        raise SourceUnsupported(
            "this Python was built without Bluetooth sockets: use the system's python3, or set "
            "transport = \"bluez\" (pip install 'wattwatch[bluetooth]')"
        )
    return family


def adapter_address(adapter: str) -> str:
    """The address of an adapter such as hci1, "" if it is off.

    Raises OSError if it is not there or the kernel does not tell, SourceUnsupported without sockets.
    """
    number = adapter.removeprefix(_PREFIX)
    if not number.isdecimal():
        raise OSError(errno.ENODEV, adapter)
    with socket.socket(socket_family(), socket.SOCK_RAW, _PROTOCOL) as asking:
        answer = bytearray(_DEVICE_INFO.pack(int(number), b"", b"", 0))
        fcntl.ioctl(asking, _GET_DEVICE_INFO, answer)
    return address_of_device_info(bytes(answer))


def address_of_device_info(info: bytes) -> str:
    """The address in a struct hci_dev_info, "" if the adapter is down."""
    _, _, address, flags = _DEVICE_INFO.unpack(info)
    if not flags & _UP:
        return ""
    return ":".join(f"{byte:02X}" for byte in reversed(address))


def is_on(adapter: str) -> bool:
    """Whether the kernel says that an adapter is on; False where it does not tell."""
    with suppress(OSError, SourceUnsupported):
        return adapter_address(adapter) != ""
    return False


def first_adapter(root: Path = SYSFS, is_on: Callable[[str], bool] = is_on) -> str:
    """The name of the first adapter that is on; of the first where none is known to be, or hci0."""
    # Links are listed there beside adapters, as hci0:1.
    seen = [path.name for path in root.glob(f"class/bluetooth/{_PREFIX}*") if ":" not in path.name]
    names = sorted(seen, key=adapter_order) or [_USUAL]
    return next(filter(is_on, names), names[0])


def adapter_order(name: str) -> tuple[int, str]:
    """Sorts adapters by their number: hci2 comes before hci10."""
    return len(name), name
