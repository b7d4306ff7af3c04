"""Which file the configuration is, and its TOML."""

import socket
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from wattwatch.config import grammar
from wattwatch.config.values import value_of
from wattwatch.errors import ConfigError

CONFIG_NAME: Final = "wattwatch.toml"
SYSTEM_CONFIG: Final = Path("/etc/wattwatch") / CONFIG_NAME
_LONGEST_CONFIG_BYTES: Final = 2**20


def find_config(
    path: Path | None, environment: Mapping[str, str], system: Path = SYSTEM_CONFIG
) -> Path | None:
    """The one file that is read, None if there is none.

    Looked for: `path`, $WATTWATCH_CONFIG, $XDG_CONFIG_HOME/wattwatch/wattwatch.toml, `system`. Of a
    directory it is `<node>.toml`, else `default.toml`. ConfigError if one of the first two is missing.
    """
    named = path or (Path(text) if (text := environment.get("WATTWATCH_CONFIG")) else None)
    if named is not None:
        return _inside(named, environment)
    for candidate in _usual_places(environment, system):
        if _exists(candidate):
            return _inside(candidate, environment)
    return None


def _usual_places(environment: Mapping[str, str], system: Path) -> Iterable[Path]:
    if base := environment.get("XDG_CONFIG_HOME"):
        yield Path(base) / "wattwatch" / CONFIG_NAME
    elif home := environment.get("HOME"):
        yield Path(home) / ".config" / "wattwatch" / CONFIG_NAME
    yield system


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # a directory that may not be searched: it might hold our settings
        raise ConfigError(f"{path}: {error.strerror}: make it readable for this user") from error


def _inside(path: Path, environment: Mapping[str, str]) -> Path:
    """The file itself, or the one of a directory that is for this node."""
    if not _exists(path):
        raise ConfigError(f"{path}: there is no such file: check --config and $WATTWATCH_CONFIG")
    if not path.is_dir():
        return path
    node = default_node(environment)
    for name in (f"{node}.toml", "default.toml"):
        if _exists(path / name):
            return path / name
    raise ConfigError(f"{path}: there is neither {node}.toml nor default.toml in it: add one of them")


def read_document(file: Path) -> dict[str, Any]:
    """The TOML of a file; ConfigError is one line with the file and the cause."""
    try:
        with file.open("rb") as opened:
            data = opened.read(_LONGEST_CONFIG_BYTES + 1)
        if len(data) > _LONGEST_CONFIG_BYTES:
            raise ConfigError(f"{file}: longer than 1 MiB: that is no configuration")
        return tomllib.loads(data.decode())
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 text, from byte {error.start} on") from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and int() of too many digits
        raise ConfigError(f"{file}: is not TOML: {' '.join(str(error).split())}") from error


def default_node(environment: Mapping[str, str]) -> str:
    """$NODE_NAME, else the host name; ConfigError if that cannot be a node's name."""
    try:
        node: str = value_of(grammar.NODE, environment.get("NODE_NAME") or socket.gethostname())
    except ValueError as error:
        raise ConfigError(
            f"node, by $NODE_NAME or the host name: {error}; or set node in the file"
        ) from error
    return node
