"""Readings and times as people write them, escaped for HTML. Pure."""

from html import escape
from typing import Final

from wattwatch.reading import Instant, Reading
from wattwatch.sampling.snapshot import Snapshot
from wattwatch.units import text_from_seconds

_UNITS: Final = {
    "watts": "W", "volts": "V", "amperes": "A", "ohms": "Ω", "celsius": "°C", "joules": "J",
    "coulombs": "C", "hertz": "Hz", "bytes": "B", "seconds": "s", "ratio": "", "count": "",
}  # fmt: skip
_LARGE: Final = {"hertz", "bytes"}
_PREFIXES: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_MANY: Final = 1000.0


def value(reading: Reading) -> str:
    """A value with its unit, such as `5.1 V` or `1.50 GHz`."""
    word = reading.channel.quantity.rpartition("_")[2]
    unit = _UNITS.get(word, word)
    if word in _LARGE:
        for factor, prefix in _PREFIXES:
            if abs(reading.value) >= factor:
                return escape(f"{reading.value / factor:.2f} {prefix}{unit}")
    places = 1 if abs(reading.value) >= _MANY else 3
    return escape(f"{reading.value:,.{places}f}".rstrip("0").rstrip(".") + f" {unit}").strip()


def watts(number: float) -> str:
    """A power without its unit, in three digits or more: `5.51`, `48.3`, `312`."""
    places = next((places for limit, places in ((10, 2), (100, 1)) if abs(number) < limit), 0)
    return f"{number:,.{places}f}"


def ago(at: Instant | None, snapshot: Snapshot) -> str:
    """How long an instant is past: `0.42 s`; empty for none, and for one of another boot."""
    if at is None or at.boot_id != snapshot.at.boot_id:
        return ""
    return text_from_seconds(max(0.0, snapshot.at.boot_seconds - at.boot_seconds))


def facts(pairs: list[tuple[str, str]]) -> str:
    """A list of terms and what they are; both are HTML already."""
    return '<dl class="facts">' + "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in pairs) + "</dl>"
