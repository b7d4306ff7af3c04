"""A real Prometheus that scrapes one daemon once a second."""

import json
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from support.daemon_process import Worker, free_port, get, until

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: wattwatch
    honor_labels: true
    {more}
    static_configs:
      - targets: ["127.0.0.1:{port}"]
        labels: {{node: clash}}
"""


def need_prometheus() -> None:
    """Skip where Debian's package is not installed; but not in CI, which has it."""
    if shutil.which("prometheus") and shutil.which("promtool"):
        return
    if os.environ.get("CI") == "true":
        pytest.fail("prometheus is not on PATH: CI must install Debian's package")
    pytest.skip("prometheus is not on PATH: apt-get install prometheus")


class PrometheusProcess(Worker):
    """Scrapes 127.0.0.1:`target_port`; `more` are YAML lines of its job.

    `wait_up` until it really does (some 4 s after its start).
    """

    def __init__(self, directory: Path, target_port: int, more: str = "") -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        directory.mkdir()
        config = directory / "prometheus.yml"
        config.write_text(CONFIG.format(port=target_port, more=more))
        super().__init__(
            (
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
                "--log.level=warn",
            )
        )

    def wait_up(self) -> None:
        """Until the first good scrape is stored."""
        until(lambda: self.query('up{job="wattwatch"} == 1'), 30, "first scrape by Prometheus")

    def query(self, promql: str, at: float | None = None) -> list[dict[str, Any]]:
        """The result of an instant query, at a UTC if given."""
        when = {} if at is None else {"time": f"{at:.3f}"}
        answer = json.loads(get(f"{self.url}/api/v1/query?{urlencode({'query': promql, **when})}"))
        assert answer["status"] == "success", answer
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def value(self, promql: str, at: float | None = None) -> float:
        """The one value of an instant query."""
        (only,) = self.query(promql, at)
        return float(only["value"][1])

    def raw(self, selector: str, seconds: int, at: float) -> dict[str, list[float]]:
        """Every stored sample of the last seconds before a UTC, by series."""
        found = self.query(f"{selector}[{seconds}s]", at)
        return {str(series["metric"]): [float(v) for _, v in series["values"]] for series in found}
