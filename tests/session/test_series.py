"""A series of runs: what is done stays done; its report with and without what statistics need."""

import sys
from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pytest

from support import run_documents
from support.clock import FakeClock
from wattwatch.errors import ClientError, WattwatchError
from wattwatch.reading import Instant
from wattwatch.runs.labels import POSITION, VARIANT, WARMUP
from wattwatch.session.command import CommandError, Outcome
from wattwatch.session.cooldown import CoolDown, CoolingRoom
from wattwatch.session.measure import MeasuredRun, WantedRun
from wattwatch.session.progress import Progress
from wattwatch.session.sequence import variant_names
from wattwatch.session.series import Interruption, Series, SeriesResult, WantedSeries, run_end_line
from wattwatch.session.series_result import SeriesReport, report_document, report_lines, series_report

SLOW, FAST = ("slow",), ("fast", "-x")
SIGINT = 2
Happen = Callable[[int], MeasuredRun | None]


class Measuring:
    """Measures nothing: a slow run is 200 J, a fast one 100 J and a little more each time."""

    def __init__(self, happen: Happen = lambda _: None) -> None:
        self.clock = FakeClock()
        self.ran: list[WantedRun] = []
        self.happen = happen

    def __call__(self, run: WantedRun, title: str) -> MeasuredRun:
        assert title
        place = len(self.ran) + 1
        start = self.clock.now()
        other = self.happen(place)
        if other is not None:
            self.ran.append(run)
            return other
        self.ran.append(run)
        joules = (200.0 if run.command == SLOW else 100.0) + place
        document = run_documents.run(place, run_documents.node(joules), labels=dict(run.labels))
        return MeasuredRun(
            f"r{place}", Outcome(start, self.clock.advance(50.0), 0, cancelled=False), document
        )


def wanted(**options: object) -> WantedSeries:
    commands = (SLOW, FAST)
    fields = {"commands": commands, "variants": variant_names(commands), "repeat": 3, **options}
    return WantedSeries(**fields)  # type: ignore[arg-type]


def ran(
    of: WantedSeries, measuring: Measuring | None = None, interruption: Interruption | None = None
) -> tuple[SeriesResult, str]:
    """The result of a series, and what was said."""
    measuring, said = measuring or Measuring(), StringIO()
    clock = measuring.clock

    def sleep(seconds: float) -> None:
        clock.advance(seconds)

    room = CoolingRoom(of.cooldown, None, clock, sleep)  # type: ignore[arg-type]
    series = Series(
        of,
        WantedRun(SLOW, labels={"lr": "0.1"}),
        "s1",
        measure_one=measuring,
        room=room,
        progress=Progress(said),
        interruption=interruption or Interruption(),
    )
    return series.run(), said.getvalue()


def outcome(exit_status: int = 0, interrupted_by: int = 0) -> MeasuredRun:
    edges = Instant("boot-1", 1.0), Instant("boot-1", 3.0)
    return MeasuredRun(
        "r", Outcome(*edges, exit_status, cancelled=False, interrupted_by=interrupted_by), None, "x"
    )


def test_all_turns_are_made_in_order_and_labelled() -> None:
    measuring = Measuring()
    result, said = ran(wanted(warmup=1), measuring)
    assert [run.command for run in measuring.ran] == [SLOW, FAST] * 4
    assert [run.labels[POSITION] for run in measuring.ran] == [str(place) for place in range(1, 9)]
    assert [WARMUP in run.labels for run in measuring.ran] == [True] * 2 + [False] * 6
    assert {run.labels["lr"] for run in measuring.ran} == {"0.1"}
    assert (result.shortfall, result.exit_status, len(result.runs)) == ("", 0, 8)
    assert "wattwatch: warm-up 1/2 · slow\n" in said
    assert "wattwatch: run 6/6 · fast -x\n" in said
    assert "run 1/6 · slow · 0:50 · 203.0 J ± 0.5 J (simulated) · 4.06 W" in said


def test_it_cools_down_between_runs_but_not_before_the_first() -> None:
    measuring = Measuring()
    ran(wanted(cooldown=CoolDown(seconds=10)), measuring)
    assert measuring.clock.boot_seconds == 1000.0 + 6 * 50.0 + 5 * 10.0


def test_ctrl_c_in_a_run_keeps_what_is_done_and_says_what_is_missing() -> None:
    measuring = Measuring(lambda place: outcome(130, SIGINT) if place == 3 else None)
    result, _ = ran(wanted(), measuring)
    assert len(measuring.ran) == 3
    assert result.shortfall == "interrupted: 2 of 6 repetitions done, 4 missing"
    assert result.exit_status == 130


