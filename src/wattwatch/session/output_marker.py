"""Phases and epochs read off what a command prints, while its output passes through unchanged."""

import codecs
import os
import queue
import re
import select
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.client import Client
from wattwatch.clock import Clock
from wattwatch.errors import ClientError, WattwatchError
from wattwatch.reading import Instant
from wattwatch.session.command import Output
from wattwatch.session.hold import RECONNECT_SECONDS

_PIECE_BYTES: Final = 64 * 1024
_LINE_CHARACTERS: Final = 8192  # of a line; what is beyond is passed on, but not looked at
_PHASE_CHARACTERS: Final = 64  # as the ledger bounds them
_MOST_MARKS: Final = 1999  # as the ledger bounds them: 2,000 windows, of which the run's opening is one
_QUIET_SECONDS: Final = 0.3  # after the command's end; who writes later is a process that it left behind
_RETRY_SECONDS: Final = 0.25

Guard = Callable[[bytes], AbstractContextManager[None]]
"""Entered while output is written to a terminal."""


class PatternError(WattwatchError):
    """A pattern that is no regular expression, or can mark nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a line says: a phase begins, an epoch begins, or both."""

    phase: str = ""
    epoch: int | None = None


class OutputPattern:
    """A regular expression, looked for in each line; its groups `phase` and `epoch` say what begins."""

    def __init__(self, text: str) -> None:
        """PatternError if it cannot be used."""
        try:
            self._pattern = re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            raise PatternError(f"--phase-from-output {text!r}: no regular expression: {error}") from error
        if self._pattern.search("") is not None:
            raise PatternError(f"--phase-from-output {text!r}: it matches every line: give more of the line")
        self._names = frozenset(self._pattern.groupindex) & {"phase", "epoch"}

    def found(self, line: str) -> Found | None:
        """What the line says; None for nothing. Without a named group the whole match is the phase."""
        match = self._pattern.search(line)
        if match is None:
            return None
        if not self._names:
            return _found(match[0], None)
        groups = match.groupdict()
        return _found(groups.get("phase"), groups.get("epoch"))


def _found(phase: str | None, epoch: str | None) -> Found | None:
    name = " ".join("".join(c if c.isprintable() else " " for c in phase or "").split())
    number = int(epoch) if epoch and epoch.strip().isdecimal() else None
    found = Found(name[:_PHASE_CHARACTERS].strip(), number)
    return found if found != Found() else None


