"""What the store knows of energy channels that the account has to go on from."""

from collections.abc import Callable, Iterable, Mapping

from wattwatch.clock import Clock
from wattwatch.reading import Channel, Instant
from wattwatch.runs.tracks import Supply, Timing, stretches
from wattwatch.sampling.combine import MICROSECONDS, Coverage, Stretch, microseconds
from wattwatch.sampling.node_energy import Past
from wattwatch.sources.base import CounterLimits
from wattwatch.store.base import EnergyHistory, Span
from wattwatch.store.local import LocalStore

Limits = Callable[[Channel], CounterLimits]


def covered_until(store: LocalStore, now: Instant) -> dict[Channel, Instant]:
    """Where refused gaps already reach beyond the last reading of an energy channel."""
    ends: dict[Channel, Instant] = {}
    for batch in store.restored.last_batches.values():
        for channel in (r.channel for r in batch.readings if r.channel.measures_energy):
            later = [g.end for g in store.gaps(channel.id, Span(batch.at, now)) if _is_later(g.end, batch.at)]
            if later:
                ends[channel] = max(later, key=lambda end: end.boot_seconds)
    return ends


def _is_later(one: Instant, other: Instant) -> bool:
    return one.boot_seconds > other.boot_seconds


def waiting_past(
    store: EnergyHistory, clock: Clock, intervals: Mapping[str, float], gap_seconds: float, limits: Limits
) -> Past:
    """What is known of a channel since some time of this boot: what may have waited for other channels.

    `intervals` are those of the sources in seconds, `limits` those of a counter.
    """

    def past(channel: Channel, since: int) -> Iterable[Stretch]:
        now = clock.now()
        span = Span(Instant(now.boot_id, since / MICROSECONDS), now)
        supply = Supply(channel, Timing(intervals.get(channel.source, 1.0), gap_seconds), limits)
        known = stretches(supply.track(store, span), since, microseconds(now))
        return (stretch for stretch in known if stretch.coverage is not Coverage.OPEN)

    return past
