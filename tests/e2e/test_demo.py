"""`make run` without make: what a newcomer sees first."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wattwatch.client import Client

DEMO = [sys.executable, "-m", "wattwatch", "demo"]


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "WATTWATCH_"))}
    return {**kept, "HOME": str(home)}


@pytest.mark.realtime
def test_once_measures_an_example_and_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--once"], capture_output=True, text=True, check=False, timeout=120, env=environment(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert "simulated UM24C" in done.stdout
    assert re.search(r"energy +\d.* J ± .*\(simulated, board: meter UM24C\)", done.stderr)
    found = re.search(r"^report: (.+)$", done.stdout, re.MULTILINE)
    assert found is not None
    page = Path(found[1]).read_text(encoding="utf-8")
    assert "SIMULATED" in page
    assert "example used" in page


@pytest.mark.realtime
def test_it_serves_until_interrupted_and_shows_counters_rising(tmp_path: Path) -> None:
    process = subprocess.Popen(DEMO, stdout=subprocess.PIPE, text=True, env=environment(tmp_path))
    assert process.stdout is not None
    try:
        found = None
        for line in process.stdout:
            if found := re.match(r"look at (http://\S+)/ ", line):
                break
        assert found is not None
        text = Client(found[1]).get_text("/metrics")
        series = r'^wattwatch_node_energy_joules_total\{.*quality="simulated"\} (\S+)$'
        energy = re.search(series, text, re.MULTILINE)
        assert energy is not None
        assert float(energy[1]) > 10  # ten seconds of a load of some watts
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0
