"""One value of TOML to one value of a record, checked and in base units; ValueError says what is allowed."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from wattwatch.config.grammar import Key, ValueType
from wattwatch.units import bytes_from_text, seconds_from_text
from wattwatch.web.listen import parse_listen

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_ADDRESS: Final = re.compile(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
_NAME_RULE: Final = "a name of letters, digits, '.', '_' and '-', such as pi-1"
_SHOWN_CHARACTERS: Final = 60
_UNITS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_SIZES: Final = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10}


def value_of(key: Key, value: Any) -> Any:
    """What the record holds for a key: seconds, bytes, Path, tuple; ValueError says what is allowed."""
    made = _MAKERS[key.type](value)
    if key.choices and made not in key.choices:
        raise _expected(f"one of {', '.join(key.choices)}", value)
    below = key.least is not None and made < key.least
    above = key.most is not None and made > key.most
    if below or above:
        raise _expected(allowed_range(key), value)
    return made


def shown(value: Any) -> str:
    """A value for an error line: one line, never long."""
    try:
        text = repr(value)
    except ValueError:  # hexadecimal has no limit of digits, decimal has
        text = "a very large number"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _expected(allowed: str, value: Any) -> ValueError:
    return ValueError(f"expected {allowed}, got {shown(value)}")


def allowed_range(key: Key) -> str:
    """The bounds of a key for people, in the unit in which they are written; empty if it has none."""
    if key.least is None or key.most is None:
        return ""
    return f"{_plain(key, key.least)} to {_plain(key, key.most)}"


def toml_of(key: Key, value: Any) -> str:
    """A value as it is written in a file; `value_of` makes the same of it again."""
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return f"[{', '.join(_quoted(item) for item in value)}]"
        case int() | float():
            plain = _plain(key, value)
            return _quoted(plain) if key.type in {ValueType.DURATION, ValueType.SIZE} else plain
    return _quoted(str(value))


def _plain(key: Key, value: float) -> str:
    match key.type:
        case ValueType.DURATION:
            return duration_text(value)
        case ValueType.SIZE:
            return _size_text(int(value))
    return f"{value:g}" if float(value).is_integer() else repr(value)


def duration_text(seconds: float) -> str:
    """A duration as the configuration has it: `500ms`, `30s`, `30d`."""
    for unit, factor in _UNITS.items():
        if seconds >= factor and (seconds / factor).is_integer():
            return f"{seconds / factor:.0f}{unit}"
    return f"{seconds * 1000:.3f}".rstrip("0").rstrip(".") + "ms"


def _size_text(size_bytes: int) -> str:
    for unit, factor in _SIZES.items():
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor}{unit}"
    return f"{size_bytes}B"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _expected('a text such as "…"', value)
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _expected("true or false", value)
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _expected("a whole number", value)
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _expected("a number", value)
    try:
        number = float(value)
    except OverflowError:  # an integer above every float
        number = math.inf
    if not math.isfinite(number):
        raise _expected("a number", value)
    return number


def _duration(value: Any) -> float:
    # Whole microseconds: 3088.537 s and 3088537ms are the same duration.
    return round(seconds_from_text(value if isinstance(value, str) else shown(value)), 6)


def _size(value: Any) -> int:
    text = value if isinstance(value, str) else shown(value)
    try:
        return bytes_from_text(text)
    except OverflowError as error:
        raise _expected("a size such as 2GiB", value) from error


def _path(value: Any) -> Path:
    path = Path(_text(value))
    if not path.is_absolute() or "\0" in value:
        raise _expected('an absolute path such as "/etc/wattwatch/token"', value)
    return path


def _name(value: Any) -> str:
    name = _text(value)
    if not _NAME.fullmatch(name):
        raise _expected(_NAME_RULE, value)
    return name


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise _expected('a list of names such as ["pi-1"]', value)
    names = tuple(_name(item) for item in value)
    if len(set(names)) != len(names):
        raise _expected("different names", value)
    return names


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise _expected('a list of texts such as ["CPU Package"]', value)
    texts = tuple(_text(item) for item in value)
    if "" in texts or len(set(texts)) != len(texts):
        raise _expected("different texts, none of them empty", value)
    return texts


def _name_or_names(value: Any) -> tuple[str, ...]:
    return (_name(value),) if isinstance(value, str) else _names(value)


def _address(value: Any) -> str:
    address = _text(value)
    if not _ADDRESS.fullmatch(address):
        raise _expected("an address such as 00:15:A6:01:AA:BB", value)
    return address.upper()


def _listen(value: Any) -> str:
    text = _text(value)
    if text:
        parse_listen(text)
    return text


_MAKERS: Final[dict[ValueType, Callable[[Any], Any]]] = {
    ValueType.TEXT: _text,
    ValueType.BOOLEAN: _boolean,
    ValueType.INTEGER: _integer,
    ValueType.NUMBER: _number,
    ValueType.DURATION: _duration,
    ValueType.SIZE: _size,
    ValueType.PATH: _path,
    ValueType.TEXTS: _texts,
    ValueType.NAMES: _names,
    ValueType.TEXT_OR_TEXTS: _name_or_names,
    ValueType.NAME: _name,
    ValueType.ADDRESS: _address,
    ValueType.LISTEN: _listen,
}
