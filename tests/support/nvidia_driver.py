"""A made-up driver library for NVIDIA's GPUs, compiled where there is a compiler."""

import shutil
import subprocess
from pathlib import Path

import pytest

_SOURCE = Path(__file__).parents[1] / "data/nvml/driver.c"


def made_up_driver(directory: Path) -> dict[str, str]:
    """The environment in which a process finds the driver; skips the test without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    directory.mkdir(exist_ok=True)
    library = directory / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, _SOURCE], check=True)
    return {"LD_LIBRARY_PATH": str(directory)}
