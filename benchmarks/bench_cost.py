"""The daemon beside node_exporter on the same made-up /sys of 60 channels: CPU, memory, lateness, rates.

    python benchmarks/bench_cost.py [--seconds 20] [--slow-seconds 30] [--json] [--no-rates]

In one run, at the same time on the same machine: the daemon with a simulated meter at 2 Hz (served by a
process of its own), thermal, cooling, RAPL, hwmon, power supplies and the host; Debian's
prometheus-node-exporter with its default collectors on the same tree. First neither is scraped, then both at
1 Hz, then both each 15 s, with the request that Prometheus sends. CPU is the scheduler's own count of
nanoseconds, memory the PSS of smaps_rollup. Pods are not in it: there is no source for them yet. Quote the
figures of `--seconds 120 --slow-seconds 120` on a machine that has nothing else to do.
"""

import argparse
import contextlib
import itertools
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cost_rates
import cost_tree
from cost_measures import Scraper, cpu_seconds, pss_mebibytes, quantile, switches
from wattwatch.client import Client
from wattwatch.clock import rfc3339

WATTWATCH = (sys.executable, "-c", "from wattwatch.cli.main import run; run()")
NODE_EXPORTER = "prometheus-node-exporter"
SOURCES = ("thermal", "cooling", "rapl", "hwmon", "power_supply")
SETTLE_SECONDS = 5.0
SLOW_INTERVAL_SECONDS = 15.0
BURST = 100
BUSY_LOOPS = 2
READY_SECONDS = 30.0
LATE_CHANNELS = ("thermal/zone-0/temperature_celsius", "rapl/package-0/energy_joules")

Figures = dict[str, float]


@dataclass(frozen=True)
class Target:
    """A process that is measured, and where it is scraped."""

    name: str
    pid: int
    port: int


def main() -> None:
    options = _options()
    with contextlib.ExitStack() as undo:
        directory = Path(undo.enter_context(tempfile.TemporaryDirectory()))
        root = cost_tree.build(directory / "sys")
        machine = {
            "load of the last minute": os.getloadavg()[0],
            "a loop of 10,000 steps, us": cost_rates.loop_microseconds(),
        }
        figures: dict[str, Figures] = {"this machine": machine}
        if not options.no_rates:
            figures["rates, one thread"] = cost_rates.rates(root)
        undo.enter_context(_moving(cost_tree.energy_files(root)))
        _start_meter(directory, undo)
        daemon, figures["start"] = _start_daemon(directory, root, undo)
        targets = [daemon, *_node_exporter(root, directory, undo)]
        time.sleep(SETTLE_SECONDS)
        figures |= _cost(targets, options)
        figures["start of reads after their tick"] = _lateness(directory, options.seconds)
    figures["budget: at most 1"] = _verdicts(figures)
    print(json.dumps(figures, indent=1) if options.json else _table(figures))
    if len(targets) == 1:
        print(f"{NODE_EXPORTER} is not installed: nothing to compare with (apt-get install {NODE_EXPORTER})")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="unscraped, and scraped at 1 Hz")
    parser.add_argument("--slow-seconds", type=float, default=30.0, help="scraped each 15 s; 0: not at all")
    parser.add_argument("--no-rates", action="store_true", help="only the processes")
    parser.add_argument("--json", action="store_true", help="the same figures as JSON")
    return parser.parse_args()


# The processes.


