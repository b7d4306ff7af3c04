"""The grammar of the configuration: one table that the parser and docs/config.md are both made from."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from wattwatch.config.settings import SamplingSettings, ServerSettings, Settings, StoreSettings

HOUR: Final = 3600.0
_DAY: Final = 24 * HOUR
_MEBIBYTE: Final = 2**20


class ValueType(StrEnum):
    """What may stand for a key; the value is what people read of it."""

    TEXT = "text"
    BOOLEAN = "true or false"
    INTEGER = "whole number"
    NUMBER = "number"
    DURATION = "duration"
    SIZE = "size"
    PATH = "path"
    TEXTS = "list of texts"
    NAMES = "list of names"
    TEXT_OR_TEXTS = "text or list of texts"
    NAME = "name"  # of a node or source: it becomes a label and a part of channel ids
    ADDRESS = "Bluetooth address"
    LISTEN = "HOST:PORT"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: type, bounds in base units, and the field of the record that it fills."""

    name: str
    type: ValueType
    help: str
    field: str = ""  # "": like the key
    rule: str = ""  # where the default is no fixed value
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False
    later: str = ""  # known, but not in this version: what to do instead

    @property
    def target(self) -> str:
        """Name of the record's field."""
        return self.field or self.name


@dataclass(frozen=True, slots=True)
class Table:
    """A table of keys and the record made of it; `types` are the `type` values of a [[source]]."""

    name: str
    help: str
    record: type[Any]
    keys: tuple[Key, ...]
    types: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """As it stands in a file: nothing for the root, `[server]`, `[[source]]`."""
        if self.types:
            return f"[[{self.name}]]"
        return f"[{self.name}]" if self.name else ""


NODE: Final = Key(
    "node", ValueType.NAME, "The computer being measured.", rule="$NODE_NAME, else the host name"
)
ROOT: Final = Table(
    "",
    "Keys before the first table.",
    Settings,
    (
        NODE,
        Key(
            "primary",
            ValueType.TEXT_OR_TEXTS,
            "The power source that stands for the node; a list sums disjoint supplies.",
            rule="an external meter first, then what the machine has",
        ),
        Key(
            "fallback",
            ValueType.NAME,
            "A source that may take over when the primary is lost; its joules go to a series of their own.",
            rule="none: a lost primary is a gap",
        ),
        Key("discover", ValueType.BOOLEAN, "Look for what this machine has; [[source]] adds to it."),
    ),
)

SERVER: Final = Table(
    "server",
    "Where the daemon answers.",
    ServerSettings,
    (
        Key("listen", ValueType.LISTEN, 'TCP address; "[::]:9816" for all, "" for the Unix socket only.'),
        Key(
            "socket",
            ValueType.PATH,
            "Unix socket, mode 0660, group wattwatch.",
            rule="$RUNTIME_DIRECTORY, else /run/wattwatch/, else the XDG runtime directory",
        ),
        Key(
            "token_file",
            ValueType.PATH,
            "File with the bearer token for /v1 over TCP.",
            rule="none: /v1 is answered on the socket only",
        ),
        Key(
            "web_config",
            ValueType.PATH,
            "TLS and passwords in the exporter-toolkit format.",
            rule="none: plain HTTP",
        ),
    ),
)

SAMPLING: Final = Table(
    "sampling",
    "How readings become energy.",
    SamplingSettings,
    (
        Key(
            "gap_seconds",
            ValueType.NUMBER,
            "A step between two readings longer than this, and than 3 intervals, is a gap.",
            least=0.1,
            most=HOUR,
        ),
    ),
)

STORE: Final = Table(
    "store",
    "The embedded store.",
    StoreSettings,
    (
        Key(
            "path",
            ValueType.PATH,
            "Database file.",
            rule="$STATE_DIRECTORY, else /var/lib/wattwatch if writable, else the XDG state directory",
        ),
        Key(
            "retention",
            ValueType.DURATION,
            "Age at which readings are dropped.",
            "retention_seconds",
            least=HOUR,
            most=3650 * _DAY,
        ),
        Key(
            "max_bytes",
            ValueType.SIZE,
            "Size on disk at which the oldest readings are dropped.",
            least=_MEBIBYTE,
            most=2**50,
        ),
        Key(
            "sync",
            ValueType.DURATION,
            "What a loss of power may cost at most.",
            "sync_seconds",
            least=1.0,
            most=HOUR,
        ),
    ),
)

SECTIONS: Final = (SERVER, SAMPLING, STORE)

LATER_TABLES: Final = ("controller", "attribution")
