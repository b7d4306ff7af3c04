import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from wattwatch.cli.docs import documents
from wattwatch.config import source_tables
from wattwatch.config.load import settings_from_document
from wattwatch.metrics import METRICS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_committed_page_is_what_the_code_makes(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == documents()[name], "run: make docs"


def test_the_pages_name_every_key_and_every_metric() -> None:
    page = documents()["config.md"]
    assert all(f"| `{key.name}` |" in page for table in source_tables.TABLES for key in table.keys)
    assert all(f"| `{spec.name}` |" in documents()["metrics.md"] for spec in METRICS)


def test_the_example_of_the_page_is_a_configuration() -> None:
    block = re.search(r"```toml\n(.*?)```", documents()["config.md"], re.DOTALL)
    assert block is not None
    settings = settings_from_document(tomllib.loads(block[1]), "example", {})
    assert (settings.node, settings.sources[0].name) == ("pi-1", "meter")


def test_the_module_writes_them(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "wattwatch.cli.docs", tmp_path], check=True, capture_output=True)
    assert {file.name: file.read_text("utf-8") for file in tmp_path.iterdir()} == documents()
