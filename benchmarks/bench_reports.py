"""How long a report of one run and a comparison of two groups of ten take, in a ledger of many runs.

The readings are made up (`tests/support/feed.py`), everything else is real: store, ledger, daemon, commands.

    python benchmarks/bench_reports.py [--samples 10000000] [--runs 1000]
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.clock import FakeClock
from support.daemon_process import Home
from support.feed import CHANNELS, POWER, Feed
from support.node import FACTS
from wattwatch.clock import WallOffset
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.run import RunRequest, RunState
from wattwatch.runs.service import RunService
from wattwatch.sampling.snapshot import Primary
from wattwatch.store.local import LocalStore, StoreLimits

GROUP = 10
IDLE_SECONDS = 10
TIMES = 3


def made(home: Home, samples: int, runs: int) -> str:
    """Fill store and ledger; the id of the last run. Runs follow each other, the last 20 in two groups."""
    seconds = samples // (2 * len(CHANNELS))
    each = seconds // runs - IDLE_SECONDS
    if each < IDLE_SECONDS:
        sys.exit(f"{samples} samples are too few for {runs} runs")
    feed = Feed(wall=WallOffset(time.time() - seconds - 2000.0, synchronised=True))
    clock = FakeClock(feed.boot_seconds)
    clock.offset = feed.wall
    home.store.parent.mkdir(parents=True)
    limits = StoreLimits()
    store = LocalStore.open(home.store, boot_id="boot-1", limits=limits, simulated=False, clock=clock)
    facts = replace(FACTS, primary=Primary.of(POWER))
    service = RunService(Ledger(home.store.parent / "ledger.db"), store, clock, facts)

    def play(count: int) -> None:
        for _ in range(count):
            store.append(feed.commit())
            feed.sent.clear()
            clock.boot_seconds = feed.boot_seconds

    play(IDLE_SECONDS)
    for number in range(runs):
        is_last = number >= runs - 2 * GROUP
        labels = {"device": "pi" if number % 2 else "vm"}
        request = RunRequest(name="made up", experiment="study" if is_last else "", labels=labels)
        run_id = service.start(replace(request, phase="load")).run.run_id
        play(each // 10)
        service.open_phase(run_id, "training")
        play(each - each // 10)
        service.end(run_id, RunState.SUCCEEDED, 0)
        play(IDLE_SECONDS)
        store.settle()
        service.tick()
    service.close()
    store.close()
    return run_id


def seconds_of(home: Home, *arguments: str) -> float:
    """The least of several runs of a command, process and all."""
    found = []
    for _ in range(TIMES):
        started = time.perf_counter()
        done = home.run(*arguments)
        found.append(time.perf_counter() - started)
        if done.returncode:
            sys.exit(done.stderr)
    return min(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time reports and comparisons.")
    parser.add_argument("--samples", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = Home(Path(scratch) / "h")
        started = time.perf_counter()
        last = made(home, options.samples, options.runs)
        took = time.perf_counter() - started
        print(f"{options.samples:,} made-up samples and {options.runs:,} runs, made in {took:.0f} s")
        with home.daemon().ready():
            output = str(Path(scratch) / "page.html")
            empty = seconds_of(home, "--version")
            print("| command | time, s | times the start of Python and wattwatch |")
            print("|---|---|---|")
            study = ("--experiment", "study", "--by", "device")
            for name, arguments in (
                ("report of one run, HTML", ("report", last, "--output", output)),
                ("report of an old run, HTML", ("report", _first(home), "--output", output)),
                ("compare 10 with 10, terminal", ("compare", *study)),
                (
                    "compare 10 with 10, HTML",
                    ("compare", *study, "--format", "html", "--output", output),
                ),
                ("list of all runs", ("runs", "list", "--limit", str(options.runs))),
            ):
                took = seconds_of(home, *arguments)
                print(f"| {name} | {took:.2f} | {took / empty:.1f} |", flush=True)


def _first(home: Home) -> str:
    """The oldest run."""
    listed: str = home.json("/v1/runs?limit=10000")["runs"][-1]["run_id"]
    return listed


if __name__ == "__main__":
    main()
