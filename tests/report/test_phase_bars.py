from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.pages import outline
from support.studies import study_of
from wattwatch.report import plot
from wattwatch.report.phase_bars import phase_chart, pieces_of
from wattwatch.report.study import Group

STUDY, _ = study_of(count=3, warm_up=False)
PI = STUDY.groups[0]
JOULES = st.dictionaries(
    st.sampled_from(["load", "training", "untagged", "mixed", "own"]),
    st.one_of(st.none(), st.floats(0, 1e6)),
)


def with_phases(*runs: dict[str, float | None]) -> Group:
    one = PI.repetitions[0]
    return replace(
        PI,
        repetitions=tuple(
            replace(one, phases={name: {"energy_joules": joules} for name, joules in run.items()})
            for run in runs
        ),
    )


def test_a_bar_is_as_long_as_the_mean_energy() -> None:
    mean_joules = PI.summaries["energy_joules"].mean.value
    total = sum(piece.joules for piece in pieces_of(PI))
    assert total == pytest.approx(mean_joules, rel=0.01)  # the simulated phases share their edges' readings


def test_a_run_without_a_phase_spent_nothing_in_it_and_an_unknown_one_is_a_lower_bound() -> None:
    pieces = {
        piece.phase: piece for piece in pieces_of(with_phases({"a": 30.0, "b": 4.0}, {"a": None, "c": 6.0}))
    }
    assert (pieces["a"].joules, pieces["a"].is_lower_bound) == (15.0, True)
    assert (pieces["b"].joules, pieces["b"].is_lower_bound) == (2.0, False)
    assert pieces["c"].joules == 3.0
    html = phase_chart("phases", replace(STUDY, groups=(with_phases({"a": 30.0}, {"a": None}),)))
    assert "pi: ≥ 15.00 J" in html


@given(st.lists(st.lists(JOULES, min_size=1, max_size=3), min_size=1, max_size=4))
def test_pieces_adjoin_within_the_drawing_and_rows_do_not_overlap(
    groups: list[list[dict[str, float | None]]],
) -> None:
    study = replace(STUDY, groups=tuple(with_phases(*runs) for runs in groups))
    html = phase_chart("phases", study)
    if not html:
        assert all(piece.joules == 0 for group in study.groups for piece in pieces_of(group))
        return
    page = outline(html)
    ends: dict[float, float] = {}
    for piece in page.all("rect", "piece"):
        x, width, y = (float(piece[name]) for name in ("x", "width", "y"))
        assert x == pytest.approx(ends.get(y, 0.0), abs=0.25)
        ends[y] = x + width
        assert ends[y] <= plot.WIDTH + 0.2
        assert y >= 0
        assert y + float(piece["height"]) <= plot.HEIGHT + 0.2
    assert len(ends) == sum(bool(pieces_of(group)) for group in study.groups)


def test_time_without_a_phase_is_grey_and_phases_keep_their_colours() -> None:
    page = outline(phase_chart("phases", STUDY))
    classes = [piece["class"] for piece in page.all("rect", "piece")]
    assert classes == ["piece p0", "piece p1", "piece p2", "piece p-untagged"] * 2
    assert [text for tag, text in page.texts if tag == "li"] == ["load", "training", "evaluation", "untagged"]
    (described,) = [text for tag, text in page.texts if tag == "desc"]
    assert "training" in described


def test_without_phases_there_is_no_chart() -> None:
    assert phase_chart("phases", replace(STUDY, groups=(with_phases({}),))) == ""
