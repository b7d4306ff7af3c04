"""Changing a meter: the right byte for each model, read back, bounded, and nothing cleared by mistake."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.clock import FakeClock
from support.um_at_hand import MeterAtHand
from support.um_frames import frame
from wattwatch.errors import ConfigError, SourceUnavailable
from wattwatch.sources.um.changing import MeterHands, Outcome
from wattwatch.sources.um.commands import Changes, Step, group_text, steps
from wattwatch.sources.um.protocol import Frame, decode

MODELS = ("UM24C", "UM25C", "UM34C")
CLEAR = 0xF4


class Bench:
    """A simulated meter, hands to change it, and a clock that moves when they wait."""

    def __init__(self, model: str = "UM24C", *, deaf_to: int = 0, watts: float = 5.0) -> None:
        self.clock = FakeClock()
        self.meter = MeterAtHand(self.clock, model, watts, deaf_to)
        self.slept: list[float] = []
        self.hands = MeterHands(self.look, self.send, self.sleep)

    def look(self) -> Frame:
        return decode(self.meter.exchange(b"\xf0", 130, 2.0).data)

    def send(self, command: bytes) -> None:
        self.meter.exchange(command, 0, 2.0)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)

    def make(self, changes: Changes) -> list[Outcome]:
        return [self.hands.make(step) for step in steps(changes, self.look())]

    def count_for(self, seconds: float) -> Frame:
        self.clock.advance(seconds)
        return self.look()


def only(changes: Changes, **digits: object) -> Step:
    (step,) = steps(changes, decode(frame(**digits)))
    return step


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("changes", "command"),
    [
        (Changes(record_threshold_amperes=0.0), 0xB0),
        (Changes(record_threshold_amperes=0.07), 0xB7),
        (Changes(record_threshold_amperes=0.29), 0xCD),
        (Changes(record_threshold_amperes=0.30), 0xCE),
        (Changes(backlight=0), 0xD0),
        (Changes(backlight=5), 0xD5),
        (Changes(screen_timeout_minutes=0), 0xE0),
        (Changes(screen_timeout_minutes=9), 0xE9),
        (Changes(screen="next"), 0xF1),
        (Changes(screen="rotate"), 0xF2),
        (Changes(reset_group=True), 0xF4),
    ],
)
def test_the_byte_of_each_change_is_the_same_for_every_model(
    model: str, changes: Changes, command: int
) -> None:
    assert only(changes, model=model).command == bytes((command,))


def test_f3_is_next_group_on_a_um24c_and_previous_screen_on_the_others() -> None:
    assert only(Changes(group=4), model="UM24C").command == b"\xf3"
    for model in ("UM25C", "UM34C"):
        assert only(Changes(group=4), model=model).command == b"\xa4"
        assert only(Changes(screen="previous"), model=model).command == b"\xf3"
    with pytest.raises(ConfigError, match="--screen next"):
        only(Changes(screen="previous"), model="UM24C")


def test_the_group_is_selected_before_it_is_cleared_and_settings_follow() -> None:
    everything = Changes(2, True, 0.1, 1, 2, "next")
    whats = [step.what for step in steps(everything, decode(frame()))]
    assert whats == [
        "select group 2",
        "clear group 2",
        "recorder threshold 0.10 A",
        "backlight 1",
        "screen timeout 2 min",
        "screen next",
    ]
    assert not Changes().any
    assert steps(Changes(), decode(frame())) == ()


@settings(max_examples=60, deadline=None)
@given(model=st.sampled_from(MODELS), group=st.integers(0, 9), before=st.integers(0, 9))
def test_any_group_is_reached_from_any_other_on_any_model(model: str, group: int, before: int) -> None:
    bench = Bench(model)
    bench.make(Changes(group=before))
    (outcome,) = bench.make(Changes(group=group))
    assert outcome.verified
    assert bench.look().selected_group == group
    assert outcome.sent == ((group - before) % 10 if model == "UM24C" else group != before)
    assert CLEAR not in bench.meter.commands


@settings(max_examples=60, deadline=None)
@given(
    model=st.sampled_from(MODELS),
    deaf_to=st.integers(0, 1),
    threshold=st.integers(0, 30).map(lambda centi: centi / 100),
    backlight=st.integers(0, 5),
    timeout=st.integers(0, 9),
)
def test_settings_are_read_back_even_if_a_byte_is_missed(
    model: str, deaf_to: int, threshold: float, backlight: int, timeout: int
) -> None:
    bench = Bench(model, deaf_to=deaf_to)
    wanted = Changes(record_threshold_amperes=threshold, backlight=backlight, screen_timeout_minutes=timeout)
    outcomes = bench.make(wanted)
    now = bench.look()
    assert (now.record.threshold_amperes, now.backlight, now.screen_timeout_minutes) == (
        threshold,
        backlight,
        timeout,
    )
    assert all(outcome.verified for outcome in outcomes)


def test_what_is_so_already_sends_nothing() -> None:
    bench = Bench()
    outcomes = bench.make(Changes(group=0, backlight=5, screen_timeout_minutes=3))
    assert [outcome.sent for outcome in outcomes] == [0, 0, 0]
    assert bench.meter.commands == []
    assert bench.slept == []


def test_half_a_second_passes_between_any_two_commands() -> None:
    bench = Bench("UM24C")
    bench.make(Changes(group=9, backlight=0, screen="next"))
    assert len(bench.meter.commands) == 11
    assert len(bench.slept) >= 11
    assert set(bench.slept) == {0.5}


@pytest.mark.parametrize("model", MODELS)
def test_a_group_is_cleared_and_the_others_are_kept(model: str) -> None:
    bench = Bench(model)
    kept = bench.count_for(60.0).groups[0]
    bench.make(Changes(group=1))
    bench.count_for(60.0)
    (outcome,) = bench.make(Changes(reset_group=True))
    after = bench.look()
    assert outcome.verified
    assert outcome.before != outcome.after
    assert after.groups[1].energy_milliwatt_hours <= 2
    assert after.groups[0].energy_milliwatt_hours >= kept.energy_milliwatt_hours > 50
    assert bench.meter.commands.count(CLEAR) == 1


@settings(max_examples=40, deadline=None)
@given(watts=st.floats(0.0, 70.0), seconds=st.floats(0.0, 600.0), model=st.sampled_from(MODELS))
def test_a_group_is_seen_to_be_cleared_at_any_power_and_count(
    watts: float, seconds: float, model: str
) -> None:
    bench = Bench(model, watts=watts)
    before = bench.count_for(seconds).groups[0]
    (outcome,) = bench.make(Changes(reset_group=True))
    assert outcome.verified
    assert bench.meter.commands == ([CLEAR] if before.energy_milliwatt_hours else [])


def test_a_threshold_that_is_no_number_is_refused() -> None:
    for amperes in (float("nan"), -0.01, 0.31, float("inf")):
        with pytest.raises(ConfigError, match="expected 0"):
            Changes(record_threshold_amperes=amperes)


def test_nothing_is_cleared_when_somebody_has_pressed_the_button_meanwhile() -> None:
    bench = Bench("UM24C")
    asked_about = bench.count_for(60.0)
    bench.make(Changes(group=1))
    bench.count_for(60.0)
    (step,) = steps(Changes(reset_group=True), asked_about)
    with pytest.raises(SourceUnavailable, match="group 1 is selected now"):
        bench.hands.make(step)
    assert CLEAR not in bench.meter.commands


def test_a_clear_that_the_meter_misses_is_said_and_not_repeated() -> None:
    bench = Bench(deaf_to=1)
    bench.count_for(60.0)
    with pytest.raises(SourceUnavailable, match="clear group 0: the meter still shows group 0"):
        bench.make(Changes(reset_group=True))
    assert bench.meter.commands == [CLEAR]


@pytest.mark.parametrize(
    ("changes", "sends"), [(Changes(group=3), 20), (Changes(backlight=1), 2), (Changes(screen="next"), 1)]
)
def test_a_meter_that_obeys_nothing_ends_in_one_line(changes: Changes, sends: int) -> None:
    bench = Bench("UM24C", deaf_to=1000)
    with pytest.raises(SourceUnavailable) as caught:
        bench.make(changes)
    assert caught.value.reason == "invalid"
    assert "still shows" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(bench.meter.commands) == sends


def test_a_um24c_that_misses_presses_still_gets_to_its_group() -> None:
    bench = Bench("UM24C", deaf_to=3)
    (outcome,) = bench.make(Changes(group=2))
    assert (outcome.verified, outcome.sent) == (True, 5)
    assert bench.look().selected_group == 2


def test_turning_the_screen_cannot_be_read_back_and_says_so() -> None:
    bench = Bench()
    (outcome,) = bench.make(Changes(screen="rotate"))
    assert outcome.verified is None
    assert bench.meter.commands == [0xF2]


@pytest.mark.parametrize(("model", "move", "screen"), [("UM24C", "next", 1), ("UM25C", "previous", 5)])
def test_pages_are_turned(model: str, move: str, screen: int) -> None:
    bench = Bench(model)
    (outcome,) = bench.make(Changes(screen=move))
    assert outcome.verified
    assert bench.look().screen == screen


def test_an_error_of_reading_passes_through() -> None:
    def lost() -> Frame:
        raise SourceUnavailable("gone", "hangup")

    sent: list[bytes] = []
    with pytest.raises(SourceUnavailable, match="gone"):
        MeterHands(lost, sent.append, time.sleep).make(only(Changes(backlight=1)))
    assert sent == []


def test_a_group_is_shown_with_its_counts() -> None:
    shown = decode(frame(group=3, counts={3: (403, 2016)}))
    assert shown.group is not None
    assert group_text(3, shown.group) == "group 3 (403 mAh, 2016 mWh)"
