"""What the kernel counts of a machine, from a made-up /proc."""

import time
from pathlib import Path

import psutil
import pytest

from support.clock import FakeClock
from wattwatch.errors import SourceUnavailable
from wattwatch.reading import Kind
from wattwatch.sources.base import HostSpec, SelfSpec
from wattwatch.sources.host import HostSource, SelfSource, numbered_by_cpu

MEMINFO = """MemTotal: 4000000 kB
MemFree: 1000000 kB
MemAvailable: 2500000 kB
Buffers: 100000 kB
Cached: 1400000 kB
Shmem: 0 kB
Active: 0 kB
Inactive: 0 kB
Slab: 0 kB
SReclaimable: 0 kB
"""
DISK = "{major} {minor} {name} 10 0 {read} 0 20 0 {written} 0 0 0 0 0 0 0 0 0 0\n"


class Proc:
    """A made-up /proc, and the source that reads it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "net").mkdir()
        self.cpu(0)
        (root / "meminfo").write_text(MEMINFO)
        (root / "cpuinfo").write_text("")
        (root / "vmstat").write_text("")
        self.network(eth0=(0, 0))
        self.disks(sda=(0, 0))
        self.source = HostSource(HostSpec(root=root), FakeClock())

    def cpu(self, user_jiffies: int) -> None:
        (self.root / "stat").write_text(f"cpu {user_jiffies} 20 300 4000 50 6 7 8 0 0\n")

    def network(self, **devices: tuple[int, int]) -> None:
        lines = ["head", "head"]
        for name, (received, sent) in devices.items():
            lines.append(f"{name}: {received} 1 2 0 0 0 0 0 {sent} 1 3 0 0 0 0 0")
        (self.root / "net/dev").write_text("\n".join(lines) + "\n")

    def disks(self, **sectors: tuple[int, int]) -> None:
        lines = [
            DISK.format(major=8, minor=minor, name=name, read=read, written=written)
            for minor, (name, (read, written)) in enumerate(sectors.items())
        ]
        (self.root / "diskstats").write_text("".join(lines))

    def values(self) -> dict[str, float]:
        return {r.channel.id: r.value for r in self.source.read().readings}


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def test_cpu_time_of_every_mode_in_seconds(proc: Proc) -> None:
    proc.cpu(1000)
    values = proc.values()
    found = {key.split("/")[1]: value for key, value in values.items() if key.endswith("cpu_seconds")}
    jiffy = found["cpu-user"] / 1000
    assert found == {
        f"cpu-{mode}": pytest.approx(jiffies * jiffy)
        for mode, jiffies in zip(
            ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"),
            (1000, 20, 300, 4000, 50, 6, 7, 8),
            strict=True,
        )
    }


def test_memory_in_bytes(proc: Proc) -> None:
    values = proc.values()
    assert values["host/memory/size_bytes"] == 4_000_000 * 1024
    assert values["host/memory/available_bytes"] == 2_500_000 * 1024
    assert 0 < values["host/memory/used_bytes"] < values["host/memory/size_bytes"]


def test_network_is_summed_over_devices_without_loopback(proc: Proc) -> None:
    proc.network(lo=(10**9, 10**9), eth0=(1000, 200), wlan0=(30, 4))
    values = proc.values()
    assert values["host/network-receive/network_bytes"] == 1030
    assert values["host/network-transmit/network_bytes"] == 204
    assert values["host/network-receive/network_errors"] == 4
    assert values["host/network-transmit/network_errors"] == 6


def test_a_device_that_goes_takes_nothing_with_it(proc: Proc) -> None:
    seen = []
    for devices in (
        {"eth0": (100, 0), "veth1": (50, 0)},
        {"eth0": (110, 0)},
        {"eth0": (120, 0), "veth1": (5, 0)},  # made anew
        {"eth0": (3, 0), "veth1": (6, 0)},  # reset
    ):
        proc.network(**devices)
        seen.append(proc.values()["host/network-receive/network_bytes"])
    assert seen == [150, 160, 175, 179]


def test_disks_are_counted_without_partitions_and_layers(proc: Proc) -> None:
    proc.disks(
        sda=(2, 4), sda1=(2, 4), mmcblk0=(10, 0), mmcblk0p2=(10, 0), nvme0n1=(100, 0), nvme0n1p1=(100, 0),
        loop0=(7, 7), zram0=(7, 7), md0=(7, 7), **{"dm-0": (7, 7)}, vdb=(1000, 0),
    )  # fmt: skip
    values = proc.values()
    assert values["host/disk-read/disk_bytes"] == 512 * 1112
    assert values["host/disk-write/disk_bytes"] == 512 * 4


def test_counters_count_and_gauges_do_not(proc: Proc) -> None:
    readings = proc.source.read().readings
    assert {r.channel.kind for r in readings if r.channel.zone == "memory"} == {Kind.GAUGE}
    counting = {r.channel.quantity for r in readings if r.channel.kind is Kind.COUNTER}
    assert counting == {"cpu_seconds", "network_bytes", "network_errors", "disk_bytes"}


@pytest.mark.parametrize("name", ["stat", "meminfo"])
@pytest.mark.parametrize("content", [None, "", "nonsense\n"])
def test_a_file_that_is_gone_or_made_up_is_one_line(proc: Proc, name: str, content: str | None) -> None:
    (proc.root / name).unlink()
    if content is not None:
        (proc.root / name).write_text(content)
    with pytest.raises(SourceUnavailable, match=f"^{proc.root}/{name}.+$"):
        proc.source.read()


def test_without_block_devices_there_is_all_else(proc: Proc) -> None:
    (proc.root / "diskstats").unlink()
    values = proc.values()
    assert values["host/disk-read/disk_bytes"] == 0
    assert values["host/memory/size_bytes"] == 4_000_000 * 1024


def test_the_real_machine_is_read_as_psutil_reads_it() -> None:
    before, values, after = psutil.cpu_times(), _real(), psutil.cpu_times()
    for mode in ("user", "system", "idle"):
        assert getattr(before, mode) <= values[f"host/cpu-{mode}/cpu_seconds"] <= getattr(after, mode)
    memory = psutil.virtual_memory()
    assert values["host/memory/size_bytes"] == memory.total
    assert values["host/memory/available_bytes"] == pytest.approx(memory.available, rel=0.2)
    nics = psutil.net_io_counters(pernic=True, nowrap=False)
    received = sum(nic.bytes_recv for name, nic in nics.items() if name != "lo")
    assert 0 <= values["host/network-receive/network_bytes"] <= received
    hertz = [f.current * 1e6 for f in psutil.cpu_freq(percpu=True)]
    assert len([key for key in values if key.endswith("frequency_hertz")]) == len(hertz)


def _real() -> dict[str, float]:
    return {r.channel.id: r.value for r in HostSource(HostSpec(), FakeClock()).read().readings}


def test_clocks_are_those_of_cpufreq_where_the_kernel_has_it(tmp_path: Path) -> None:
    for number in (0, 1, 10, 2):
        folder = tmp_path / f"devices/system/cpu/cpu{number}/cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_cur_freq").write_text("600000\n")
    (tmp_path / "devices/system/cpu/cpu3").mkdir()  # offline
    found = numbered_by_cpu(tmp_path)
    assert [file.parts[-3] for file in found] == ["cpu0", "cpu1", "cpu2", "cpu10"]


def test_files_longer_than_a_page_are_read_whole(proc: Proc) -> None:
    proc.network(**{f"veth{number}": (1, 0) for number in range(4000)})
    assert len((proc.root / "net/dev").read_bytes()) > 1 << 16
    assert proc.values()["host/network-receive/network_bytes"] == 4000


def test_own_cpu_time_grows_with_work() -> None:
    source = SelfSource(SelfSpec(), FakeClock())
    (before,) = source.read().readings
    until_seconds = time.process_time() + 0.02
    while time.process_time() < until_seconds:
        pass
    (after,) = source.read().readings
    assert after.value - before.value >= 0.02
    assert after.channel.id == "self/process/cpu_seconds"
