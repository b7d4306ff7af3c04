"""Waiting for the signals that end a program, without the two ways in which that goes wrong."""

import os
import select
import signal
from typing import Final

_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Bell:
    """Wakes the main thread, from other threads and from signals.

    No threading.Event: a handler that sets one while the main thread is about to wait on it waits for
    itself, and a signal that the kernel gives to another thread does not wake the main one.
    """

    def __init__(self) -> None:
        self._waiting, self._rope = os.pipe()
        os.set_blocking(self._rope, False)

    def rung_by_signals(self) -> None:
        """Have SIGTERM, SIGINT and SIGHUP ring from now on, whichever thread they reach."""
        signal.set_wakeup_fd(self._rope, warn_on_full_buffer=False)
        for number in _ENDING:
            signal.signal(number, lambda *_: None)

    def ring(self) -> None:
        """Wake whoever waits, now or later."""
        os.write(self._rope, b"!")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has rung, or so long; whether it has."""
        return bool(select.select([self._waiting], [], [], seconds)[0])
