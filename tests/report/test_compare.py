"""Comparisons: what is grouped, counted, tested, flagged and said."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.run_documents import node, run, series
from wattwatch.errors import RunError
from wattwatch.report.compare import CompareOptions, compare
from wattwatch.report.stats.difference import difference
from wattwatch.report.study import Contrast, Group, Study

PI = [100.0, 101.0, 99.0, 100.5, 98.5, 102.0, 97.9, 100.7]
VM = [130.0, 131.0, 128.0, 129.5, 132.0, 130.4, 127.7, 131.3]


def two_devices(**other: Any) -> list[dict[str, Any]]:
    """Interleaved, as they should be."""
    return series("pi", PI, 0, 2) + series("vm", VM, 1, 2, **other)


def contrast(study: Study, measure: str, phase: str = "") -> Contrast:
    (found,) = (c for c in study.contrasts if (c.measure, c.phase) == (measure, phase))
    return found


def codes(holder: Any) -> set[str]:
    return {caution.code for caution in holder.cautions}


def only_group(documents: list[dict[str, Any]]) -> Group:
    (group,) = compare(documents).groups
    return group


def test_groups_are_the_values_of_a_label_in_order_with_their_runs() -> None:
    study = compare(two_devices(), ["device"])
    assert [(group.name, len(group.counted)) for group in study.groups] == [("pi", 8), ("vm", 8)]
    assert [r.number for r in study.groups[1].repetitions] == list(range(1, 9))
    assert study.groups[0].summaries["energy_joules"].median.value == pytest.approx(100.25)
    assert study.groups[0].phases["training"]["energy_joules"].count == 8
    assert study.is_simulated


def test_a_contrast_is_the_difference_of_the_counted_runs() -> None:
    found = contrast(compare(two_devices(), ["device"]), "energy_joules")
    assert found.difference == difference(PI, VM)
    assert (found.one, found.other) == ("pi", "vm")
    assert found.p_value_holm == found.difference.p_value  # of one pair
    assert "vm uses 30 % more energy than pi" in found.verdict
    assert found.resolvable  # the same meter: its gain is common


def test_ratios_of_energy_and_of_mean_power_stand_beside_each_other() -> None:
    study = compare(two_devices(seconds=25.0), ["device"])
    energy, power = (contrast(study, key).difference.ratio for key in ("energy_joules", "mean_power_watts"))
    assert energy is not None
    assert power is not None
    assert energy.value == pytest.approx(1.30, abs=0.01)
    assert power.value == pytest.approx(2.6, abs=0.02)  # in half the time
    assert "less time" in contrast(study, "duration_seconds").verdict


def test_a_board_against_a_package_is_never_a_verdict_alone() -> None:
    study = compare(two_devices(scope="package", source="rapl", meter_model=None), ["device"])
    for measure in ("energy_joules", "mean_power_watts", "peak_power_watts"):
        found = contrast(study, measure)
        assert found.verdict.startswith("not comparable in absolute terms (pi: board, simulated; vm: package")
        assert "scopes-differ" in codes(found)
        assert found.resolvable is None
    assert "not comparable" not in contrast(study, "temperature_max_celsius").verdict


def test_figures_of_different_quality_are_flagged() -> None:
    found = contrast(compare(two_devices(quality="model"), ["device"]), "energy_joules")
    assert "qualities-differ" in codes(found)
    assert "not comparable in absolute terms" in found.verdict


def test_different_meters_make_small_differences_not_resolvable() -> None:
    close = [value * 1.012 for value in PI]
    documents = series("pi", PI, 0, 2) + series("other", close, 1, 2, node="pi-2", source="meter-2")
    found = contrast(compare(documents, ["device"]), "energy_joules")
    assert found.resolvable is False
    assert "equivalent" not in found.verdict
    same = compare(series("pi", PI, 0, 2) + series("other", close, 1, 2), ["device"])
    assert contrast(same, "energy_joules").resolvable


def test_warm_ups_and_failures_are_shown_but_not_counted() -> None:
    documents = series("pi", PI)
    documents[0]["labels"] |= {"wattwatch.warmup": "true"}
    documents[1]["state"] = "failed"
    documents[2] |= {"state": "running", "completeness": "provisional"}
    group = only_group(documents)
    assert [r.reason_left_out for r in group.repetitions[:3]] == ["warm-up", "failed", "it still runs"]
    assert group.summaries["energy_joules"].count == 5
    assert "left-out" in codes(group)


def test_of_a_series_the_numbers_are_those_of_its_labels() -> None:
    documents = [
        run(
            index,
            node(value),
            labels={"wattwatch.repetition": str(9 - index), "wattwatch.position": str(index + 1)},
        )
        for index, value in enumerate(PI)
    ]
    group = only_group(documents)
    assert [(r.number, r.position) for r in group.repetitions] == [(9 - i, i + 1) for i in range(8)]


def test_unknown_energy_is_not_zero_and_counts_nowhere() -> None:
    documents = [*series("pi", PI), run(30, node(None)), run(31, node(None))]
    group = only_group(documents)
    assert group.summaries["energy_joules"].count == 8
    assert group.summaries["duration_seconds"].count == 10
    assert "energy-unknown" in codes(group)
    assert group.uncertainty_joules is None
    nothing = only_group([run(1, node(None))])
    assert "energy_joules" not in nothing.summaries


def test_missing_time_makes_lower_bounds() -> None:
    documents = series("pi", PI)
    documents[3]["nodes"] = [node(90.0, missing=5.0)]
    group = only_group(documents)
    assert "lower-bound" in codes(group)
    assert group.measured[0].covered_ratio == pytest.approx(0.9)


def test_of_several_nodes_energies_add_up_only_if_all_are_known() -> None:
    both = run(
        1, node(100.0), node(50.0, node="pi-2", temperature_celsius={"zone": "z", "start": 1, "max": 70.0})
    )
    half = run(2, node(100.0), node(None, node="pi-2"))
    group = only_group([both, half])
    assert group.repetitions[0].figures["energy_joules"] == 150.0
    assert group.repetitions[0].figures["temperature_max_celsius"] == 70.0
    assert group.repetitions[0].figures["peak_power_watts"] is None  # peaks need not be at the same time
    assert group.repetitions[0].phases["training"]["energy_joules"] == 150.0
    assert group.repetitions[1].figures["energy_joules"] is None
    assert {entry.node for entry in group.measured} == {"pi-1", "pi-2"}


def test_nodes_that_disagree_are_said() -> None:
    documents = [
        run(1, node()),
        run(2, node(scope="package", quality="sensor", source="rapl", meter_model=None)),
    ]
    group = only_group(documents)
    assert {"scopes-mixed", "qualities-mixed", "sources-mixed"} <= codes(group)
    assert group.scopes == ("board", "package")
    assert group.quality == "simulated"


def test_warnings_of_runs_travel_and_are_counted() -> None:
    documents = series("pi", PI)
    for index in (1, 4, 6):
        documents[index]["warnings"] = [f"{index}.0 s of 50.0 s are missing", "throttled"]
    texts = [caution.text for caution in only_group(documents).cautions]
    assert "3 of 8 runs: throttled" in texts
    assert "3 of 8 runs: such as: 1.0 s of 50.0 s are missing" in texts


def test_a_cold_first_run_and_a_drift_are_named() -> None:
    cold = only_group(series("pi", [130.0, *PI]))
    assert "cold-first-run" in codes(cold)
    drifting = series("pi", [100.0 + 2 * index for index in range(10)])
    for index, document in enumerate(drifting):
        document["nodes"][0]["temperature_celsius"] = {"zone": "z", "start": 40.0 + index, "max": 60.0}
    assert "drift-with-temperature" in codes(only_group(drifting))


def in_series(first: list[float], second: list[float], *, interleaved: bool) -> list[dict[str, Any]]:
    places = (range(1, 17, 2), range(2, 18, 2)) if interleaved else (range(1, 9), range(9, 17))
    return [
        run(
            place,
            node(value),
            labels={"wattwatch.variant": name, "wattwatch.series": "S", "wattwatch.position": str(place)},
        )
        for name, values, of_variant in (("a", first, places[0]), ("b", second, places[1]))
        for place, value in zip(of_variant, values, strict=True)
    ]


def test_one_after_the_other_is_no_order_to_compare_by() -> None:
    blocks = compare(in_series(PI, VM, interleaved=False))
    assert blocks.by == ("variant",)
    assert "not-shuffled" in codes(contrast(blocks, "energy_joules"))
    interleaved = compare(in_series(PI, VM, interleaved=True))
    assert not {"not-shuffled", "drift-between"} & codes(contrast(interleaved, "energy_joules"))


def test_one_repetition_is_no_test() -> None:
    study = compare([*series("pi", [100.0]), *series("vm", [200.0], 5)], ["device"])
    found = contrast(study, "energy_joules")
    assert found.difference.p_value is None
    assert found.verdict.startswith("no verdict")
    (summary,) = {group.summaries["energy_joules"].median.low for group in study.groups}
    assert summary is None


def test_holm_over_the_pairs_of_a_measure() -> None:
    third = [value + 4 for value in PI]
    documents = [*two_devices(), *series("third", third, 20)]
    study = compare(documents, ["device"])
    whole = [c for c in study.contrasts if (c.measure, c.phase) == ("energy_joules", "")]
    assert len(whole) == 3
    assert all(c.p_value_holm is not None and c.difference.p_value is not None for c in whole)
    assert max(c.p_value_holm or 0 for c in whole) >= max(c.difference.p_value or 0 for c in whole)
    assert min(c.p_value_holm or 0 for c in whole) == pytest.approx(
        3 * min(c.difference.p_value or 0 for c in whole)
    )
    against = compare(documents, ["device"], options=CompareOptions(reference="vm"))
    assert {(c.one, c.other) for c in against.contrasts} == {("vm", "pi"), ("vm", "third")}


def test_equivalence_and_detection_on_request() -> None:
    alike = series("pi", PI, 0, 2) + series("copy", [value + 0.2 for value in PI], 1, 2)
    options = CompareOptions(equivalence_ratio=0.05, detect_ratio=0.02)
    study = compare(alike, ["device"], options=options)
    equivalent = contrast(study, "energy_joules").equivalence
    assert equivalent is not None
    assert equivalent.is_equivalent
    assert equivalent.margin == pytest.approx(0.05 * sum(value + 0.2 for value in PI) / 8)
    assert contrast(study, "temperature_max_celsius").equivalence is None
    assert sum("runs in each group show a difference of 2.00%" in sentence for sentence in study.method) == 2


def test_welch_on_request() -> None:
    study = compare(two_devices(), ["device"], options=CompareOptions(method="welch"))
    assert contrast(study, "energy_joules").difference == difference(PI, VM, method="welch")


def four_cells(k3s_on_vm: float) -> list[dict[str, Any]]:
    documents = []
    for place, (device, base) in enumerate((("pi", PI), ("vm", VM))):
        for platform, factor in (("bare", 1.0), ("k3s", 1.05 if device == "pi" else k3s_on_vm)):
            documents += [
                run(index, node(value * factor), labels={"device": device, "platform": platform})
                for index, value in enumerate(base, 1 + 10 * place + 20 * (platform == "k3s"))
            ]
    return documents


def test_two_factors_have_all_cells_and_an_interaction_in_words() -> None:
    study = compare(four_cells(1.25), ["device", "platform"])
    assert [group.name for group in study.groups] == ["pi, bare", "pi, k3s", "vm, bare", "vm, k3s"]
    assert "k3s against bare changes the energy by +5.0% [" in study.interaction
    assert "these two differ (ratio of the two 1.19" in study.interaction
    alike = compare(four_cells(1.05), ["device", "platform"])
    assert "a difference between these two is not shown by these data" in alike.interaction


def test_an_empty_cell_is_said() -> None:
    documents = [d for d in four_cells(1.25) if d["labels"] != {"device": "vm", "platform": "k3s"}]
    study = compare(documents, ["device", "platform"])
    assert study.interaction == "There is no energy for vm, k3s: k3s against bare cannot be judged."


@pytest.mark.parametrize(
    ("by", "reference", "said"),
    [
        (["colour"], "", "no run has 'colour'; there are command, device"),
        (["device", "device"], "", "named twice"),
        (["device"], "mars", "there is no such group, only 'pi', 'vm'"),
    ],
)
def test_what_cannot_be_compared_is_one_line(by: list[str], reference: str, said: str) -> None:
    with pytest.raises(RunError, match=said) as caught:
        compare(two_devices(), by, options=CompareOptions(reference=reference))
    assert "\n" not in str(caught.value)


def test_no_runs_and_too_many_groups_are_one_line() -> None:
    with pytest.raises(RunError, match="no runs to compare"):
        compare([])
    many = [run(index % 60, labels={"k": str(index)}) | {"run_id": f"r{index}"} for index in range(101)]
    with pytest.raises(RunError, match="101 groups"):
        compare(many, ["k"])


def test_of_many_groups_each_is_compared_with_the_first() -> None:
    documents = [d for index in range(9) for d in series(f"d{index}", PI[:3], 5 * index)]
    study = compare(documents, ["device"])
    assert {c.one for c in study.contrasts} == {"d0"}
    assert codes(study) == {"many-groups"}


def test_runs_without_the_label_are_a_group_of_their_own() -> None:
    study = compare([*two_devices(), run(40)], ["device"])
    assert [group.name for group in study.groups] == ["(none)", "pi", "vm"]


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=12), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=25)
def test_the_order_in_which_documents_come_changes_nothing(values: list[float], random: Any) -> None:
    documents = series("pi", values)
    shuffled = random.sample(documents, len(documents))
    assert compare(documents) == compare(shuffled)
    group = only_group(documents)
    assert group.summaries["energy_joules"].minimum == min(values)
    assert group.summaries["energy_joules"].maximum == max(values)
