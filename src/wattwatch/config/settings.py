"""The settings tree. Functions take its values, never the tree."""

from dataclasses import dataclass, field
from pathlib import Path

from wattwatch.sources.base import SourceSpec


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the daemon listens."""

    listen: str = "127.0.0.1:9816"  # "" serves the socket only
    socket: Path | None = None  # None: by the rule of the runtime directory
    token_file: Path | None = None  # bearer token for /v1 over TCP
    web_config: Path | None = None  # TLS and passwords, exporter-toolkit format


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How readings become energy."""

    gap_seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """The embedded store."""

    path: Path | None = None  # None: by the rule of the state directory
    retention_seconds: float = 30 * 86400.0
    max_bytes: int = 2 * 2**30
    sync_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a node daemon."""

    node: str
    primary: tuple[str, ...] = ()  # empty: by rule
    fallback: str = ""
    discover: bool = True
    server: ServerSettings = field(default_factory=ServerSettings)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    sources: tuple[SourceSpec, ...] = ()
