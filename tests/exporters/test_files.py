"""What we ship to be deployed is what we and the real programs accept."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from wattwatch.config.load import load_settings
from wattwatch.config.settings import Settings
from wattwatch.sources.base import UmSpec

EXPORTERS = Path(__file__).parents[2] / "exporters"


NODE_CONFIG = EXPORTERS / "node/wattwatch.toml"


def test_the_default_node_configuration_names_nothing_that_may_not_be_there() -> None:
    assert load_settings(NODE_CONFIG, {"NODE_NAME": "pi-1"}) == Settings("pi-1")


def test_the_default_node_configuration_without_its_comment_signs_reads_a_meter(tmp_path: Path) -> None:
    """As its comment says: remove the # of the four lines, and of the others if wanted."""
    lines = NODE_CONFIG.read_text().splitlines()
    file = tmp_path / "wattwatch.toml"
    file.write_text("\n".join(re.sub(r"^# (?=\[|[a-z]+ = )", "", line) for line in lines))
    settings = load_settings(file, {})
    (meter,) = settings.sources
    assert isinstance(meter, UmSpec)
    assert (meter.name, meter.address, meter.simulated) == ("meter", "00:15:A6:01:AA:BB", False)
    assert (settings.node, settings.server.listen) == ("pi-1", "0.0.0.0:9816")


@pytest.mark.prometheus
@pytest.mark.skipif(
    shutil.which("promtool") is None and not os.environ.get("CI"), reason="needs Debian's prometheus package"
)
def test_the_scrape_configuration_is_accepted_by_prometheus() -> None:
    command = ["promtool", "check", "config", str(EXPORTERS / "prometheus/scrape.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
