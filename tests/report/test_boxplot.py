import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from support.pages import outline
from support.studies import study_of
from wattwatch.report import plot
from wattwatch.report.boxplot import Box, box_chart, box_of, group_values, point_places
from wattwatch.report.quantities import measure_of
from wattwatch.report.study import Study

ENERGY = measure_of("energy_joules")
HEAT = measure_of("temperature_max_celsius")
VALUES = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40)
PLACE = re.compile(r"M(-?[\d.]+) (-?[\d.]+)h0")


def with_energies(*groups: list[float | None]) -> Study:
    """A study whose groups have these energies."""
    study, _ = study_of(count=2, warm_up=False)
    one = study.groups[0].repetitions[0]
    made = [
        replace(
            study.groups[0],
            name=f"group {index}",
            repetitions=tuple(
                replace(one, number=n, figures={"energy_joules": j}) for n, j in enumerate(joules)
            ),
        )
        for index, joules in enumerate(groups)
    ]
    return replace(study, groups=tuple(made))


@given(VALUES)
def test_a_box_is_in_order_and_within_its_values(values: list[float]) -> None:
    box = box_of(values)
    numbers = [box.low_whisker, box.low_quartile, box.median, box.high_quartile, box.high_whisker]
    slack = 1e-9 * max(map(abs, values))
    assert all(a <= b + slack for a, b in pairwise(numbers))
    assert min(values) - slack <= box.low_whisker
    assert box.high_whisker <= max(values) + slack


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_quartiles_are_those_of_numpy(values: list[float]) -> None:
    box = box_of(values)
    expected = np.quantile(values, [0.25, 0.5, 0.75])
    assert [box.low_quartile, box.median, box.high_quartile] == pytest.approx(expected, abs=1e-6)


def test_whiskers_leave_out_what_lies_far_away() -> None:
    assert box_of([10.0, 11.0, 12.0, 13.0, 14.0, 30.0]) == Box(10.0, 11.25, 12.5, 13.75, 14.0)
    assert box_of([5.0]) == Box(5.0, 5.0, 5.0, 5.0, 5.0)
    with pytest.raises(ValueError, match="no values"):
        box_of([])


@given(st.lists(st.floats(0.001, 1e9), min_size=1, max_size=30), st.integers(1, 8), st.data())
def test_points_of_a_group_are_inside_their_column_in_order(
    values: list[float], columns: int, data: st.DataObject
) -> None:
    column = data.draw(st.integers(0, columns - 1))
    axis = plot.axis_around(values)
    places = point_places(values, column, columns, axis)
    assert len(places) == len(values)
    assert [place.x for place in places] == sorted(place.x for place in places)
    for place in places:
        assert column / columns < place.x < (column + 1) / columns
        assert -1e-6 <= place.y <= 1 + 1e-6


@given(st.lists(st.lists(st.one_of(st.none(), st.floats(-1e7, 1e7)), max_size=12), min_size=1, max_size=5))
def test_every_known_figure_is_a_point_inside_the_drawing(groups: list[list[float | None]]) -> None:
    known = [joules for of_group in groups for joules in of_group if joules is not None]
    html = box_chart("box", with_energies(*groups), ENERGY)
    if not known:
        assert html == ""
        return
    page = outline(html)
    dots = page.all("path", "dot")
    assert len(dots) == len(known)
    for one in dots:
        match = PLACE.fullmatch(one["d"])
        assert match is not None
        assert 0 <= float(match[1]) <= plot.WIDTH
        assert -0.1 <= float(match[2]) <= plot.HEIGHT + 0.1
    assert "nan" not in html
    boxes = sum(len([j for j in of_group if j is not None]) >= 5 for of_group in groups)
    assert len(page.all("rect", "box")) == boxes


@given(VALUES)
def test_the_median_is_drawn_inside_the_box(values: list[float]) -> None:
    assume(len(values) >= 5)
    page = outline(box_chart("box", with_energies([*values]), ENERGY))
    (box,) = page.all("rect", "box")
    (middle,) = page.all("path", "middle")
    match = re.match(r"M[\d.]+ ([\d.]+)H", middle["d"])
    assert match is not None
    top = float(box["y"])
    assert top - 0.6 <= float(match[1]) <= top + float(box["height"]) + 0.6
    assert math.isfinite(top)


def test_it_is_said_in_words_too() -> None:
    study, _ = study_of(count=6)
    page = outline(box_chart("box", study, ENERGY))
    (described,) = [text for tag, text in page.texts if tag == "desc"]
    assert described.startswith("pi: 5 points, median ")  # one was a warm-up
    assert "vm: 6 points" in described
    assert len(group_values(study.groups[0], ENERGY)) == 5
    told = [text for tag, text in page.texts if tag == "title"]
    assert len(told) == 1 + 11
    assert all(text.startswith(("pi: ", "vm: ")) for text in told[1:])


def test_an_axis_that_does_not_begin_at_zero_says_so() -> None:
    close = box_chart("box", with_energies([100.0, 101.0, 102.0]), ENERGY)
    apart = box_chart("box", with_energies([100.0], [900.0]), ENERGY)
    assert "the axis does not begin at 0" in close
    assert "the axis does not begin at 0" not in apart
    study, _ = study_of(count=3)
    assert "does not begin" not in box_chart("box", study, HEAT)  # 0 °C is a convention


def test_simulated_groups_say_so() -> None:
    study, _ = study_of(count=2)
    assert "SIMULATED" in box_chart("box", study, ENERGY)
    metered = replace(study, groups=tuple(replace(group, quality="metered") for group in study.groups))
    assert "SIMULATED" not in box_chart("box", metered, ENERGY)
