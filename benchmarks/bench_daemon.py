"""Start-up, idle CPU and memory of the daemon, and the CPU of a scrape.

A daemon on this machine's real sources and a simulated meter in a process of its own: 30 s unscraped, then
100 scrapes. CPU is utime + stime of /proc/PID/stat over wall time, memory the PSS of /proc/PID/smaps_rollup.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

IDLE_SECONDS = 30.0
SCRAPES = 100
WATTWATCH = (sys.executable, "-m", "wattwatch")


@contextlib.contextmanager
def running(*arguments: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*WATTWATCH, *arguments],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_mebibytes(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def scrape(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
        return str(answer.read().decode())


def ready_url(daemon: subprocess.Popen[str]) -> str:
    assert daemon.stderr is not None
    for line in daemon.stderr:
        if found := re.search(r"metrics: (http://\S+)\)", line):
            return found[1]
    raise SystemExit("the daemon did not start")


def wait_for_energy(url: str) -> None:
    while "wattwatch_node_energy_joules_total{" not in scrape(url):
        time.sleep(0.02)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        link, config = Path(directory) / "meter", Path(directory) / "wattwatch.toml"
        config.write_text(
            f'[server]\nlisten = "127.0.0.1:0"\nsocket = "{directory}/s"\n[store]\n'
            f'path = "{directory}/w.db"\n'
            f'[[source]]\ntype = "um24c"\nurl = "{link}"\nsimulated = true\n'
        )
        environment = dict(os.environ)
        with running(
            "simulate", "um24c", "--profile", "training", "--pty", str(link), environment=environment
        ):
            while not link.exists():
                time.sleep(0.02)
            started = time.monotonic()
            with running("daemon", "--config", str(config), environment=environment) as daemon:
                url = ready_url(daemon)
                scrape(url)
                first_scrape_seconds = time.monotonic() - started
                wait_for_energy(url)
                energy_seconds = time.monotonic() - started
                measure(daemon.pid, url, first_scrape_seconds, energy_seconds)


def measure(pid: int, url: str, first_scrape_seconds: float, energy_seconds: float) -> None:
    before = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    idle_ratio = (cpu_seconds(pid) - before) / IDLE_SECONDS
    before = cpu_seconds(pid)
    for _ in range(SCRAPES):
        body = scrape(url)
    scrape_milliseconds = (cpu_seconds(pid) - before) / SCRAPES * 1000
    series = sum(not line.startswith("#") for line in body.splitlines())
    print(f"start to first scrape            {first_scrape_seconds:8.2f} s")
    print(f"start to first metered energy    {energy_seconds:8.2f} s  (simulated meter, 2 Hz)")
    print(f"CPU, unscraped                   {idle_ratio:8.2%} of one core over {IDLE_SECONDS:g} s")
    print(
        f"CPU per scrape                   {scrape_milliseconds:8.2f} ms for {series} series, commit included"
    )
    print(f"PSS                              {pss_mebibytes(pid):8.1f} MiB")


if __name__ == "__main__":
    main()
