"""The 130-byte frame of a UM24C, UM25C or UM34C: bytes in, record out, nothing else.

Layout, scales and checks as gathered from public decoders and manuals; the model id in the frame decides
the scales, never the configuration.
"""

import struct
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Final

from wattwatch.errors import FrameError

POLL: Final = b"\xf0"
"""The only byte that measuring ever sends to a meter; `commands` has those of `wattwatch meters set`."""

FRAME_BYTES: Final = 130
GROUPS: Final = 10
END_MARK: Final = b"\xff\xf1"
NO_LOAD_DECIOHMS: Final = 99_999  # 9999.9 ohms: no load, or more than the display holds

# Model id, V, I, mW, deg C, deg F, group | 10 x (mAh, mWh) | D+, D-, mode | recorder mAh, mWh, threshold,
# seconds, active | screen timeout, backlight | deciohms | screen, end mark.
LAYOUT: Final = struct.Struct(">HHHIHHH 20I HHH IIHIH HH I H2s")

_UM34C_SUMMED: Final = (
    1, 3, 7, 9, 15, 17, 19, 23, 31, 39, 41, 45, 49, 53, 55, 57, 59, 63, 67, 69, 73, 79, 83, 89, 97, 99, 109,
    111, 113, 119, 121, 127,
)  # fmt: skip
_CHANNEL_DECIMALS: Final = 7  # volts x amperes of a UM25C has seven decimals, of the others five


@dataclass(frozen=True, slots=True)
class Model:
    """A model, its marker in the frame, and what one digit of it means."""

    name: str
    id: int
    digits_per_volt: int
    digits_per_ampere: int
    full_scale_amperes: float
    sums_trailer: bool = False
    # What the last shown digit may be off by: known frames are exact, but of a UM25C none is public.
    slack_digits: int = 0

    @property
    def digits_per_milliwatt(self) -> int:
        """Product of a voltage and a current digit that makes one milliwatt."""
        return self.digits_per_volt * self.digits_per_ampere // 1000

    @property
    def full_scale_watts(self) -> float:
        """The most that the meter can show: 24 V at its full current."""
        return FULL_SCALE_VOLTS * self.full_scale_amperes


FULL_SCALE_VOLTS: Final = 24.0
UM24C: Final = Model("UM24C", 0x0963, 100, 1000, 3.0)
UM25C: Final = Model("UM25C", 0x09C9, 1000, 10000, 5.0, slack_digits=1)
UM34C: Final = Model("UM34C", 0x0D4C, 100, 1000, 4.0, sums_trailer=True)
MODELS: Final = {model.id: model for model in (UM24C, UM25C, UM34C)}


@dataclass(frozen=True, slots=True)
class Group:
    """One accumulator of the meter, in the meter's own counts."""

    charge_milliampere_hours: int
    energy_milliwatt_hours: int


@dataclass(frozen=True, slots=True)
class Record:
    """The threshold recorder, which counts only while the current is above its threshold."""

    charge_milliampere_hours: int
    energy_milliwatt_hours: int
    threshold_amperes: float
    seconds: int
    active: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """What the meter shows. `problems` names figures that disagree with each other."""

    model: Model
    voltage_volts: float
    current_amperes: float
    power_watts: float  # the meter's own product, cut to milliwatts: no measurement of its own
    temperature_celsius: float
    temperature_fahrenheit: float
    selected_group: int
    groups: tuple[Group, ...]
    data_positive_volts: float
    data_negative_volts: float
    charging_mode: int
    record: Record
    screen_timeout_minutes: int
    backlight: int
    resistance_ohms: float
    screen: int
    trailer_ok: bool
    problems: tuple[str, ...] = ()

    @property
    def plausible(self) -> bool:
        """Whether the figures of the frame agree with each other."""
        return not self.problems

    @property
    def trustworthy(self) -> bool:
        """Whether volts and amperes can be relied on: nothing but the Fahrenheit display disagrees.

        Both temperatures come from one finer value. A firmware that cuts both digits off would differ by up
        to 1.8 F: that must not cost the energy of every frame at some temperatures.
        """
        return not set(self.problems) - {"fahrenheit_mismatch"}

    @property
    def product_watts(self) -> float:
        """Volts times amperes of the shown digits, which is finer than the meter's own power."""
        return round(self.voltage_volts * self.current_amperes, _CHANNEL_DECIMALS)

    @property
    def group(self) -> Group | None:
        """The selected accumulator; None if the selection is out of range."""
        return self.groups[self.selected_group] if self.selected_group < GROUPS else None


