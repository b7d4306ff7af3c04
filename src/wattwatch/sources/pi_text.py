"""What the Raspberry Pi's firmware answers, as text: pure parsers.

Formats: `vcgencmd get_throttled` and `vcgencmd pmic_read_adc` (raspberrypi.com/documentation, vcgencmd), and
sysfs get_throttled (raspberrypi/linux: drivers/firmware/raspberrypi.c).
"""

import re
from dataclasses import dataclass
from typing import Final

FLAGS: Final = {
    "under-voltage": 0,
    "frequency-capped": 1,
    "throttled": 2,
    "soft-temperature-limit": 3,
}
"""Bit of every reason, now; the same 16 bits higher: has occurred since boot."""

SINCE_BOOT_SHIFT: Final = 16

_THROTTLED: Final = re.compile(r"throttled=0x([0-9a-fA-F]{1,8})")
_HEX: Final = re.compile(r"[0-9a-fA-F]{1,8}")
_ADC: Final = re.compile(
    r"([0-9A-Z_]{1,30})_([AV])\s+(current|volt)\(\d{1,3}\)=(-?\d{1,6}(?:\.\d{1,12})?)([AV])", re.ASCII
)
_UNITS: Final = {"current": "A", "volt": "V"}
_LONGEST_SHOWN: Final = 60

BOARD_GAIN: Final = 1.1451
BOARD_OFFSET_WATTS: Final = 0.5879


@dataclass(frozen=True, slots=True)
class Throttled:
    """The firmware's flags: which reasons hold now, and which have held since boot."""

    now: frozenset[str]
    since_boot: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rail:
    """One supply rail of the power management chip; `amperes` is None where only voltage is measured."""

    name: str
    volts: float
    amperes: float | None = None

    @property
    def watts(self) -> float:
        """Voltage times current; 0 where no current is measured."""
        return self.volts * (self.amperes or 0.0)


def throttled_from_text(text: str) -> Throttled:
    """The flags of `throttled=0x50005`; ValueError for anything else."""
    match = _THROTTLED.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected throttled=0x…, got {_shown(text)}")
    return _flags(int(match[1], 16))


def throttled_from_sysfs(text: str) -> Throttled:
    """The flags of sysfs, hexadecimal without 0x; ValueError for anything else."""
    digits = text.strip()
    if not _HEX.fullmatch(digits):
        raise ValueError(f"expected hexadecimal digits, got {_shown(text)}")
    return _flags(int(digits, 16))


def _flags(bits: int) -> Throttled:
    now = frozenset(name for name, bit in FLAGS.items() if bits >> bit & 1)
    since_boot = frozenset(name for name, bit in FLAGS.items() if bits >> bit + SINCE_BOOT_SHIFT & 1)
    return Throttled(now, since_boot)


def rails_from_text(text: str) -> tuple[Rail, ...]:
    """Rails of `vcgencmd pmic_read_adc`, in its order: those with a current, then those without.

    Lines of another shape are passed over. ValueError without any rail, if a name comes twice, or if a
    current has no voltage: the answer was cut short (currents come first), and a sum would lack a rail.
    """
    amperes: dict[str, float] = {}
    volts: dict[str, float] = {}
    for line in text.splitlines():
        match = _ADC.fullmatch(line.strip())
        if match is None or match[2] != match[5] or _UNITS[match[3]] != match[2]:
            continue
        values = amperes if match[2] == "A" else volts
        if match[1] in values:
            raise ValueError(f"{match[1]}_{match[2]} comes twice")
        values[match[1]] = float(match[4])
    if incomplete := amperes.keys() - volts.keys():
        raise ValueError(f"{min(incomplete)} has a current, but no voltage: the answer is cut short")
    if not amperes:
        raise ValueError(f"no power rail in {_shown(text)}")
    measured = [Rail(name, volts[name], current) for name, current in amperes.items()]
    return (*measured, *(Rail(name, value) for name, value in volts.items() if name not in amperes))


def rails_watts(rails: tuple[Rail, ...]) -> float:
    """Watts of all rails with a current: what the power management chip supplies, without 5 V loads."""
    return sum(rail.watts for rail in rails)


def board_watts(rail_watts: float) -> float:
    """Estimated watts of the whole board: W = 1.1451·Σ(V·I) + 0.5879.

    A fit published in jfikar/RPi5-power (README), of one Raspberry Pi 5 and 50 s averages: the rails leave
    out all that hangs on 5 V (USB, HAT, NVMe, fan) and the losses of the regulators.
    """
    return BOARD_GAIN * rail_watts + BOARD_OFFSET_WATTS


def _shown(text: str) -> str:
    return repr(" ".join(text.split())[:_LONGEST_SHOWN])
