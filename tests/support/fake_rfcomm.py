"""RFCOMM sockets without a radio: socket pairs whose `connect` is scripted."""

import socket
from typing import Any

Outcome = int | BaseException | None
"""Of a connection: an errno, an exception, or None for success."""


class ScriptedSocket(socket.socket):
    """One end of a socket pair; connecting and binding do what was scripted."""

    def __init__(self, air: "FakeAir", outcome: Outcome) -> None:
        ours, self.meter_end = socket.socketpair()
        super().__init__(fileno=ours.detach())
        self._air = air
        self._outcome = outcome

    def connect(self, address: Any) -> None:
        self._air.connects.append(address)
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        if self._outcome is not None:
            raise OSError(self._outcome, f"errno {self._outcome}")

    def bind(self, address: Any) -> None:
        self._air.binds.append(address)


class FakeAir:
    """The sockets of a machine, each with the next outcome, the last one again and again."""

    def __init__(self, *outcomes: Outcome, adapters: dict[str, str] | None = None) -> None:
        """`adapters` are addresses by name, "" for one that is off."""
        self._outcomes = list(outcomes)
        self._adapters = adapters or {}
        self.sockets: list[ScriptedSocket] = []
        self.connects: list[tuple[str, int]] = []
        self.binds: list[tuple[str, int]] = []

    def rfcomm(self) -> socket.socket:
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        self.sockets.append(ScriptedSocket(self, outcome))
        return self.sockets[-1]

    def adapter_address(self, adapter: str) -> str:
        if not adapter:
            adapter = next((name for name, address in self._adapters.items() if address), "hci0")
        if adapter not in self._adapters:
            raise OSError(19, "No such device")
        return self._adapters[adapter]

    @property
    def channels(self) -> list[int]:
        """The channels that were tried, in order."""
        return [channel for _, channel in self.connects]

    @property
    def open_sockets(self) -> int:
        """How many of ours were not closed."""
        return sum(made.fileno() >= 0 for made in self.sockets)

    def close(self) -> None:
        """Let go of everything."""
        for made in self.sockets:
            made.close()
            made.meter_end.close()
