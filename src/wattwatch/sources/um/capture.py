"""Captured bytes of a meter, as hex text or binary, made into frames and plain JSON objects."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from wattwatch.errors import FrameError, SourceUnavailable
from wattwatch.sources.um.protocol import Frame
from wattwatch.sources.um.resync import frames

_STANDARD_INPUT: Final = "-"
_HEX_PREFIX: Final = re.compile(r"\b0[xX]|:")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_TEXT: Final = frozenset(b"\t\n\r\f" + bytes(range(0x20, 0x7F)))
_QUOTED_CHARACTERS: Final = 30


def read_capture(argument: str, standard_input: BinaryIO) -> bytes:
    """The bytes of a file, of standard input (`-`), or of the argument itself if that is hex text.

    FrameError if it is neither hex nor a file, SourceUnavailable if the file cannot be read.
    """
    if argument == _STANDARD_INPUT:
        return standard_input.read()
    path = Path(argument)
    try:
        return path.read_bytes()
    except (FileNotFoundError, ValueError):
        return _argument_as_hex(argument)
    except OSError as error:  # hex text may be too long for a file name
        if _from_hex(argument) is not None:
            return argument.encode()
        raise SourceUnavailable(f"{argument}: {error.strerror}: give a readable file or hex text") from error


def _argument_as_hex(argument: str) -> bytes:
    if _from_hex(argument) is None:
        raise FrameError(f"{argument[:_QUOTED_CHARACTERS]!r} is neither hex text nor a file that exists")
    return argument.encode()


def decode_capture(raw: bytes) -> Iterator[Frame | FrameError]:
    """Every frame of a capture in order, and an error, with its offset in the bytes, for all else.

    Text is taken for hex with any white space; a line that is no hex is an error and parts what is beside
    it. FrameError is also what an empty capture gives.
    """
    raw = raw.removeprefix(_BYTE_ORDER_MARK)
    items = _decode_text(raw.decode("ascii")) if _TEXT.issuperset(raw) else frames(raw)
    first = next(items, None)
    yield first or FrameError("nothing to decode: expected frames of 130 bytes, as hex text or binary")
    yield from items


def _decode_text(text: str) -> Iterator[Frame | FrameError]:
    block, base = bytearray(), 0
    for number, line in enumerate(text.splitlines(), start=1):
        data = _from_hex(line)
        if data is not None:
            block += data
            continue
        yield from _shifted(block, base)
        block, base = bytearray(), base + len(block)
        yield FrameError(f"line {number} is not hex: {line.strip()[:_QUOTED_CHARACTERS]!r}", base)
    yield from _shifted(block, base)


def _shifted(block: bytearray, base: int) -> Iterator[Frame | FrameError]:
    for item in frames(bytes(block)):
        yield FrameError(item.cause, base + item.offset) if isinstance(item, FrameError) else item


def _from_hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(_HEX_PREFIX.sub(" ", text))
    except ValueError:
        return None


def frame_object(frame: Frame) -> dict[str, Any]:
    """The frame as a JSON object: these keys, in this order, are its public form."""
    return {
        "model": frame.model.name,
        "voltage_volts": frame.voltage_volts,
        "current_amperes": frame.current_amperes,
        "power_watts": frame.power_watts,
        "temperature_celsius": frame.temperature_celsius,
        "selected_group": frame.selected_group,
        "groups": [
            {
                "charge_milliampere_hours": group.charge_milliampere_hours,
                "energy_milliwatt_hours": group.energy_milliwatt_hours,
            }
            for group in frame.groups
        ],
        "data_positive_volts": frame.data_positive_volts,
        "data_negative_volts": frame.data_negative_volts,
        "charging_mode": frame.charging_mode,
        "record": {
            "charge_milliampere_hours": frame.record.charge_milliampere_hours,
            "energy_milliwatt_hours": frame.record.energy_milliwatt_hours,
            "threshold_amperes": frame.record.threshold_amperes,
            "seconds": frame.record.seconds,
            "active": frame.record.active,
        },
        "screen_timeout_minutes": frame.screen_timeout_minutes,
        "backlight": frame.backlight,
        "resistance_ohms": frame.resistance_ohms,
        "trailer_ok": frame.trailer_ok,
        "plausible": frame.plausible,
        "problems": list(frame.problems),
    }
