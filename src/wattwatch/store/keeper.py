"""A thread that does the slow work of a store when asked to, so that a stalling disk delays no commit."""

import threading
from collections.abc import Callable


class Keeper:
    """Calls `work` after each `wake`; wakes that come while it works are one more call."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._condition = threading.Condition()
        self._asked = self._done = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="store-keeper", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether work will be done."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """Ask for work; returns at once."""
        with self._condition:
            self._asked += 1
            self._condition.notify_all()

    def settle(self) -> None:
        """Return once everything that was asked for before is done."""
        with self._condition:
            asked = self._asked
            self._condition.wait_for(lambda: self._done >= asked or not self.alive)

    def stop(self) -> None:
        """Do what was asked for, then end."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while (asked := self._next()) is not None:
            self._work()
            with self._condition:
                self._done = asked
                self._condition.notify_all()

    def _next(self) -> int | None:
        with self._condition:
            self._condition.wait_for(lambda: self._asked > self._done or self._stopping)
            return self._asked if self._asked > self._done else None
