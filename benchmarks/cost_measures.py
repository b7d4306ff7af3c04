"""What a process costs, and a scraper that asks as Prometheus does."""

import gzip
import http.client
import re
import time
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE_KIBIBYTES = 1024
PROMETHEUS = {  # what Prometheus 2.42 sends
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "User-Agent": "Prometheus/2.42.0",
    "X-Prometheus-Scrape-Timeout-Seconds": "10",
}


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, to the nanosecond, threads that have ended included.

    The process's CPU clock (clock_getcpuclockid(3)): the run times of /proc/PID/task/*/schedstat, which alone
    would forget a thread that has ended.
    """
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9  # CPUCLOCK_SCHED of linux/posix-timers.h


def switches(pid: int) -> int:
    """How often its threads were given a CPU: the third figure of schedstat, of threads that live."""
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[2]) for file in files)


def pss_mebibytes(pid: int) -> float:
    """Proportional set size."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1]) / MEBIBYTE_KIBIBYTES


@dataclass(frozen=True)
class Page:
    """One answer."""

    body: str
    wire_bytes: int

    @property
    def series(self) -> int:
        return sum(not line.startswith("#") for line in self.body.splitlines())


class Scraper:
    """Scrapes one target over one connection, as Prometheus does; a lost one is opened again."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def scrape(self) -> Page:
        try:
            return self._ask()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._connection.close()
            return self._ask()

    def _ask(self) -> Page:
        self._connection.request("GET", "/metrics", headers=PROMETHEUS)
        answer = self._connection.getresponse()
        data = answer.read()
        assert answer.status == http.client.OK, answer.status
        packed = answer.headers.get("Content-Encoding") == "gzip"
        return Page((gzip.decompress(data) if packed else data).decode(), len(data))

    def close(self) -> None:
        self._connection.close()


def quantile(values: list[float], q: float) -> float:
    """The value below which that share of them lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
