"""What stands for the node: chosen at the start and on reload, and never switched by a failure."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from wattwatch.errors import ConfigError
from wattwatch.reading import Channel, Kind, Quality, Scope
from wattwatch.sampling.account import Account
from wattwatch.sampling.snapshot import Primary
from wattwatch.sources.base import SourceDescription

logger = logging.getLogger("wattwatch.daemon.primary")

_EXTERNAL: Final = (Quality.METERED, Quality.SIMULATED)
_WHOLE: Final = (Scope.BOARD, Scope.WALL)
_RAPL: Final = ("rapl", "powercap")
_PI: Final = "pi"
_NEVER_BY_RULE: Final = ("nvml", "power_supply")
"""A part of a node, or what carries it for a while: never the node."""

_SUM_ZONE: Final = "pmic"
"""The zone in which a Pi gives the sum of its rails beside the rails."""

_BEST_FIRST: Final = (
    (Scope.BOARD,),
    (Scope.WALL,),
    (Scope.PACKAGE, Scope.DRAM),
    (Scope.GPU,),
    (Scope.RAIL,),
    (Scope.CORE,),
    (Scope.UNCORE,),
)
"""Which of a source's channels stand for it: those of the first of these that it has. By RAPL's definition
a package contains its cores and uncore, but not its memory."""


@dataclass(frozen=True, slots=True)
class Supplies:
    """What stands for the node, and what is counted instead while that is missing.

    `waiting` names sources that were asked for and whose channels are not known before they are read.
    """

    primary: Primary | None = None
    fallback: Primary | None = None
    waiting: tuple[str, ...] = ()


def choose_supplies(primary: Sequence[str], fallback: str, sources: Sequence[SourceDescription]) -> Supplies:
    """The primary and the fallback of a configuration (empty: by rule, and none).

    ConfigError if a wanted source does not exist or measures no power, or if the fallback could not be told
    from the primary.
    """
    wanted = [*primary, *filter(None, [fallback])]
    waiting = tuple(s.name for s in sources if s.name in wanted and not s.channels)
    chosen = None if set(waiting) & set(primary) else choose_primary(primary, sources)
    if chosen is None or not fallback or fallback in waiting:
        return Supplies(chosen, None, waiting)
    return Supplies(chosen, _fallback(fallback, chosen, sources), waiting)


def wanted_of_other(sources: Sequence[SourceDescription]) -> tuple[str, ...]:
    """What stands for another node, as `primary` would name it; empty: by rule.

    That node has no configuration here. Where only one source measures its power, its owner has said so by
    naming the node: it may then be of a part, such as the processor of a host, as its scope tells.
    """
    may = [s.name for s in sources if s.type not in _NEVER_BY_RULE and (_energy(s) or not s.channels)]
    return tuple(may) if len(may) == 1 else ()


def better_known(
    primary: Sequence[str], fallback: str, sources: Sequence[SourceDescription], now: Account
) -> Supplies | None:
    """Supplies to go over to, now that sources were read and have told of channels; None to stay.

    What stands for the node stays once it is known. It changes only if nothing stood for it so far, or if
    the channels of the same sources are others than had been assumed before they were read.
    """
    try:
        chosen = choose_supplies(primary, fallback, sources)
    except ConfigError as error:
        logger.warning("%s", error)
        return None
    if (chosen.primary, chosen.fallback) == (now.primary, now.fallback):
        return None
    kept = all(_stays(old, new, sources) for old, new in _pairs(now, chosen))
    return chosen if not kept and all(_may_become(old, new) for old, new in _pairs(now, chosen)) else None


def _pairs(now: Account, chosen: Supplies) -> tuple[tuple[Primary | None, Primary | None], ...]:
    return (now.primary, chosen.primary), (now.fallback, chosen.fallback)


def _may_become(old: Primary | None, new: Primary | None) -> bool:
    return old is None or (new is not None and old.sources == new.sources)


def _stays(old: Primary | None, new: Primary | None, sources: Iterable[SourceDescription]) -> bool:
    """Whether everything of it is as its sources say, even if they would now be summed in another way."""
    described = {channel for source in sources for channel in source.channels}
    return described.issuperset(old.channels) if old is not None else new is None


def choose_primary(wanted: Sequence[str], sources: Sequence[SourceDescription]) -> Primary | None:
    """The sum of the sources that the configuration names, else the best source by rule.

    None where nothing measures power. By rule: an external meter, then the platform counter of RAPL (psys),
    then its packages with their memory, then the rails of a Pi. ConfigError if a wanted source does not
    exist or measures no power, or if the wanted ones cannot be summed.
    """
    if wanted:
        return _sum([_named("primary", name, sources) for name in wanted])
    ranked = [(rank, source) for source in sources if (rank := _rank(source)) is not None]
    if not ranked:
        return None
    return _stands_for(min(ranked, key=lambda pair: pair[0])[1])


def _fallback(name: str, primary: Primary, sources: Sequence[SourceDescription]) -> Primary:
    chosen = _stands_for(_named("fallback", name, sources))
    if name in primary.sources:
        raise ConfigError(f"fallback: {name!r} is the primary already: name another source, or none")
    if chosen.labels == primary.labels:
        raise ConfigError(
            f"fallback: {name!r} is of scope {chosen.scope} and quality {chosen.quality}, as the primary "
            f"{primary.source} is: their joules could not be told apart: name one of another scope"
        )
    return chosen


def _named(key: str, name: str, sources: Sequence[SourceDescription]) -> SourceDescription:
    found = next((source for source in sources if source.name == name and _energy(source)), None)
    if found is None:
        names = ", ".join(source.name for source in sources if _energy(source)) or "none"
        raise ConfigError(f"{key}: {name!r} is not a source that measures power; such sources here: {names}")
    return found


def _stands_for(source: SourceDescription) -> Primary:
    """The channels of a source that are summed: no two of them contain the same energy."""
    channels = _energy(source)
    for scopes in _BEST_FIRST:
        found = tuple(channel for channel in channels if channel.scope in scopes)
        if found:
            break
    else:
        found = channels[:1]
    if total := tuple(channel for channel in found if channel.zone == _SUM_ZONE):
        found = total
    if source.type in _RAPL and found[0].scope is Scope.BOARD:
        found = found[:1]  # every psys counts the whole platform
    return Primary.of(*found, scope=_whole_scope(found))


def _energy(source: SourceDescription) -> tuple[Channel, ...]:
    """The energy channels of a source, each zone once: its counter, where it has one, is exact."""
    channels = [channel for channel in source.channels if channel.measures_energy]
    counted = {channel.zone for channel in channels if channel.kind is Kind.COUNTER}
    return tuple(c for c in channels if c.kind is Kind.COUNTER or c.zone not in counted)


def _whole_scope(channels: Iterable[Channel]) -> Scope:
    """The scope of a sum: packages with their memory count as packages."""
    scopes = {channel.scope for channel in channels}
    return Scope.PACKAGE if Scope.PACKAGE in scopes else min(scopes, key=list(Scope).index)


def _sum(sources: Sequence[SourceDescription]) -> Primary:
    """Several sources as one; ConfigError where they may contain the same energy."""
    parts = [_stands_for(source) for source in sources]
    channels = tuple(channel for part in parts for channel in part.channels)
    if len(parts) > 1 and not _are_disjoint(sources, parts):
        told = ", ".join(f"{part.source} ({part.scope})" for part in parts)
        raise ConfigError(
            f"primary: {told} may contain the same energy and cannot be summed: name one, or meters that are "
            "supplies of their own (wall and wall, board and board)"
        )
    return Primary.of(*channels, scope=_whole_scope(channels))


def _are_disjoint(sources: Sequence[SourceDescription], parts: Sequence[Primary]) -> bool:
    """Whether several sources are supplies beside each other: of one scope that a node may have twice.

    Of its processors there is one set: package and memory are disjoint, two readings of either are the
    same energy; and psys contains them, as it is contained in what a meter of the board reads.
    """
    scopes = [scope for part in parts for scope in {channel.scope for channel in part.channels}]
    if set(scopes) <= {Scope.PACKAGE, Scope.DRAM}:
        return len(scopes) == len(set(scopes))
    is_platform = any(source.type in _RAPL for source in sources)
    return set(scopes) in ({Scope.WALL}, {Scope.BOARD}, {Scope.GPU}, {Scope.RAIL}) and not is_platform


def _rank(source: SourceDescription) -> tuple[int, int] | None:
    """How well a source stands for the node by rule, less is better; None if it may not."""
    if source.type in _NEVER_BY_RULE or not _energy(source):
        return None
    chosen = _stands_for(source)
    scope = _WHOLE.index(chosen.scope) if chosen.scope in _WHOLE else len(_WHOLE)
    if source.type in _RAPL:
        return _rapl_rank(chosen.scope)
    if source.type == _PI:
        return (3, scope)
    return (0, scope) if chosen.quality in _EXTERNAL and chosen.scope in _WHOLE else None


def _rapl_rank(scope: Scope) -> tuple[int, int] | None:
    return {Scope.BOARD: (1, 0), Scope.PACKAGE: (2, 0)}.get(scope)
