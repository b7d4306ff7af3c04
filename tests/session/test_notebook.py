"""`%%wattwatch` in a real kernel and a real shell; the example notebook and the page about Python are run."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from support.daemon_process import Home, MeterProcess
from support.live import LiveNode
from wattwatch.session.notebook import CellEnergy, load_ipython_extension, measure_cell

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore:.*gave no reading:wattwatch.session.run.EnergyWarning")


@pytest.fixture(name="node")
def _node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveNode]:
    for name in ("WATTWATCH_RUN_ID", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    with LiveNode(tmp_path) as node:
        monkeypatch.setenv("WATTWATCH_SOCKET", str(node.socket))
        yield node


@pytest.fixture(name="shell")
def _shell(node: LiveNode) -> Iterator[InteractiveShell]:
    del node
    shell = InteractiveShell.instance()
    load_ipython_extension(shell)
    yield shell
    InteractiveShell.clear_instance()


def test_a_cell_is_a_run(node: LiveNode, shell: InteractiveShell) -> None:
    cell = "import time\ntime.sleep(0.4)\nanswer = 42"
    found = measure_cell(shell, "training --name x --experiment e --label lr=0.1 --label 'note=a b'", cell)
    assert isinstance(found, CellEnergy)
    assert shell.user_ns["answer"] == 42
    document = found.document
    assert (document["name"], document["experiment"], document["phase"]) == ("x", "e", "training")
    assert document["labels"] == {"lr": "0.1", "note": "a b"}
    assert found.energy_joules == pytest.approx(5.0 * document["nodes"][0]["sampled_seconds"])
    assert repr(found).startswith("e / x: succeeded")
    assert "<td" in found._repr_html_()
    assert "metered, board, meter" in found._repr_html_()
    assert node.service.get(document["run_id"]) == document


def test_a_cell_that_fails_is_a_failed_run(node: LiveNode, shell: InteractiveShell) -> None:
    assert measure_cell(shell, "", "1 / 0") is None
    assert measure_cell(shell, "", "not python") is None
    assert [run["state"] for run in node.service.list()] == ["failed", "failed"]


LONG = f"--name {'x' * 1000}"


@pytest.mark.parametrize("line", ["--label x", "--nonsense", "a b", "'", "--experiment", LONG])
def test_wrong_options_run_nothing(node: LiveNode, shell: InteractiveShell, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        measure_cell(shell, line, "raise SystemExit")
    assert "\n" not in str(caught.value)
    assert node.service.list() == []


def test_without_figures_it_says_so() -> None:
    assert "energy unknown" in CellEnergy({})._repr_html_()
    assert "nothing is known" in repr(CellEnergy({}))
    assert CellEnergy({}).energy_joules is None


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebook_tool", ROOT / "tools" / "notebook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_notebook_runs_and_is_kept_with_its_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tool()
    kept: Any = nbformat.reads(made.NOTEBOOK.read_text("utf-8"), 4)  # type: ignore[no-untyped-call]
    assert [cell.source for cell in kept.cells] == [cell.source for cell in made.written().cells]
    assert "simulated" in str(kept.cells[4].outputs)
    assert not re.search(r"/(tmp|home|root|work)/", made.NOTEBOOK.read_text(encoding="utf-8"))
    for name in ("WATTWATCH_SOCKET", "HOME", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # put back afterwards
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    run = made.executed(made.written(), tmp_path)
    outputs = [output for cell in run.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output.output_type == "error"]
    assert "simulated" in str(outputs)
    assert "two phases: succeeded" in str(outputs)


def test_the_page_about_python_runs_as_it_stands(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    (tmp_path / "page.py").write_text("\n".join(blocks), encoding="utf-8")
    (tmp_path / "m").mkdir()
    with MeterProcess(tmp_path / "m", "constant") as meter:
        home = Home(tmp_path / "h", meter.url)
        with home.daemon().ready():
            done = subprocess.run(
                [sys.executable, tmp_path / "page.py"],
                env={
                    **home.environment,
                    "WATTWATCH_SOCKET": str(home.socket),
                    "KERAS_BACKEND": "jax",
                },
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            names = {run["name"] for run in home.json("/v1/runs")["runs"]}
    assert done.returncode == 0, done.stderr
    assert "docs / mnist: succeeded" in done.stdout
    assert "simulated" in done.stdout
    assert names == {"mnist", "train", "serving"}
