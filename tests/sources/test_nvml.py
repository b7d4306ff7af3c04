"""NVIDIA GPUs, with a library of our own in place of the driver's."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.clock import FakeClock
from support.fake_nvml import (
    DRIVER_NOT_LOADED,
    GPU_IS_LOST,
    LIB_RM_VERSION_MISMATCH,
    NO_PERMISSION,
    NOT_SUPPORTED,
    UNKNOWN,
    FakeGpu,
    FakeNvml,
)
from support.nvidia_driver import made_up_driver
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import EnergyRecord, Instant, Kind, Quality, Scope
from wattwatch.sampling.integrate import CounterIntegrator, CounterPoint
from wattwatch.sources.base import NvmlSpec
from wattwatch.sources.nvml import NvmlSource
from wattwatch.sources.nvml_library import has_driver, load_nvml


def source(nvml: FakeNvml, **spec: object) -> NvmlSource:
    return NvmlSource(NvmlSpec(**spec), FakeClock(), lambda: nvml)  # type: ignore[arg-type]


def values(made: NvmlSource) -> dict[str, float]:
    return {reading.channel.id: reading.value for reading in made.read().readings}


def energy_channels(made: NvmlSource) -> list[str]:
    return [channel.id for channel in made.description.channels if channel.measures_energy]


def test_a_gpu_gives_joules_watts_and_temperature() -> None:
    assert values(source(FakeNvml())) == {
        "gpu/gpu-0/energy_joules": 5000.0,
        "gpu/gpu-0/power_watts": 41.5,
        "gpu/gpu-0/temperature_celsius": 44.0,
    }


def test_each_energy_is_integrated_once() -> None:
    made = source(FakeNvml([FakeGpu(), FakeGpu("GPU-1b", millijoules=None)]))
    assert energy_channels(made) == ["gpu/gpu-0/energy_joules", "gpu/gpu-1/power_watts"]


def test_the_counter_is_of_scope_gpu_and_a_fall_of_it_is_a_reset() -> None:
    nvml = FakeNvml()
    made = source(nvml)
    description = made.description
    ((channel, limits),) = description.counter_limits
    assert (channel.kind, channel.scope, channel.quality) == (Kind.COUNTER, Scope.GPU, Quality.SENSOR)
    assert limits.range_joules == 0
    record = counted(nvml, made, 5_100_000)
    assert (record.joules, record.sampled_seconds) == (100.0, 1.0)
    after_reload = counted(nvml, made, 2_000)
    assert (after_reload.joules, after_reload.missing_seconds) == (0.0, 1.0)


def counted(nvml: FakeNvml, made: NvmlSource, millijoules: int) -> EnergyRecord:
    """The record of a second in which the counter goes to a value."""
    before = made.read()
    nvml.gpus[0].millijoules = millijoules
    reading = made.read().readings[0]
    integrator = CounterIntegrator(reading.channel, dict(made.description.counter_limits)[reading.channel])
    state = integrator.step(None, CounterPoint(before.at, before.readings[0].value)).state
    record = integrator.step(state, CounterPoint(before.at.plus(1.0), reading.value)).record
    assert record is not None
    return record


def test_what_a_gpu_does_not_support_is_left_out() -> None:
    virtual = FakeGpu(millijoules=None, celsius=None)
    assert values(source(FakeNvml([virtual]))) == {"gpu/gpu-0/power_watts": 41.5}


def test_a_gpu_that_tells_nothing_is_left_out() -> None:
    silent = FakeGpu("GPU-1b", millijoules=None, milliwatts=None, celsius=None)
    made = source(FakeNvml([silent, FakeGpu()]))
    assert {channel.zone for channel in made.description.channels} == {"gpu-1"}


def test_only_silent_gpus_are_none() -> None:
    silent = FakeGpu(millijoules=None, milliwatts=None, celsius=None)
    nvml = FakeNvml([silent])
    with pytest.raises(SourceUnsupported, match="no GPU that tells"):
        source(nvml).read()
    assert nvml.open == 0


def test_no_gpu_at_all() -> None:
    with pytest.raises(SourceUnsupported, match="no GPU that tells"):
        source(FakeNvml([])).read()


def test_people_are_told_which_gpu_is_which() -> None:
    detail = source(FakeNvml([FakeGpu(), FakeGpu("GPU-1b", "Tesla T4")])).description.detail
    assert detail == "gpu-0: NVIDIA A2 GPU-0a; gpu-1: Tesla T4 GPU-1b"


def test_a_figure_that_goes_away_takes_nothing_else_along() -> None:
    nvml = FakeNvml()
    made = source(nvml)
    made.read()
    nvml.gpus[0].milliwatts = None  # MIG was switched on
    assert set(values(made)) == {"gpu/gpu-0/energy_joules", "gpu/gpu-0/temperature_celsius"}


def test_a_lost_gpu_is_a_failure_that_says_what_to_do() -> None:
    nvml = FakeNvml()
    made = source(nvml)
    made.read()
    nvml.gpus[0].error = GPU_IS_LOST
    with pytest.raises(SourceUnavailable, match=r"GPU is lost: it fell off the bus: restart the computer"):
        made.read()


def test_one_lost_gpu_is_told_once_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    nvml = FakeNvml([FakeGpu(), FakeGpu("GPU-1b")])
    made = source(nvml)
    made.read()
    nvml.gpus[0].error = GPU_IS_LOST
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert {name.split("/")[1] for name in values(made)} == {"gpu-1"}
    assert [record.getMessage() for record in caplog.records if "gpu-0" in record.getMessage()] == [
        "source gpu: gpu-0: NVIDIA driver: GPU is lost: it fell off the bus: restart the computer"
    ]
    assert "gpu-0: NVIDIA driver: GPU is lost" in made.description.detail
    nvml.gpus[0].error = 0
    assert len(values(made)) == 6
    assert "lost" not in made.description.detail


def test_a_gpu_that_is_lost_from_the_start_is_passed_over() -> None:
    made = source(FakeNvml([FakeGpu(error=GPU_IS_LOST), FakeGpu("GPU-1b")]))
    assert len(made.read().readings) == 3


def test_a_gpu_keeps_its_zone_when_another_vanishes() -> None:
    nvml = FakeNvml([FakeGpu(), FakeGpu("GPU-1b", millijoules=9_000)])
    made = source(nvml)
    made.read()
    made.close()
    del nvml.gpus[0]
    assert values(made)["gpu/gpu-1/energy_joules"] == 9.0


def test_after_a_failure_the_driver_is_opened_anew() -> None:
    nvml = FakeNvml()
    made = source(nvml)
    made.read()
    nvml.gpus[0].error = UNKNOWN
    with pytest.raises(SourceUnavailable):
        made.read()
    assert nvml.open == 0
    nvml.gpus[0].error = 0
    assert made.read().readings
    assert (nvml.open, nvml.opened) == (1, 2)


def test_a_figure_that_fails_for_now_is_not_left_out_for_good() -> None:
    """Else the power would be integrated in place of a counter that comes back."""
    nvml = FakeNvml([FakeGpu(error=UNKNOWN)])
    made = source(nvml)
    assert energy_channels(made) == []
    nvml.gpus[0].error = 0
    made.read()
    assert energy_channels(made) == ["gpu/gpu-0/energy_joules"]


def test_closing_lets_go_of_the_driver_once() -> None:
    nvml = FakeNvml()
    made = source(nvml)
    made.close()
    made.read()
    made.close()
    made.close()
    assert (nvml.open, nvml.opened) == (0, 1)


def test_a_close_while_reading_waits_for_nobody_and_happens() -> None:
    nvml = FakeNvml()
    made = source(nvml)

    class ClosingClock(FakeClock):
        def now(self) -> Instant:
            made.close()
            return super().now()

    made._clock = ClosingClock()
    assert made.read().readings
    assert nvml.open == 0


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NO_PERMISSION, "Insufficient Permissions: let the user open /dev/nvidia"),
        (LIB_RM_VERSION_MISMATCH, "the driver was updated: restart the computer"),
        (UNKNOWN, "NVIDIA driver: Unknown Error"),
    ],
)
def test_a_driver_that_refuses_may_do_so_for_a_time(error: int, message: str) -> None:
    with pytest.raises(SourceUnavailable, match=message):
        source(FakeNvml(init_error=error)).read()


def test_a_driver_that_is_not_loaded_is_none() -> None:
    with pytest.raises(SourceUnsupported, match="no NVIDIA driver"):
        source(FakeNvml(init_error=DRIVER_NOT_LOADED)).read()


def test_simulated_values_say_so() -> None:
    channels = source(FakeNvml(), simulated=True).description.channels
    assert {channel.quality for channel in channels} == {Quality.SIMULATED}


def test_without_a_driver_the_library_is_not_even_imported() -> None:
    def refuse() -> object:
        raise AssertionError("imported")

    with pytest.raises(SourceUnsupported, match="no NVIDIA driver"):
        load_nvml(lambda: False, refuse)


def test_a_driver_without_the_extra_says_what_to_install() -> None:
    def absent() -> object:
        raise ModuleNotFoundError("No module named 'pynvml'", name="pynvml")

    with pytest.raises(SourceUnsupported, match=r"pip install 'wattwatch\[nvml\]'"):
        load_nvml(lambda: True, absent)


def test_the_real_library_has_every_name_and_number_that_is_used() -> None:
    nvml = load_nvml(lambda: True)
    for name in (name for name in dir(FakeNvml) if name.startswith(("nvml", "NVML"))):
        assert hasattr(nvml, name), name
    assert getattr(nvml, "NVML_TEMPERATURE_GPU") == FakeNvml.NVML_TEMPERATURE_GPU  # noqa: B009 - a stub less
    numbers = {
        "NOT_SUPPORTED": NOT_SUPPORTED,
        "NO_PERMISSION": NO_PERMISSION,
        "DRIVER_NOT_LOADED": DRIVER_NOT_LOADED,
        "GPU_IS_LOST": GPU_IS_LOST,
        "LIB_RM_VERSION_MISMATCH": LIB_RM_VERSION_MISMATCH,
    }
    for name, value in numbers.items():
        error = nvml.NVMLError(getattr(nvml, f"NVML_ERROR_{name}"))
        assert error.value == value  # type: ignore[attr-defined]


@pytest.mark.skipif(has_driver(), reason="this machine has an NVIDIA driver")
def test_this_machine_says_that_it_has_none_without_importing_pynvml() -> None:
    program = """
