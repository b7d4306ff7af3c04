"""How a command goes over Bluetooth Low Energy: as its bare byte, or wrapped as the A3-B has it.

The wrapped form is an Atorch frame, `FF 55 11 03 <command> 00 00 00 00 <sum>`; the answer is the bare 130
bytes in both cases (moormaster/python3-um24c-ble, floriandotorg/um24c).
"""

from enum import StrEnum
from typing import Final

_HEAD: Final = b"\xff\x55"
_KIND_AND_TYPE: Final = b"\x11\x03"  # a command, to a USB meter
_NO_VALUE: Final = bytes(4)
_SUM_KEY: Final = 0x44
_LOW_BYTE: Final = 0xFF


class Form(StrEnum):
    """What a meter understands."""

    RAW = "raw"
    WRAPPED = "wrapped"

    def written(self, request: bytes) -> bytes:
        """The bytes to write for a request, each of whose bytes is a command."""
        if self is Form.RAW:
            return request
        return b"".join(_wrapped(command) for command in request)

    @property
    def other(self) -> "Form":
        """The form to try when this one gets no answer."""
        return Form.WRAPPED if self is Form.RAW else Form.RAW


def _wrapped(command: int) -> bytes:
    body = _KIND_AND_TYPE + bytes((command,)) + _NO_VALUE
    return _HEAD + body + bytes(((sum(body) & _LOW_BYTE) ^ _SUM_KEY,))
