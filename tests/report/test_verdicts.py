from dataclasses import replace

from support.pages import outline
from support.simulated_runs import PI, PI_K3S, VM
from support.studies import NOT_COMPARABLE, study_of
from wattwatch.report.stats.records import Caution
from wattwatch.report.verdicts import caution_section, verdict_section

STUDY, _ = study_of((PI, VM), 6)
FEW = Caution("few-repetitions", "only 5 repetitions: make more")


def test_a_pair_has_its_ratios_by_name_and_its_verdicts_in_words() -> None:
    page = outline("".join(verdict_section(STUDY)))
    names = [text for tag, text in page.texts if tag == "dt"]
    assert names == ["ratio of energy", "ratio of mean power", "ratio of time"]
    said = [text for tag, text in page.texts if tag == "li"]
    assert said == [
        contrast.verdict
        for key in ("energy_joules", "mean_power_watts", "duration_seconds")
        for contrast in STUDY.contrasts
        if contrast.measure == key
    ]
    assert [text for tag, text in page.texts if tag == "h3"] == ["vm against pi"]


def test_what_speaks_against_it_stands_beside_it_once() -> None:
    text = outline("".join(verdict_section(STUDY))).text()
    assert text.count("Beware:") == 1
    assert text.count(NOT_COMPARABLE.text) == 1


def test_a_ratio_that_is_not_defined_or_has_no_interval_says_so() -> None:
    energy, *others = STUDY.contrasts
    ratio = energy.difference.ratio
    assert ratio is not None
    without = replace(energy, difference=replace(energy.difference, ratio=None))
    assert "not defined" in "".join(verdict_section(replace(STUDY, contrasts=(without, *others))))
    bare = replace(energy, difference=replace(energy.difference, ratio=replace(ratio, low=None, high=None)))
    assert "no interval" in "".join(verdict_section(replace(STUDY, contrasts=(bare, *others))))


def test_one_group_is_not_compared() -> None:
    text = "".join(verdict_section(replace(STUDY, contrasts=(), groups=STUDY.groups[:1])))
    assert "nothing to compare" in text
    assert 'class="cards"' not in text


def test_an_interaction_is_told_before_the_pairs() -> None:
    html = "".join(verdict_section(replace(STUDY, interaction="K3s costs the Pi more than the VM")))
    assert html.index("K3s costs the Pi more") < html.index("against")


def test_more_than_twelve_pairs_are_cards_for_the_first_and_a_line_for_the_rest() -> None:
    setups = [replace(PI, name=f"pi {number}") for number in range(6)]
    study, _ = study_of(setups, 2)
    html = "".join(verdict_section(study))
    assert html.count("<section") == 12
    assert "3 more pairs are in the table of differences" in html


def test_cautions_are_told_by_whom_they_concern_and_once() -> None:
    pi, vm = STUDY.groups
    energy = replace(pi.summaries["energy_joules"], cautions=(FEW,))
    groups = (
        replace(pi, summaries={"energy_joules": energy}, cautions=(FEW, NOT_COMPARABLE)),
        replace(vm, summaries={}),
    )
    parts = list(caution_section(replace(STUDY, groups=groups, cautions=(NOT_COMPARABLE, NOT_COMPARABLE))))
    assert len(parts) == 2
    assert parts[0].count(NOT_COMPARABLE.text) == 1
    assert f"<strong>pi:</strong> {FEW.text}; energy: {FEW.text}" in parts[1]


def test_a_study_without_cautions_has_none() -> None:
    study, _ = study_of((PI, PI_K3S), 2)
    groups = tuple(replace(group, summaries={}) for group in study.groups)
    assert list(caution_section(replace(study, groups=groups))) == []
