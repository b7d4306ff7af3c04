"""The committing thread: what was read becomes counted, durable and visible, in this order."""

import math
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from wattwatch.clock import Clock
from wattwatch.reading import Batch, EnergyRecord, Instant
from wattwatch.sampling.account import ReadFailure, ReadOutcome
from wattwatch.sampling.accounts import Accounts
from wattwatch.sampling.snapshot import Snapshot
from wattwatch.store.base import Commit

COMMIT_SECONDS: Final = 1.0
_COMMITS_PER_LOOK: Final = 5  # for the line of the service manager
_PATIENCE_SECONDS: Final = 5.0


class CommitStore(Protocol):
    """Where commits go."""

    def append(self, commit: Commit) -> None:
        """Make a commit durable against the death of this process."""
        ...


MakeSnapshot = Callable[[Instant], Snapshot]
Change = Callable[[], None]
_AFTER_READS_SECONDS: Final = 0.06  # a meter's frame comes within 50 ms
_LEAST_SECONDS: Final = 0.5
_NEARLY: Final = 0.9  # of a second: commits come a little sooner or later


class Committer:
    """One thread that commits each second, and at once for whoever wants to show something."""

    def __init__(
        self,
        accounts: Accounts,
        store: CommitStore,
        clock: Clock,
        make_snapshot: MakeSnapshot,
        look_again: Change = lambda: None,
    ) -> None:
        """`look_again` may count more, once the store has what was read."""
        self._accounts = accounts
        self._store = store
        self._clock = clock
        self._make_snapshot = make_snapshot
        self._look_again = look_again
        self._inbox: deque[ReadOutcome | ReadFailure | Change] = deque()
        self._condition = threading.Condition()
        self._asked = self._done = 0
        self._commits = 0
        self._also: list[Change] = []
        self._also_seconds = 0.0  # boot seconds
        self._stopping = False
        self._snapshot = make_snapshot(clock.now())
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def deliver(self, item: ReadOutcome | ReadFailure) -> None:
        """Take what a source gave; from any thread."""
        self._inbox.append(item)

    def between_commits(self, change: Change) -> None:
        """Have the account changed by its own thread, after all that was delivered before; then return."""
        self._inbox.append(change)
        self.commit()

    @property
    def commits(self) -> int:
        """How many commits were made: while it grows, this thread is not stuck."""
        return self._commits

    @property
    def last_snapshot(self) -> Snapshot:
        """What somebody asked for last, at most some seconds old; costs nothing."""
        return self._snapshot

    def also(self, work: Change) -> None:
        """Have something quick done about once a second, after a commit: no thread has to wake up for it."""
        self._also.append(work)

    def start(self) -> None:
        """Begin to commit."""
        self._thread.start()

    def stop(self) -> None:
        """Commit what is there, and end."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self.commit_now()

    def commit(self) -> Snapshot:
        """Everything read so far, committed; from any thread.

        Should the disk block for long, the last committed state is given rather than none.
        """
        with self._condition:
            self._asked += 1
            ticket = self._asked
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._done >= ticket or self._stopping, _PATIENCE_SECONDS)
        return self._snapshot

    def _run(self) -> None:
        while not self._stopping:
            with self._condition:
                self._condition.wait_for(
                    lambda: self._asked > self._done or self._stopping, self._wait_seconds()
                )
                asked = self._asked
            self.commit_now(shown=asked > self._done or self._commits % _COMMITS_PER_LOOK == 0)
            with self._condition:
                self._done = asked
                self._condition.notify_all()
            self._do_also()

    def _wait_seconds(self) -> float:
        """Until soon after the next whole second, at which sources are read: what runs then is still warm.

        After a commit that somebody asked for, at least half a second: who asks each second gets by with one.
        """
        now_seconds = self._clock.now().boot_seconds - _AFTER_READS_SECONDS
        return math.floor(now_seconds + 1 + _LEAST_SECONDS) - now_seconds

    def _do_also(self) -> None:
        now_seconds = self._clock.now().boot_seconds
        if now_seconds - self._also_seconds >= _NEARLY * COMMIT_SECONDS:
            self._also_seconds = now_seconds
            for work in self._also:
                work()

    def commit_now(self, *, shown: bool = True) -> Snapshot:
        """Count what was delivered, append it to the store, then show it. Only the committing thread.

        Not `shown`, the snapshot stays that of a commit before: making one that nobody asked for costs.
        """
        while (change := self._commit_delivered()) is not None:
            change()
        self._look_again()
        now = self._clock.now()
        if changes := self._accounts.take_changes():
            self._store.append(Commit(now, self._clock.wall(), counters=changes))
        if shown:
            self._snapshot = self._make_snapshot(now)
        self._commits += 1
        return self._snapshot

    def _commit_delivered(self) -> Change | None:
        """Commit what was delivered before the next change: which then finds it all in the store."""
        batches, gaps, change = self._account_delivered()
        now = self._clock.now()
        gaps.extend(self._accounts.expire(now))
        counters = self._accounts.take_changes()
        self._store.append(Commit(now, self._clock.wall(), tuple(batches), tuple(gaps), counters))
        return change

    def _account_delivered(self) -> tuple[list[Batch], list[EnergyRecord], Change | None]:
        batches: list[Batch] = []
        gaps: list[EnergyRecord] = []
        while self._inbox:
            item = self._inbox.popleft()
            if isinstance(item, ReadFailure):
                self._accounts.fail(item)
            elif isinstance(item, ReadOutcome):
                accepted = self._accounts.accept(item)
                gaps.extend(accepted.gaps)
                if accepted.keep:
                    batches.append(item.batch)
            else:
                return batches, gaps, item
        return batches, gaps, None
