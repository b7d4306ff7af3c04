"""Changing a meter's settings: asked where it destroys, refused where a daemon reads, told how it went."""

from collections.abc import Callable

import pytest

from support.clock import FakeClock
from support.um_at_hand import MeterAtHand
from wattwatch.errors import ConfigError, WattwatchError
from wattwatch.session.meter_link import MeterLink
from wattwatch.session.meter_set import change, outcome_line, outcome_object
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um.changing import Outcome
from wattwatch.sources.um.commands import Changes


class Bench:
    def __init__(self, model: str = "UM25C") -> None:
        self.clock = FakeClock()
        self.meter = MeterAtHand(self.clock, model)
        self.link = MeterLink(UmSpec(url="x"), self.clock, lambda: self.meter)
        self.asked: list[str] = []

    def change(self, changes: Changes, *, answer: bool = True) -> list[Outcome]:
        return list(change(self.link, changes, self._answering(answer=answer), self._sleep))

    def _answering(self, *, answer: bool) -> Callable[[str], bool]:
        def ask(question: str) -> bool:
            self.asked.append(question)
            return answer

        return ask

    def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)


def test_nothing_to_change_is_an_error_before_anything_is_connected() -> None:
    bench = Bench()
    with pytest.raises(ConfigError, match="nothing to change"):
        bench.change(Changes())
    assert bench.meter.commands == []


def test_what_keeps_everything_is_not_asked() -> None:
    bench = Bench()
    outcomes = bench.change(Changes(group=4, backlight=0))
    assert bench.asked == []
    assert [outcome_line(outcome) for outcome in outcomes] == [
        "select group 4: was group 0 (0 mAh, 0 mWh), now group 4 (0 mAh, 0 mWh)",
        "backlight 0: was 5, now 0",
    ]


def test_a_reset_shows_what_would_be_lost_and_a_no_keeps_everything() -> None:
    bench = Bench()
    bench.link.frame()
    bench.clock.advance(3600.0)
    with pytest.raises(WattwatchError, match="nothing was changed"):
        bench.change(Changes(reset_group=True, backlight=0), answer=False)
    (question,) = bench.asked
    assert question.startswith("Clear group 0 (978 mAh, 499")
    assert question.endswith("kJ) of this UM25C? It cannot be undone.")
    assert bench.meter.commands == []


def test_the_question_is_about_the_group_that_will_be_selected() -> None:
    bench = Bench()
    bench.change(Changes(group=1))
    bench.clock.advance(3600.0)
    bench.change(Changes(group=2))
    outcomes = bench.change(Changes(group=1, reset_group=True))
    assert bench.asked[0].startswith("Clear group 1 (978 mAh")
    assert [outcome.verified for outcome in outcomes] == [True, True]
    assert bench.link.frame()[0].groups[1].charge_milliampere_hours == 0
    assert bench.link.frame()[0].groups[0].charge_milliampere_hours == 0


def test_what_the_model_cannot_do_sends_nothing_of_the_rest() -> None:
    bench = Bench("UM24C")
    with pytest.raises(ConfigError):
        bench.change(Changes(backlight=0, screen="previous"))
    assert bench.meter.commands == []


def test_outcomes_as_json_and_text() -> None:
    unseen = Outcome("screen rotate", "", "", 1, None)
    assert outcome_object(unseen) == {
        "what": "screen rotate",
        "before": None,
        "after": None,
        "sent": 1,
        "verified": None,
    }
    assert "shows on the meter's screen only" in outcome_line(unseen)
    already = Outcome("backlight 5", "5", "5", 0, verified=True)
    assert outcome_line(already) == "backlight 5: nothing to do, the meter shows 5"
