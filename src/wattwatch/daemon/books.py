"""What a daemon counts, and how it goes on from the store: this node's account, and those of other nodes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from wattwatch.clock import Clock
from wattwatch.config.settings import Settings
from wattwatch.daemon.past import covered_until, waiting_past
from wattwatch.daemon.primary import Supplies, better_known, choose_supplies, wanted_of_other
from wattwatch.reading import Instant
from wattwatch.runs.baselines import has_kubelet
from wattwatch.runs.figures import NodeFacts
from wattwatch.sampling.account import Account
from wattwatch.sampling.accounts import OWN, Accounts, Routes, counters_of
from wattwatch.sampling.counters import Counters
from wattwatch.sampling.node_energy import Past
from wattwatch.sampling.snapshot import Primary, Snapshot
from wattwatch.sources.base import SourceDescription, SourceSpec
from wattwatch.store.local import LocalStore

_NOTHING: Final = Supplies()


class Plan:
    """Who measures what under some settings. Making one checks it: ConfigError."""

    def __init__(
        self, settings: Settings, specs: Sequence[SourceSpec], descriptions: Sequence[SourceDescription]
    ) -> None:
        self.settings = settings
        self.routes = Routes.of(specs, settings.node)
        self.descriptions = tuple(descriptions)
        self.supplies = choose_supplies(settings.primary, settings.fallback, self.of_node(OWN))

    def of_node(self, node: str) -> list[SourceDescription]:
        """The sources that measure a node, `OWN` for this one; those that are relayed measure none here."""
        counted = (d for d in self.descriptions if d.name not in self.routes.relayed)
        return [d for d in counted if self.routes.node_of(d.name) == node]

    def relayed(self) -> list[SourceDescription]:
        """The sources that are read for another daemon."""
        return [d for d in self.descriptions if d.name in self.routes.relayed]

    def others(self) -> list[str]:
        """The other nodes."""
        return sorted(set(self.routes.nodes.values()))


class Books:
    """All accounts of a daemon. But for `facts`, only the committing thread uses it once that runs."""

    def __init__(self, plan: Plan, store: LocalStore, clock: Clock, *, simulated: bool) -> None:
        self._plan = plan
        self._store = store
        self._clock = clock
        self._simulated = simulated
        self._described = 0  # how often sources had told of other channels when that was last looked at
        self._told_intervals: dict[str, float] = {}
        self._on_change: Callable[[NodeFacts], None] = lambda _: None
        own = self._begun(OWN, plan.of_node(OWN), plan.supplies)
        self._restore(own, plan.of_node(OWN))
        relayed = Account(Counters({}), plan.relayed(), primary=None, gap_seconds=self._gap_seconds)
        others = {node: self._restored_other(node) for node in plan.others()}
        self.accounts = Accounts(own, others, relayed, plan.routes)

    @property
    def primary(self) -> Primary | None:
        """What stands for this node."""
        return self.accounts.own.primary

    def on_change(self, take: Callable[[NodeFacts], None]) -> None:
        """Have the facts told whenever they have changed."""
        self._on_change = take

    def go_on_with(self, plan: Plan) -> None:
        """Go on with other sources or another primary; what was counted stays."""
        self._plan = plan
        accounts = self.accounts
        accounts.routes = plan.routes
        gap_seconds = self._gap_seconds
        accounts.relayed.reconfigure(plan.relayed(), primary=None, gap_seconds=gap_seconds)
        for node in {*plan.others(), *accounts.others}:
            if node in accounts.others:
                descriptions = plan.of_node(node)
                self._reconfigure(accounts.others[node], descriptions, _of_other(descriptions))
            else:
                accounts.others[node] = self._begun_other(node)
        self._reconfigure(accounts.own, plan.of_node(OWN), plan.supplies)
        self._on_change(self.facts(None))

    def facts(self, last_commit: Instant | None) -> NodeFacts:
        """What the runs have to know; `last_commit` is that of the process before this one."""
        account = self.accounts.own
        names = () if account.primary is None else account.primary.sources
        self._told_intervals = intervals = self._intervals()
        return NodeFacts(
            self._plan.settings.node,
            account.primary,
            max((intervals[name] for name in names), default=1.0),
            self._gap_seconds,
            lambda: "+".join(filter(None, map(account.meter_model, names))),
            last_commit,
            account.stalled_since,
            account.fallback,
            intervals,
            account.counter_limits,
            has_kubelet,
        )

    def look_again(self) -> None:
        """Choose what stands for a node once more if sources told of channels, or an interval, when read.

        That may count what was read of them: it has to be in the store.
        """
        described = sum(account.described for account in self.accounts.all())
        if described == self._described:
            return
        self._described = described
        settings = self._plan.settings
        self._choose_again(self.accounts.own, settings.primary, settings.fallback)
        for account in self.accounts.others.values():
            descriptions = [status.description for status in account.sources()]
            self._choose_again(account, wanted_of_other(descriptions), "")
        if self._intervals() != self._told_intervals:
            self._on_change(self.facts(None))

    def snapshot(self, at: Instant) -> Snapshot:
        """Everything as it is now."""
        others = tuple(self._of(account, node, at) for node, account in self.accounts.others.items())
        own = self._of(self.accounts.own, self._plan.settings.node, at)
        return replace(own, others=others, relayed=self._of(self.accounts.relayed, "", at))

    def _of(self, account: Account, node: str, at: Instant) -> Snapshot:
        return Snapshot(
            node,
            at,
            self._clock.wall(),
            account.readings(),
            account.counters.snapshot(),
            account.sources(),
            account.primary,
            self._simulated,
            account.gauges(),
            account.fallback,
        )

    def _intervals(self) -> dict[str, float]:
        sources = (status.description for status in self.accounts.own.sources())
        return {description.name: description.interval_seconds for description in sources}

    @property
    def _gap_seconds(self) -> float:
        return self._plan.settings.sampling.gap_seconds

    def _restored_other(self, node: str) -> Account:
        account, descriptions = self._begun_other(node), self._plan.of_node(node)
        self._restore(account, descriptions)
        return account

    def _begun_other(self, node: str) -> Account:
        """The account of another node, with what was counted of it in this boot."""
        descriptions = self._plan.of_node(node)
        return self._begun(node, descriptions, _of_other(descriptions))

    def _begun(self, node: str, descriptions: Sequence[SourceDescription], supplies: Supplies) -> Account:
        return Account(
            Counters(counters_of(node, self._store.restored.counters)),
            descriptions,
            primary=supplies.primary,
            fallback=supplies.fallback,
            gap_seconds=self._gap_seconds,
        )

    def _restore(self, account: Account, descriptions: Sequence[SourceDescription]) -> None:
        """Go on from the last readings of the process before this one: only before any were made here."""
        restored = self._store.restored
        names = {description.name for description in descriptions}
        batches = {name: batch for name, batch in restored.last_batches.items() if name in names}
        known_until = covered_until(self._store, self._clock.now())
        account.restore(batches, known_until, self._past(account, descriptions))

    def _reconfigure(
        self, account: Account, descriptions: Sequence[SourceDescription], supplies: Supplies
    ) -> None:
        account.reconfigure(
            descriptions,
            primary=supplies.primary,
            fallback=supplies.fallback,
            gap_seconds=self._gap_seconds,
            past=self._past(account, descriptions),
        )

    def _past(self, account: Account, descriptions: Iterable[SourceDescription]) -> Past:
        intervals: Mapping[str, float] = {d.name: d.interval_seconds for d in descriptions}
        return waiting_past(self._store, self._clock, intervals, self._gap_seconds, account.counter_limits)

    def _choose_again(self, account: Account, primary: Sequence[str], fallback: str) -> None:
        descriptions = [status.description for status in account.sources()]
        supplies = better_known(primary, fallback, descriptions, account)
        if supplies is None:
            return
        self._reconfigure(account, descriptions, supplies)
        if account is self.accounts.own:
            self._on_change(self.facts(None))


def _of_other(descriptions: Sequence[SourceDescription]) -> Supplies:
    return choose_supplies(wanted_of_other(descriptions), "", descriptions)
