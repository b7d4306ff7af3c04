"""Frames built from the documented layout, byte by byte: shares nothing with the decoder or the simulator."""

from dataclasses import dataclass, field
from pathlib import Path

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "data" / "um24c-frame.hex"
"""The only public frame of the protocol; somebody's publication, so it is not part of this repository."""

IDS = {"UM24C": 0x0963, "UM25C": 0x09C9, "UM34C": 0x0D4C}
SUMMED = [1, 3, 7, 9, 15, 17, 19, 23, 31, 39, 41, 45, 49, 53, 55, 57, 59, 63, 67, 69, 73, 79, 83, 89, 97, 99]
SUMMED += [109, 111, 113, 119, 121, 127]


@dataclass(frozen=True)
class FrameDigits:
    """The digits of a frame; power and resistance follow from V and I unless given."""

    model: str = "UM24C"
    volts: int = 502
    amperes: int = 50
    milliwatts: int | None = None
    celsius: int = 24
    fahrenheit: int = 75
    group: int = 0
    counts: dict[int, tuple[int, int]] = field(default_factory=lambda: {0: (403, 2016)})
    positive: int = 306
    negative: int = 0
    mode: int = 0
    record: tuple[int, int, int, int, int] = (403, 2016, 3, 13240, 1)
    timeout: int = 3
    backlight: int = 5
    deciohms: int | None = None
    screen: int = 0
    trailer: bytes | None = None
    model_id: int | None = None


def power_digits(digits: FrameDigits) -> int:
    """Milliwatts of the shown digits: cut off, never rounded."""
    per_milliwatt = 10_000 if digits.model == "UM25C" else 100
    return digits.volts * digits.amperes // per_milliwatt


def resistance_digits(digits: FrameDigits) -> int:
    """Tenths of an ohm; 9999.9 without a load or beyond the display."""
    return min(digits.volts * 100 // digits.amperes, 99999) if digits.amperes else 99999


def frame_bytes(digits: FrameDigits) -> bytes:
    """The 130 bytes, each field put at its documented offset."""
    frame = bytearray(130)

    def put(offset: int, length: int, value: int) -> None:
        frame[offset : offset + length] = value.to_bytes(length, "big")

    put(0, 2, IDS[digits.model] if digits.model_id is None else digits.model_id)
    put(2, 2, digits.volts)
    put(4, 2, digits.amperes)
    put(6, 4, power_digits(digits) if digits.milliwatts is None else digits.milliwatts)
    put(10, 2, digits.celsius)
    put(12, 2, digits.fahrenheit)
    put(14, 2, digits.group)
    for group, (milliampere_hours, milliwatt_hours) in digits.counts.items():
        put(16 + 8 * group, 4, milliampere_hours)
        put(20 + 8 * group, 4, milliwatt_hours)
    put(96, 2, digits.positive)
    put(98, 2, digits.negative)
    put(100, 2, digits.mode)
    for offset, length, value in zip((102, 106, 110, 112, 116), (4, 4, 2, 4, 2), digits.record, strict=True):
        put(offset, length, value)
    put(118, 2, digits.timeout)
    put(120, 2, digits.backlight)
    put(122, 4, resistance_digits(digits) if digits.deciohms is None else digits.deciohms)
    put(126, 2, digits.screen)
    frame[128:130] = trailer_bytes(digits, frame) if digits.trailer is None else digits.trailer
    return bytes(frame)


def trailer_bytes(digits: FrameDigits, frame: bytearray) -> bytes:
    """What the model ends a frame with: a constant, or (UM34C) an unknown byte and an XOR."""
    if digits.model != "UM34C":
        return b"\xff\xf1"
    check = 0
    for index in SUMMED:
        check ^= frame[index]
    return bytes((0x15, check))


def frame(**digits: object) -> bytes:
    """The frame of METERS section 2, with these digits changed."""
    return frame_bytes(FrameDigits(**digits))  # type: ignore[arg-type] # a test that misspells one fails
