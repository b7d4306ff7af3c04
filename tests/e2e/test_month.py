"""A month at 2 Hz in simulated time: nothing drifts, nothing grows."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DAYS = 30
MEBIBYTE = 2**20

pytestmark = [
    pytest.mark.xdist_group("month"),
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("mount") is None, reason="a disk to fill has to be mounted by root"
    ),
]


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    mount = tmp_path_factory.mktemp("month")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", mount], check=False).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "support.month", str(mount), str(DAYS)]
    try:
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        yield json.loads(done.stdout)
    finally:
        subprocess.run(["umount", "--lazy", mount], check=True)


def test_energy_is_that_of_the_display_within_a_thousandth(month: dict[str, Any]) -> None:
    assert month["joules"] == pytest.approx(month["displayed_joules"], rel=1e-3)
    assert month["displayed_joules"] > 10e6


def test_what_is_missing_is_stated_to_the_second(month: dict[str, Any]) -> None:
    seconds = month["seconds"]
    assert seconds["missing"] == pytest.approx(month["missing_seconds"], abs=1e-3)
    assert seconds["sampled"] + seconds["recovered"] == pytest.approx(month["covered_seconds"], abs=1e-3)
    assert seconds["missing"] > 4 * 7200
    assert seconds["recovered"] > 0


def test_it_went_through_drops_reboots_and_a_full_disk(month: dict[str, Any]) -> None:
    assert (month["drops"], month["boots"]) == (DAYS, 1 + DAYS // 7)
    assert month["was_degraded"]
    assert month["is_degraded"] == ""


def test_memory_is_flat(month: dict[str, Any]) -> None:
    first_week, last_week = month["resident_bytes"][3:7], month["resident_bytes"][-4:]
    assert max(last_week) < max(first_week) + 4 * MEBIBYTE
