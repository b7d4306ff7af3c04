"""A file as wattwatch.toml: settings, or ConfigError in one line."""

import dataclasses
import math
from typing import Any

from laws import one_line
from scratch import scratch
from wattwatch.config.load import load_settings
from wattwatch.errors import ConfigError

_ENVIRONMENT = {"NODE_NAME": "pi-1"}


def check(data: bytes) -> None:
    """Load the file."""
    file = scratch("config") / "wattwatch.toml"
    file.write_bytes(data)
    try:
        settings = load_settings(file, _ENVIRONMENT)
    except ConfigError as error:
        one_line(error, of=file)
        return
    _check_values(dataclasses.asdict(settings))


def _check_values(value: Any) -> None:
    """No number that is none, no path that no file can have."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            _check_values(item)
    if isinstance(value, float):
        assert math.isfinite(value)
    if isinstance(value, str) or hasattr(value, "__fspath__"):
        str(value).encode()
        assert not hasattr(value, "__fspath__") or "\0" not in str(value)