import sys
from pathlib import Path
from wattwatch.clock import SystemClock
from wattwatch.errors import SourceUnsupported
from wattwatch.sources import open_source
from wattwatch.sources.base import NvmlSpec
source = open_source(NvmlSpec(), SystemClock())
assert source.description.channels == ()
try:
    source.read()
except SourceUnsupported as error:
    print(error, "pynvml" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "no NVIDIA driver False\n"


def test_the_real_library_reads_a_driver_of_c(tmp_path: Path) -> None:
    program = """
from wattwatch.clock import SystemClock
from wattwatch.sources import open_source
from wattwatch.sources.base import NvmlSpec
source = open_source(NvmlSpec(), SystemClock())
print(source.description.detail)
for reading in source.read().readings:
    print(reading.channel.id, reading.channel.kind, reading.value)
source.close()
print(len(source.read().readings))
"""
    environment = os.environ | made_up_driver(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "gpu-0: Made-up GPU GPU-0; gpu-1: Made-up GPU GPU-1",
        "gpu/gpu-0/energy_joules counter 5120.0",
        "gpu/gpu-0/power_watts gauge 41.5",
        "gpu/gpu-0/temperature_celsius gauge 44.0",
        "gpu/gpu-1/power_watts power 41.5",
        "gpu/gpu-1/temperature_celsius gauge 44.0",
        "5",
    ]


def test_a_driver_of_c_without_the_extra(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
sys.modules["pynvml"] = None  # as if it were not installed
from wattwatch.clock import SystemClock
from wattwatch.errors import SourceUnsupported
from wattwatch.sources import open_source
from wattwatch.sources.base import NvmlSpec
try:
    open_source(NvmlSpec(), SystemClock()).read()
except SourceUnsupported as error:
    print(error)
"""
    environment = os.environ | made_up_driver(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("pip install 'wattwatch[nvml]'\n")
