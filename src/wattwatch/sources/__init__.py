"""Sources: things that are read. `open_source` makes one from its specification."""

from collections.abc import Callable
from importlib import import_module
from typing import Final

from wattwatch.clock import Clock
from wattwatch.sources import base
from wattwatch.sources.base import Source, SourceSpec

__all__ = ["open_source"]

_MAKERS: Final[dict[type[SourceSpec], tuple[str, str]]] = {
    base.UmSpec: ("um.meter", "open_meter"),
    base.ThermalSpec: ("thermal", "ThermalSource"),
    base.CoolingSpec: ("cooling", "CoolingSource"),
    base.PowercapSpec: ("powercap", "PowercapSource"),
    base.HwmonSpec: ("hwmon", "HwmonSource"),
    base.PowerSupplySpec: ("power_supply", "PowerSupplySource"),
    base.HostSpec: ("host", "HostSource"),
    base.RelaySpec: ("relay", "RelaySource"),
    base.PiSpec: ("pi", "PiSource"),
    base.NvmlSpec: ("nvml", "NvmlSource"),
    base.LhmSpec: ("lhm", "LhmSource"),
    base.SelfSpec: ("host", "SelfSource"),
}
"""Module and maker of each specification: a module is imported only when a source of it is wanted."""


def open_source(spec: SourceSpec, clock: Clock) -> Source:
    """The source of a specification; its module is imported only now.

    Raises MissingExtra, naming what to install, where a package is absent.
    """
    module, name = _MAKERS[type(spec)]
    make: Callable[[SourceSpec, Clock], Source] = getattr(import_module(f"wattwatch.sources.{module}"), name)
    return make(spec, clock)
