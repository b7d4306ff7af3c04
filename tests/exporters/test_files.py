"""What we ship to be deployed is what we and the real programs accept."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from wattwatch.config.load import load_settings
from wattwatch.sources.base import UmSpec

EXPORTERS = Path(__file__).parents[2] / "exporters"


def test_the_default_node_configuration_reads_a_meter_on_rfcomm() -> None:
    settings = load_settings(EXPORTERS / "node/wattwatch.toml", {"NODE_NAME": "pi-1"})
    (meter,) = settings.sources
    assert isinstance(meter, UmSpec)
    assert (meter.name, meter.url, meter.simulated) == ("meter", "/dev/rfcomm0", False)


@pytest.mark.prometheus
@pytest.mark.skipif(
    shutil.which("promtool") is None and not os.environ.get("CI"), reason="needs Debian's prometheus package"
)
def test_the_scrape_configuration_is_accepted_by_prometheus() -> None:
    command = ["promtool", "check", "config", str(EXPORTERS / "prometheus/scrape.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
