import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from support.pages import outline
from support.studies import study_of
from wattwatch.report.quantities import measure_of
from wattwatch.report.repetitions import COLD_RUN, in_order, order_legend, repetition_chart
from wattwatch.report.stats.records import Caution
from wattwatch.report.study import Study

ENERGY = measure_of("energy_joules")
STUDY, _ = study_of(count=4)


def places(html: str, css: str) -> list[float]:
    return [float(re.findall(r"M([\d.]+) ", dot["d"])[0]) for dot in outline(html).all("path", css)]


def test_runs_are_in_the_order_in_which_they_were_made() -> None:
    made = in_order(STUDY)
    assert [one.place for one in made] == list(range(1, 9))
    assert [one.group_name for one in made] == ["pi", "vm"] * 4
    assert [one.is_first for one in made] == [True, True] + [False] * 6
    drawn = places(repetition_chart("order", STUDY, ENERGY), "dot")
    assert drawn == sorted(drawn)
    assert len(drawn) == 8


@given(st.permutations(range(8)))
def test_the_order_of_the_groups_does_not_matter_nor_that_of_their_runs(order: list[int]) -> None:
    groups = [
        replace(
            group, repetitions=tuple(sorted(group.repetitions, key=lambda r: order[(r.position or 0) - 1]))
        )
        for group in STUDY.groups
    ]
    shuffled = replace(STUDY, groups=tuple(groups))
    assert [one.repetition.run_id for one in in_order(shuffled)] == [
        one.repetition.run_id for one in in_order(STUDY)
    ]


def without_positions(study: Study, position: int | None) -> Study:
    groups = [
        replace(group, repetitions=tuple(replace(one, position=position) for one in group.repetitions))
        for group in study.groups
    ]
    return replace(study, groups=tuple(groups))


def test_without_positions_or_with_the_same_ones_the_start_decides() -> None:
    by_position = [one.repetition.run_id for one in in_order(STUDY)]
    for position in (None, 1):
        made = in_order(without_positions(STUDY, position))
        assert [one.repetition.run_id for one in made] == by_position


def test_what_is_not_counted_is_hollow_and_the_first_of_each_group_has_a_ring() -> None:
    html = repetition_chart("order", STUDY, ENERGY)
    assert len(places(html, "hollow")) == 1
    assert len(places(html, "ring")) == 2
    assert places(html, "hollow") == places(html, "ring")[:1]
    assert "pi, repetition 1, warm-up, the first of its group" in html
    assert "not counted" in order_legend(STUDY)
    everything, _ = study_of(count=3, warm_up=False)
    assert "not counted" not in order_legend(everything)
    assert places(repetition_chart("order", everything, ENERGY), "hollow") == []


def test_a_first_run_that_lies_apart_is_called_cold() -> None:
    pi, vm = STUDY.groups
    summary = replace(vm.summaries["energy_joules"], cautions=(Caution(COLD_RUN, "cold first run"),))
    cold = replace(STUDY, groups=(pi, replace(vm, summaries={"energy_joules": summary})))
    assert [one.is_cold for one in in_order(cold)][:3] == [False, True, False]
    assert "vm, repetition 1, cold: " in repetition_chart("order", cold, ENERGY)


def test_what_is_unknown_has_no_dot_and_leaves_its_place_free() -> None:
    pi, vm = STUDY.groups
    third = replace(pi.repetitions[1], figures={"energy_joules": None})
    holed = replace(
        STUDY, groups=(replace(pi, repetitions=(pi.repetitions[0], third, *pi.repetitions[2:])), vm)
    )
    whole = places(repetition_chart("order", STUDY, ENERGY), "dot")
    assert places(repetition_chart("order", holed, ENERGY), "dot") == [*whole[:2], *whole[3:]]
    nothing = replace(STUDY, groups=tuple(replace(g, repetitions=()) for g in STUDY.groups))
    assert repetition_chart("order", nothing, ENERGY) == ""


def test_medians_are_of_what_counts() -> None:
    page = outline(repetition_chart("order", STUDY, ENERGY))
    assert len(page.all("path", "median-line")) == 2
