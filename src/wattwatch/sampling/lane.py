"""Lanes: threads that read one source each, or several quick ones in turn.

Each wake-up of a thread costs far more than reading a file of the kernel does, and threads that wake at the
same instant fight for the interpreter. So what is read from such files shares a thread, as long as all of it
answers: a read that hangs is left behind in its thread, and the others go on in a new one.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from wattwatch.clock import Clock
from wattwatch.sources.base import Source

logger = logging.getLogger("wattwatch.sampler")

PATIENCE_SECONDS: Final = 1.0
"""A shared lane whose read takes longer loses its other sources."""


class Reader(Protocol):
    """When a source is to be read, and the reading of it."""

    def wait_seconds(self) -> float | None:
        """Seconds from now until the next read; None if there will be none."""
        ...

    def read_once(self, due_seconds: float) -> None:
        """Read now; it should have begun at that boot second."""
        ...


@dataclass(slots=True, eq=False)
class Member:
    """A source in a lane; `due_seconds` is the boot second of its next read."""

    name: str
    source: Source
    reader: Reader
    wake: Callable[[], None] = lambda: None  # of the lane that it is in
    due_seconds: float = 0.0
    ended: bool = False
    left: threading.Event = field(default_factory=threading.Event)  # set once no thread will read it again

    def end(self) -> None:
        """Have it read no more; the source is closed now, and once more when its read has ended."""
        self.ended = True
        self.wake()
        self.source.close()


class Lane:
    """One thread and what it reads. It ends when nothing is left to be read."""

    def __init__(self, clock: Clock, members: Iterable[Member], name: str) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._members = list(members)
        self._reading: Member | None = None
        self._since_seconds = 0.0  # monotonic: when that read began
        for member in self._members:
            member.wake = self._woken.set
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self.thread.start()

    def leave_behind(self) -> "Lane | None":
        """If a read hangs: a lane, not yet started, that has all the other members. From any thread."""
        with self._lock:
            stuck = self._reading
            waited_seconds = time.monotonic() - self._since_seconds
            if stuck is None or len(self._members) == 1 or waited_seconds < PATIENCE_SECONDS:
                return None
            others = [member for member in self._members if member is not stuck]
            self._members = [stuck]
        logger.warning("source %s does not answer: those that share its thread go on in another", stuck.name)
        return Lane(self._clock, others, self.thread.name)

    def _run(self) -> None:
        for member in self._present():
            self._schedule(member)
        while due := self._wait():
            for member in due:
                if self._begin(member):
                    member.reader.read_once(member.due_seconds)
                    self._schedule(member)

    def _begin(self, member: Member) -> bool:
        """Note that a member is being read, if it is still ours."""
        with self._lock:
            if member.ended or member not in self._members:
                return False
            self._reading, self._since_seconds = member, time.monotonic()
            return True

    def _schedule(self, member: Member) -> None:
        wait_seconds = None if member.ended else member.reader.wait_seconds()
        with self._lock:
            self._reading = None
            if wait_seconds is not None:
                member.due_seconds = self._clock.now().boot_seconds + wait_seconds
                return
        self._drop(member)

    def _drop(self, member: Member) -> None:
        member.source.close()  # what its last read may have opened again
        with self._lock:
            self._members.remove(member)
        member.left.set()

    def _wait(self) -> list[Member]:
        """Those that are due, once they are; none when there is nothing left to wait for."""
        while members := self._present():
            first_seconds = min(member.due_seconds for member in members)
            wait_seconds = first_seconds - self._clock.now().boot_seconds
            if not self._woken.wait(max(0.0, wait_seconds)):
                return [member for member in members if member.due_seconds <= first_seconds]
            self._woken.clear()
        return []

    def _present(self) -> list[Member]:
        for member in [member for member in self._members if member.ended]:
            self._drop(member)
        with self._lock:
            return list(self._members)


def lanes_of(
    members: Iterable[Member], clock: Clock, is_quick: Callable[[Member], bool], shared_name: str
) -> list[Lane]:
    """A lane for each member, and one for all that are quick."""
    members = list(members)
    quick = [member for member in members if is_quick(member)]
    slow = [member for member in members if not is_quick(member)]
    lanes = [Lane(clock, [member], member.name) for member in slow]
    return [*lanes, Lane(clock, quick, shared_name)] if quick else lanes
