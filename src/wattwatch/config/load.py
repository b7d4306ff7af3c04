"""Settings from TOML, and one clear line for whatever is wrong in it."""

import difflib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wattwatch.config import grammar, source_tables
from wattwatch.config.files import SYSTEM_CONFIG, default_node, find_config, read_document
from wattwatch.config.grammar import Key, Table
from wattwatch.config.nodes import check_nodes
from wattwatch.config.settings import Settings
from wattwatch.config.values import shown, value_of
from wattwatch.errors import ConfigError
from wattwatch.sources.base import LhmSpec, SourceSpec, UmSpec
from wattwatch.sources.lhm_address import lhm_address
from wattwatch.sources.um.links import LINKS_PER_ADAPTER

_NOT_YET: Final = "not in this version of wattwatch"
_LONGEST_CAUSE: Final = 600  # more than any list of what is allowed
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")


def load_settings(
    path: Path | None, environment: Mapping[str, str], system: Path = SYSTEM_CONFIG
) -> Settings:
    """The settings of the file that `find_config` finds, the defaults if there is none; ConfigError."""
    file = find_config(path, environment, system)
    if file is None:
        return settings_from_document({}, "the environment", environment)
    return settings_from_document(read_document(file), str(file), environment)


def settings_from_document(
    document: Mapping[str, Any], file: str, environment: Mapping[str, str]
) -> Settings:
    """Settings of a parsed document; ConfigError is one line with `file`, key path and what is allowed."""
    place = _Place(file)
    for name in grammar.LATER_TABLES:
        if name in document:
            raise place.at(name).error(f"{_NOT_YET}: remove it")
    sections = {table.name: _section(document, table, place) for table in grammar.SECTIONS}
    others = (*sections, "source")
    root = {name: value for name, value in document.items() if name not in others}
    values = _values(root, grammar.ROOT, place, others)
    if "node" not in values:
        values["node"] = default_node(environment)
    sources = _sources(document.get("source", []), place)
    settings = Settings(**values, **sections, sources=sources)
    check_nodes(settings, lambda index, key, cause: place.at(f"source[{index}]").at(key).error(cause))
    _check_names(settings, place)
    return settings


@dataclass(frozen=True, slots=True)
class _Place:
    """File and key path, for error lines; `about` tells people which source it is."""

    file: str
    path: str = ""
    about: str = ""

    def at(self, part: str) -> "_Place":
        """The place of a key in here."""
        return _Place(self.file, f"{self.path}.{part}" if self.path else part, self.about)

    def error(self, cause: str) -> ConfigError:
        """The one line, which is never long, whatever value or names the cause quotes."""
        if len(cause) > _LONGEST_CAUSE:
            cause = f"{cause[:_LONGEST_CAUSE]}…"
        return ConfigError(f"{self.file}: {self.path}{self.about}: {cause}")


def _section(document: Mapping[str, Any], table: Table, place: _Place) -> Any:
    inside = place.at(table.name)
    content = document.get(table.name, {})
    if not isinstance(content, dict):
        raise inside.error(f"expected a table {table.heading}, got {shown(content)}")
    return table.record(**_values(content, table, inside))