class Child:
    """A process that writes to a file, and is ended with the benchmark."""

    def __init__(self, log: Path, *command: str) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=file)

    def said(self, pattern: str) -> str:
        """The first group of a pattern, once it is in the output."""
        deadline = time.monotonic() + READY_SECONDS
        while (found := re.search(pattern, self._log.read_text())) is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{self.process.args} did not start:\n{self._log.read_text()}")
            time.sleep(0.005)
        return found[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def _start_meter(directory: Path, undo: contextlib.ExitStack) -> None:
    arguments = ("simulate", "um24c", "--profile", "training", "--pty", str(directory / "meter"))
    undo.enter_context(Child(directory / "meter.log", *WATTWATCH, *arguments)).said('url = "(.*)"')


def _start_daemon(directory: Path, root: Path, undo: contextlib.ExitStack) -> tuple[Target, Figures]:
    config = directory / "wattwatch.toml"
    tables = "".join(f'[[source]]\ntype = "{name}"\nroot = "{root}"\n' for name in SOURCES)
    config.write_text(
        f'node = "pi-1"\nprimary = "meter"\n[server]\nlisten = "127.0.0.1:0"\nsocket = "{directory}/socket"\n'
        f'[store]\npath = "{directory}/w.db"\n'
        f'[[source]]\ntype = "um24c"\nurl = "{directory}/meter"\nsimulated = true\n{tables}'
    )
    started = time.monotonic()
    command = (*WATTWATCH, "daemon", "--config", str(config))
    child = undo.enter_context(Child(directory / "daemon.log", *command))
    port = int(child.said(r"metrics: http://[^:]+:(\d+)/"))
    target = Target("daemon", child.process.pid, port)
    with contextlib.closing(Scraper(port)) as scraper:
        scraper.scrape()
        first_seconds, first_cpu_seconds = time.monotonic() - started, cpu_seconds(target.pid)
        while "wattwatch_node_energy_joules_total{" not in scraper.scrape().body:
            time.sleep(0.02)
    energy_seconds = time.monotonic() - started
    return target, {
        "start to first scrape, s": first_seconds,
        "start to first scrape, CPU s": first_cpu_seconds,
        "start to first metered energy, s": energy_seconds,
    }


def _node_exporter(root: Path, directory: Path, undo: contextlib.ExitStack) -> Iterator[Target]:
    if shutil.which(NODE_EXPORTER) is None:
        return
    command = (NODE_EXPORTER, f"--path.sysfs={root}", "--web.listen-address=127.0.0.1:0")
    child = undo.enter_context(Child(directory / "node_exporter.log", *command))
    port = int(child.said(r"address=127\.0\.0\.1:(\d+)"))
    yield Target("node_exporter", child.process.pid, port)


@contextlib.contextmanager
def _moving(counters: Sequence[Path]) -> Iterator[None]:
    """Somebody draws 10 W and more from each counter; the width of the number stays."""
    stop = threading.Event()

    def move() -> None:
        for microjoules in itertools.count(10**10, 10**6):
            for number, path in enumerate(counters, 10):
                with path.open("r+b") as file:  # never cut: a reader would see nothing
                    file.write(b"%d\n" % (microjoules + number * microjoules // 10))
            if stop.wait(0.1):
                return

    mover = threading.Thread(target=move)
    mover.start()
    try:
        yield
    finally:
        stop.set()
        mover.join()


# What is measured.


def _cost(targets: Sequence[Target], options: argparse.Namespace) -> dict[str, Figures]:
    found = {target.name: Figures() for target in targets}
    scrapers = {target.name: Scraper(target.port) for target in targets}

    def phase(name: str, seconds: float, interval_seconds: float) -> None:
        before = [(cpu_seconds(target.pid), switches(target.pid)) for target in targets]
        begun = time.monotonic()
        _scrape_all(scrapers.values(), seconds, interval_seconds)
        elapsed_seconds = time.monotonic() - begun
        for target, (cpu, switched) in zip(targets, before, strict=True):
            percent = (cpu_seconds(target.pid) - cpu) / elapsed_seconds * 100
            found[target.name][f"CPU {name}, % of a core"] = percent
            found[target.name][f"wake-ups {name}, 1/s"] = (switches(target.pid) - switched) / elapsed_seconds

    phase("unscraped", options.seconds, math.inf)
    phase("at 1 Hz", options.seconds, 1.0)
    if options.slow_seconds:
        phase("at 15 s", options.slow_seconds, SLOW_INTERVAL_SECONDS)
    for target in targets:
        own = found[target.name]
        own |= _burst(target, scrapers[target.name])
        milliseconds = 10 * (own["CPU at 1 Hz, % of a core"] - own["CPU unscraped, % of a core"])
        own["CPU a scrape at 1 Hz, ms"] = milliseconds
        own["CPU per 1,000 series at 1 Hz, ms"] = milliseconds / own["series"] * 1000
        found[target.name]["PSS, MiB"] = pss_mebibytes(target.pid)
        scrapers[target.name].close()
    return found


def _scrape_all(scrapers: Iterable[Scraper], seconds: float, interval_seconds: float) -> None:
    """Scrape one after another at each point of the grid; with no interval, only let the time pass."""
    begun = time.monotonic()
    for tick in itertools.count():
        due_seconds = min(seconds, tick * interval_seconds if tick else 0.0)
        time.sleep(max(0.0, begun + due_seconds - time.monotonic()))
        if due_seconds >= seconds:
            return
        if math.isfinite(interval_seconds):
            for scraper in scrapers:
                scraper.scrape()


def _burst(target: Target, scraper: Scraper) -> Figures:
    before, pages = cpu_seconds(target.pid), [scraper.scrape() for _ in range(BURST)]
    milliseconds = (cpu_seconds(target.pid) - before) / BURST * 1000
    series = pages[-1].series
    return {
        "series": series,
        f"CPU a scrape of {BURST} in a row, ms": milliseconds,
        f"CPU per 1,000 series of {BURST} in a row, ms": milliseconds / series * 1000,
        "bytes a scrape, gzip": pages[-1].wire_bytes,
    }


def _lateness(directory: Path, seconds: float) -> Figures:
    """How late the reads of the second's grid began, by their own instants: idle, and with all cores busy."""
    found = _late_in_milliseconds(directory, "idle", seconds)
    with contextlib.ExitStack() as undo:
        for number in range(BUSY_LOOPS):
            undo.enter_context(Child(directory / f"busy-{number}.log", *_busy(seconds)))
        time.sleep(1.0)
        busy_from = time.time()
        time.sleep(seconds)
    return found | _late_in_milliseconds(directory, "with both cores busy", time.time() - busy_from)


def _busy(seconds: float) -> tuple[str, ...]:
    """Busy for that long and no longer, whatever becomes of us."""
    until = f"import time\nend = time.monotonic() + {seconds + 2}\nwhile time.monotonic() < end: pass"
    return (sys.executable, "-c", until)


def _late_in_milliseconds(directory: Path, when: str, seconds: float) -> Figures:
    client = Client(f"unix:{directory}/socket")
    late: list[float] = []
    for channel in LATE_CHANNELS:
        since = rfc3339(time.time() - seconds)
        rows = client.get_json(f"/v1/readings?channel={channel}&start={since}&limit=5000")["rows"]
        late += [math.fmod(row["boot_seconds"], 1.0) * 1000 for row in rows]
    # A read that began early would show as nearly a second late: the grid is never undercut, so it is late.
    return {f"p{q * 100:g} {when}, ms": quantile(late, q) for q in (0.5, 0.99)} | {
        f"max {when}, ms": max(late),
        f"reads {when}": len(late),
    }


# The table.


def _verdicts(figures: Mapping[str, Figures]) -> Figures:
    """The figures of DESIGN section 9, each over its budget: at most 1 is within."""
    own, other = figures["daemon"], figures.get("node_exporter", {})
    found = {
        "unscraped / 0.4 %": own["CPU unscraped, % of a core"] / 0.4,
        "CPU per 1,000 series at 1 Hz / 8 ms": own["CPU per 1,000 series at 1 Hz, ms"] / 8,
        "PSS / 40 MiB": own["PSS, MiB"] / 40,
    }
    ratios = {f"{name} / node_exporter": own[name] / other[name] for name in own if other.get(name)}
    return found | ratios


def _table(figures: Mapping[str, Figures]) -> str:
    lines = []
    for part, rows in figures.items():
        lines += [f"== {part}", *(f"{name:<58}{value:12,.3f}" for name, value in rows.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
