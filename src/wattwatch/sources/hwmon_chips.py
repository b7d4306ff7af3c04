"""What is known of hwmon chips by the names of their drivers; a chip that is not here is taken as it is.

Each entry names the kernel document or driver that it follows (below Documentation/hwmon, drivers/hwmon or
drivers/gpu/drm).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wattwatch.reading import Quality, Scope

UPDATE_INTERVAL: Final = "update_interval"
"""Milliseconds from refresh to refresh (Documentation/hwmon/sysfs-interface.rst)."""


@dataclass(frozen=True, slots=True)
class Product:
    """Power that a chip does not tell, from what it does: volts and amperes of one line."""

    volts: str  # attributes without their _input: in0, curr1
    amperes: str


@dataclass(frozen=True, slots=True)
class Chip:
    """How the attributes of a chip are to be understood."""

    scope: Scope = Scope.RAIL  # of its power
    quality: Quality = Quality.SENSOR
    main: frozenset[str] = frozenset()  # attributes of the chip's own zone: curr1, power1
    only: frozenset[str] = frozenset()  # the attributes to take; empty: all
    products: tuple[Product, ...] = ()
    flags: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # attribute of 0 or 1: zone, quantity
    refresh: str = UPDATE_INTERVAL  # attribute with milliseconds from one value to the next
    may_sleep: bool = False  # reading would wake it: left alone while it is suspended
    scope_by_label: Mapping[str, Scope] = field(
        default_factory=dict
    )  # of labels that begin so, and only these
    by_default: bool = True  # False: only if [[source]] devices names it
    max_watts: float = float("inf")  # that an energy counter can mean

    @property
    def measures_power(self) -> bool:
        """Whether a chip of this name is known to give power in its own zone."""
        return "power1" in self.main or any(p.amperes in self.main for p in self.products)


_INA: Final = Chip(main=frozenset({"in1", "curr1", "power1"}))
"""ina2xx.rst, ina238.rst: in1 is the bus, in0 the drop at the shunt; which line, only the owner knows."""

_GPU: Final = Chip(scope=Scope.GPU, main=frozenset({"power1", "energy1"}), may_sleep=True, max_watts=2000.0)

CHIPS: Final[Mapping[str, Chip]] = {
    **dict.fromkeys(
        ("ina219", "ina220", "ina226", "ina228", "ina230", "ina231", "ina234", "ina237", "ina238", "ina260"),
        _INA,
    ),
    # ina3221.rst: three lines, in4 to in6 are shunts in microvolts, curr4 is a sum; no power attribute.
    "ina3221": Chip(
        only=frozenset({"in1", "in2", "in3", "curr1", "curr2", "curr3"}),
        products=(Product("in1", "curr1"), Product("in2", "curr2"), Product("in3", "curr3")),
    ),
    # powerz.c: ChargerLAB KM002C, KM003C, a USB-C meter. Every attribute is a USB transfer: few are taken.
    "powerz": Chip(
        scope=Scope.BOARD,
        quality=Quality.METERED,
        main=frozenset({"in0", "curr1"}),
        only=frozenset({"in0", "curr1", "temp1"}),
        products=(Product("in0", "curr1"),),
    ),
    # acpi_power_meter.rst: what the machine takes in, averaged by its firmware.
    "power_meter": Chip(scope=Scope.WALL, main=frozenset({"power1"}), refresh="power1_average_interval"),
    # raspberrypi-hwmon.c: the firmware's sticky under-voltage bit, asked and cleared by the driver every 2 s,
    # so it is "within the last 2 s"; the quantity is the one of the firmware's own flags (source type pi).
    "rpi_volt": Chip(flags={"in0_lcrit_alarm": ("under-voltage", "throttled_now_flag")}),
    # amdgpu.rst (thermal), nouveau, i915_hwmon.c, xe_hwmon.c.
    **dict.fromkeys(("amdgpu", "nouveau", "i915", "xe"), _GPU),
    # amd_energy.rst (until Linux 5.12): sockets; the cores, one a CPU, are parts of them.
    "amd_energy": Chip(scope_by_label={"esocket": Scope.PACKAGE}, max_watts=1000.0),
    # drivetemp.rst: reading may keep a disk from spinning down: an observer that changes what it observes.
    "drivetemp": Chip(by_default=False),
}

UNKNOWN: Final = Chip()
"""A chip of which nothing is known: channels as they are, power of some rail."""
