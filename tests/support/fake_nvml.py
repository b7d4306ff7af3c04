"""NVIDIA's library for tests: GPUs whose figures a test sets, errors with the numbers of nvml.h."""

# ruff: noqa: N802 - NVML's own names

from dataclasses import dataclass, field
from typing import NoReturn

NOT_SUPPORTED = 3
NO_PERMISSION = 4
DRIVER_NOT_LOADED = 9
GPU_IS_LOST = 15
LIB_RM_VERSION_MISMATCH = 18
UNKNOWN = 999

_TEXTS = {
    1: "Uninitialized",
    NOT_SUPPORTED: "Not Supported",
    NO_PERMISSION: "Insufficient Permissions",
    DRIVER_NOT_LOADED: "Driver Not Loaded",
    GPU_IS_LOST: "GPU is lost",
    LIB_RM_VERSION_MISMATCH: "RM has detected an NVML/RM version mismatch.",
    UNKNOWN: "Unknown Error",
}


class FakeNvmlError(Exception):
    """As pynvml.NVMLError: a number, and a text for it."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return _TEXTS[self.value]


def fail(value: int) -> NoReturn:
    raise FakeNvmlError(value)


@dataclass
class FakeGpu:
    """One GPU; a figure that is None is not supported, `error` is the answer to everything."""

    uuid: str = "GPU-0a"
    name: str = "NVIDIA A2"
    millijoules: int | None = 5_000_000
    milliwatts: int | None = 41_500
    celsius: int | None = 44
    error: int = 0

    def figure(self, value: int | None) -> int:
        if self.error:
            fail(self.error)
        return fail(NOT_SUPPORTED) if value is None else value


@dataclass
class FakeNvml:
    """The module object; counts connections, and answers nothing without one."""

    gpus: list[FakeGpu] = field(default_factory=lambda: [FakeGpu()])
    init_error: int = 0
    open: int = 0
    opened: int = 0

    NVMLError: type[Exception] = FakeNvmlError
    NVML_TEMPERATURE_GPU: int = 0

    def nvmlInit(self) -> None:
        if self.init_error:
            fail(self.init_error)
        self.open += 1
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self._check_open()
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        self._check_open()
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeGpu:
        self._check_open()
        gpu = self.gpus[index]
        gpu.figure(0)
        return gpu

    def nvmlDeviceGetName(self, handle: FakeGpu) -> str:
        return handle.name

    def nvmlDeviceGetUUID(self, handle: FakeGpu) -> str:
        return handle.uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: FakeGpu) -> int:
        self._check_open()
        return handle.figure(handle.millijoules)

    def nvmlDeviceGetPowerUsage(self, handle: FakeGpu) -> int:
        self._check_open()
        return handle.figure(handle.milliwatts)

    def nvmlDeviceGetTemperature(self, handle: FakeGpu, sensor: int) -> int:
        self._check_open()
        assert sensor == self.NVML_TEMPERATURE_GPU
        return handle.figure(handle.celsius)

    def _check_open(self) -> None:
        if not self.open:
            fail(1)
