"""A run over several nodes: what of the parts reaches the document, and what does not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.errors import RunError
from wattwatch.runs.document import NO_SOURCE
from wattwatch.runs.several import NodePart, checked_parts, with_nodes


def entry(node: str, joules: float | None = 10.0, source: str | None = "meter") -> dict[str, Any]:
    return {"node": node, "energy_joules": joules, "source": source}


def document(*nodes: dict[str, Any], phases: tuple[str, ...] = ("training",), **other: Any) -> dict[str, Any]:
    return {
        "run_id": "r",
        "state": "succeeded",
        "completeness": "final",
        "nodes": list(nodes),
        "phases": [{"phase": phase} | node for phase in phases for node in nodes],
        "warnings": [],
    } | other


def part(node: str, told: dict[str, Any] | None, ahead: float = 0.0, doubt: float = 0.0) -> NodePart:
    return NodePart(node, f"http://{node}:9816", ahead, doubt, told, "" if told else "no answer in 10 s")


def test_nodes_stand_beside_each_other_by_phase() -> None:
    own = document(entry("pi-1"), phases=("load", "training"))
    other = document(entry("pi-2", 20.0), phases=("load", "inference", "training"))
    whole = with_nodes(own, [part("pi-2", other)])
    assert [node["node"] for node in whole["nodes"]] == ["pi-1", "pi-2"]
    assert [(phase["phase"], phase["node"]) for phase in whole["phases"]] == [
        ("load", "pi-1"),
        ("load", "pi-2"),
        ("training", "pi-1"),
        ("training", "pi-2"),
        ("inference", "pi-2"),
    ]
    assert whole["completeness"] == "final"
    assert whole["warnings"] == []
    assert [clock["node"] for clock in whole["clocks"]] == ["pi-2"]


def test_without_other_nodes_nothing_changes() -> None:
    own = document(entry("pi-1"))
    assert with_nodes(own, []) == own


@pytest.mark.parametrize(
    ("own", "other", "whole"),
    [
        ("final", "final", "final"),
        ("final", "provisional", "provisional"),
        ("provisional", "final", "provisional"),
        ("provisional", "incomplete", "incomplete"),
        ("final", None, "incomplete"),
    ],
)
def test_the_least_certain_part_tells_how_certain_it_is(own: str, other: str | None, whole: str) -> None:
    told = None if other is None else document(entry("pi-2"), completeness=other)
    merged = with_nodes(document(entry("pi-1"), completeness=own), [part("pi-2", told)])
    assert merged["completeness"] == whole
    assert any("pi-2: its part of the run is not known" in text for text in merged["warnings"]) is (not told)


def test_a_machine_without_a_power_source_only_started_the_run() -> None:
    own = document(entry("laptop", None, None), warnings=[NO_SOURCE, "another"])
    whole = with_nodes(own, [part("pi-2", document(entry("pi-2")))])
    assert [node["node"] for node in whole["nodes"]] == ["pi-2"]
    assert [phase["node"] for phase in whole["phases"]] == ["pi-2"]
    assert whole["warnings"] == ["another", "laptop has no power source: it only started the run"]


@given(st.floats(-10, 10), st.floats(0, 10))
def test_clocks_further_apart_than_200_ms_are_a_warning(ahead: float, doubt: float) -> None:
    told = document(entry("pi-2"), warnings=["under-voltage"])
    warnings = with_nodes(document(entry("pi-1")), [part("pi-2", told, ahead, doubt)])["warnings"]
    assert "pi-2: under-voltage" in warnings
    assert any("its clock is" in text for text in warnings) is (abs(ahead) > 0.2)
    assert any("in doubt by" in text for text in warnings) is (doubt > 0.2)
    if abs(ahead) > 0.2:
        assert any(("ahead of" if ahead > 0 else "behind") in text for text in warnings)


def test_a_part_that_was_lost_says_so() -> None:
    told = document(entry("pi-2"), state="lost")
    assert "it lost this run" in with_nodes(document(entry("pi-1")), [part("pi-2", told)])["warnings"][0]


def test_parts_come_back_from_json() -> None:
    known, unknown = part("pi-2", document(entry("pi-2")), 0.1), part("pi-3", None)
    told = checked_parts(json.loads(json.dumps([known.to_json(), unknown.to_json()])))
    assert [NodePart.from_json(one) for one in told] == [known, unknown]


GOOD = part("pi-2", document(entry("pi-2"))).to_json()
NAMELESS = document({"node": 3})


@pytest.mark.parametrize(
    "parts",
    [
        None,
        [],
        ["x"],
        [{}],
        [GOOD] * 101,
        [GOOD | {"node": "a\nb"}],
        [GOOD | {"clock_ahead_seconds": "soon"}],
        [GOOD | {"document": []}],
        [
            GOOD
            | {"document": {"nodes": [{"node": 3}], "phases": [], "warnings": [], "completeness": "final"}}
        ],
        [GOOD | {"document": document(entry("pi-2"), completeness="perhaps")}],
        [GOOD | {"document": document(entry("pi-2"), warnings=[3])}],
    ],
)
def test_what_is_no_part_is_refused_in_one_line(parts: Any) -> None:
    with pytest.raises(RunError) as caught:
        checked_parts(parts)
    assert "\n" not in str(caught.value)
