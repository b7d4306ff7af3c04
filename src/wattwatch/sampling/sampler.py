"""Reading sources in time: on an absolute grid, for ever, in threads that `lane` describes.

A read that blocks for ever stops neither the other sources nor the exit: threads are daemons, and nobody
waits for them longer than asked.
"""

import logging
import math
import random
import threading
from collections.abc import Callable, Iterable
from itertools import count
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import SourceError, SourceUnavailable, SourceUnsupported
from wattwatch.reading import Instant
from wattwatch.sampling.account import ReadFailure, ReadOutcome
from wattwatch.sampling.lane import Lane, Member, lanes_of
from wattwatch.sources.base import KERNEL_TYPES, Source, SourceDescription

logger = logging.getLogger("wattwatch.sampler")

Deliver = Callable[[ReadOutcome | ReadFailure], None]

_EAGER_SECONDS: Final = 30.0  # how long a lost source is tried every second
_LONGEST_DELAY_SECONDS: Final = 60.0
_JITTER: Final = 0.2
_SHARED_NAME: Final = "kernel"


def next_tick_seconds(now_seconds: float, interval_seconds: float) -> float:
    """The next point of the absolute grid of whole intervals, strictly after now."""
    tick_seconds = (math.floor(now_seconds / interval_seconds) + 1) * interval_seconds
    return round(tick_seconds if tick_seconds > now_seconds else tick_seconds + interval_seconds, 6)


def retry_delay_seconds(down_seconds: float, jitter: float) -> float:
    """Seconds until a lost source is tried again: 1 for the first 30, then ever longer, at most 60.

    `jitter` is between -1 and 1 and moves the delay by at most a fifth, so that many daemons do not ask
    one meter's adapter at the same instant.
    """
    if down_seconds < _EAGER_SECONDS:
        return 1.0
    delay_seconds = min(_LONGEST_DELAY_SECONDS / (1 + _JITTER), down_seconds / _EAGER_SECONDS * 2)
    return delay_seconds * (1 + _JITTER * jitter)


class SourceReader:
    """Reads one source: when to read next, and what came of it."""

    def __init__(self, source: Source, clock: Clock, deliver: Deliver, seed: int = 0) -> None:
        self._source = source
        self._clock = clock
        self._deliver = deliver
        self._random = random.Random(seed)  # noqa: S311 - jitter, not secrets
        self._down_since: Instant | None = None
        self._unsupported = False

    @property
    def name(self) -> str:
        """Name of the source."""
        return self._source.description.name

    def wait_seconds(self) -> float | None:
        """Seconds from now until the next read is due; None when the source is given up."""
        if self._unsupported:
            return None
        now_seconds = self._clock.now().boot_seconds
        if self._down_since is not None:
            down_seconds = now_seconds - self._down_since.boot_seconds
            return retry_delay_seconds(down_seconds, self._random.uniform(-1, 1))
        interval_seconds = self._source.description.interval_seconds
        return next_tick_seconds(now_seconds, interval_seconds) - now_seconds

    def read_once(self, due_seconds: float) -> None:
        """Read now and deliver what came; `due_seconds` is the boot second at which it should begin."""
        started = self._clock.now()
        try:
            batch = self._source.read()
        except SourceError as error:
            self._note_failure(started, error)
            return
        except Exception as error:  # the service runner: a mistake in one source must not end its thread
            if self._down_since is None:  # once, not at every retry
                logger.exception("source %s: a mistake in wattwatch, please report it", self.name)
            self._note_failure(started, SourceUnavailable(f"internal error: {error!r}", "internal"))
            return
        took_seconds = self._clock.now().boot_seconds - started.boot_seconds
        if self._down_since is not None:
            logger.warning("source %s: back", self.name)
        self._down_since = None
        lateness_seconds = max(0.0, started.boot_seconds - due_seconds)
        for each in (*batch.earlier, batch):
            self._deliver(ReadOutcome(self._source.description, each, lateness_seconds, took_seconds))

    def _note_failure(self, at: Instant, error: SourceError) -> None:
        self._unsupported = isinstance(error, SourceUnsupported)
        if self._down_since is None:
            if self._unsupported:  # of little interest: what was looked for is not there
                logger.info("source %s: not available here: %s", self.name, error)
            else:
                logger.warning("source %s: lost, will be tried again: %s", self.name, error)
            self._down_since = at
        self._deliver(ReadFailure(self._source.description, at, error))


class Sampler:
    """All sources of a node, read in lanes; they may come and go while others are read."""

    def __init__(self, sources: Iterable[Source], clock: Clock, deliver: Deliver) -> None:
        self._clock = clock
        self._deliver = deliver
        self._seeds = count()
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._lanes = self._add(sources)

    def start(self) -> None:
        """Begin to read."""
        for lane in self._lanes:
            lane.start()

    def look_after(self) -> None:
        """Give the sources that share a thread with a read that hangs another one. About once a second."""
        with self._lock:
            others = [other for lane in self._lanes if (other := lane.leave_behind()) is not None]
            self._lanes += others
        for other in others:
            other.start()

    def descriptions(self) -> dict[str, SourceDescription]:
        """What is known of each source by now, by name."""
        return {name: running.member.source.description for name, running in self._running.items()}

    def stop(self, patience_seconds: float = 1.0) -> None:
        """End all reading; a source that does not answer is left behind after `patience_seconds`."""
        self.remove(list(self._running), patience_seconds)

    def remove(self, names: Iterable[str], patience_seconds: float = 1.0) -> None:
        """End the reading of some sources, as `stop` does; nothing of them is delivered afterwards."""
        gone = [self._running.pop(name) for name in names]
        for running in gone:
            running.end()
        for running in gone:
            running.wait_until_left(patience_seconds)
        with self._lock:
            self._lanes = [lane for lane in self._lanes if lane.thread.is_alive()]

    def add(self, sources: Iterable[Source]) -> None:
        """Begin to read further sources."""
        lanes = self._add(sources)
        with self._lock:
            self._lanes += lanes
        for lane in lanes:
            lane.start()

    def _add(self, sources: Iterable[Source]) -> list[Lane]:
        added = [_Running(source, self._clock, self._deliver, next(self._seeds)) for source in sources]
        self._running |= {running.member.source.description.name: running for running in added}
        return lanes_of([running.member for running in added], self._clock, _is_quick, _SHARED_NAME)


class _Running:
    """A source in its lane, and how it is told to end."""

    def __init__(self, source: Source, clock: Clock, deliver: Deliver, seed: int) -> None:
        self._delivering = threading.Lock()
        self._deliver = deliver
        reader = SourceReader(source, clock, self._deliver_unless_ended, seed)
        self.member = Member(reader.name, source, reader)

    def end(self) -> None:
        """Deliver nothing more, and close the source so that a blocked read ends."""
        with self._delivering:
            self.member.ended = True
        self.member.end()

    def wait_until_left(self, patience_seconds: float) -> None:
        """Until its thread has let go of it, or patience is at an end."""
        self.member.left.wait(patience_seconds)

    def _deliver_unless_ended(self, item: ReadOutcome | ReadFailure) -> None:
        with self._delivering:
            if not self.member.ended:
                self._deliver(item)


def _is_quick(member: Member) -> bool:
    return member.source.description.type in KERNEL_TYPES
