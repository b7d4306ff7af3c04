"""A mapping of a YAML file whose keys are looked up by type; every mistake is one line with file and key."""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from wattwatch.errors import ConfigError

T = TypeVar("T")
_LONGEST_SHOWN: Final = 60
_BOOLEANS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")  # YAML can escape them; no path or certificate holds them
_LARGEST_BYTES: Final = 256 * 1024


class _Loader(yaml.BaseLoader):  # type: ignore[misc,unused-ignore]
    """Scalars stay text (a user may be called 007 or no); a key that stands twice is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001,FBT002 - theirs
        """The mapping of a node."""
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            twice = next((name for name in names if names.count(name) > 1), "a key")
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice} stands there twice", node.start_mark
            )
        return mapping


class Section:
    """The keys below one key of a file; `path` is that key's, empty for the whole file."""

    def __init__(self, file: Path, path: str, content: Any, names: Iterable[str] | None = None) -> None:
        self._file = file
        self._path = path
        if content == "":  # `tls_server_config:` with nothing below
            content = {}
        if not isinstance(content, dict):
            raise self.error("", f"expected keys below it, got {shown(content)}")
        self.content: Mapping[str, Any] = content
        if names is not None:
            self._check_names(list(names))

    def __contains__(self, key: str) -> bool:
        return key in self.content

    def _check_names(self, names: list[str]) -> None:
        for key in self.content:
            if key not in names:
                near = difflib.get_close_matches(str(key), names, n=1)
                meant = f" (did you mean {near[0]}?)" if near else ""
                raise self.error(str(key), f"unknown key{meant}; allowed: {', '.join(names)}")

    def error(self, key: str, cause: str) -> ConfigError:
        """The one line about a key."""
        where = ".".join(filter(None, (self._path, " ".join(key.split())[:_LONGEST_SHOWN])))
        return ConfigError(f"{self._file}: {where}: {cause}" if where else f"{self._file}: {cause}")

    def section(self, key: str, names: Iterable[str] | None = None) -> "Section":
        """The keys below a key, none if it is not there."""
        path = f"{self._path}.{key}" if self._path else key
        return Section(self._file, path, self.content.get(key, {}), names)

    def text(self, key: str) -> str:
        """The text of a key, empty if it is not there or blank."""
        value = self.content.get(key, "")
        if not isinstance(value, str):
            raise self.error(key, f"expected text, got {shown(value)}")
        self._check_characters(key, value)
        return value

    def _check_characters(self, key: str, text: str) -> None:
        if _NO_TEXT.search(text):
            raise self.error(key, "holds a NUL, or half a character (a lone surrogate)")

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of texts of a key, empty if it is not there or blank."""
        value = self.content.get(key, "") or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, f"expected a list of texts, got {shown(value)}")
        self._check_characters(key, "".join(value))
        return tuple(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """The truth of a key."""
        text = self.text(key).lower()
        return default if not text else self.one_of(key, text, _BOOLEANS)

    def one_of(self, key: str, text: str, allowed: Mapping[str, T]) -> T:
        """What a text stands for."""
        if text not in allowed:
            raise self.error(key, f"expected one of {', '.join(allowed)}, got {shown(text)}")
        return allowed[text]


def read_yaml(file: Path) -> Any:
    """What stands in a YAML file, scalars as text; ConfigError in one line."""
    try:
        with file.open("rb") as opened:
            data = opened.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST_BYTES:
        raise ConfigError(f"{file}: is above {_LARGEST_BYTES} bytes: is it the right file?")
    try:
        return yaml.load(data, _Loader)  # noqa: S506 - a BaseLoader: it makes texts, lists and dicts only
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{file}: is not YAML: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return "nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split())[:200]


def shown(value: Any) -> str:
    """A value of the file, short and on one line."""
    if isinstance(value, dict):
        return "keys"
    if isinstance(value, list):
        return "a list"
    return repr(value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…")
