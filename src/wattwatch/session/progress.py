"""What a long measurement says meanwhile: events, a line each, and on a terminal one line that is renewed."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TextIO

from wattwatch.client import Client
from wattwatch.clock import Clock
from wattwatch.errors import ClientError
from wattwatch.report.words import joules_text, number
from wattwatch.session.cooldown import clock_text

_ERASE: Final = "\r\x1b[K"  # ECMA-48: to the first column, erase to the end of the line
_RENEW_SECONDS: Final = 1.0


class Progress:
    """Events and a line in place on a stream for people; every method may be called from any thread.

    The line is shown only if the stream is a terminal, and only while nobody else writes there: whoever
    passes a command's output on does so within `out_of_the_way`.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self.lock = threading.RLock()
        self.is_live = not quiet and _is_terminal(stream)
        self._stream = stream
        self._quiet = quiet
        self._shown = False
        self._at_line_start = True

    def event(self, text: str) -> None:
        """A line that stays; nothing if quiet was wished."""
        if not self._quiet:
            with self.lock:
                self.clear()
                self._write(f"wattwatch: {text}\n")

    def show(self, text: str) -> None:
        """Renew the line in place; nothing where there is no terminal, or its cursor is inside a line."""
        with self.lock:
            if self.is_live and self._at_line_start:
                columns = shutil.get_terminal_size().columns
                self._write(_ERASE + text[: columns - 1])
                self._shown = True

    def clear(self) -> None:
        """Take the line away."""
        with self.lock:
            if self._shown:
                self._write(_ERASE)
                self._shown = False

    @contextmanager
    def out_of_the_way(self, output: bytes) -> Iterator[None]:
        """The line is away while this output is written to the same terminal."""
        with self.lock:
            self.clear()
            yield
            self._at_line_start = output.endswith(b"\n")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # a terminal that is gone: the measurement goes on without words
            self.is_live, self._quiet = False, True


class RunLine:
    """The line about one run, renewed once a second by a thread of its own until it is stopped."""

    def __init__(self, progress: Progress, title: str, client: Client, clock: Clock, run_id: str) -> None:
        self._progress = progress
        self._title = title
        self._client = client
        self._now: Callable[[], float] = lambda: clock.now().boot_seconds
        self._run_id = run_id
        self._over = threading.Event()
        self._started_seconds = self._now()
        threading.Thread(target=self._renew, name="wattwatch-progress", daemon=True).start()

    def stop(self) -> None:
        """Show it no more; does not wait for a daemon that is asked just now."""
        with self._progress.lock:
            self._over.set()
            self._progress.clear()

    def _renew(self) -> None:
        while not self._over.wait(_RENEW_SECONDS):
            text = run_line(self._title, self._now() - self._started_seconds, self._document())
            with self._progress.lock:
                if not self._over.is_set():
                    self._progress.show(text)

    def _document(self) -> Mapping[str, Any]:
        try:
            document: dict[str, Any] = self._client.get_json(f"/v1/runs/{self._run_id}")
        except ClientError:
            return {}
        return document


def run_line(title: str, seconds: float, document: Mapping[str, Any]) -> str:
    """A running run in one line: `run 3/10 · training · 0:42 · 214 J so far · mean 4.90 W`."""
    nodes = document.get("nodes") or [{}]
    joules, watts = number(nodes[0], "energy_joules"), number(nodes[0], "mean_power_watts")
    simulated = " (simulated)" if nodes[0].get("quality") == "simulated" else ""
    parts = [title, clock_text(seconds)]
    if joules is not None:
        parts.append(f"{joules_text(joules)} so far{simulated}")
    if watts is not None:
        parts.append(f"mean {watts:.2f} W")
    return " · ".join(parts)


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"
