"""The example study of the documentation: made as it says, simulated, and careful with its words."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from wattwatch.report.words import UNKNOWN

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(name="tool", scope="module")
def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("study_tool", ROOT / "tools" / "study.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["study_tool"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(name="forms", scope="module")
def _forms(tool: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    made: dict[str, str] = tool.made_in(tmp_path_factory.mktemp("study"), 3)
    return made


def test_the_published_ratio_of_mean_power_comes_out_and_energys_is_another(
    tool: ModuleType, forms: dict[str, str]
) -> None:
    found = tool.ratios(json.loads(forms["json"]))
    assert 3.7 <= found["mean_power_watts"] <= 4.0
    assert 1.25 <= found["energy_joules"] <= 1.35
    assert found["energy_joules"] == pytest.approx(
        found["mean_power_watts"] * found["duration_seconds"], rel=0.02
    )


def test_four_cells_with_both_phases_of_one_board_and_one_package(forms: dict[str, str]) -> None:
    study = json.loads(forms["json"])
    groups = {group["name"]: group for group in study["groups"]}
    assert set(groups) == {"pi, bare", "pi, k3s", "vm, bare", "vm, k3s"}
    for name, group in groups.items():
        assert set(group["phases"]) == {"training", "inference"}
        assert group["scopes"] == ["board" if name.startswith("pi") else "package"]
        assert group["quality"] == "simulated"
    assert groups["pi, bare"]["phases"]["training"]["mean_power_watts"]["median"]["value"] == pytest.approx(
        6.4, rel=0.03
    )


@pytest.mark.parametrize("page", ["study.md", "examples/study.html"])
def test_the_pages_say_what_they_are_and_never_call_power_energy(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert "SIMULATED" in text
    assert "not comparable in absolute terms" in text
    assert "of 40 runs" in text or "40 runs in 4 groups" in text
    claims = re.findall(r"[34](?:\.\d+)?\s*(?:\u00d7|x|times)\s+(?:less|more|the \S+)\s+energy", text)
    assert claims == []


def test_the_page_shows_both_ratios_and_explains_them() -> None:
    text = (DOCS / "study.md").read_text(encoding="utf-8")
    power, energy = (
        float(re.search(rf"\*\*{name}\*\*[^|]*\| \*\*([\d.]+)\*\*", text)[1])  # type: ignore[index]
        for name in ("power", "energy")
    )
    assert 3.7 <= power <= 4.0
    assert 1.25 <= energy <= 1.35
    assert f"a run costs {energy:.2f} times" in text
    assert UNKNOWN not in text.partition("## How to read it")[2].partition("SIMULATED")[0]
