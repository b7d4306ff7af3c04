"""The daemon and the simulated meter as processes of their own, and the truth of what the meter showed."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families

from wattwatch.client import Client
from wattwatch.errors import ClientError

WATTWATCH = (sys.executable, "-X", "faulthandler", "-c", "from wattwatch.cli.main import run; run()")
NODE_ENERGY = "wattwatch_node_energy_joules_total"
POWER_CHANNEL = "meter/vbus/power_watts"

Series = tuple[str, tuple[tuple[str, str], ...]]
_OURS = [
    "STATE_DIRECTORY",
    "RUNTIME_DIRECTORY",
    "WATTWATCH_SOCKET",
    "WATTWATCH_CONFIG",
    "WATTWATCH_RUN_ID",
    "NODE_NAME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
]
_open_directly = build_opener(ProxyHandler({})).open


def free_port() -> int:
    """A port of loopback that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(url: str, timeout_seconds: float = 10.0) -> str:
    """The body of a good answer; OSError for everything else."""
    with _open_directly(url, timeout=timeout_seconds) as answer:
        body: bytes = answer.read()
    return body.decode()


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of `condition`, asked again and again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if value := condition():
                return value
        except (OSError, ClientError):
            pass  # a server that is not up yet, or being restarted
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Worker:
    """A process, its output lines as they come, and its end."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            self.lines.extend(output)

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def wait_for(self, pattern: str, seconds: float = 20.0) -> str:
        """The first group of a pattern in the output."""

        def found() -> str | None:
            match = re.search(pattern, self.text)
            assert match or self.process.poll() is None, f"ended early: {self.text}"
            return match[1] if match else None

        value: str = until(found, seconds, pattern)
        return value

    def end(self, number: int = signal.SIGTERM, seconds: float = 10.0) -> int:
        """Its exit status after a signal; if it does not end, the failure shows where its threads are."""
        self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(seconds)
            self.joined()
            raise AssertionError(f"has not ended within {seconds} s:\n{self.text}") from error
        finally:
            self.joined()

    def joined(self) -> None:
        """Once it has ended: until all of its output is here."""
        self._reader.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:  # in good order: a killed daemon leaves its tail in shared memory
            self.end()


@dataclass(frozen=True)
class Truth:
    """What a simulated meter displayed: its energy curve is linear between these rows."""

    boot_seconds: list[float]
    watts: list[float]
    joules: list[float]

    def joules_at(self, boot_seconds: float) -> float:
        """Displayed energy by then."""
        row = bisect_right(self.boot_seconds, boot_seconds) - 1
        assert row >= 0, "before the simulation"
        assert boot_seconds - self.boot_seconds[-1] < 2, "after the simulation"
        return self.joules[row] + self.watts[row] * (boot_seconds - self.boot_seconds[row])

    def between(self, start: float, end: float) -> float:
        """Displayed energy from one boot second to another."""
        return self.joules_at(end) - self.joules_at(start)


class MeterProcess(Worker):
    """`wattwatch simulate um24c` on a pseudo-terminal; it outlives the daemon that reads it."""

    def __init__(self, directory: Path, profile: str | Path, *options: str) -> None:
        self.url = str(directory / "meter")
        self._truth = directory / "truth.csv"
        self.started_boot_seconds = boot_seconds()
        arguments = ("simulate", "um24c", "--profile", str(profile), "--pty", self.url)
        super().__init__((*WATTWATCH, *arguments, "--truth", str(self._truth), "--seed", "7", *options))
        self.wait_for('url = "(.*)"')

    def truth(self) -> Truth:
        """All of it so far."""
        columns: tuple[list[float], list[float], list[float]] = ([], [], [])
        whole = self._truth.read_text(encoding="ascii").rpartition("\n")[0]
        for line in whole.splitlines()[2:]:
            for column, text in zip(columns, line.split(","), strict=False):
                column.append(float(text))
        return Truth(*columns)


class Home:
    """A directory with the configuration, state and socket of a daemon, and processes that use it."""

    def __init__(
        self, directory: Path, meter_url: str = "", *, port: int = 0, store: Path | None = None
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.port = port
        self.store = store or directory / "s" / "wattwatch.db"
        self.socket = directory / "r" / "wattwatch.sock"
        self.config = directory / "wattwatch.toml"
        assert len(str(self.socket)) < 100
        source = f'[[source]]\ntype = "um24c"\nurl = "{meter_url}"\nsimulated = true\n' if meter_url else ""
        self.config.write_text(
            f'node = "pi-1"\n[server]\nlisten = "127.0.0.1:{port}"\n[store]\npath = "{self.store}"\n{source}'
        )
        self.environment = {
            key: value for key, value in os.environ.items() if key not in _OURS and not key.startswith("COV_")
        } | {
            "HOME": str(directory / "home"),
            "STATE_DIRECTORY": str(directory / "s"),
            "RUNTIME_DIRECTORY": str(directory / "r"),
        }

    def daemon(self, *options: str) -> "DaemonProcess":
        """The daemon, started but perhaps not ready."""
        return DaemonProcess(self, *options)

    def command(self, *arguments: str) -> tuple[str, ...]:
        return (*WATTWATCH, *arguments)

    def run(self, *arguments: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Another command of wattwatch, that talks to this daemon; never a traceback."""
        return self._run({"WATTWATCH_SOCKET": str(self.socket)}, arguments, seconds)

    def run_alone(self, *arguments: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """A command that finds no daemon; it is configured as the daemon would be."""
        return self._run({"WATTWATCH_CONFIG": str(self.config)}, arguments, seconds)

    def _run(
        self, environment: dict[str, str], arguments: Sequence[str], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, path: str) -> Any:
        """A document of /v1, by the socket."""
        return Client(f"unix:{self.socket}").get_json(path)

    def readings(self, channel: str = POWER_CHANNEL) -> list[tuple[float, float]]:
        """Every reading of a channel as (boot seconds, value)."""
        rows, after = [], ""
        while True:
            page = self.json(f"/v1/readings?channel={channel}&start=2000-01-01T00:00:00Z&limit=5000{after}")
            rows += [(row["boot_seconds"], row["value"]) for row in page["rows"]]
            if not page["more"]:
                return rows
            after = f"&after={page['next']}"

    def metrics(self) -> str:
        """The page for Prometheus."""
        return get(f"http://127.0.0.1:{self.port}/metrics")

    def scrape(self) -> dict[Series, float]:
        """Every sample of the page."""
        return samples(self.metrics())


class DaemonProcess(Worker):
    """`wattwatch daemon` in a Home."""

    def __init__(self, home: Home, *options: str) -> None:
        self.started_seconds = time.monotonic()
        arguments = ("daemon", "--config", str(home.config), *options)
        super().__init__((*WATTWATCH, *arguments), home.environment)

    def ready(self) -> Self:
        """Itself, once it serves."""
        self.wait_for("(ready)")
        return self


def samples(text: str) -> dict[Series, float]:
    """Every sample of a page in the text format."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(page: dict[Series, float], name: str, **labels: str) -> float:
    """The one sample of that name with these labels."""
    found = [v for (own, pairs), v in page.items() if own == name and labels.items() <= dict(pairs).items()]
    assert len(found) == 1, f"{name} {labels}: {found}"
    return found[0]


def seconds_by_state(page: dict[Series, float]) -> dict[str, float]:
    """Sampled, recovered and missing seconds of the meter's power."""
    states = ("sampled", "recovered", "missing")
    return {s: value(page, "wattwatch_energy_seconds_total", source="meter", state=s) for s in states}


def boot_seconds() -> float:
    """The present on the boot clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_of_unix(unix_seconds: float) -> float:
    """The boot second of a UTC."""
    return unix_seconds - (time.time() - boot_seconds())
