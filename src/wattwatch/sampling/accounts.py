"""One account a node: this node's, and those of what this daemon reads for others.

A source of another node, or of several (a group), has an account of its own under that name. A relayed one is
read, kept and served, but not counted here: the measured node's own daemon does that. Not thread-safe: only
the committing thread uses it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from wattwatch.metrics import SeriesKey
from wattwatch.reading import EnergyRecord, Instant
from wattwatch.sampling.account import Accepted, Account, ReadFailure, ReadOutcome
from wattwatch.sampling.counters import Counters
from wattwatch.sources.base import Spec

_MARK: Final = ":"  # in no name of a node, and in no name of a metric
OWN: Final = ""


@dataclass(frozen=True, slots=True)
class Routes:
    """Which node each source measures: sources that are not in here measure this one."""

    nodes: Mapping[str, str] = field(default_factory=dict)
    relayed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, specs: Iterable[Spec], own: str) -> "Routes":
        """One node is exported under its name; several that share a meter under the source's, never split."""
        specs = tuple(specs)
        nodes = {
            spec.name: spec.nodes[0] if len(spec.nodes) == 1 else spec.name
            for spec in specs
            if spec.nodes and spec.nodes != (own,) and not spec.relayed
        }
        return cls(nodes, frozenset(spec.name for spec in specs if spec.relayed))

    def node_of(self, source: str) -> str:
        """The node that a source measures, `OWN` for this one."""
        return self.nodes.get(source, OWN)


class Accounts:
    """What is delivered goes to the account of the node that it measures."""

    def __init__(
        self,
        own: Account,
        others: Mapping[str, Account] | None = None,
        relayed: Account | None = None,
        routes: Routes | None = None,
    ) -> None:
        """`relayed` counts nothing that is shown: it only knows how these sources are."""
        self.own = own
        self.others = dict(others or {})
        self.relayed = relayed or Account(Counters({}), (), primary=None, gap_seconds=0.0)
        self.routes = routes or Routes()

    def all(self) -> Iterable[Account]:
        """Every account, this node's first."""
        return (self.own, *self.others.values(), self.relayed)

    def accept(self, outcome: ReadOutcome) -> Accepted:
        """Count a batch where it belongs; gaps of relayed sources are not decided here."""
        account = self._of(outcome.description.name)
        accepted = account.accept(outcome)
        return Accepted(accepted.keep) if account is self.relayed else accepted

    def fail(self, failure: ReadFailure) -> None:
        """Count a failed read where it belongs."""
        self._of(failure.description.name).fail(failure)

    def expire(self, now: Instant) -> tuple[EnergyRecord, ...]:
        """Refuse gaps that are too old to be filled."""
        self.relayed.expire(now)
        counted = (self.own, *self.others.values())
        return tuple(record for account in counted for record in account.expire(now))

    def take_changes(self) -> dict[SeriesKey, float]:
        """New absolute values of all counters that are kept, those of other nodes marked with their names."""
        self.relayed.counters.take_changes()
        changes = self.own.counters.take_changes()
        for node, account in self.others.items():
            changes |= marked(node, account.counters.take_changes())
        return changes

    def _of(self, source: str) -> Account:
        if source in self.routes.relayed:
            return self.relayed
        return self.others.get(self.routes.node_of(source), self.own)


def marked(node: str, counters: Mapping[SeriesKey, float]) -> dict[SeriesKey, float]:
    """Counters of another node as they are kept in the one store."""
    return {(f"{node}{_MARK}{name}", labels): value for (name, labels), value in counters.items()}


def counters_of(node: str, kept: Mapping[SeriesKey, float]) -> dict[SeriesKey, float]:
    """What of the kept counters is of a node; `OWN` for this one."""
    found = {}
    for (name, labels), value in kept.items():
        owner, _, metric = name.rpartition(_MARK)
        if owner == node:
            found[metric, labels] = value
    return found
