import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from support.pages import outline
from support.studies import study_of
from wattwatch.report import plot
from wattwatch.report.epochs import EpochRuns, epochs_section, study_epochs

STUDY, _ = study_of(count=3)


def epoch(number: int | None, joules: float | None = 50.0, **more: Any) -> dict[str, Any]:
    return {"epoch": number, "energy_joules": joules, "duration_seconds": 8.0, "mean_power_watts": 6.2} | more


def section(*groups: EpochRuns, simulated: bool = False) -> str:
    return "".join(epochs_section(groups, simulated=simulated))


def one_run(*epochs: dict[str, Any]) -> EpochRuns:
    return EpochRuns("run", 0, (epochs,))


def rows(html: str) -> list[list[str]]:
    return [re.findall(r">([^<>]*)</t[hd]>", row) for row in html.split("<tr>")[1:]]


def test_epochs_are_a_chart_and_a_table_with_what_training_reported() -> None:
    html = section(one_run(epoch(1, 50.0, values={"loss": 0.51234}), epoch(2, 40.0, values={"loss": 0.25})))
    page = outline(html)
    assert len(page.all("path", "epoch")) == 1
    head, first, second = rows(html)
    assert head[-1] == "loss"
    assert first == ["1", "8.00 s", "50.00 J", "6.20 W", "unknown", "unknown", "0.5123"]
    assert second[2] == "40.00 J"


def test_nothing_without_epochs_and_no_chart_without_their_energy() -> None:
    assert section() == ""
    assert section(EpochRuns("run", 0, ())) == ""
    html = section(one_run(epoch(1, None)))
    assert "<svg" not in html
    assert rows(html)[1][2] == "unknown"


def test_epochs_of_several_runs_are_medians() -> None:
    group = EpochRuns("pi", 0, ((epoch(1, 10.0),), (epoch(1, 30.0),), (epoch(1, 20.0), epoch(2, 5.0))))
    html = section(group, EpochRuns("vm", 1, ((epoch(1, 7.0),),)))
    assert "medians of the runs" in html
    found = rows(html)
    assert [row for row in found if len(row) > 1][1][:4] == ["1", "3", "8.00 s", "20.00 J"]
    assert ["pi"] in found
    assert ["vm"] in found


def test_a_study_has_the_epochs_of_what_counts() -> None:
    groups = study_epochs(STUDY)
    assert [(group.name, len(group.runs)) for group in groups] == [("pi", 2), ("vm", 3)]
    page = outline(section(*groups, simulated=True))
    assert len(page.all("path", "epoch")) == 5
    assert "SIMULATED" in page.text()


def test_an_epoch_that_does_not_tell_its_number_has_its_place() -> None:
    assert [row[0] for row in rows(section(one_run(epoch(None), epoch(None))))[1:]] == ["1", "2"]


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e9)), min_size=1, max_size=600))
def test_many_epochs_stay_inside_the_drawing_and_few_rows(joules: list[float | None]) -> None:
    html = section(one_run(*(epoch(number, value) for number, value in enumerate(joules, 1))))
    page = outline(html)
    for line in page.all("path", "epoch"):
        for x, y in re.findall(r"([\d.]+) (-?[\d.]+)", line["d"]):
            assert 0 <= float(x) <= plot.WIDTH
            assert -0.1 <= float(y) <= plot.HEIGHT + 0.1
        assert line["d"].count("L") <= 400
    assert len(rows(html)) <= 42
    if len(joules) > 40:
        assert f"… {len(joules) - 40} more" in html
