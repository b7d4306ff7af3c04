import re
from dataclasses import replace

from support.pages import Outline, outline
from support.simulated_runs import PI, PI_K3S, VM
from support.studies import study_of
from wattwatch.report import study_tables as tables
from wattwatch.report.stats.records import Estimate

STUDY, _ = study_of((PI, VM), 6)


def rows(html: str) -> list[list[str]]:
    return [re.findall(r">([^<>]*)</t[hd]>", row) for row in html.split("<tr>")[1:]]


def checked(html: str) -> Outline:
    page = outline(html)
    assert len(page.all("caption")) == len(page.all("table")) == len(page.all("div", "scroll")) == 1
    assert all(head["scope"] in ("col", "row", "rowgroup") for head in page.all("th"))
    (region,) = page.all("div", "scroll")
    assert region["tabindex"] == "0"
    assert region["aria-label"]
    columns = {len(row) for row in rows(html)} - {1}
    assert len(columns) == 1, "every row has a cell in every column"
    return page


def test_groups_have_every_figure_with_interval_and_range() -> None:
    html = tables.groups_table(STUDY)
    checked(html)
    energy = STUDY.groups[0].summaries["energy_joules"]
    found = rows(html)
    title = found.index(["energy, J"])
    low, high = energy.median.low, energy.median.high
    assert low is not None
    assert high is not None
    assert found[title + 1][:3] == ["pi", "5", f"≥ {energy.median.value:,.0f} [{low:,.0f}, {high:,.0f}]"]
    assert found[title + 1][-1] == f"{energy.minimum:,.0f} to {energy.maximum:,.0f}"


def test_a_group_of_which_a_figure_is_unknown_says_so() -> None:
    pi, vm = STUDY.groups
    html = tables.groups_table(replace(STUDY, groups=(replace(pi, summaries={}), vm)))
    assert ["pi", "0", *["unknown"] * 4] in rows(html)


def test_contrasts_name_their_ratios_tests_and_effects() -> None:
    html = tables.contrasts_table(STUDY)
    checked(html)
    found = rows(html)
    assert found[1] == ["vm against pi"]
    assert [row[0] for row in found[2:]] == ["energy", "time", "mean power"]
    energy = found[2]
    assert re.fullmatch(r"0\.\d{3} \N{MULTIPLICATION SIGN} \[0\.\d{3}, 0\.\d{3}\]", energy[1])
    assert energy[2].endswith(" J")
    assert energy[3] == "0.004"  # 2 / C(11, 5): the least of 5 and 6 runs
    assert energy[4] == "Cliff&#x27;s delta -1.00"
    assert energy[5] == "unknown"


def test_what_has_no_ratio_and_is_not_metered_says_so_and_phases_have_a_table_of_their_own() -> None:
    energy = STUDY.contrasts[0]
    heat = replace(energy, measure="temperature_max_celsius")
    of_phase = replace(energy, phase="training", resolvable=False)
    study = replace(STUDY, contrasts=(replace(energy, resolvable=True), heat, of_phase))
    first, second = rows(tables.contrasts_table(study))[2:]
    assert (first[0], first[-1]) == ("energy", "yes")
    assert (second[1], second[-1]) == ("no ratio of °C", "not metered")
    phases = tables.phase_contrasts_table(study)
    checked(phases)
    assert (rows(phases)[2][0], rows(phases)[2][-1]) == ("training: energy", "no")
    assert tables.phase_contrasts_table(STUDY) == ""


def test_one_group_has_no_contrasts() -> None:
    assert tables.contrasts_table(replace(STUDY, contrasts=())) == ""


def test_ratios_and_p_values_that_are_not_there_are_words() -> None:
    assert tables.ratio_text(None) == "not defined"
    assert tables.ratio_text(Estimate(1.5)).startswith("1.500 ")
    assert tables.p_text(None) == "no test"
    assert tables.p_text(0.0001) == "< 0.001"
    assert tables.p_text(0.0421) == "0.042"


def test_phases_stand_side_by_side_and_one_that_a_group_has_not_is_named() -> None:
    checked(tables.phases_table(STUDY))
    pi, vm = STUDY.groups
    without = replace(STUDY, groups=(pi, replace(vm, phases={})))
    assert ["vm", "0", *["no such phase"] * 3] in rows(tables.phases_table(without))
    assert tables.phases_table(replace(STUDY, groups=(replace(pi, phases={}),))) == ""


def test_meters_with_scope_quality_coverage_and_class() -> None:
    html = tables.measured_table(STUDY)
    checked(html)
    found = rows(html)
    class_text = "± 1.2 % of the reading and ± 15 mW"
    covered = found[2][5]
    assert found[2] == ["pi-1", "meter", "UM24C", "board", "simulated", covered, class_text]
    assert re.fullmatch(r"9\d\.\d%", covered)  # one of its runs has a gap
    assert found[4] == ["vm-1", "rapl", "unknown", "package", "simulated", "100.0%", "unknown"]


def test_doubt_is_told_cause_by_cause() -> None:
    html = tables.uncertainty_table(STUDY)
    checked(html)
    pi, vm = rows(html)[1:]
    assert pi[2].startswith("sd ")
    assert pi[4:] == ["± 1.10 J", "± 0 J", "12.5 s", "unknown"]
    assert vm[6] == "0.00 s"
    nothing = replace(
        STUDY, groups=(replace(STUDY.groups[0], uncertainty_joules=None, summaries={}),), documents=()
    )
    assert rows(tables.uncertainty_table(nothing))[1][1:3] == ["unknown", "unknown"]


def test_a_baseline_has_its_kind_and_day() -> None:
    known = {"baseline": {"kind": "bare", "watts": 2.9, "measured_at": "2025-06-01T10:00:00Z"}}
    assert tables.baseline_text(known) == "2.90 W (bare, measured 2025-06-01)"
    assert tables.baseline_text({"baseline": None}) == "unknown"


def test_every_run_is_listed_with_its_id_and_why_it_is_not_counted() -> None:
    html = tables.runs_table(STUDY)
    checked(html)
    found = [row for row in rows(html)[1:] if len(row) > 1]
    assert [row[0] for row in found] == [one.run_id for group in STUDY.groups for one in group.repetitions]
    assert [row[-1] for row in found] == ["no: warm-up", *["yes"] * 11]
    assert found[2][6].startswith("≥ ")  # its gap makes a lower bound of the energy
    assert re.fullmatch(r"[\d.]+ °C → [\d.]+ °C \(\+[\d.]+ K\)", found[0][8])


def test_temperatures_are_a_table_where_they_are_known() -> None:
    checked(tables.warming_table(STUDY))
    assert tables.warming_table(replace(STUDY, documents=())) == ""


def test_three_groups_have_three_pairs() -> None:
    three, _ = study_of((PI, PI_K3S, VM), 2)
    titles = [row[0] for row in rows(tables.contrasts_table(three)) if len(row) == 1]
    assert titles == ["pi, k3s against pi", "vm against pi", "vm against pi, k3s"]
