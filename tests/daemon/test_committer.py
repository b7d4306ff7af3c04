"""What was read is counted, then durable, then visible; in this order, from any thread."""

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest

from support.clock import FakeClock
from support.power import POWER_CHANNEL
from wattwatch import metrics
from wattwatch.daemon.committer import Committer
from wattwatch.errors import SourceUnavailable
from wattwatch.reading import Batch, Instant, Reading
from wattwatch.sampling.account import Account, ReadFailure, ReadOutcome
from wattwatch.sampling.accounts import Accounts
from wattwatch.sampling.counters import Counters
from wattwatch.sampling.snapshot import Primary, Snapshot
from wattwatch.sources.base import SourceDescription
from wattwatch.store.base import Commit

METER = SourceDescription("meter", "um24c", 0.5, (POWER_CHANNEL,))
PRIMARY = Primary.of(POWER_CHANNEL)
JOULES = (metrics.NODE_ENERGY.name, ("board", "metered"))


class MemoryStore:
    """Keeps commits; `before` is called in the middle of each append."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self.before: Callable[[], object] = lambda: None

    def append(self, commit: Commit) -> None:
        self.before()
        self.commits.append(commit)

    @property
    def counters(self) -> dict[metrics.SeriesKey, float]:
        """The counters that a restart would find."""
        return {key: value for commit in self.commits for key, value in commit.counters.items()}


class Made:
    """A committer over fakes."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.account = Account(Counters({}), [METER], primary=PRIMARY, gap_seconds=3.0)
        self.committer = Committer(Accounts(self.account), self.store, self.clock, self.snapshot)

    def snapshot(self, at: Instant) -> Snapshot:
        return Snapshot("pi-1", at, self.clock.wall(), {}, self.account.counters.snapshot())

    def read(self, watts: float = 5.0) -> None:
        at = self.clock.now()
        batch = Batch("meter", at, (Reading(POWER_CHANNEL, watts, at),))
        self.committer.deliver(ReadOutcome(METER, batch, 0.0, 0.02))


@pytest.fixture
def made() -> Iterator[Made]:
    made = Made()
    yield made
    made.committer.stop()


def test_nothing_is_shown_that_the_store_does_not_have(made: Made) -> None:
    """Seen from inside an append: what is shown then is still the commit before."""
    shown: list[float | None] = []
    made.committer.start()
    made.store.before = lambda: shown.append(made.committer._snapshot.counters.get(JOULES))
    for second in range(4):
        made.read()
        snapshot = made.committer.commit()
        assert snapshot.counters[JOULES] == made.store.counters[JOULES] == 5.0 * second
        made.clock.advance(1.0)
    assert shown[:4] == [None, 0.0, 5.0, 10.0]


def test_a_commit_holds_all_that_was_delivered_before_it_was_asked_for(made: Made) -> None:
    made.committer.start()
    for _ in range(10):
        made.read()
        made.clock.advance(0.5)
    made.committer.commit()
    kept = [batch for commit in made.store.commits for batch in commit.batches]
    assert len(kept) == 10
    assert [b.at.boot_seconds for b in kept] == sorted(b.at.boot_seconds for b in kept)


def test_an_outcome_is_committed_once(made: Made) -> None:
    made.read()
    made.committer.commit_now()
    made.committer.commit_now()
    assert [len(commit.batches) for commit in made.store.commits] == [1, 0]
    assert made.store.commits[1].counters == {}


def test_many_threads_may_ask_at_once(made: Made) -> None:
    made.committer.start()
    made.read()
    made.clock.advance(1.0)
    made.read()
    snapshots: list[Snapshot] = []
    askers = [threading.Thread(target=lambda: snapshots.append(made.committer.commit())) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(10)
    assert [snapshot.counters[JOULES] for snapshot in snapshots] == [5.0] * 8


def test_the_last_readings_are_committed_at_the_end(made: Made) -> None:
    made.committer.start()
    made.committer.commit()
    made.read()
    made.committer.stop()
    assert sum(len(commit.batches) for commit in made.store.commits) == 1
    assert made.committer.commit().counters[JOULES] == 0.0  # asked too late: answered, and with the last


def test_failures_and_gaps_are_committed_too(made: Made) -> None:
    made.read()
    made.clock.advance(10.0)
    made.committer.deliver(ReadFailure(METER, made.clock.now(), SourceUnavailable("gone", "hangup")))
    made.read()
    made.committer.commit_now()
    (commit,) = made.store.commits
    (gap,) = commit.gaps
    assert (gap.missing_seconds, gap.joules) == (10.0, 0.0)
    assert commit.counters[metrics.SOURCE_READ_FAILURES.name, ("meter", "hangup")] == 1


def test_an_open_gap_is_refused_after_an_hour_without_any_reading(made: Made) -> None:
    made.read()
    made.committer.commit_now()
    made.clock.advance(3599.0)
    made.committer.commit_now()
    made.clock.advance(2.0)
    made.committer.commit_now()
    assert [sum(gap.missing_seconds for gap in commit.gaps) for commit in made.store.commits] == [0, 0, 3601]


def test_a_change_is_made_by_the_committing_thread_after_what_was_delivered_before(made: Made) -> None:
    made.committer.start()
    made.read()
    made.clock.advance(1.0)
    made.read()
    threads: list[str] = []
    joules: list[float | None] = []

    def change() -> None:
        threads.append(threading.current_thread().name)
        joules.append(made.account.counters.value(metrics.NODE_ENERGY, JOULES[1]))

    made.committer.between_commits(change)
    assert (threads, joules) == (["committer"], [5.0])


def test_the_number_of_commits_grows_only_while_they_are_made(made: Made) -> None:
    made.committer.start()
    made.committer.commit()
    before = made.committer.commits
    stuck, go_on = threading.Event(), threading.Event()

    def block() -> None:
        stuck.set()
        go_on.wait(20)

    made.store.before = block
    assert stuck.wait(20)
    assert made.committer.commits - before <= 1
    standing = made.committer.commits
    assert made.committer.last_snapshot is made.committer._snapshot
    go_on.set()
    made.committer.commit()
    assert made.committer.commits > standing


def test_what_is_to_be_done_besides_is_done_about_once_a_second(made: Made) -> None:
    done: list[float] = []
    made.committer.also(lambda: done.append(made.clock.boot_seconds))
    made.committer.start()
    for _ in range(8):
        made.clock.advance(0.25)
        made.committer.commit()
    made.committer.stop()
    assert len(done) in (2, 3)
    assert all(later - earlier >= 0.9 for earlier, later in itertools.pairwise(done))
