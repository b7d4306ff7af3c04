import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["records", "multiplicity", "uncertainty", "verdict"])
def test_words_and_plain_arithmetic_need_no_extra(module: str) -> None:
    """Where the `report` extra is missing, records are still read and written."""
    loaded = "sys.exit(bool({'numpy', 'scipy'} & set(sys.modules)))"
    program = f"import sys, wattwatch.report.stats.{module}; {loaded}"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
