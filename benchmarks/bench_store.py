"""What the embedded store writes to the device, keeps per sample, costs in CPU, and how fast it answers.

Device bytes are those of a loop device with ext4 on it (root only), synced as the kernel would each 30 s;
without root, of /proc/self/io. The readings are made up: thirty channels with the digits of real ones.

    python benchmarks/bench_store.py [--hours 1] [--sweep] [--samples 10000000]
"""

import argparse
import contextlib
import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.clock import FakeClock
from support.feed import CHANNELS, POWER, Feed
from wattwatch.reading import Instant
from wattwatch.store import local
from wattwatch.store.base import Span
from wattwatch.store.local import LocalStore, StoreLimits

SECTOR_BYTES = 512
DAY_SECONDS = 86400
SYNC_SECONDS = 30
WritesOf = Callable[[], int]


@contextlib.contextmanager
def ext4_directory() -> Iterator[tuple[Path, WritesOf, str]]:
    """A directory, how many bytes its device was written, and what was counted."""
    with tempfile.TemporaryDirectory() as scratch:
        image, mount = Path(scratch) / "image", Path(scratch) / "mount"
        mount.mkdir()
        device = attached(image, mount) if os.geteuid() == 0 else None
        if device is None:
            yield mount, own_writes, "/proc/self/io write_bytes"
            return
        try:
            stat = Path("/sys/block") / Path(device).name / "stat"
            yield mount, lambda: int(stat.read_text().split()[6]) * SECTOR_BYTES, f"{device}, ext4"
        finally:
            subprocess.run(["umount", mount], check=True)
            subprocess.run(["losetup", "--detach", device], check=True)


def attached(image: Path, mount: Path) -> str | None:
    """The loop device of a fresh ext4 image that is now mounted; None if this machine has none to give."""
    with image.open("wb") as file:
        file.truncate(1 << 30)
    try:
        subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
        found = subprocess.run(
            ["losetup", "--find", "--show", image], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    device = found.stdout.strip()
    if subprocess.run(["mount", device, mount], check=False).returncode == 0:
        return device
    subprocess.run(["losetup", "--detach", device], check=True)
    return None


def own_writes() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("write_bytes")))


def syncfs(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    ctypes.CDLL(None, use_errno=True).syncfs(descriptor)
    os.close(descriptor)


def opened(path: Path) -> LocalStore:
    return LocalStore.open(path, boot_id="boot-1", limits=StoreLimits(), simulated=False, clock=FakeClock())


def written(directory: Path, writes: WritesOf, hours: float, hertz: int, chunk_seconds: float) -> str:
    """One row of the table: device bytes, bytes kept, CPU."""
    local.CHUNK_SECONDS = chunk_seconds  # type: ignore[misc]
    path = directory / f"{hertz}-{chunk_seconds:.0f}.db"
    seconds = int(hours * 3600)
    feed = Feed(hertz=hertz)
    store = opened(path)
    # The store syncs at the first commit and each 30 s from there; the kernel's own writeback follows it.
    store.append(feed.commit())
    store.settle()
    syncfs(directory)
    before, cpu_seconds = writes(), 0.0
    for _ in range(seconds // SYNC_SECONDS):
        commits = list(feed.commits(SYNC_SECONDS))
        feed.sent.clear()
        started = time.process_time()
        for commit in commits:
            store.append(commit)
        store.settle()
        cpu_seconds += time.process_time() - started
        syncfs(directory)
    device_bytes = writes() - before
    store.close()
    samples = seconds * hertz * len(CHANNELS)
    megabytes_a_day = device_bytes / seconds * DAY_SECONDS / 1e6
    kept = path.stat().st_size / samples
    return (
        f"| {hertz} Hz | {chunk_seconds:.0f} s | {megabytes_a_day:.0f} | {device_bytes / samples:.1f} "
        f"| {kept:.2f} | {cpu_seconds / samples * 1e6:.2f} |"
    )


def written_in_real_time(directory: Path, writes: WritesOf, seconds: int) -> None:
    """A commit each second of the wall clock: the file system's own habits are in it, too."""
    store, feed = opened(directory / "realtime.db"), Feed()
    syncfs(directory)
    before, started = writes(), time.monotonic()
    for second in range(seconds):
        store.append(feed.commit())
        time.sleep(max(0.0, started + second + 1 - time.monotonic()))
    device_bytes = writes() - before
    store.close()
    print(f"{seconds} s in real time: {device_bytes / seconds * DAY_SECONDS / 1e6:.0f} MB/day written")


def queried(directory: Path, samples: int) -> None:
    """Ten minutes of one channel in the middle of many samples, with a fresh store and a warm one."""
    path = directory / "large.db"
    store = opened(path)
    feed = Feed()
    seconds = samples // (2 * len(CHANNELS))
    started = time.perf_counter()
    for second in range(seconds):
        store.append(feed.commit())
        feed.sent.clear()
        if second % 1000 == 0:
            store.settle()
    store.close()
    print(f"{seconds * 2 * len(CHANNELS):,} samples in {time.perf_counter() - started:.0f} s, ", end="")
    print(f"{path.stat().st_size / 1e6:.1f} MB in all")
    started = time.perf_counter()
    store = opened(path)
    print(f"opened in {(time.perf_counter() - started) * 1000:.1f} ms")
    middle = 1000.0 + seconds / 2
    for name, length in (("10 min", 600.0), ("10 min again", 600.0), ("1 h", 3600.0), ("all", 2.0 * seconds)):
        span = Span(Instant("boot-1", middle - length / 2), Instant("boot-1", middle + length / 2))
        started = time.perf_counter()
        rows = sum(1 for _ in store.readings(POWER.id, span))
        print(f"one channel, {name}: {rows} readings in {(time.perf_counter() - started) * 1000:.1f} ms")
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the embedded store.")
    parser.add_argument("--hours", type=float, default=1.0, help="simulated, of each row")
    parser.add_argument("--samples", type=int, default=10_000_000, help="for the query; 0 leaves it out")
    parser.add_argument(
        "--realtime", type=int, default=0, metavar="SECONDS", help="and in real time, so long"
    )
    parser.add_argument("--sweep", action="store_true", help="other lengths of a chunk and 10 Hz too")
    options = parser.parse_args()
    default = local.CHUNK_SECONDS
    cases = [(2, default)]
    if options.sweep:
        cases = [(2, 60.0), (2, 120.0), (2, 300.0), (2, 600.0), (10, default)]
    with ext4_directory() as (directory, writes, counted):
        print(f"{len(CHANNELS)} channels, simulated readings, sync each {SYNC_SECONDS} s; counted: {counted}")
        print("| rate | chunk | MB/day written | B/sample written | B/sample kept | CPU us/sample |")
        print("|---|---|---|---|---|---|")
        for hertz, chunk_seconds in cases:
            print(written(directory, writes, options.hours, hertz, chunk_seconds), flush=True)
        local.CHUNK_SECONDS = default  # type: ignore[misc]
        if options.realtime:
            written_in_real_time(directory, writes, options.realtime)
        if options.samples:
            queried(directory, options.samples)


if __name__ == "__main__":
    main()
