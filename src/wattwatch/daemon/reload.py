"""A new configuration for a daemon that goes on: when there is one, what may change, what has to be done."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from wattwatch.config.files import find_config
from wattwatch.config.load import load_settings
from wattwatch.config.settings import Settings
from wattwatch.errors import ConfigError
from wattwatch.sources.base import RelaySpec, SourceSpec

_RESTART: Final = "needs a restart (`systemctl restart wattwatch`)"


@dataclass(frozen=True, slots=True)
class ConfigPlace:
    """Where a daemon's settings come from: a file or the usual places, and what the command line outranks."""

    path: Path | None
    environment: Mapping[str, str]
    listen: str | None = None

    def load(self) -> Settings:
        """The settings as they are now; ConfigError in one line."""
        settings = load_settings(self.path, self.environment)
        if self.listen is None:
            return settings
        return replace(settings, server=replace(settings.server, listen=self.listen))

    def file(self) -> Path | None:
        """The file that is read, None if there is none."""
        return find_config(self.path, self.environment)


@dataclass(frozen=True, slots=True)
class _FileState:
    path: str  # resolved: a ConfigMap is replaced by turning a link
    modified_ns: int
    inode: int
    size_bytes: int


class ConfigWatch:
    """Tells when the configuration file has become another one.

    `find` is asked for the file at each look. A file that is not there, or that cannot be looked at, is no
    change: whoever replaces it may be between two steps.
    """

    def __init__(self, find: Callable[[], Path | None]) -> None:
        self._find = find
        self._known = self._state()
        self._seen: _FileState | None = None

    @property
    def is_unsettled(self) -> bool:
        """Whether the last look saw a change that may still go on: look again soon."""
        return self._seen is not None

    def changed(self) -> bool:
        """Whether the file has changed, and was the same at two looks: nobody is writing it any more."""
        state = self._state()
        if state is None or state == self._known:
            self._seen = None
        elif state != self._seen:
            self._seen = state
        else:
            self._known, self._seen = state, None
            return True
        return False

    def accept(self) -> None:
        """Take the file as it is now for read."""
        self._known, self._seen = self._state(), None

    def _state(self) -> _FileState | None:
        try:
            if (file := self._find()) is None:
                return None
            resolved = file.resolve()
            status = resolved.stat()
        except (ConfigError, OSError):
            return None
        return _FileState(os.fspath(resolved), status.st_mtime_ns, status.st_ino, status.st_size)


@dataclass(frozen=True, slots=True)
class SourceChanges:
    """What becomes of the sources: names that end, specifications that begin; all others are left alone."""

    gone: tuple[str, ...]
    come: tuple[SourceSpec, ...]


def source_changes(before: Iterable[SourceSpec], after: Iterable[SourceSpec]) -> SourceChanges:
    """The difference; a source whose specification has changed ends and begins."""
    old, new = frozenset(before), tuple(after)
    gone = tuple(sorted(spec.name for spec in old.difference(new)))
    return SourceChanges(gone, tuple(spec for spec in new if spec not in old))


def same_relays(before: Iterable[SourceSpec], come: Iterable[SourceSpec]) -> frozenset[str]:
    """Names of relays that begin anew, and take over what the same source was before: they go on there.

    With another `source`, what that was reading meanwhile may have been of another node.
    """
    known = {(spec.name, spec.source) for spec in before if isinstance(spec, RelaySpec)}
    return frozenset(s.name for s in come if isinstance(s, RelaySpec) and (s.name, s.source) in known)


def check_reloadable(old: Settings, new: Settings) -> None:
    """ConfigError, naming the key, if something has changed that only a restart can take up."""
    if new.node != old.node:
        raise ConfigError(f"node: from {old.node!r} to {new.node!r} {_RESTART}")
    for key in ("listen", "socket", "token_file", "web_config"):
        if getattr(new.server, key) != getattr(old.server, key):
            raise ConfigError(f"[server] {key}: another one {_RESTART}")
    if new.store.path != old.store.path:
        raise ConfigError(f"[store] path: another one {_RESTART}")
    if _is_simulated(new) != _is_simulated(old):
        raise ConfigError(
            f"simulated: from measured to simulated sources or back {_RESTART}, with another [store] path"
        )


def _is_simulated(settings: Settings) -> bool:
    return any(spec.simulated for spec in settings.sources)
