"""The part of NVIDIA's management library that is used, and whether there is a driver for it.

The only module that imports pynvml (nvidia-ml-py), and it does so only where there is a driver.
"""

# ruff: noqa: N802 - NVML's own names

import ctypes
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, Protocol, cast

from wattwatch.errors import SourceUnsupported

_DRIVER_LIBRARY: Final = "libnvidia-ml.so.1"  # comes with the driver, never with Python


class Nvml(Protocol):
    """What is called of pynvml: module functions and errors under the names of NVML's C interface."""

    NVMLError: type[Exception]  # carries the C interface's number as `value`
    NVML_TEMPERATURE_GPU: int

    def nvmlInit(self) -> None:
        """Connect to the driver."""

    def nvmlShutdown(self) -> None:
        """Let go of the driver."""

    def nvmlDeviceGetCount(self) -> int:
        """Number of GPUs."""

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any:
        """One GPU."""

    def nvmlDeviceGetName(self, handle: Any) -> str:
        """Its product name."""

    def nvmlDeviceGetUUID(self, handle: Any) -> str:
        """Its identity."""

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any) -> int:
        """Millijoules since the driver was loaded (Volta and later)."""

    def nvmlDeviceGetPowerUsage(self, handle: Any) -> int:
        """Milliwatts of GPU and memory; on Ampere and later (not GA100) the mean of the last second."""

    def nvmlDeviceGetTemperature(self, handle: Any, sensor: int) -> int:
        """Degrees Celsius."""


def has_driver() -> bool:
    """Whether NVIDIA's driver is installed, told without pynvml."""
    try:
        ctypes.CDLL(_DRIVER_LIBRARY)
    except OSError:
        return False
    return True


def _import_pynvml() -> Any:
    return import_module("pynvml")


def load_nvml(
    driver: Callable[[], bool] = has_driver, import_library: Callable[[], Any] = _import_pynvml
) -> Nvml:
    """NVIDIA's library; SourceUnsupported without a driver, or without the extra, which is named."""
    if not driver():
        raise SourceUnsupported("no NVIDIA driver")
    try:
        return cast("Nvml", import_library())
    except ModuleNotFoundError as error:
        cause = "there is an NVIDIA driver, but nvidia-ml-py is not installed: pip install 'wattwatch[nvml]'"
        raise SourceUnsupported(cause) from error
