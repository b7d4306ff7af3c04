import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.pages import outline
from support.studies import study_of
from wattwatch.report import plot
from wattwatch.report.study import Study
from wattwatch.report.temperatures import Warming, warming_chart, warming_of, warming_rows, warmings

STUDY, _ = study_of(count=3)
DEGREES = st.one_of(st.none(), st.floats(-50, 150))


def node(start: float | None, highest: float | None, name: str = "pi-1") -> dict[str, Any]:
    return {
        "node": name,
        "temperature_celsius": {"zone": "cpu", "start": start, "mean": None, "max": highest},
    }


def test_the_hottest_node_stands_for_the_run() -> None:
    document = {"nodes": [node(40.0, 60.0), node(50.0, 70.5, "pi-2"), node(None, 90.0, "pi-3")]}
    assert warming_of(document) == Warming("cpu of pi-2", 50.0, 70.5)
    assert warming_of(document) is not None
    assert Warming("cpu", 50.0, 70.5).rise_kelvin == 20.5


@pytest.mark.parametrize("nodes", [[], [{"node": "a", "temperature_celsius": None}], [node(None, 1.0)]])
def test_what_is_not_known_is_none(nodes: list[dict[str, Any]]) -> None:
    assert warming_of({"nodes": nodes}) is None


def with_degrees(pairs: list[tuple[float | None, float | None]]) -> Study:
    documents = []
    for index, document in enumerate(STUDY.documents):
        start, highest = pairs[index % len(pairs)]
        documents.append(dict(document) | {"nodes": [node(start, highest)]})
    return replace(STUDY, documents=tuple(documents))


@given(st.lists(st.tuples(DEGREES, DEGREES), min_size=6, max_size=6))
def test_every_known_run_is_a_line_inside_the_drawing(pairs: list[tuple[float | None, float | None]]) -> None:
    known = [pair for pair in pairs if None not in pair]
    html = warming_chart("warming", with_degrees(pairs))
    if not known:
        assert html == ""
        return
    page = outline(html)
    assert len(page.all("path", "whisker")) == len(page.all("path", "begin")) == len(known)
    for dot in (*page.all("path", "dot"), *page.all("path", "begin")):
        x, y = map(float, re.findall(r"M([\d.]+) (-?[\d.]+)h0", dot["d"])[0])
        assert 0 <= x <= plot.WIDTH
        assert 0 <= y <= plot.HEIGHT


def test_rows_tell_medians_ranges_and_the_rise_in_kelvin() -> None:
    (pi, vm) = warming_rows(with_degrees([(50.0, 75.0), (40.0, 60.0)]))
    assert pi == (
        "pi",
        "2",
        "50.0 °C (50.0 to 50.0)",
        "75.0 °C (75.0 to 75.0)",
        "25.0 K (25.0 to 25.0)",
        "cpu of pi-1",
    )
    assert vm[:2] == ("vm", "3")  # the warm-up of pi does not count
    assert len(warmings(STUDY)) == 6
    assert "ΔT +" in warming_chart("warming", STUDY)
