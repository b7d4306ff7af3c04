"""A headless Chromium, spoken to in its DevTools protocol over two pipes (--remote-debugging-pipe)."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-default-apps", "--disable-domain-reliability", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--remote-debugging-pipe",
)  # fmt: skip
_LAUNCH = """
import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(text), fcntl.F_DUPFD, 10) for text in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The browser takes commands at descriptor 3 and answers at 4."""

_PATIENCE_SECONDS = 60.0


def need_chromium() -> str:
    """Its path; skips where Debian's package is not installed, but not in CI, which has it."""
    if found := shutil.which("chromium"):
        return found
    if os.environ.get("CI") == "true":
        pytest.fail("chromium is not on PATH: CI must install Debian's package")
    pytest.skip("chromium is not on PATH: apt-get install chromium")


class Chromium:
    """One browser with a profile of its own; ends with its `with`."""

    def __init__(self, profile: Path) -> None:
        command = [need_chromium(), *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        launch = [sys.executable, "-c", _LAUNCH, str(theirs_in), str(theirs_out), *command]
        self._log = (profile.parent / "chromium.log").open("wb")
        self._process = subprocess.Popen(
            launch,
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer = bytearray()
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(Exception):
            self.call("Browser.close")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for descriptor in (self._in, self._out):
            os.close(descriptor)
        self._log.close()

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """The result of a command; AssertionError with the browser's words if it refuses."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (answer := self._next(deadline)).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, f"{method}: {answer}"
        result: dict[str, Any] = answer["result"]
        return result

    def wait_for(self, session: str, method: str) -> dict[str, Any]:
        """The next event of that name, which is taken."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            for index, event in enumerate(self.events):
                if event.get("method") == method and event.get("sessionId") == session:
                    found: dict[str, Any] = self.events.pop(index)["params"]
                    return found
            self.events.append(self._next(deadline))

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "Chromium does not answer"
            data = os.read(self._in, 1 << 20)
            assert data, "Chromium has ended"
            self._buffer += data
        message, _, rest = self._buffer.partition(b"\0")
        self._buffer = rest
        parsed: dict[str, Any] = json.loads(message)
        return parsed

    @contextlib.contextmanager
    def tab(
        self, width: int = 1280, height: int = 900, *, dark: bool = False, javascript: bool = True
    ) -> Iterator["Tab"]:
        """An empty tab of that size (below 600 pixels: a phone), in a context of its own."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable", session)
        is_phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", session, width=width, height=height,
                  deviceScaleFactor=2 if is_phone else 1, mobile=is_phone)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", session, features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", session, value=not javascript)
        try:
            yield Tab(self, session)
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)


@dataclass
class Tab:
    """One page."""

    browser: Chromium
    session: str
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def open(self, url: str) -> None:
        """Go there, until all is loaded."""
        self.call("Page.navigate", url=url)
        self.browser.wait_for(self.session, "Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; works with scripts of the page switched off, too."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self) -> str:
        """What is seen of the page."""
        return str(self.evaluate("document.body.innerText"))

    def overflow_pixels(self) -> int:
        """By how much the page is wider than the window."""
        root = "document.documentElement"
        return int(self.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))

    def screenshot(self, path: Path) -> None:
        """The whole page as PNG."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """Everything that the console or the policy has said."""
        self.evaluate("0")  # what was said before this is here after it
        found = []
        for event in self._events():
            match event["method"]:
                case "Log.entryAdded":
                    found.append(str(event["params"]["entry"]))
                case "Runtime.exceptionThrown" | "Runtime.consoleAPICalled":
                    found.append(str(event["params"]))
        return found

    def requested(self) -> list[str]:
        """Every address that was asked for."""
        self.evaluate("0")
        events = (event for event in self._events() if event["method"] == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in events]

    def _events(self) -> Iterator[dict[str, Any]]:
        return (event for event in self.browser.events if event.get("sessionId") == self.session)