def test_ctrl_c_between_runs_does_too() -> None:
    interruption = Interruption()

    def happen(place: int) -> None:
        if place == 3:
            interruption.number = SIGINT
            raise KeyboardInterrupt

    result, _ = ran(wanted(), Measuring(happen), interruption)
    assert (len(result.runs), result.exit_status) == (2, 130)
    assert result.shortfall.startswith("interrupted: 2 of 6")


def test_a_command_that_fails_is_a_run_unless_it_is_to_stop_there() -> None:
    def fails(place: int) -> MeasuredRun | None:
        return outcome(exit_status=3) if place == 2 else None

    result, said = ran(wanted(), Measuring(fails))
    assert (len(result.runs), result.exit_status, result.shortfall) == (6, 3, "")
    assert "exit status 3" in said
    result, _ = ran(wanted(stop_on_failure=True), Measuring(fails))
    assert (len(result.runs), result.exit_status) == (2, 3)
    assert result.shortfall == "stopped after a failure: 2 of 6 repetitions done, 4 missing"


@pytest.mark.parametrize(
    ("error", "status"), [(CommandError("no such command", 127), 127), (ClientError("refused", 403), 125)]
)
def test_what_ends_it_early_is_told_and_the_rest_kept(error: WattwatchError, status: int) -> None:
    def happen(place: int) -> None:
        if place == 4:
            raise error

    result, _ = ran(wanted(), Measuring(happen))
    assert (len(result.runs), result.error, result.exit_status) == (3, error, status)
    assert result.shortfall == "ended: 3 of 6 repetitions done, 3 missing"


def test_a_daemon_that_is_being_restarted_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattwatch.session.series._RETRY_SECONDS", 0.0)
    left = [2]

    def happen(place: int) -> None:
        if place == 2 and left[0]:
            left[0] -= 1
            raise ClientError("nobody there")

    result, _ = ran(wanted(), Measuring(happen))
    assert (len(result.runs), result.error) == (6, None)


def test_a_run_whose_energy_nobody_told_says_so() -> None:
    assert run_end_line("run 1/2", outcome()) == "run 1/2 · 0:02 · energy unknown: x"


def report(result: SeriesResult) -> SeriesReport:
    return series_report(result, "study", ["of the output"])


def test_the_report_compares_the_variants_and_says_what_is_missing() -> None:
    result, _ = ran(wanted(repeat=4), Measuring(lambda place: outcome(130, SIGINT) if place == 8 else None))
    made = report(result)
    assert made.study is not None
    assert [group.name for group in made.study.groups] == ["fast -x", "slow"]
    document = report_document(made)
    assert len(document["runs"]) == 7
    assert document["comparison"] is not None
    assert [group["name"] for group in document["groups"]] == ["fast -x", "slow"]
    assert "interrupted: 7 of 8 repetitions done, 1 missing" in document["warnings"]
    assert "of the output" in document["warnings"]
    text = "\n".join(report_lines(made))
    assert "median [95 % interval]" in text
    assert "warning: interrupted: 7 of 8 repetitions done, 1 missing" in text


def test_without_the_extra_there_is_no_comparison_but_a_table_and_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "wattwatch.report.compare", None)
    result, _ = ran(wanted(warmup=1))
    made = report(result)
    document = report_document(made)
    assert document["comparison"] is None
    assert any("pip install 'wattwatch[report]'" in warning for warning in document["warnings"])
    groups = {group["name"]: group["summaries"]["energy_joules"] for group in document["groups"]}
    assert groups["slow"]["median"]["value"] == 205.0  # 203, 205, 207: the warm-up is not in it
    assert groups["slow"]["count"] == 3
    text = "\n".join(report_lines(made))
    assert "205.0 J" in text
    assert "[" not in text.splitlines()[0]


def test_of_a_series_without_any_figure_nothing_is_pretended() -> None:
    result, _ = ran(wanted(), Measuring(lambda _: outcome()))
    made = report(result)
    document = report_document(made)
    assert (document["runs"], document["groups"], document["comparison"]) == ([], [], None)
    assert "6 of 6 runs: energy unknown: x" in document["warnings"]


def test_labels_of_variants_are_the_groups() -> None:
    measuring = Measuring()
    ran(replace(wanted(), variants=("one", "two")), measuring)
    assert {run.labels[VARIANT] for run in measuring.ran} == {"one", "two"}
