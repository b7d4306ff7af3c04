"""Texts of a study: golden files, and what no format may lose."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.run_documents import node, run, series
from wattwatch.errors import ConfigError
from wattwatch.report.compare import CompareOptions, compare
from wattwatch.report.formats import FORMATS, formatted
from wattwatch.report.study import Study

GOLDEN = Path(__file__).parents[2] / "data" / "compare"
ENDINGS = {"terminal": "txt", "markdown": "md", "csv": "csv", "json": "json", "latex": "tex"}
PI = [100.0, 101.0, 99.0, 100.5, 98.5, 102.0]
VM = [130.0, 131.0, 128.0, 129.5, 132.0, 130.4]
EVIL = "a|b_c & 50% <i>{x}$ \\ [y]"


def study(**other: Any) -> Study:
    """A Pi against a VM's package, with all that formats have to show."""
    package = {"scope": "package", "source": "rapl", "meter_model": None, "node": "vm-1"}
    documents = series("pi", PI, 0, 2) + series("vm", VM, 1, 2, **package)
    documents[1]["nodes"] = [node(95.0, missing=2.0)]
    documents[2]["warnings"] = ["throttled for 3 s"]
    documents[5]["state"] = "failed"
    return compare(documents, ["device"], options=CompareOptions(detect_ratio=0.05), **other)


@pytest.mark.parametrize("name", FORMATS)
def test_a_study_reads_as_it_did(name: str) -> None:
    text = formatted(study(), name)
    expected = (GOLDEN / f"study.{ENDINGS[name]}").read_text(encoding="utf-8")
    assert _rounded(text) == _rounded(expected)
    assert text.endswith("\n")


def _rounded(text: str) -> str:
    """Without the last digits of floats: numpy sums in another order on other processors."""
    return re.sub(r"-?\d+\.\d{7,}(e-?\d+)?", lambda found: f"{float(found.group()):.6g}", text)


@pytest.mark.parametrize("name", ["terminal", "markdown", "json", "latex", "csv"])
def test_simulated_is_said_in_every_format(name: str) -> None:
    assert "simulated" in formatted(study(), name).lower()


@pytest.mark.parametrize("name", FORMATS)
def test_flags_and_warnings_reach_every_format(name: str) -> None:
    text = " ".join(formatted(study(), name).split())
    for said in ("not comparable in absolute terms", "throttled for 3 s", "1 failed", "lower bounds"):
        assert said in text


def test_a_measured_study_does_not_say_simulated() -> None:
    documents = series("pi", PI, quality="metered") + series("vm", VM, 10, quality="metered")
    measured = compare(documents, ["device"])
    for name in FORMATS:
        assert "SIMULATED" not in formatted(measured, name)


def test_csv_is_tidy_and_complete() -> None:
    rows = list(csv.DictReader(io.StringIO(formatted(study(), "csv"))))
    energies = [row for row in rows if row["figure"] == "energy_joules" and not row["phase"]]
    assert len(energies) == 12
    assert [float(row["value"]) for row in energies if row["device"] == "vm"] == VM
    assert {row["counted"] for row in energies if row["state"] == "failed"} == {"no"}
    unknown = [row for row in rows if row["figure"] == "net_energy_joules"]
    assert {row["value"] for row in unknown} == {""}  # unknown is not zero


def test_each_row_of_csv_has_what_speaks_against_it() -> None:
    rows = list(csv.DictReader(io.StringIO(formatted(study(), "csv"))))
    assert {row["warnings"] for row in rows if row["run_id"] == "01RUN004"} == {"throttled for 3 s"}
    assert {row["warnings"] for row in rows if row["run_id"] != "01RUN004"} == {""}
    of_pi, of_vm = ({row["group_warnings"] for row in rows if row["group"] == name} for name in ("pi", "vm"))
    assert len(of_pi) == len(of_vm) == 1
    (pi,), (vm,) = of_pi, of_vm
    assert "lower bounds" in pi
    assert "lower bounds" not in vm
    for said in (pi, vm):
        assert said.count("vm against pi: not comparable in absolute terms") == 1
        assert "throttled" not in said  # it is the run's, and stands there


def test_without_phases_the_whole_run_is_told_once() -> None:
    documents = series("pi", PI) + series("vm", VM, 10)
    for document in documents:
        document["phases"] = [{"phase": "untagged"} | node for node in document["nodes"]]
    for name in ("terminal", "markdown", "latex"):
        assert "untagged" not in formatted(compare(documents, ["device"]), name)
    documents[0]["phases"].append({"phase": "training"} | documents[0]["nodes"][0])
    assert "untagged" in formatted(compare(documents, ["device"]), "terminal")  # beside a phase it tells more


def test_json_has_every_record() -> None:
    document = json.loads(formatted(study(), "json"))
    assert document["simulated"] is True
    assert [group["name"] for group in document["groups"]] == ["pi", "vm"]
    contrast = document["comparison"]["contrasts"][0]
    assert contrast["difference"]["shift"]["value"] == pytest.approx(30.4, abs=1)
    assert {caution["code"] for caution in contrast["cautions"]} >= {"scopes-differ"}
    assert len(document["runs"]) == 12


def test_lower_bounds_have_their_sign() -> None:
    lines = [line.split() for line in formatted(study(), "terminal").splitlines() if "energy, J" in line]
    bounded = {line[0]: "≥" in line for line in lines if line[0] in ("pi", "vm")}
    assert bounded == {"pi": True, "vm": False}


@pytest.mark.parametrize("name", FORMATS)
def test_what_users_name_breaks_no_format(name: str) -> None:
    documents = [run(i, node(v), labels={"k": EVIL}) for i, v in enumerate(PI)]
    documents += [run(i + 20, node(v), labels={"k": "plain"}) for i, v in enumerate(VM)]
    text = formatted(compare(documents, ["k"], title=EVIL), name)
    if name == "markdown":
        rows = [line for line in text.splitlines() if line.startswith("|")]
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in rows}
        assert bars <= {9, 8, 7, 10}  # as many as the tables have columns and one: none was added by a name
        assert all(len(re.findall(r"(?<!\\)\|", line)) == 9 for line in rows[:3])
    if name == "latex":
        body = [line for line in text.splitlines() if not line.startswith("%")]
        for line in body:
            assert line.count("{") - line.count(r"\{") == line.count("}") - line.count(r"\}")
            assert not re.search(
                r"(?<!\\)[%#_$]",
                line.replace("$<$", "")
                .replace("$>$", "")
                .replace(r"$\times$", "")
                .replace(r"$\geq$", "")
                .replace(r"$\pm$", "")
                .replace(r"$^\circ$", ""),
            )
    if name == "csv":
        assert {row["k"] for row in csv.DictReader(io.StringIO(text))} == {EVIL, "plain"}


def test_an_unknown_format_is_one_line() -> None:
    with pytest.raises(ConfigError, match="one of terminal, markdown, csv, json, latex"):
        formatted(study(), "pdf")


def test_one_group_and_one_run_have_texts_too() -> None:
    for documents in ([run(1)], series("pi", PI), [run(1, node(None))]):
        for name in FORMATS:
            assert formatted(compare(documents), name)
