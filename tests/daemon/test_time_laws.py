"""Law 6: a stepped wall clock changes no joule; suspends and late ticks are gaps, never energy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.clock import FakeClock
from support.power import POWER_CHANNEL
from wattwatch import metrics
from wattwatch.clock import WallOffset
from wattwatch.daemon.committer import Committer
from wattwatch.reading import Batch, Instant, Reading
from wattwatch.sampling.account import Account, ReadOutcome
from wattwatch.sampling.accounts import Accounts
from wattwatch.sampling.counters import Counters
from wattwatch.sampling.snapshot import Primary, Snapshot
from wattwatch.sources.base import SourceDescription
from wattwatch.store.base import Commit

METER = SourceDescription("meter", "um24c", 0.5, (POWER_CHANNEL,))
PRIMARY = Primary.of(POWER_CHANNEL)

happenings = st.tuples(
    st.one_of(st.floats(0.4, 0.6), st.floats(0.6, 2.9), st.floats(3.1, 9000.0)),  # tick, late tick, suspend
    st.floats(0.0, 72.0),  # watts
    st.floats(-1e9, 1e9),  # how far the wall clock is set
    st.booleans(),  # whether it is synchronised
)


class Bin:
    """A store that keeps nothing."""

    def append(self, commit: Commit) -> None:
        del commit


def counted(
    drawn: list[tuple[float, float, float, bool]], *, stepping: bool
) -> dict[metrics.SeriesKey, float]:
    clock = FakeClock()
    account = Account(Counters({}), [METER], primary=PRIMARY, gap_seconds=3.0)

    def snapshot(at: Instant) -> Snapshot:
        return Snapshot("pi-1", at, clock.wall(), {}, account.counters.snapshot())

    committer = Committer(Accounts(account), Bin(), clock, snapshot)
    for seconds, watts, step_seconds, synchronised in drawn:
        at = clock.advance(seconds)
        if stepping:
            clock.offset = WallOffset(clock.offset.unix_minus_boot_seconds + step_seconds, synchronised)
        reading = Reading(POWER_CHANNEL, watts, at)
        committer.deliver(ReadOutcome(METER, Batch("meter", at, (reading,)), 0.0, 0.02))
        committer.commit_now()
    return account.counters.snapshot()


@given(st.lists(happenings, min_size=2, max_size=30))
def test_a_stepped_wall_clock_changes_no_joule(drawn: list[tuple[float, float, float, bool]]) -> None:
    assert counted(drawn, stepping=True) == counted(drawn, stepping=False)


@given(st.lists(happenings, min_size=2, max_size=30))
def test_every_second_is_sampled_or_missing_and_only_sampled_ones_have_energy(
    drawn: list[tuple[float, float, float, bool]],
) -> None:
    counters = counted(drawn, stepping=True)
    seconds = {
        state: counters[metrics.ENERGY_SECONDS.name, ("meter", "vbus", state)]
        for state in ("sampled", "recovered", "missing")
    }
    after_the_first = [elapsed for elapsed, *_ in drawn[1:]]
    assert seconds["sampled"] == pytest.approx(sum(s for s in after_the_first if s <= 3.0), abs=1e-3)
    assert seconds["missing"] == pytest.approx(sum(s for s in after_the_first if s > 3.0), abs=1e-3)
    assert seconds["recovered"] == 0
    assert counters[metrics.NODE_ENERGY.name, ("board", "metered")] <= 72.0 * seconds["sampled"] + 1e-6