def _values(
    content: Mapping[str, Any], table: Table, place: _Place, others: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Record fields of a table's keys; `others` are allowed too, and read elsewhere."""
    keys = {key.name: key for key in table.keys}
    values = {}
    for name, value in content.items():
        if name not in keys:
            raise place.at(_bare(name)).error(_unknown(name, keys, others))
        values[keys[name].target] = _value(keys[name], value, place.at(name))
    return values


def _value(key: Key, value: Any, place: _Place) -> Any:
    if key.later:
        raise place.error(f"{_NOT_YET}: {key.later}")
    try:
        return value_of(key, value)
    except ValueError as error:
        raise place.error(str(error)) from error


def _unknown(name: str, keys: Mapping[str, Key], others: tuple[str, ...]) -> str:
    allowed = [*(key.name for key in keys.values() if not key.later), *others]
    near = difflib.get_close_matches(name, allowed, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return f"unknown key{meant}; allowed: {', '.join(allowed)}"


def _bare(name: str) -> str:
    """A key as it may be shown: quoted where TOML needs it, on one line, never long."""
    return name if _BARE_KEY.fullmatch(name) else shown(name)


def _sources(content: Any, place: _Place) -> tuple[SourceSpec, ...]:
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise place.at("source").error("expected tables, each under its own [[source]]")
    specs = tuple(_source(entry, place, index) for index, entry in enumerate(content))
    for name, count in Counter(spec.name for spec in specs).items():
        if count > 1:
            last = max(index for index, spec in enumerate(specs) if spec.name == name)
            cause = f"{count} sources are called {name!r}: give each [[source]] a name of its own"
            raise place.at(f"source[{last}]").at("name").error(cause)
    _check_links(specs, place)
    return specs


def _check_links(specs: tuple[SourceSpec, ...], place: _Place) -> None:
    """An adapter holds so many links and no more: the meter that is one too many is named."""
    links: Counter[str] = Counter()
    for index, spec in enumerate(specs):
        if isinstance(spec, UmSpec) and spec.address and not spec.url:
            links[spec.adapter] += 1
            if links[spec.adapter] > LINKS_PER_ADAPTER:
                which = spec.adapter or "one Bluetooth adapter"
                cause = (
                    f"{which} holds at most {LINKS_PER_ADAPTER} meters: "
                    'give this one another adapter (adapter = "hci1")'
                )
                raise place.at(f"source[{index}]").at("address").error(cause)


def _source(entry: dict[str, Any], place: _Place, index: int) -> SourceSpec:
    about = entry.get("name", entry.get("type"))
    inside = _Place(place.file, f"source[{index}]", f" ({shown(about)})" if isinstance(about, str) else "")
    table = _source_table(entry, inside)
    spec: SourceSpec = table.record(**_values(entry, table, inside))
    _check_required(entry, table, inside)
    if isinstance(spec, UmSpec):
        _check_meter(spec, inside)
    if isinstance(spec, LhmSpec):
        _check_lhm(spec, inside)
    return spec


def _source_table(entry: dict[str, Any], place: _Place) -> Table:
    allowed = f"expected one of {', '.join(source_tables.SOURCE_TYPES)}"
    if "type" not in entry:
        raise place.at("type").error(f"is missing: {allowed}")
    kind = entry["type"]
    if isinstance(kind, str) and kind in source_tables.LATER_SOURCE_TYPES:
        raise place.at("type").error(f"{kind!r} is {_NOT_YET}: {allowed}")
    if not isinstance(kind, str) or kind not in source_tables.SOURCE_TYPES:
        raise place.at("type").error(f"{allowed}, got {shown(kind)}")
    return source_tables.SOURCE_TYPES[kind]


def _check_required(entry: Mapping[str, Any], table: Table, place: _Place) -> None:
    for key in table.keys:
        if key.required and not entry.get(key.name):
            raise place.at(key.name).error(f"is missing: {key.help}")


def _check_lhm(spec: LhmSpec, place: _Place) -> None:
    try:
        lhm_address(spec.url)
    except ValueError as error:
        raise place.at("url").error(str(error)) from error
    if spec.password_file and not spec.user:
        raise place.at("user").error("is missing, although there is a password_file")


def _check_meter(spec: UmSpec, place: _Place) -> None:
    if not spec.url and not spec.address:
        cause = "is missing: the meter's Bluetooth address (`wattwatch meters` finds it), or url"
        raise place.at("address").error(cause)
    if spec.url and spec.transport not in {"auto", "serial"}:
        raise place.at("transport").error(f"{spec.transport!r} needs an address; a url is read by serial")


def _check_names(settings: Settings, place: _Place) -> None:
    """What `primary` and `fallback` name must exist, as far as it is known before looking at the machine."""
    if settings.fallback in settings.primary:
        raise place.at("fallback").error(f"{settings.fallback!r} is the primary already: name another source")
    if settings.discover:
        return
    names = [spec.name for spec in settings.sources]
    for key, wanted in (("primary", settings.primary), ("fallback", (settings.fallback,))):
        for name in wanted:
            if name and name not in names:
                known = ", ".join(names) or "none, and discover is false"
                raise place.at(key).error(f"there is no source {name!r}; sources: {known}")
