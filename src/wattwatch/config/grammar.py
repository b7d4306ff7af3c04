"""The grammar of the configuration: one table that the parser and docs/config.md are both made from."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, get_args

from wattwatch.config.settings import SamplingSettings, ServerSettings, Settings, StoreSettings
from wattwatch.sources.base import HostSpec, ThermalSpec, UmSpec, UmTransport

_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
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
            later="listen on loopback and put a TLS proxy before it",
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
            most=_HOUR,
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
            least=_HOUR,
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
            most=_HOUR,
        ),
    ),
)

_INTERVAL: Final = Key(
    "interval", ValueType.DURATION, "Time from read to read.", "interval_seconds", least=0.05, most=_HOUR
)
_COMMON: Final = (
    Key("type", ValueType.TEXT, "What kind of source it is."),
    Key("name", ValueType.NAME, "Its name in channels and series; no two sources share one."),
    _INTERVAL,
    Key("nodes", ValueType.TEXTS, "What it measures: one node, or several that share it.", rule="this node"),
    Key("simulated", ValueType.BOOLEAN, "Its values are not real: everything made of them says so."),
)
_RELAYED: Final = Key(
    "relayed",
    ValueType.BOOLEAN,
    "Serve the readings to another daemon only.",
    later="leave it out: the readings are exported under nodes",
)

METER: Final = Table(
    "source",
    "A USB power meter; the model is read off the meter.",
    UmSpec,
    (
        *_COMMON,
        Key("url", ValueType.TEXT, "Serial device or URL: /dev/rfcomm0, socket://host:port, rfc2217://…"),
        Key("address", ValueType.ADDRESS, "Bluetooth address of the meter.", rule="not known"),
        Key("channel", ValueType.INTEGER, "RFCOMM channel; 0 tries 1, then 2.", least=0, most=30),
        Key("transport", ValueType.TEXT, "How the meter is reached.", choices=get_args(UmTransport)),
        Key(
            "deadline",
            ValueType.DURATION,
            "Longest wait for a reply.",
            "deadline_seconds",
            least=0.1,
            most=60.0,
        ),
        _RELAYED,
    ),
    ("um24c", "um25c", "um34c"),
)

THERMAL: Final = Table(
    "source",
    "Temperatures of the kernel's thermal zones.",
    ThermalSpec,
    (*_COMMON, Key("root", ValueType.PATH, "Where sysfs is mounted.")),
    ("thermal",),
)

HOST: Final = Table(
    "source",
    "CPU, frequency, memory, network and disk of this machine.",
    HostSpec,
    (*_COMMON, Key("root", ValueType.PATH, "Where procfs is mounted.")),
    ("host",),
)

SECTIONS: Final = (SERVER, SAMPLING, STORE)
SOURCES: Final = (METER, THERMAL, HOST)
TABLES: Final = (ROOT, *SECTIONS, *SOURCES)
SOURCE_TYPES: Final = {name: table for table in SOURCES for name in table.types}

LATER_TABLES: Final = ("controller", "attribution")
LATER_SOURCE_TYPES: Final = (
    "relay", "lhm", "rapl", "powercap", "hwmon", "power_supply", "cgroup", "pi", "nvml", "replay",
)  # fmt: skip
NOW_TRANSPORTS: Final = ("auto", "serial")
"""Transports of this version; the others are known to the design."""
