"""Which power channel stands for the node: chosen once, at the start, and never switched by a failure."""

from collections.abc import Sequence
from typing import Final

from wattwatch.errors import ConfigError
from wattwatch.reading import Channel, Quality, Scope
from wattwatch.sampling.snapshot import Primary
from wattwatch.sources.base import SourceDescription

_RULE: Final = (Scope.BOARD, Scope.WALL, Scope.PACKAGE, Scope.RAIL)
"""What a node's energy is read from, best first; external meters come before sensors of the same scope."""

_EXTERNAL: Final = (Quality.METERED, Quality.SIMULATED)


def choose_primary(wanted: Sequence[str], sources: Sequence[SourceDescription]) -> Primary | None:
    """The primary that the configuration names, else the best by rule; None where nothing measures power.

    ConfigError if a wanted source does not exist or measures no power.
    """
    if len(wanted) > 1:
        raise ConfigError("primary: several sources are not in this version of wattwatch: name one")
    candidates = [
        c for s in sources if not wanted or s.name in wanted for c in s.channels if c.measures_energy
    ]
    if candidates:
        return _primary(min(candidates, key=_rank))
    if not wanted:
        return None
    names = ", ".join(s.name for s in sources if any(c.measures_energy for c in s.channels)) or "none"
    raise ConfigError(
        f"primary: {wanted[0]!r} is not a source that measures power; such sources here: {names}"
    )


def _rank(channel: Channel) -> tuple[bool, int]:
    scope_rank = _RULE.index(channel.scope) if channel.scope in _RULE else len(_RULE)
    return channel.quality not in _EXTERNAL, scope_rank


def _primary(channel: Channel) -> Primary:
    return Primary(channel.source, channel.id, channel.scope, channel.quality)
