"""The grammar of [[source]]: one table a type, as `grammar` has them for the rest."""

from typing import Final, get_args

from wattwatch.config.grammar import HOUR, ROOT, SECTIONS, Key, Table, ValueType
from wattwatch.reading import Scope
from wattwatch.sources.base import (
    CoolingSpec,
    HostSpec,
    HwmonSpec,
    LhmSpec,
    NvmlSpec,
    PiSpec,
    PowercapSpec,
    PowerSupplySpec,
    RelaySpec,
    ThermalSpec,
    UmSpec,
    UmTransport,
)

_SCOPES: Final = ("auto", *(scope.value for scope in Scope if scope is not Scope.NONE))

_COMMON: Final = (
    Key("type", ValueType.TEXT, "What kind of source it is."),
    Key("name", ValueType.NAME, "Its name in channels and series; no two sources share one."),
    Key("interval", ValueType.DURATION, "Time from read to read.", "interval_seconds", least=0.05, most=HOUR),
    Key("nodes", ValueType.NAMES, "What it measures: one node, or several that share it.", rule="this node"),
    Key("simulated", ValueType.BOOLEAN, "Its values are not real: everything made of them says so."),
    Key(
        "relayed",
        ValueType.BOOLEAN,
        "Serve the readings to the measured node's own daemon (type relay) only, with no series here.",
    ),
)
_SYSFS: Final = Key("root", ValueType.PATH, "Where sysfs is mounted.")
_DEADLINE: Final = Key(
    "deadline", ValueType.DURATION, "Longest wait for a reply.", "deadline_seconds", least=0.1, most=60.0
)
_SCOPE: Final = Key(
    "scope", ValueType.TEXT, "What its power channels contain; auto tells it by the sensor.", choices=_SCOPES
)

METER: Final = Table(
    "source",
    "A USB power meter; the model is read off the meter.",
    UmSpec,
    (
        *_COMMON,
        Key(
            "url",
            ValueType.TEXT,
            "Serial device or URL: /dev/rfcomm0, socket://host:port, rfc2217://…",
            rule="address or url must be given",
        ),
        Key(
            "address",
            ValueType.ADDRESS,
            "Bluetooth address of the meter.",
            rule="address or url must be given",
        ),
        Key(
            "adapter",
            ValueType.TEXT,
            "Bluetooth adapter, such as hci0. bluez and ble prefer one that knows the meter.",
            rule="the first that is on",
        ),
        Key("channel", ValueType.INTEGER, "RFCOMM channel; 0 tries 1, then 2.", least=0, most=30),
        Key("transport", ValueType.TEXT, "How the meter is reached.", choices=get_args(UmTransport)),
        _DEADLINE,
    ),
    ("um24c", "um25c", "um34c"),
)

THERMAL: Final = Table(
    "source", "Temperatures of the kernel's thermal zones.", ThermalSpec, (*_COMMON, _SYSFS), ("thermal",)
)
COOLING: Final = Table(
    "source", "Fans and frequency caps: how far they are on.", CoolingSpec, (*_COMMON, _SYSFS), ("cooling",)
)
POWERCAP: Final = Table(
    "source",
    "Energy counters of package, cores, memory and platform (RAPL, by the kernel's powercap).",
    PowercapSpec,
    (*_COMMON, _SYSFS),
    ("rapl", "powercap"),
)
HWMON: Final = Table(
    "source",
    "Power, energy, current, voltage and temperature sensors of the kernel's hwmon.",
    HwmonSpec,
    (
        *_COMMON,
        _SYSFS,
        Key("devices", ValueType.NAMES, "Chips to take, by name, such as ina226.", rule="all"),
        _SCOPE,
    ),
    ("hwmon",),
)
POWER_SUPPLY: Final = Table(
    "source", "Batteries, mains and PoE supplies.", PowerSupplySpec, (*_COMMON, _SYSFS), ("power_supply",)
)
PI: Final = Table(
    "source",
    "The Raspberry Pi's firmware: throttling and under-voltage (every 5 s at most), a Pi 5's power rails.",
    PiSpec,
    (
        *_COMMON,
        _SYSFS,
        Key("command", ValueType.TEXT, "The firmware's command line tool."),
        Key("board", ValueType.BOOLEAN, "Also estimate the board's power from the rails (quality model)."),
    ),
    ("pi",),
)
NVML: Final = Table("source", "NVIDIA GPUs.", NvmlSpec, _COMMON, ("nvml",))
LHM: Final = Table(
    "source",
    "A Windows host, by LibreHardwareMonitor's web server; it is only ever read.",
    LhmSpec,
    (
        *_COMMON,
        Key("url", ValueType.TEXT, "http://host:8085/data.json", required=True),
        Key("zones", ValueType.TEXTS, 'Sensors to take, such as "CPU Package".', rule="all"),
        _SCOPE,
        Key("user", ValueType.TEXT, "User, where the server asks for a password.", rule="none"),
        Key("password_file", ValueType.PATH, "File with the password.", rule="none"),
        _DEADLINE,
    ),
    ("lhm",),
)
RELAY: Final = Table(
    "source",
    "A source of this node that another daemon reads (there: `relayed = true`).",
    RelaySpec,
    (
        *_COMMON,
        Key("url", ValueType.TEXT, "http://host:9816 of the daemon that reads it.", required=True),
        Key("source", ValueType.TEXT, "The source's name there.", required=True),
        Key("token_file", ValueType.PATH, "File with that daemon's bearer token.", rule="none"),
        Key("ca_file", ValueType.PATH, "Certificate authority of an https URL.", rule="the system's"),
        _DEADLINE,
    ),
    ("relay",),
)
HOST: Final = Table(
    "source",
    "CPU, frequency, memory, network and disk of this machine.",
    HostSpec,
    (*_COMMON, Key("root", ValueType.PATH, "Where procfs is mounted.")),
    ("host",),
)

SOURCES: Final = (
    METER, THERMAL, COOLING, POWERCAP, HWMON, POWER_SUPPLY, PI, NVML, LHM, RELAY, HOST,
)  # fmt: skip
TABLES: Final = (ROOT, *SECTIONS, *SOURCES)
SOURCE_TYPES: Final = {name: table for table in SOURCES for name in table.types}
LATER_SOURCE_TYPES: Final = ("cgroup", "replay")
