"""The node's energy as it is counted: the primary's channels summed, the fallback where they are missing.

Every second of the node goes to one series at most: to the primary's where all of its channels are covered,
to the fallback's where one of them is decided to be missing and the fallback is covered. Up to where both
have been counted is kept in the store with the counters themselves, so that a restart, or a change of the
primary, counts nothing twice.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from wattwatch.metrics import NODE_ENERGY, MetricSpec
from wattwatch.reading import Channel, Instant
from wattwatch.sampling.combine import MICROSECONDS, Combiner, Coverage, Stretch, instead, share
from wattwatch.sampling.counters import Counters
from wattwatch.sampling.snapshot import Primary

COUNTED_UNTIL: Final = MetricSpec(
    "node_counted_until_seconds", "counter", "Boot second; kept in the store, never exposed.", ("of",)
)
_PRIMARY: Final = "primary"
_UNREAD_SECONDS: Final = 60  # a channel that was never read is missing that long ago, minute by minute

Past = Callable[[Channel, int], Iterable[Stretch]]
"""What is known of a channel from a microsecond of this boot to its last record."""


class NodeEnergy:
    """Counts the energy of a node from the stretches of its channels. Not thread-safe."""

    def __init__(
        self,
        counters: Counters,
        primary: Primary | None,
        fallback: Primary | None = None,
        known_until: Mapping[str, int] | None = None,
    ) -> None:
        """`known_until` is the end of the last record of each channel that was read in this boot, by id."""
        self._counters = counters
        self._supplies = tuple(supply for supply in (primary, fallback) if primary and supply)
        self._unread_minute = 0
        self._begin(known_until or {})

    @property
    def supplies(self) -> tuple[Primary, ...]:
        """The primary, and the fallback if there is one."""
        return self._supplies

    @property
    def joules(self) -> float:
        """What was counted since this boot."""
        return sum(self._counters.value(NODE_ENERGY, labels) or 0.0 for labels in self._labels)

    def see(self, channel: Channel) -> None:
        """A channel was read: the counter to which it belongs appears at 0, before its first increase."""
        if channel.id not in self._unseen:
            return
        self._unseen.discard(channel.id)
        self._unread.discard(channel.id)
        for index, supply in enumerate(self._supplies):
            self._raise(self._keys[index], self._counted[index])
            if channel.id in supply.channel_ids:
                self._counters.add(NODE_ENERGY, supply.labels, 0)

    def is_part(self, channel: Channel) -> bool:
        """Whether a channel is one of those that stand for the node."""
        return channel.id in self._places

    def add(self, channel: Channel, stretch: Stretch) -> None:
        """Take the next stretch of any channel, and count what follows from it."""
        if places := self._places.get(channel.id):
            for combiner, index in places:
                combiner.put(index, stretch)
            self._count()

    def expire(self, now: Instant) -> None:
        """Wait no longer for channels that were never read: their time is missing, minute by minute."""
        minute = int(now.boot_seconds // _UNREAD_SECONDS - 1)
        if not self._unread or minute <= self._unread_minute:
            return
        self._unread_minute = minute
        missing = Stretch(0, minute * _UNREAD_SECONDS * MICROSECONDS, 0.0, Coverage.MISSING)
        for channel_id in self._unread:
            for combiner, index in self._places[channel_id]:
                combiner.put(index, missing)
        self._count()

    def restore(self, past: Past) -> None:
        """Take again what had waited to be counted, in the process before this one too.

        Only of channels that this account was reading: what else the store has of them was read for another
        node, or for another daemon, and is counted there.
        """
        every = [channel for supply in self._supplies for channel in supply.channels]
        channels = [channel for channel in every if channel.id in self._known]
        for channel in channels:
            for stretch in past(channel, self._combiners[0].at):
                for combiner, index in self._places[channel.id]:
                    combiner.put(index, stretch)
        if channels:
            self._count()

    def waiting(self) -> int:
        """How many stretches wait for others to be decided."""
        return sum(combiner.waiting() for combiner in self._combiners)

    def _begin(self, known_until: Mapping[str, int]) -> None:
        self._keys = _keys(self._supplies)
        self._labels = tuple(dict.fromkeys(supply.labels for supply in self._supplies))
        self._counted = [self._start(index, known_until) for index in range(len(self._supplies))]
        first = min(self._counted, default=0)
        # One more channel for the fallback: it is covered where the primary is missing.
        self._combiners = [
            Combiner(len(supply.channels) + index, first) for index, supply in enumerate(self._supplies)
        ]
        self._places: dict[str, list[tuple[Combiner, int]]] = {}
        for supply, combiner in zip(self._supplies, self._combiners, strict=True):
            for index, channel_id in enumerate(supply.channel_ids):
                self._places.setdefault(channel_id, []).append((combiner, index))
        self._known = known_until.keys()
        self._unseen = set(self._places)  # by this process
        self._unread = self._unseen - known_until.keys()  # in this boot
        # Fallbacks of before: should one come back, nothing is counted for the time until then.
        self._others = {
            labels[0] for name, labels in self._counters.snapshot() if name == COUNTED_UNTIL.name
        }.difference(self._keys)

    def _start(self, index: int, known_until: Mapping[str, int]) -> int:
        """Up to where this supply was counted; a fallback that is new begins where the primary is."""
        for key in self._keys[: index + 1][::-1]:
            if (seconds := self._counters.value(COUNTED_UNTIL, (key,))) is not None:
                return round(seconds * MICROSECONDS)
        ids = self._supplies[0].channel_ids
        return min((until for channel_id, until in known_until.items() if channel_id in ids), default=0)

    def _count(self) -> None:
        primary, *fallback = self._combiners
        for stretch in primary.take():
            self._add(0, stretch)
            for combiner in fallback:
                combiner.put(len(self._supplies[1].channels), instead(stretch))
        for combiner in fallback:
            for stretch in combiner.take():
                self._add(1, stretch)
        for index, combiner in enumerate(self._combiners):
            if combiner.at > self._counted[index]:
                self._counted[index] = combiner.at
                self._raise(self._keys[index], combiner.at)
        for key in self._others:
            self._raise(key, primary.at)

    def _add(self, index: int, stretch: Stretch) -> None:
        start = max(stretch.start_microseconds, self._counted[index])
        if stretch.is_covered and start < stretch.end_microseconds:
            joules = share(stretch, start, stretch.end_microseconds).joules
            self._counters.add(NODE_ENERGY, self._supplies[index].labels, joules)

    def _raise(self, key: str, until: int) -> None:
        before = self._counters.value(COUNTED_UNTIL, (key,)) or 0.0
        self._counters.add(COUNTED_UNTIL, (key,), max(0.0, until / MICROSECONDS - before))


def _keys(supplies: tuple[Primary, ...]) -> tuple[str, ...]:
    """What each supply's progress is kept as: one for any primary, one for each pair with a fallback."""
    if not supplies:
        return ()
    ids = [supply.channel_id for supply in supplies]
    return (_PRIMARY, " for ".join(reversed(ids)))[: len(supplies)]
