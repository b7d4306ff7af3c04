"""A served node that lives in this process: real clock, real sockets, a made-up meter."""

import threading
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.history import MEMORY, POWER, FakeHistory
from support.node import FACTS
from wattwatch.clock import SystemClock
from wattwatch.reading import Reading
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.service import RunService
from wattwatch.web.http import Route, json_response
from wattwatch.web.runs import run_routes
from wattwatch.web.server import WebServer

INTERVAL_SECONDS = 0.05


class LiveNode:
    """Reads 5 W every 50 ms and serves runs on `socket`; `restart` is a daemon's restart."""

    def __init__(self, directory: Path, state: str = "up") -> None:
        self.socket = directory / "wattwatch.sock"
        self.clock = SystemClock()
        self.history = FakeHistory()
        self.history.offsets[self.clock.now().boot_id] = self.clock.wall().unix_minus_boot_seconds
        self.facts = replace(FACTS, interval_seconds=INTERVAL_SECONDS, gap_seconds=1.0)
        self.state = state
        self._ledger = directory / "ledger.db"
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.start()
        self._reader.start()

    def start(self) -> None:
        facts = replace(self.facts, last_commit=self.clock.now())
        with self._lock:
            self.service = RunService(Ledger(self._ledger), self.history, self.clock, facts)
        sources = Route("GET", "/v1/sources", lambda _: json_response(self.sources()))
        self._server = WebServer([*run_routes(self.service), sources], socket_path=self.socket)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()
        with self._lock:
            self.service.close()

    def sources(self) -> dict[str, Any]:
        error = "" if self.state == "up" else "no such device"
        meter = {"name": "meter", "state": self.state, "last_error": error, "channels": [{"scope": "board"}]}
        return {"sources": [meter]}

    def _read(self) -> None:
        while not self._stop.wait(INTERVAL_SECONDS):
            now = self.clock.now()
            self.history.put(Reading(POWER, 5.0, now), Reading(MEMORY, 1e9, now))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._reader.join()
        self.stop()
