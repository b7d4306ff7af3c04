"""What systemd is told: ready, alive, reloading, stopping, and a line of how it goes.

The protocol of sd_notify(3): datagrams of `NAME=value` lines to the socket that $NOTIFY_SOCKET names, and
the watchdog's rhythm in $WATCHDOG_USEC. Without a service manager everything here does nothing.
"""

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from typing import Final, Self

_MICROSECONDS: Final = 1_000_000
_NANOSECONDS_PER_MICROSECOND: Final = 1000
_LONGEST_STATUS_CHARACTERS: Final = 200
_PATIENCE_SECONDS: Final = 1.0


class Notifier:
    """The service manager's ear. `watchdog_seconds` is how long it bears silence; 0: for ever."""

    def __init__(self, address: str = "", watchdog_seconds: float = 0.0) -> None:
        self._address = address
        self.watchdog_seconds = watchdog_seconds
        self._status = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """The one that this process was started with."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):  # vsock is for whole machines
            return cls()
        return cls(address, _watchdog_seconds(environment))

    def ready(self) -> None:
        """Started, or done with reloading."""
        self._send("READY=1")

    def alive(self) -> None:
        """Postpone the watchdog."""
        if self.watchdog_seconds:
            self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """Reading the configuration again; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // _NANOSECONDS_PER_MICROSECOND}")

    def stopping(self) -> None:
        """About to end."""
        self._send("STOPPING=1")

    def status(self, line: str) -> None:
        """One line for `systemctl status`; sent only if it is another than before."""
        line = " ".join(line.split())[:_LONGEST_STATUS_CHARACTERS]
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        # A manager that does not listen is no reason not to measure.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
            ear.settimeout(_PATIENCE_SECONDS)
            ear.sendto("\n".join(lines).encode(), path)


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """The watchdog's time, if it is this process that is watched (sd_watchdog_enabled(3))."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) / _MICROSECONDS if text.isascii() and text.isdigit() else 0.0
