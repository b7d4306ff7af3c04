"""The laws that the simulated meter keeps, in simulated time only."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattwatch.errors import ConfigError, FrameError
from wattwatch.sources.um.protocol import MODELS, UM24C, UM25C, UM34C, Frame, Model, decode
from wattwatch.sources.um.resync import frames
from wattwatch.sources.um.simulator import MeterSettings, SimulatedMeter, TruthRow
from wattwatch.sources.um.simulator_faults import FaultKind, FaultPlan, parse_fault
from wattwatch.sources.um.simulator_profiles import Point, TableProfile, constant, inference

models = st.sampled_from(list(MODELS.values()))
POLL = 0xF0
CLEAR = 0xF4


def meter(watts: float = 5.0, model: Model = UM24C, *faults: str) -> SimulatedMeter:
    return SimulatedMeter(constant(watts), FaultPlan(tuple(map(parse_fault, faults))), MeterSettings(model))


def answer(simulated: SimulatedMeter) -> bytes:
    return b"".join(fragment.data for fragment in simulated.reply(POLL))


def shown(simulated: SimulatedMeter) -> Frame:
    return decode(answer(simulated))


def frame_at(simulated: SimulatedMeter, seconds: float) -> Frame:
    simulated.advance_to(seconds)
    return shown(simulated)


def milliwatt_hours(rows: list[TruthRow]) -> float:
    return rows[-1].displayed_joules / 3.6


@given(model=models, watts=st.floats(0, 70), seconds=st.floats(0, 300), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_every_frame_is_one_that_the_real_ones_send(
    model: Model, watts: float, seconds: float, seed: int
) -> None:
    simulated = SimulatedMeter(constant(watts), settings=MeterSettings(model, seed=seed))
    frame = frame_at(simulated, seconds)
    assert frame.model is model
    assert frame.problems == ()
    assert frame.trailer_ok


@given(celsius=st.floats(0, 90))
def test_no_temperature_makes_a_frame_that_is_doubted(celsius: float) -> None:
    profile = TableProfile([Point(0, 5.0, 5.0, celsius)])
    assert shown(SimulatedMeter(profile)).problems == ()


@given(model=models, watts=st.floats(0.05, 20), volts=st.floats(4.5, 20))
@settings(deadline=None)
def test_digits_are_cut_off_and_never_rounded_up(model: Model, watts: float, volts: float) -> None:
    frame = shown(SimulatedMeter(TableProfile([Point(0, watts, volts)]), settings=MeterSettings(model)))
    for true, displayed, digits in (
        (volts, frame.voltage_volts, model.digits_per_volt),
        (watts / volts, frame.current_amperes, model.digits_per_ampere),
    ):
        assert displayed <= true + 1e-6
        assert true - displayed < 1 / digits + 1e-6


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (UM24C, (5.12, 0.987, 5.053)),
        (UM34C, (5.12, 0.987, 5.053)),
        (UM25C, (5.129, 0.9876, 5.065)),
    ],
)
def test_truncation_worked_by_hand(model: Model, expected: tuple[float, float, float]) -> None:
    profile = TableProfile([Point(0, 5.1297 * 0.98765, 5.1297)])
    frame = shown(SimulatedMeter(profile, settings=MeterSettings(model)))
    assert (frame.voltage_volts, frame.current_amperes, frame.power_watts) == expected


@given(st.lists(st.floats(0, 30), min_size=1, max_size=40))
def test_the_display_changes_on_the_half_second_and_at_no_other_time(asked: list[float]) -> None:
    simulated = SimulatedMeter(inference(seed=3))
    seen: dict[int, bytes] = {}
    for seconds in sorted(asked):
        simulated.advance_to(seconds)
        refresh = int(seconds / 0.5)
        assert seen.setdefault(refresh, answer(simulated)) == answer(simulated)


@given(
    seed=st.integers(0, 9),
    stops=st.lists(st.floats(0, 200), max_size=20),
    polls=st.integers(0, 3),
)
@settings(max_examples=30, deadline=None)
def test_the_curves_do_not_depend_on_being_asked(seed: int, stops: list[float], polls: int) -> None:
    alone = SimulatedMeter(inference(seed)).advance_to(200.0)
    asked = SimulatedMeter(inference(seed))
    rows: list[TruthRow] = []
    for stop in [*sorted(stops), 200.0]:
        rows += asked.advance_to(stop)
        for _ in range(polls):
            asked.reply(POLL)
    assert rows == alone
    assert [row.seconds for row in rows] == [0.5 * n for n in range(401)]


@given(model=models, seed=st.integers(0, 9), seconds=st.floats(10, 900), averaging=st.floats(0.1, 10))
@settings(max_examples=30, deadline=None)
def test_the_accumulator_is_the_integral_of_the_display(
    model: Model, seed: int, seconds: float, averaging: float
) -> None:
    simulated = SimulatedMeter(inference(seed), settings=MeterSettings(model, averaging))
    rows = simulated.advance_to(seconds)
    integral_joules = sum(row.displayed_watts * 0.5 for row in rows[:-1])
    assert rows[-1].displayed_joules == pytest.approx(integral_joules, rel=1e-9)
    counted = shown(simulated).groups[0].energy_milliwatt_hours
    assert 0 <= milliwatt_hours(rows) - counted + 1e-6 < 1 + 1e-5


def test_the_truth_is_the_load_and_the_display_is_a_little_less() -> None:
    rows = SimulatedMeter(constant(5.0)).advance_to(3600.0)
    assert rows[-1].true_joules == pytest.approx(18_000)
    assert rows[-1].true_watts == pytest.approx(5.0)
    # 5.1112 V and 978.25 mA are shown as 5.11 V and 978 mA.
    assert rows[-1].displayed_watts == pytest.approx(5.11 * 0.978)
    assert rows[-1].displayed_joules == pytest.approx(5.11 * 0.978 * 3600)


def test_a_display_is_the_mean_of_the_time_that_it_averages_over() -> None:
    step = TableProfile([Point(0, 1.0, 5.0), Point(10, 1.0, 5.0), Point(10, 3.0, 5.0)])
    for averaging_seconds, expected in ((0.5, 3.0), (1.0, 2.0), (2.0, 1.5)):
        simulated = SimulatedMeter(step, settings=MeterSettings(UM24C, averaging_seconds))
        assert frame_at(simulated, 10.5).product_watts == pytest.approx(expected, abs=0.005)


@given(steps=st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=20))
@settings(deadline=None)
def test_only_the_selected_group_grows(steps: list[tuple[int, bool]]) -> None:
    simulated, seconds = meter(20.0), 0.0
    before = shown(simulated)
    for refreshes, change in steps:
        seconds += 0.5 * refreshes
        after = frame_at(simulated, seconds)
        for group in range(10):
            grown = after.groups[group].energy_milliwatt_hours - before.groups[group].energy_milliwatt_hours
            assert grown >= 0
            assert group == before.selected_group or grown == 0
        if change:
            simulated.reply(0xF3)
            simulated.advance_to(seconds := seconds + 0.5)
        before = shown(simulated)


def test_groups_are_selected_as_each_model_does() -> None:
    for model, commands, group in (
        (UM24C, [0xF3, 0xF3, 0xA7], 2),
        (UM25C, [0xF3, 0xA7], 7),
        (UM34C, [0xA9], 9),
    ):
        simulated = meter(5.0, model)
        assert [simulated.reply(command) for command in commands] == [()] * len(commands)
        assert frame_at(simulated, 0.5).selected_group == group


def test_clearing_empties_the_selected_group_alone() -> None:
    simulated = meter(20.0, UM25C)
    simulated.advance_to(60.0)
    simulated.reply(0xA3)
    simulated.advance_to(120.0)
    simulated.reply(CLEAR)
    frame = frame_at(simulated, 120.5)
    assert frame.groups[3].energy_milliwatt_hours == 2
    assert frame.groups[0].energy_milliwatt_hours > 300


@given(st.lists(st.integers(0, 255).filter(lambda byte: byte != POLL), max_size=50))
def test_no_other_byte_is_ever_answered(commands: list[int]) -> None:
    simulated = meter()
    assert all(simulated.reply(command) == () for command in commands)
    assert frame_at(simulated, 0.5).problems == ()


def test_the_recorder_counts_above_its_threshold_only() -> None:
    profile = TableProfile([Point(0, 0.1, 5.0), Point(60, 0.1, 5.0), Point(60, 5.0, 5.0)])  # 20 mA, then 1 A
    simulated = SimulatedMeter(profile)
    assert frame_at(simulated, 60.0).record.seconds == 0
    frame = frame_at(simulated, 120.5)
    assert frame.record.seconds == 60
    assert frame.record.energy_milliwatt_hours == 83  # 5 W for a minute
    assert frame.groups[0].energy_milliwatt_hours == 85  # and 0.1 W for the minute before


def test_no_load_shows_9999_9_ohms() -> None:
    frame = shown(meter(0.0))
    assert (frame.current_amperes, frame.resistance_ohms, frame.problems) == (0.0, 9999.9, ())


class TestPowerCut:
    def test_group_0_is_recalled_and_starts_anew_after_more_than_one_milliampere_hour(self) -> None:
        simulated = meter(5.0, UM24C, "power-cut@600:60")
        before = frame_at(simulated, 600.0 - 0.5).groups[0]
        assert not simulated.link_up or before.charge_milliampere_hours == 162
        simulated.advance_to(630.0)
        assert not simulated.link_up
        assert simulated.reply(POLL) == ()
        recalled = frame_at(simulated, 660.0).groups[0]
        assert recalled.charge_milliampere_hours in {before.charge_milliampere_hours, 163}
        assert frame_at(simulated, 663.0).groups[0] == recalled  # 978 mA give 1 mAh in 3.68 s
        assert frame_at(simulated, 665.0).groups[0].charge_milliampere_hours == 0
        assert frame_at(simulated, 700.0).groups[0].charge_milliampere_hours == 9

    def test_a_second_cut_before_that_recalls_the_same(self) -> None:
        simulated = meter(5.0, UM24C, "power-cut@600:60", "power-cut@662:10")
        recalled = frame_at(simulated, 661.0).groups[0]
        assert frame_at(simulated, 675.0).groups[0] == recalled
        assert frame_at(simulated, 680.0).groups[0].charge_milliampere_hours == 1

    def test_groups_1_to_9_go_on(self) -> None:
        simulated = meter(5.0, UM24C, "group-change@0.5", "power-cut@600:60")
        before = frame_at(simulated, 599.5)
        after = frame_at(simulated, 720.0)
        assert before.selected_group == after.selected_group == 1
        grown = after.groups[1].charge_milliampere_hours - before.groups[1].charge_milliampere_hours
        assert grown in {16, 17}  # 978 mA for 60.5 s, not for 120.5 s

    def test_no_energy_flows_in_it(self) -> None:
        rows = meter(5.0, UM24C, "power-cut@100:50").advance_to(200.0)
        assert rows[-1].true_joules == pytest.approx(150 * 5.0)
        assert {row.displayed_watts for row in rows if 100 <= row.seconds < 150} == {0.0}


class TestFaults:
    @pytest.mark.parametrize("kind", list(FaultKind))
    def test_every_fault_parses_begins_and_ends(self, kind: FaultKind) -> None:
        fault = parse_fault(f"{kind}@1m:2.5")
        assert (fault.kind, fault.at_seconds, fault.end_seconds) == (kind, 60.0, 62.5)
        assert [fault.is_active(seconds) for seconds in (59.9, 60.0, 62.4, 62.5)] == [
            False,
            True,
            True,
            False,
        ]

    @pytest.mark.parametrize(
        "text", ["", "hang-up", "hang-up@", "nosuch@3", "silence@-1", "silence@3:", "silence@nan"]
    )
    def test_a_fault_that_is_none_names_the_kinds(self, text: str) -> None:
        with pytest.raises(ConfigError, match=r"KIND@TIME.*power-cut"):
            parse_fault(text)

    def test_silence_and_hang_up_leave_the_measuring_alone(self) -> None:
        plain = meter().advance_to(60.0)
        for fault in ("silence@10:20", "hang-up@10:20", "frozen-frame@10:20"):
            assert meter(5.0, UM24C, fault).advance_to(60.0) == plain

    def test_garbage_comes_before_and_the_frame_is_whole(self) -> None:
        data = answer(meter(5.0, UM24C, "garbage@0"))
        assert len(data) > 130
        assert decode(data[-130:]).problems == ()

    def test_garbage_inside_breaks_the_frame(self) -> None:
        simulated = meter(5.0, UM24C, "garbage-inside@0:100")
        for _ in range(50):
            data = answer(simulated)
            assert len(data) > 130
            assert not any(
                isinstance(item, Frame) and item.trailer_ok and item.plausible for item in frames(data)
            )

    def test_half_a_frame_is_half(self) -> None:
        assert len(answer(meter(5.0, UM24C, "half-frame@0"))) == 65

    def test_slow_bytes_come_one_by_one_in_about_a_second(self) -> None:
        fragments = meter(5.0, UM24C, "slow-bytes@0").reply(POLL)
        assert [len(fragment.data) for fragment in fragments] == [1] * 130
        assert 0.9 < sum(fragment.after_seconds for fragment in fragments) < 1.2

    def test_a_group_change_lasts_or_goes_back(self) -> None:
        lasting, passing = meter(5.0, UM24C, "group-change@10"), meter(5.0, UM24C, "group-change@10:5")
        assert [frame_at(lasting, s).selected_group for s in (9.5, 10, 16)] == [0, 1, 1]
        assert [frame_at(passing, s).selected_group for s in (9.5, 10, 16)] == [0, 1, 0]

    def test_an_accumulator_reset_is_seen(self) -> None:
        simulated = meter(20.0, UM24C, "accumulator-reset@60")
        counts = [frame_at(simulated, s).groups[0].energy_milliwatt_hours for s in (59.5, 60, 61)]
        assert counts[0] > 300
        assert counts[1:] == [0, 5]

    def test_a_frozen_frame_hides_what_goes_on(self) -> None:
        simulated = SimulatedMeter(inference(1), FaultPlan((parse_fault("frozen-frame@10:30"),)))
        frozen = {bytes(answer(simulated)) for s in range(10, 40) if simulated.advance_to(s) is not None}
        assert len(frozen) == 1
        thawed = frame_at(simulated, 40.0)
        assert (
            thawed.groups[0].energy_milliwatt_hours - decode(frozen.pop()).groups[0].energy_milliwatt_hours
            > 20
        )

    def test_a_wrong_model_is_one_that_no_decoder_takes(self) -> None:
        with pytest.raises(FrameError, match="0xBEEF"):
            decode(answer(meter(5.0, UM24C, "wrong-model@0")))

    @pytest.mark.parametrize("model", [UM24C, UM25C, UM34C])
    def test_a_wrong_trailer_is_flagged(self, model: Model) -> None:
        assert not shown(meter(5.0, model, "wrong-trailer@0")).trailer_ok

    def test_everything_is_over_when_it_is_over(self) -> None:
        for kind in FaultKind:
            frame = frame_at(meter(5.0, UM24C, f"{kind}@1:2"), 10.0)
            assert (frame.problems, frame.trailer_ok) == ((), True)


@given(seed=st.integers(0, 1000))
def test_pieces_are_arbitrary_but_the_seed_repeats_them(seed: int) -> None:
    one, two = (SimulatedMeter(constant(5.0), settings=MeterSettings(seed=seed)) for _ in range(2))
    pieces = [one.reply(POLL) for _ in range(3)]
    assert pieces == [two.reply(POLL) for _ in range(3)]
    assert all(len(fragment.data) > 0 for reply in pieces for fragment in reply)
    assert len({len(reply) for reply in [*pieces, *(one.reply(POLL) for _ in range(20))]}) > 1


def test_latency_is_the_time_to_the_first_byte() -> None:
    simulated = SimulatedMeter(constant(5.0), settings=MeterSettings(latency_seconds=0.3))
    assert simulated.reply(POLL)[0].after_seconds == 0.3


def test_the_true_curve_never_falls() -> None:
    rows = SimulatedMeter(inference(2), FaultPlan((parse_fault("power-cut@20:5"),))).advance_to(100.0)
    for a, b in pairwise(rows):
        assert b.true_joules >= a.true_joules
        assert b.displayed_joules >= a.displayed_joules
