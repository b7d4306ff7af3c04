"""The example notebook, executed beside a daemon that reads a simulated meter: `make notebook`."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.daemon_process import Home, MeterProcess

NOTEBOOK = Path(__file__).parents[1] / "docs" / "examples" / "training.ipynb"

INTRODUCTION = """# The energy of a training, cell by cell

`%load_ext wattwatch` makes `%%wattwatch` known. It asks the daemon of this machine, or measures in the
notebook where there is none. The figures here are **simulated**: a simulated UM24C was read."""

CELLS = (
    ("markdown", INTRODUCTION),
    ("code", "%load_ext wattwatch"),
    ("code", """import numpy as np

rng = np.random.default_rng(0)
inputs = rng.normal(size=(20_000, 64))
targets = (inputs @ rng.normal(size=64) > 0).astype(float)"""),
    ("markdown", "A cell is a run; its first word is its phase, labels are what runs are compared by."),
    ("code", """%%wattwatch training --experiment notebook --label lr=0.5
weights = np.zeros(64)
for _ in range(2000):
    guess = 1 / (1 + np.exp(-inputs @ weights))
    weights -= 0.5 * inputs.T @ (guess - targets) / len(targets)"""),
    ("code", """%%wattwatch inference --experiment notebook
for _ in range(5_000):
    found = inputs @ weights > 0"""),
    ("code", 'print(f"accuracy {np.mean(found == targets):.3f}")'),
    ("markdown", "In a program the same is `with wattwatch.run(...)`; its result is a dictionary."),
    ("code", """import wattwatch

with wattwatch.run("two phases", experiment="notebook") as run:
    with run.phase("load"):
        more = rng.normal(size=(400_000, 64))
    with run.phase("inference"):
        for _ in range(60):
            found = more @ weights > 0
print(run)"""),
)  # fmt: skip


def written() -> nbformat.NotebookNode:
    """The notebook as it is written, without outputs."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for number, (kind, text) in enumerate(CELLS):
        make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        notebook.cells.append(make(text, id=f"cell-{number}"))
    return notebook


def executed(notebook: nbformat.NotebookNode, directory: Path) -> nbformat.NotebookNode:
    """The notebook after every cell ran beside a daemon that reads a simulated meter."""
    with MeterProcess(directory, "host") as meter:
        home = Home(directory / "h", meter.url)
        with home.daemon().ready():
            one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # threads that spin starve each other
            os.environ.update(one, WATTWATCH_SOCKET=str(home.socket), HOME=str(directory))
            NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(directory))
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran is nobody's business
    notebook.metadata.pop("language_info", None)
    return notebook


def main() -> None:
    """Write the example."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=NOTEBOOK)
    output: Path = parser.parse_args().output
    with tempfile.TemporaryDirectory(prefix="ww") as scratch:
        notebook = executed(written(), Path(scratch))
    nbformat.validate(notebook)
    output.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    print(output)


if __name__ == "__main__":
    main()
