"""Waiting between runs, with a clock that stands still unless somebody sleeps."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.clock import FakeClock
from wattwatch.errors import ClientError
from wattwatch.session.cooldown import CoolDown, CoolingRoom, NoTemperatureError, clock_text, hottest_celsius


class Daemon:
    """Tells one temperature after the other; an exception is a daemon that is away."""

    def __init__(self, *celsius: float | ClientError | None) -> None:
        self._told = iter(celsius)
        self._last: float | ClientError | None = None

    def get_json(self, path: str) -> Any:
        assert path == "/v1/sources"
        self._last = next(self._told, self._last)
        if isinstance(self._last, ClientError):
            raise self._last
        return sources(self._last)


def sources(celsius: float | None, zone: str = "cpu-thermal", **more: Any) -> dict[str, Any]:
    channel = {
        "zone": zone, "quantity": "temperature_celsius", "kind": "gauge", "scope": "", "quality": "sensor",
        "value": celsius,
    }  # fmt: skip
    source = {"name": "thermal", "up": True, "measures": "pi-1", "channels": [channel], **more}
    return {"node": "pi-1", "primary": {"source": "meter"}, "sources": [source]}


class Told:
    def __init__(self) -> None:
        self.events: list[str] = []
        self.shown: list[str] = []

    def event(self, text: str) -> None:
        self.events.append(text)

    def show(self, text: str) -> None:
        self.shown.append(text)


def room(wanted: CoolDown, *celsius: float | ClientError | None) -> tuple[CoolingRoom, FakeClock]:
    clock = FakeClock()

    def sleep(seconds: float) -> None:
        assert 0 < seconds <= 1
        clock.advance(seconds)

    return CoolingRoom(wanted, Daemon(*celsius), clock, sleep), clock  # type: ignore[arg-type]


def test_seconds_are_waited_and_counted_down() -> None:
    waiting, clock = room(CoolDown(seconds=3.5))
    told = Told()
    assert waiting.wait(told, "run 2/3") == ""
    assert clock.boot_seconds == 1003.5
    assert told.events == ["cooling down for 0:03 before run 2/3"]
    assert told.shown[0] == "cooling: 0:03 left"


def test_a_temperature_is_waited_for() -> None:
    waiting, clock = room(CoolDown(below_celsius=50.0), 60.0, 55.0, 50.0, 49.9)
    told = Told()
    assert waiting.wait(told, "run 2/3") == ""
    assert clock.boot_seconds == 1003.0
    assert told.events == ["cooling down to 50 °C before run 2/3"]
    assert told.shown[-1] == "cooling: 50.0 °C, down to 50 °C · 0:02"


def test_a_machine_that_stays_warm_is_waited_for_no_longer_than_the_limit() -> None:
    waiting, clock = room(CoolDown(below_celsius=30.0, limit_seconds=20.5), 60.0)
    warning = waiting.wait(Told(), "run 2/3")
    assert clock.boot_seconds == 1020.5
    assert warning.startswith("not below 30 °C after 0:20 of cooling, but at 60.0 °C (cpu-thermal)")


def test_a_daemon_that_is_away_for_a_while_is_waited_for() -> None:
    waiting, _ = room(CoolDown(below_celsius=50.0), ClientError("away"), None, 40.0)
    told = Told()
    assert waiting.wait(told, "x") == ""
    assert told.shown[0].startswith("cooling: temperature unknown")


def test_a_temperature_that_nobody_tells_is_refused_before_the_first_run() -> None:
    waiting, _ = room(CoolDown(below_celsius=50.0), None)
    with pytest.raises(NoTemperatureError, match="use --cooldown SECONDS"):
        waiting.check()
    room(CoolDown(below_celsius=50.0), 60.0)[0].check()
    room(CoolDown(seconds=5.0), None)[0].check()


def test_no_wish_no_wait() -> None:
    waiting, clock = room(CoolDown(), 99.0)
    assert waiting.wait(Told(), "x") == ""
    assert clock.boot_seconds == 1000.0


def _others() -> Iterator[Callable[[], dict[str, Any]]]:
    yield lambda: sources(None)
    yield lambda: sources(60.0, up=False)
    yield lambda: sources(60.0, measures="pi-2")
    yield lambda: sources(60.0, name="meter")


@pytest.mark.parametrize("told", list(_others()))
def test_zones_that_are_not_the_machines_cpu_now(told: Callable[[], dict[str, Any]]) -> None:
    assert hottest_celsius(told()) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0:00"), (42, "0:42"), (725, "12:05"), (3723, "1:02:03")]
)
def test_clock_text(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text
