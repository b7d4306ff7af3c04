import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from support.simulated_runs import PI, PI_K3S, VM
from support.studies import study_of
from wattwatch.errors import MissingExtra, RunError
from wattwatch.report.chart import NodeCurves, PhaseBand
from wattwatch.report.figures import write_figures
from wattwatch.report.series import trace

STUDY, CURVES = study_of((PI, VM), 5)
NAMES = ["boxes", "repetitions", "phases", "power", "temperature"]
MAGIC = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}
INCHES_TO_POINTS = 72


def texts(path: Path) -> str:
    return " ".join(
        "".join(element.itertext())
        for element in ET.parse(path).iter()  # noqa: S314 - our own file
        if element.tag.endswith("text")
    )


def test_several_runs_are_five_figures_in_three_formats(tmp_path: Path) -> None:
    written = write_figures(STUDY, CURVES, tmp_path / "figures")
    assert [path.name for path in written] == [
        f"{name}.{kind}" for name in NAMES for kind in ("pdf", "svg", "png")
    ]
    for path in written:
        assert path.read_bytes().startswith(MAGIC[path.suffix[1:]])
    root = ET.parse(tmp_path / "figures" / "boxes.svg").getroot()  # noqa: S314 - our own file
    assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(3.4 * INCHES_TO_POINTS)
    for name in NAMES:
        assert "SIMULATED" in texts(tmp_path / "figures" / f"{name}.svg")
    assert "energy (J)" in texts(tmp_path / "figures" / "boxes.svg")
    assert "training" in texts(tmp_path / "figures" / "power.svg")


def test_the_same_study_is_the_same_bytes(tmp_path: Path) -> None:
    first = write_figures(STUDY, CURVES, tmp_path / "a")
    second = write_figures(STUDY, CURVES, tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert all(
        b"CreationDate" not in path.read_bytes() and b"<dc:date>" not in path.read_bytes() for path in first
    )


def test_one_run_is_its_curves(tmp_path: Path) -> None:
    study, curves = study_of((PI,), 1, warm_up=False)
    written = write_figures(study, curves, tmp_path, ["svg"])
    assert [path.name for path in written] == ["power.svg", "temperature.svg"]


def test_what_is_not_known_is_not_drawn(tmp_path: Path) -> None:
    written = write_figures(STUDY, {}, tmp_path, ["svg"])
    assert [path.stem for path in written] == ["boxes", "repetitions", "phases"]
    bare = tuple(
        replace(group, repetitions=tuple(replace(one, figures={}, phases={}) for one in group.repetitions))
        for group in STUDY.groups
    )
    assert write_figures(replace(STUDY, groups=bare), {}, tmp_path / "none", ["svg"]) == []


def test_metered_figures_are_not_called_simulated(tmp_path: Path) -> None:
    metered = replace(STUDY, groups=tuple(replace(group, quality="metered") for group in STUDY.groups))
    for path in write_figures(metered, CURVES, tmp_path, ["svg"]):
        assert "SIMULATED" not in texts(path)


def test_names_that_mean_something_to_a_typesetter_are_only_names(tmp_path: Path) -> None:
    odd = r"$x_{2}$ \alpha _a <b>"
    points = [(float(second), 5.0) for second in range(5)]
    curves = NodeCurves(
        odd, trace("Power", "W", [*points, (60.0, 5.0)], 3.0), None, (PhaseBand(odd, 0.0, 4.0),)
    )
    groups = tuple(
        replace(
            group,
            name=f"{odd} {index}",
            repetitions=tuple(replace(one, phases={odd: one.figures}) for one in group.repetitions),
        )
        for index, group in enumerate(STUDY.groups)
    )
    study = replace(STUDY, groups=groups)
    by_run = {one.run_id: (curves,) for group in groups for one in group.repetitions}
    for path in write_figures(study, by_run, tmp_path, ["svg"]):
        assert odd in texts(path)


def test_many_groups_and_few_runs(tmp_path: Path) -> None:
    setups = [replace(PI_K3S, name=f"set-up {number}") for number in range(9)]
    study, curves = study_of(setups, 2, warm_up=False)
    assert len(write_figures(study, curves, tmp_path, ["png"])) == 5


def test_without_matplotlib_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "wattwatch.report.figure_panels", raising=False)
    monkeypatch.delattr("wattwatch.report.figure_panels", raising=False)
    with pytest.raises(MissingExtra, match=r"^figures need matplotlib: pip install 'wattwatch\[report\]'$"):
        write_figures(STUDY, CURVES, tmp_path)


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="name another directory by --figures"):
        write_figures(STUDY, CURVES, tmp_path / "file", ["svg"])