def decode(data: bytes, offset: int = 0) -> Frame:
    """The frame in the 130 bytes at `offset`.

    FrameError if they are too few, or do not begin with the id of a known model. Another end mark than
    expected is only flagged (`trailer_ok`), and figures that disagree are named in `problems`.
    """
    chunk = data[offset : offset + FRAME_BYTES]
    if len(chunk) != FRAME_BYTES:
        raise FrameError(f"expected {FRAME_BYTES} bytes, got {len(chunk)}", offset)
    model = _model(chunk, offset)
    fields = LAYOUT.unpack(chunk)
    volt_digits, ampere_digits, milliwatts, celsius, fahrenheit, group = fields[1:7]
    counts = fields[7:27]
    positive, negative, mode, mah, mwh, threshold, seconds, active = fields[27:35]
    screen_timeout_minutes, backlight, deciohms, screen = fields[35:39]
    return Frame(
        model=model,
        voltage_volts=volt_digits / model.digits_per_volt,
        current_amperes=ampere_digits / model.digits_per_ampere,
        power_watts=milliwatts / 1000,
        temperature_celsius=celsius,
        temperature_fahrenheit=fahrenheit,
        selected_group=group,
        groups=tuple(map(Group, counts[::2], counts[1::2])),
        data_positive_volts=positive / 100,
        data_negative_volts=negative / 100,
        charging_mode=mode,
        record=Record(mah, mwh, threshold / 100, seconds, bool(active)),
        screen_timeout_minutes=screen_timeout_minutes,
        backlight=backlight,
        resistance_ohms=deciohms / 10,
        screen=screen,
        trailer_ok=trailer_fits(model, chunk),
        problems=_problems(model, chunk),
    )


def _model(chunk: bytes, offset: int) -> Model:
    model_id = int.from_bytes(chunk[:2], "big")
    try:
        return MODELS[model_id]
    except KeyError:
        known = ", ".join(f"0x{model.id:04X} {model.name}" for model in MODELS.values())
        raise FrameError(f"unknown model id 0x{model_id:04X} (known: {known})", offset) from None


def trailer_fits(model: Model, frame: bytes) -> bool:
    """Whether the last two bytes are what the model is known to send.

    A UM34C ends in an XOR over some of its bytes, the others in a constant mark that proves nothing else.
    """
    if model.sums_trailer:
        return frame[-1] == trailer_sum(frame)
    return frame[-2:] == END_MARK


def trailer_sum(frame: bytes) -> int:
    """The last byte of a UM34C frame: the XOR over the bytes that it is known to cover."""
    return reduce(xor, (frame[index] for index in _UM34C_SUMMED))


def _problems(model: Model, chunk: bytes) -> tuple[str, ...]:
    volt_digits, ampere_digits, milliwatts, celsius, fahrenheit, group = LAYOUT.unpack(chunk)[1:7]
    deciohms = LAYOUT.unpack(chunk)[37]
    checks = (
        ("power_mismatch", _power_fits(model, volt_digits, ampere_digits, milliwatts)),
        ("resistance_mismatch", _resistance_fits(model, volt_digits, ampere_digits, deciohms)),
        ("fahrenheit_mismatch", abs(9 * celsius + 160 - 5 * fahrenheit) <= 5),  # noqa: PLR2004 - 1 F, times 5
        ("group_out_of_range", group < GROUPS),
    )
    return tuple(name for name, fits in checks if not fits)


def _power_fits(model: Model, volt_digits: int, ampere_digits: int, milliwatts: int) -> bool:
    expected = volt_digits * ampere_digits // model.digits_per_milliwatt
    return abs(milliwatts - expected) <= model.slack_digits


def _resistance_fits(model: Model, volt_digits: int, ampere_digits: int, deciohms: int) -> bool:
    """Whether |V/I - R| < 0.1 ohm, in whole numbers; no load is shown as 9999.9.

    All models show ten times as many digits per ampere as per volt, so deciohms are 100 V/I of the digits.
    """
    slack = model.slack_digits
    if ampere_digits == 0:
        # Less than one digit flows: any resistance above the one that one digit would mean.
        return min(100 * volt_digits, NO_LOAD_DECIOHMS) <= deciohms <= NO_LOAD_DECIOHMS
    above_lowest = (deciohms + 1) * (ampere_digits + slack) > 100 * volt_digits
    below_highest = (deciohms - 1) * ampere_digits < 100 * (volt_digits + slack)
    capped = deciohms == NO_LOAD_DECIOHMS
    return (above_lowest or capped) and below_highest and deciohms <= NO_LOAD_DECIOHMS
