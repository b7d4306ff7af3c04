"""A made-up /sys of 60 channels, read by the daemon and node_exporter; the rest of it is this machine's.

Built from the kernel's documents (those that tests/data/sys/README.md names), never captured. What is not
made up (network, disks, CPUs) is linked to the real /sys, so that node_exporter has its usual work.
"""

from collections.abc import Mapping
from pathlib import Path

REAL = Path("/sys")
MADE_UP = frozenset({"hwmon", "thermal", "powercap", "power_supply"})
"""Folders of /sys/class that are made up; all others are the real ones."""

ZONES = 10
COOLERS = 4
SOCKETS = 2
SOCKET_DOMAINS = ("core", "dram")
CHIPS: Mapping[str, Mapping[str, int]] = {
    "coretemp": {f"temp{number}_input": 41_000 + 500 * number for number in range(1, 9)},
    "nct6775": {f"in{number}_input": 800 + 100 * number for number in range(8)}
    | {f"temp{number}_input": 33_000 + 1000 * number for number in range(1, 7)},
    "ina226": {"in1_input": 5104, "curr1_input": 1112, "power1_input": 5_675_000},
    "ina219": {"in1_input": 12_012, "curr1_input": 402, "power1_input": 4_820_000},
    "nvme": {"temp1_input": 38_850, "temp2_input": 44_850},
    "amdgpu": {"power1_average": 31_000_000, "in0_input": 806, "temp1_input": 52_000},
}
BATTERY: Mapping[str, object] = {
    "type": "Battery",
    "status": "Discharging",
    "present": 1,
    "online": 1,
    "voltage_now": 12_100_000,
    "current_now": 1_100_000,
    "power_now": 13_310_000,
    "energy_now": 41_000_000,
    "capacity": 81,
    "temp": 301,
}


def build(root: Path) -> Path:
    """The tree below `root`, which is given back."""
    (root / "class").mkdir(parents=True)
    _link_real(root)
    for number in range(ZONES):
        zone = {"type": f"zone-{number}", "temp": 40_000 + 1000 * number, "policy": "step_wise"}
        _write(root / f"class/thermal/thermal_zone{number}", zone)
    for number in range(COOLERS):
        cooler = {"type": f"fan-{number}", "max_state": 4, "cur_state": number}
        _write(root / f"class/thermal/cooling_device{number}", cooler)
    for socket in range(SOCKETS):
        _write(root / f"class/powercap/intel-rapl:{socket}", _domain(f"package-{socket}", 10**10))
        for number, name in enumerate(SOCKET_DOMAINS):
            _write(root / f"class/powercap/intel-rapl:{socket}:{number}", _domain(name, 10**10))
    for number, (name, attributes) in enumerate(CHIPS.items()):
        _write(root / f"class/hwmon/hwmon{number}", {"name": name, **attributes})
    _write(root / "class/power_supply/BAT0", BATTERY)
    return root


def energy_files(root: Path) -> list[Path]:
    """The counters of joules, which somebody has to move."""
    return sorted((root / "class/powercap").glob("*/energy_uj"))


def _domain(name: str, microjoules: int) -> dict[str, object]:
    return {"name": name, "energy_uj": microjoules, "max_energy_range_uj": 262_143_328_850, "enabled": 1}


def _write(folder: Path, files: Mapping[str, object]) -> None:
    folder.mkdir(parents=True)
    for name, value in files.items():
        (folder / name).write_text(f"{value}\n")


def _link_real(root: Path) -> None:
    for real in REAL.iterdir():
        if real.name != "class":
            (root / real.name).symlink_to(real)
    for real in (REAL / "class").iterdir():
        if real.name not in MADE_UP:
            (root / "class" / real.name).symlink_to(real)
