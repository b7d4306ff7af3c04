"""Bytes as a frame: either FrameError, or a record from which the test encoder makes the same frame again."""

import json

from laws import one_line
from support.um_frames import IDS, FrameDigits, frame_bytes, power_digits, trailer_bytes
from wattwatch.errors import FrameError
from wattwatch.sources.um.capture import frame_object
from wattwatch.sources.um.protocol import FRAME_BYTES, Frame, decode

_ACTIVE = 116  # 0 or not
_TRAILER = 128


def check(data: bytes) -> None:
    """Decode and encode again."""
    try:
        frame = decode(data)
    except FrameError as error:
        one_line(error)
        assert len(data) < FRAME_BYTES or int.from_bytes(data[:2], "big") not in IDS.values()
        return
    sent = data[:FRAME_BYTES]
    digits = _digits(frame)
    assert _meaning(frame_bytes(digits)) == _meaning(sent)
    _check_problems(frame, digits)
    _check_trailer(frame, digits, sent)
    json.dumps(frame_object(frame), allow_nan=False)
    assert frame.product_watts >= 0
    assert frame.trustworthy or not frame.plausible


def _check_problems(frame: Frame, digits: FrameDigits) -> None:
    slack = 1 if frame.model.name == "UM25C" else 0
    power_fits = abs((digits.milliwatts or 0) - power_digits(digits)) <= slack
    assert ("power_mismatch" in frame.problems) is not power_fits
    assert ("group_out_of_range" in frame.problems) is (frame.group is None)


def _check_trailer(frame: Frame, digits: FrameDigits, sent: bytes) -> None:
    wanted = trailer_bytes(digits, bytearray(sent))
    counted = 1 if frame.model.name == "UM34C" else 2  # the other byte of a UM34C is not known
    assert frame.trailer_ok is (sent[-counted:] == wanted[-counted:])


def _digits(frame: Frame) -> FrameDigits:
    record, model = frame.record, frame.model
    counts = {n: (g.charge_milliampere_hours, g.energy_milliwatt_hours) for n, g in enumerate(frame.groups)}
    return FrameDigits(
        model=model.name,
        volts=round(frame.voltage_volts * model.digits_per_volt),
        amperes=round(frame.current_amperes * model.digits_per_ampere),
        milliwatts=round(frame.power_watts * 1000),
        celsius=int(frame.temperature_celsius),
        fahrenheit=int(frame.temperature_fahrenheit),
        group=frame.selected_group,
        counts=counts,
        positive=round(frame.data_positive_volts * 100),
        negative=round(frame.data_negative_volts * 100),
        mode=frame.charging_mode,
        record=(
            record.charge_milliampere_hours,
            record.energy_milliwatt_hours,
            round(record.threshold_amperes * 100),
            record.seconds,
            int(record.active),
        ),
        timeout=frame.screen_timeout_minutes,
        backlight=frame.backlight,
        deciohms=round(frame.resistance_ohms * 10),
        screen=frame.screen,
    )


def _meaning(frame: bytes) -> bytes:
    active = bytes(2) if frame[_ACTIVE : _ACTIVE + 2] == bytes(2) else b"\0\1"
    return frame[:_ACTIVE] + active + frame[_ACTIVE + 2 : _TRAILER]
