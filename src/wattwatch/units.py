"""Units: SI inside, converted once at the edge, by the functions of this file."""

import re
from typing import Final

JOULES_PER_MILLIWATT_HOUR: Final = 3.6
COULOMBS_PER_MILLIAMPERE_HOUR: Final = 3.6

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES: Final = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_SHOWN_CHARACTERS: Final = 60  # in an error line
_QUANTITY: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


def joules_from_milliwatt_hours(count: float) -> float:
    """Joules of a meter's mWh accumulator: 1 mWh is 3.6 J."""
    return count * JOULES_PER_MILLIWATT_HOUR


def coulombs_from_milliampere_hours(count: float) -> float:
    """Coulombs of a meter's mAh accumulator: 1 mAh is 3.6 C."""
    return count * COULOMBS_PER_MILLIAMPERE_HOUR


def seconds_from_text(text: str) -> float:
    """Seconds of `500ms`, `30s`, `5m`, `1h`, `30d`, `2w`; ValueError names the allowed units."""
    return _scaled(text, _SECONDS, "a duration such as 500ms, 30s, 5m, 1h, 30d")


def bytes_from_text(text: str) -> int:
    """Bytes of `500MB` or `2GiB`; ValueError names the allowed units."""
    return round(_scaled(text, dict(_BYTES), "a size such as 500MB or 2GiB"))


def _scaled(text: str, factors: dict[str, float] | dict[str, int], allowed: str) -> float:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in factors:
        raise ValueError(f"expected {allowed}, got {text[:_SHOWN_CHARACTERS]!r}")
    return float(match[1]) * factors[match[2]]


def text_from_seconds(seconds: float) -> str:
    """A duration for people: `0.42 s`, `12.3 s`, `5 min 03 s`, `2 h 05 min`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"  # noqa: PLR2004 - three digits
    minutes, rest_seconds = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left:02d} min" if hours else f"{minutes} min {rest_seconds:02d} s"


def text_from_joules(joules: float) -> str:
    """An energy for people: `512 mJ`, `12.3 J`, `4.56 kJ`, `1.20 MJ`."""
    size = abs(joules)
    if size < 1:
        return f"{joules * 1000:.0f} mJ"
    factor, unit = next((f, u) for f, u in ((1e6, "MJ"), (1e3, "kJ"), (1.0, "J")) if size >= f)
    scaled = joules / factor
    return f"{scaled:.{2 if abs(scaled) < 10 else 1}f} {unit}"  # noqa: PLR2004 - three digits
