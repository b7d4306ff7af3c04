"""Waiting for the signals that end or reconfigure a program, without the ways in which that goes wrong."""

import os
import select
import signal
from typing import Final

ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_RUNG: Final = 0  # no signal has this number
_PIPE_BYTES: Final = 64 * 1024


class Bell:
    """Wakes the main thread, from other threads and from signals.

    No threading.Event: a handler that sets one while the main thread is about to wait on it waits for
    itself, and a signal that the kernel gives to another thread does not wake the main one.
    """

    def __init__(self) -> None:
        self._waiting, self._rope = os.pipe()
        os.set_blocking(self._waiting, False)
        os.set_blocking(self._rope, False)

    def rung_by_signals(self) -> None:
        """Have SIGTERM, SIGINT and SIGHUP ring from now on, whichever thread they reach."""
        signal.set_wakeup_fd(self._rope, warn_on_full_buffer=False)
        for number in ENDING:
            signal.signal(number, lambda *_: None)

    def ring(self) -> None:
        """Wake whoever waits, now or later."""
        os.write(self._rope, bytes((_RUNG,)))

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has rung, or so long; whether it has. It stays rung."""
        return bool(select.select([self._waiting], [], [], seconds)[0])

    def heard(self, seconds: float | None = None) -> frozenset[int]:
        """Wait as `wait` does, then be silent again: numbers of the signals that came, 0 for `ring`."""
        if not self.wait(seconds):
            return frozenset()
        return frozenset(os.read(self._waiting, _PIPE_BYTES))
