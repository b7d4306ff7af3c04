import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from support.pages import outline
from support.studies import study_of
from wattwatch.report.chart import NodeCurves, PhaseBand
from wattwatch.report.overlay import MOST_RUNS, drawn_runs, overlays, panels
from wattwatch.report.series import trace
from wattwatch.report.study import Study

STUDY, CURVES = study_of(count=4)


def html_of(study: Study, curves: Mapping[str, Sequence[NodeCurves]]) -> str:
    return "\n".join(overlays(study, curves))


def test_each_group_is_a_panel_of_power_and_one_of_temperature() -> None:
    page = outline(html_of(STUDY, CURVES))
    captions = [text for tag, text in page.texts if tag == "figcaption" and text.strip()]
    assert captions == [
        "Power of pi on pi-1, W: 4 runs ",
        "Temperature of pi on pi-1, °C: 4 runs ",
        "Power of vm on vm-1, W: 4 runs ",
        "Temperature of vm on vm-1, °C: 4 runs ",
    ]
    assert len(page.all("path", "curve")) == 16
    assert len(page.all("path", "thin")) == 12


def test_the_run_nearest_the_median_is_drawn_in_full_and_what_is_left_out_comes_last() -> None:
    (pi, _) = panels(STUDY, CURVES)
    median_joules = STUDY.groups[0].summaries["energy_joules"].median.value
    distances = [abs((one.figures["energy_joules"] or 0) - median_joules) for one, _ in pi.runs[:-1]]
    assert distances == sorted(distances)
    assert pi.runs[-1][0].is_left_out
    assert pi.runs[0][0].run_id in html_of(STUDY, CURVES)


def test_its_gaps_are_shaded_and_every_line_is_broken_there() -> None:
    study, curves = study_of(count=3, warm_up=False)
    holed = study.groups[0].repetitions[2]
    alone = replace(study, groups=(replace(study.groups[0], repetitions=(holed,)),))
    page = outline(html_of(alone, {holed.run_id: curves[holed.run_id]}))
    (gap,) = page.all("rect", "gap")
    assert float(gap["width"]) > 10
    power, heat = page.all("path", "curve")
    assert (power["d"].count("M"), heat["d"].count("M")) == (2, 1)
    assert "the line is broken" in page.text()


def test_without_curves_there_is_nothing() -> None:
    assert html_of(STUDY, {}) == ""
    empty = {run_id: (NodeCurves("pi-1"),) for run_id in CURVES}
    assert html_of(STUDY, empty) == ""


def test_runs_of_several_nodes_have_panels_of_their_own() -> None:
    two = {run_id: (*of_run, replace(of_run[0], node="other")) for run_id, of_run in CURVES.items()}
    assert [panel.node for panel in panels(STUDY, two)] == ["pi-1", "other", "vm-1", "other"]
    outline(html_of(STUDY, two))


def many_runs(count: int) -> tuple[Study, dict[str, Sequence[NodeCurves]]]:
    """So many runs a group, each with curves of 2,000 points and 1,000 gaps."""
    points = [(index * 1.0 + 10 * (index // 2), 5.0 + index % 7) for index in range(2000)]
    power = trace("Power", "W", points, 3.0)
    bands = tuple(PhaseBand(f"phase {index}", index * 10.0, index * 10.0 + 9) for index in range(8))
    curves = (NodeCurves("pi-1", power, replace(power, unit="°C"), bands),)
    groups = [
        replace(
            group,
            repetitions=tuple(
                replace(group.repetitions[0], run_id=f"{group.name}{number}", number=number, position=None)
                for number in range(1, count + 1)
            ),
        )
        for group in STUDY.groups
    ]
    study = replace(STUDY, groups=tuple(groups))
    return study, {one.run_id: curves for group in groups for one in group.repetitions}


@pytest.mark.parametrize("count", [20, 200])
def test_a_page_of_many_long_runs_is_bounded(count: int) -> None:
    study, curves = many_runs(count)
    assert len(drawn_runs(study)) <= MOST_RUNS
    html = html_of(study, curves)
    assert len(html.encode()) < 1_200_000
    assert html.count('class="curve') <= 2 * MOST_RUNS


def test_groups_of_like_length_and_power_share_their_axes() -> None:
    (pi, _), curves = STUDY.groups, CURVES
    like = replace(STUDY, groups=(pi, replace(pi, name="again")))
    texts = re.findall(r'class="y"[^>]*>([^<]+)<', html_of(like, curves))
    assert texts[: len(texts) // 2] == texts[len(texts) // 2 :]
