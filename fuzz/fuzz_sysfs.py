"""What the files of /sys may hold: sources give finite values, or say in one line why not."""

import functools
from collections.abc import Callable
from pathlib import Path

from laws import Script, one_line, sound_batch
from scratch import scratch
from support.clock import FakeClock
from wattwatch.errors import SourceError
from wattwatch.sources.base import (
    CoolingSpec,
    HwmonSpec,
    PowercapSpec,
    PowerSupplySpec,
    Source,
    ThermalSpec,
)
from wattwatch.sources.cooling import CoolingSource
from wattwatch.sources.hwmon import HwmonSource
from wattwatch.sources.power_supply import PowerSupplySource
from wattwatch.sources.powercap import PowercapSource
from wattwatch.sources.thermal import ThermalSource

# Folders and files by the documents of the kernel; what they hold comes from the input.
_FILES: dict[str, dict[str, tuple[str, ...]]] = {
    "powercap": {
        "class/powercap/intel-rapl:0": (
            "name",
            "energy_uj",
            "max_energy_range_uj",
            "enabled",
            "constraint_0_power_limit_uw",
        ),
        "class/powercap/intel-rapl:0:0": ("name", "energy_uj", "max_energy_range_uj"),
        "class/powercap/intel-rapl:1": ("name", "energy_uj", "max_energy_range_uj"),
    },
    "hwmon": {
        "class/hwmon/hwmon0": ("name", "power1_input", "power1_label", "update_interval", "in1_input"),
        "class/hwmon/hwmon1": ("name", "in0_input", "curr1_input", "temp1_input", "energy1_input"),
    },
    "thermal": {
        "class/thermal/thermal_zone0": ("type", "temp"),
        "class/thermal/thermal_zone1": ("type", "temp"),
    },
    "cooling": {"class/thermal/cooling_device0": ("type", "cur_state", "max_state")},
    "power_supply": {
        "class/power_supply/BAT0": (
            "type",
            "scope",
            "status",
            "power_now",
            "voltage_now",
            "current_now",
            "online",
            "capacity",
            "temp",
        ),
    },
}
_OPEN: dict[str, Callable[[Path], Source]] = {
    "powercap": lambda root: PowercapSource(PowercapSpec(root=root), FakeClock(), wait=lambda _: None),
    "hwmon": lambda root: HwmonSource(HwmonSpec(root=root), FakeClock()),
    "thermal": lambda root: ThermalSource(ThermalSpec(root=root), FakeClock()),
    "cooling": lambda root: CoolingSource(CoolingSpec(root=root), FakeClock()),
    "power_supply": lambda root: PowerSupplySource(PowerSupplySpec(root=root), FakeClock()),
}
_KINDS = tuple(_FILES)


def check(data: bytes) -> None:
    """Fill the files of one class, read its source, fill them again, read again."""
    script = Script(data)
    kind = _KINDS[script.byte() % len(_KINDS)]
    root, files = _tree(kind)
    contents = script.rest().split(b"\n\n")
    _fill(files, contents)
    source = _OPEN[kind](root)
    try:
        _read(source)
        _fill(files, contents[1:] + contents[:1])
        _read(source)
    finally:
        source.close()


@functools.cache
def _tree(kind: str) -> tuple[Path, tuple[Path, ...]]:
    root = scratch("sysfs") / kind
    files = [root / folder / name for folder, names in _FILES[kind].items() for name in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
    return root, tuple(files)


def _fill(files: tuple[Path, ...], contents: list[bytes]) -> None:
    for index, file in enumerate(files):
        file.write_bytes(contents[index % len(contents)])


def _read(source: Source) -> None:
    try:
        sound_batch(source.read())
    except SourceError as error:
        one_line(error)
    description = source.description
    assert description.interval_seconds > 0
    for channel, limits in description.counter_limits:
        assert limits.range_joules >= 0, channel