class Lines:
    """Cuts a stream of bytes into lines; of one that is too long the beginning is kept."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> Sequence[str]:
        """The lines that are whole by now; a carriage return ends one too, as progress bars have it."""
        text = self._rest + self._decoder.decode(data)
        *lines, rest = text.replace("\r", "\n").split("\n")
        self._rest = rest[:_LINE_CHARACTERS]
        return lines

    def end(self) -> Sequence[str]:
        """The last line, if it had no end."""
        rest = self._rest + self._decoder.decode(b"", final=True)
        self._rest = ""
        return [rest] if rest else []


@dataclass(frozen=True, slots=True)
class _Mark:
    found: Found
    at: Instant


class MarkTeller:
    """Tells a run's daemon of marks, in a thread of its own: a slow daemon never holds up a command.

    A daemon that is away is waited for; a mark carries its instant, so that it may come late.
    """

    def __init__(self, client: Client, run_id: str) -> None:
        self._client = client
        self._path = f"/v1/runs/{run_id}"
        self._lock = threading.Lock()
        self._marks: queue.SimpleQueue[_Mark | None] = queue.SimpleQueue()
        self._last_phase = ""
        self._accepted = 0
        self._beyond = 0
        self._untold = 0
        self._cause = ""
        self._deadline: float | None = None  # set when the command has ended
        self._thread = threading.Thread(target=self._tell_all, name="wattwatch-marks", daemon=True)
        self._thread.start()

    def mark(self, found: Found, at: Instant) -> None:
        """Take note of what begins; a phase that goes on already is no mark."""
        with self._lock:  # of two streams: in order of their instants
            if found.phase and found.phase == self._last_phase and found.epoch is None:
                return
            if self._accepted >= _MOST_MARKS:
                self._beyond += 1
                return
            self._accepted += 1
            self._last_phase = found.phase or self._last_phase
            self._marks.put(_Mark(found, at))

    def close(self) -> list[str]:
        """Wait until all is told, as long as a daemon may be away; what could not be told, in words."""
        self._deadline = time.monotonic() + RECONNECT_SECONDS
        self._marks.put(None)
        self._thread.join(RECONNECT_SECONDS)
        untold = self._untold + max(0, self._marks.qsize() - 1)
        warnings = []
        if untold:
            cause = self._cause or "the daemon did not answer in time"
            warnings.append(f"{untold} marks of --phase-from-output are not in the run: {cause}")
        if self._beyond:
            warnings.append(
                f"{self._beyond} marks of --phase-from-output are not in the run: at most {_MOST_MARKS} are; "
                "choose a pattern that matches fewer lines"
            )
        return warnings

    def _tell_all(self) -> None:
        while (mark := self._marks.get()) is not None:
            try:
                self._tell(mark)
            except ClientError as error:
                self._untold += 1
                self._cause = str(error)

    def _tell(self, mark: _Mark) -> None:
        at = {"boot_id": mark.at.boot_id, "boot_seconds": mark.at.boot_seconds}
        if mark.found.phase:
            self._post("phases", {"phase": mark.found.phase, "at": at})
        if mark.found.epoch is not None:
            self._post("epochs", {"epoch": mark.found.epoch, "at": at})

    def _post(self, what: str, document: dict[str, Any]) -> None:
        began = time.monotonic()
        while True:
            try:
                self._client.post_json(f"{self._path}/{what}", document)
            except ClientError as error:
                if error.status or self._is_late(began):
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def _is_late(self, began: float) -> bool:
        now = time.monotonic()
        return now > began + RECONNECT_SECONDS or (self._deadline is not None and now > self._deadline)


class _Pump:
    """Passes one stream on, at once and unchanged, and looks at its lines."""

    def __init__(
        self, target: int, pattern: OutputPattern, clock: Clock, teller: MarkTeller, guard: Guard
    ) -> None:
        self._pattern = pattern
        self._clock = clock
        self._teller = teller
        self._target = target
        self._guard: Guard = guard if os.isatty(target) else _unguarded
        self._lines = Lines()
        self._source, self.given = os.pipe()
        self._ended, self._end = os.pipe()
        self._thread = threading.Thread(target=self._run, name="wattwatch-output", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """The command has ended: pass on what is left, then stop."""
        os.close(self._end)
        self._thread.join()

    def _run(self) -> None:
        try:
            while data := self._read():
                at = self._clock.now()
                with self._guard(data):
                    _write(self._target, data)
                self._look_at(self._lines.feed(data), at)
        except OSError:
            pass  # nobody reads our output any more: the command is told by the closed pipe
        finally:
            os.close(self._source)
            os.close(self._ended)
        self._look_at(self._lines.end(), self._clock.now())

    def _read(self) -> bytes:
        """What comes next; empty at the end, or when the command has ended and nothing comes any more."""
        ready, _, _ = select.select([self._source, self._ended], [], [])
        if self._source not in ready:
            ready, _, _ = select.select([self._source], [], [], _QUIET_SECONDS)
        return os.read(self._source, _PIECE_BYTES) if self._source in ready else b""

    def _look_at(self, lines: Sequence[str], at: Instant) -> None:
        for line in lines:
            found = self._pattern.found(line)
            if found is not None:
                self._teller.mark(found, at)


@contextmanager
def marked_output(
    pattern: OutputPattern, teller: MarkTeller, clock: Clock, targets: tuple[int, int], guard: Guard
) -> Iterator[Output]:
    """Where a command is to write so that its lines mark the run; they go on to the target descriptors.

    The streams are pipes: a command that asks sees that it does not write to a terminal.
    """
    pumps = [_Pump(target, pattern, clock, teller, guard) for target in targets]
    try:
        yield Output(*(pump.given for pump in pumps))
    finally:
        for pump in pumps:
            pump.finish()


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(target, view) :]
        except BlockingIOError:  # somebody made the terminal non-blocking
            select.select([], [target], [])


def _unguarded(data: bytes) -> AbstractContextManager[None]:
    del data
    return nullcontext()
