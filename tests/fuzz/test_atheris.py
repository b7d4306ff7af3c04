"""A short run of every target with coverage; `make fuzz` has longer ones."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import runner

_EXECUTED = re.compile(r"stat::number_of_executed_units: +(\d+)")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this Python or machine"
)


@pytest.mark.parametrize("name", runner.targets())
def test_a_short_run_breaks_no_law(name: str, tmp_path: Path) -> None:
    found = tmp_path / "found"
    found.mkdir()
    command = [sys.executable, str(runner.HERE), name, str(found)]
    limits = ["-runs=20000", "-max_total_time=1", "-seed=1", f"-artifact_prefix={tmp_path}/broken-"]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    ended = subprocess.run(
        [*command, *limits], capture_output=True, text=True, env=environment, check=False, timeout=120
    )
    assert ended.returncode == 0, f"{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
    executed = _EXECUTED.search(ended.stderr)
    assert executed, ended.stderr[-500:]
    assert int(executed[1]) > len(list(runner.seeds(name)))  # the seeds, and some of its own
