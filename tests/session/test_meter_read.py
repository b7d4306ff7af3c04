"""Looking at a meter: frames as people and scripts get them, one after another, and what the daemon knows."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from support.clock import FakeClock
from support.um_at_hand import MeterAtHand
from support.um_frames import frame
from support.um_transport import ScriptedTransport
from wattwatch.errors import ClientError, SourceUnavailable
from wattwatch.session.meter_link import MeterLink
from wattwatch.session.meter_read import MeterReading
from wattwatch.session.meter_view import (
    MeterView,
    view_line,
    view_lines,
    view_object,
    view_of_frame,
    view_of_source,
)
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um.protocol import decode

AT = "2026-01-02T03:04:05.678900Z"


def seen(**digits: object) -> MeterView:
    return view_of_frame("/dev/rfcomm0", "", decode(frame(**digits)), AT)


def rows(view: MeterView) -> dict[str, str]:
    _, *lines = view_lines(view)
    return {line[:19].strip(): line[19:] for line in lines}


# -- one look -----------------------------------------------------------------------------------------------


def test_a_frame_for_people() -> None:
    view = seen(counts={0: (403, 2016), 4: (1, 5)}, backlight=2)
    assert next(iter(view_lines(view))) == "UM24C at /dev/rfcomm0"
    assert rows(view) == {
        "time": AT,
        "voltage": "5.02 V",
        "current": "0.05 A",
        "power": "0.251 W",
        "load": "100.4 Ω",
        "temperature": "24 °C",
        "data lines": "D+ 3.06 V, D- 0 V",
        "group 0": "403 mAh, 2016 mWh (7.26 kJ)",
        "also counted in": "group 4 (--json shows them)",
        "recorder": "403 mAh, 2016 mWh in 3 h 40 min, above 0.03 A, recording",
        "charging mode": "0 (unknown or normal)",
        "screen": "0, off after 3 min, backlight 2",
    }


@pytest.mark.parametrize(("mode", "name"), [(1, "QC 2.0"), (7, "DCP 1.5 A"), (65535, "unknown")])
def test_charging_modes_have_names(mode: int, name: str) -> None:
    assert rows(seen(mode=mode))["charging mode"] == f"{mode} ({name})"


def test_what_is_doubtful_is_said() -> None:
    assert rows(seen(fahrenheit=99, trailer=b"\0\0"))["doubtful"] == "fahrenheit_mismatch, unknown end mark"
    assert "doubtful" not in rows(seen())
    assert rows(seen(timeout=0))["screen"] == "0, always on, backlight 5"


def test_the_json_of_a_frame_has_everything_and_knows_no_simulation() -> None:
    shown = json.loads(json.dumps(view_object(seen(group=2, counts={2: (10, 50)}))))
    assert shown["model"] == "UM24C"
    assert (shown["held_by"], shown["way"], shown["simulated"]) == (None, None, None)
    assert (shown["selected_group"], shown["group_energy_joules"], shown["group_charge_coulombs"]) == (
        2,
        180,
        36,
    )
    assert shown["power_watts"] == 0.251
    assert len(shown["frame"]["groups"]) == 10


def test_a_line_has_time_and_figures() -> None:
    line = " ".join(view_line(seen()).split())
    assert line == "03:04:05.678 5.02 V 0.05 A 0.251 W 24 °C group 0: 403 mAh, 2016 mWh (7.26 kJ)"


def test_a_pseudo_terminal_may_be_simulated_and_says_so(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    link.symlink_to("/dev/pts/12345")
    head = next(iter(view_lines(view_of_frame(str(link), "", decode(frame()), AT))))
    assert head == f"UM24C at {link} (a pseudo-terminal: simulated, or bridged)"


# -- through the daemon -------------------------------------------------------------------------------------


def channel(zone: str, quantity: str, value: float | None, at: str | None = AT) -> dict[str, Any]:
    return {"zone": zone, "quantity": quantity, "value": value, "at": at, "quality": "simulated"}


def source(*channels: dict[str, Any], detail: str = "UM25C at 00:15:A6:01:AA:BB by bluez") -> dict[str, Any]:
    return {"name": "meter", "detail": detail, "channels": list(channels)}


def test_a_source_of_the_daemon_is_shown_as_such() -> None:
    view = view_of_source(
        "00:15:A6:01:AA:BB",
        source(
            channel("vbus", "power_watts", 5.0),
            channel("vbus", "voltage_volts", 5.1),
            channel("group-0", "energy_joules", 360.0, "2026-01-02T03:00:00Z"),
            channel("group-0", "charge_coulombs", 72.0, "2026-01-02T03:00:00Z"),
            channel("group-3", "energy_joules", 36.0),
            channel("group-3", "charge_coulombs", 7.2),
        ),
    )
    assert list(view_lines(view)) == [
        "SIMULATED UM25C at 00:15:A6:01:AA:BB by bluez, from the daemon (source meter), which holds it",
        f"  time             {AT}",
        "  voltage          5.1 V",
        "  current          -",
        "  power            5 W",
        "  load             -",
        "  temperature      -",
        "  data lines       D+ -, D- -",
        "  group 3          2 mAh, 10 mWh (36.0 J)",
    ]
    shown = view_object(view)
    assert (shown["held_by"], shown["simulated"], shown["frame"]) == ("meter", True, None)
    assert shown["current_amperes"] is None  # unknown, not zero


def test_a_source_that_was_never_read_has_nothing_to_show() -> None:
    view = view_of_source(
        "/dev/rfcomm0", source(channel("vbus", "power_watts", None, None), detail="/dev/rfcomm0")
    )
    assert (view.model, view.at, view.selected_group) == ("", "", None)
    assert "group -" in view_line(view)


# -- one after another --------------------------------------------------------------------------------------


class Looks:
    """Scripted looks; an exception is raised."""

    def __init__(self, *script: MeterView | Exception) -> None:
        self.left = list(script)
        self.slept: list[float] = []
        self.said: list[str] = []
        self.closings = 0

    def look(self) -> MeterView:
        item = self.left.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.closings += 1

    def follow(self, count: int) -> list[str]:
        with MeterReading(self.look, self.close) as reading:
            return [view.at for view in islice(reading.follow(self.said.append, self.slept.append), count)]


def at(second: int) -> MeterView:
    return view_of_frame("x/y", "", decode(frame()), f"2026-01-02T03:04:{second:02d}.000000Z")


def test_following_gives_each_new_reading_once() -> None:
    looks = Looks(at(1), at(1), at(2), at(2), at(3))
    assert [text[17:19] for text in looks.follow(3)] == ["01", "02", "03"]
    assert set(looks.slept) == {0.5}
    assert looks.closings == 1
    assert looks.said == []


def test_a_failure_while_following_is_said_once_and_tried_again() -> None:
    gone, other = SourceUnavailable("x: gone", "hangup"), ClientError("x: other")
    looks = Looks(at(1), gone, gone, other, at(2), gone, at(3))
    assert [text[17:19] for text in looks.follow(3)] == ["01", "02", "03"]
    assert looks.said == ["x: gone; trying again", "x: other; trying again", "x: gone; trying again"]
    assert looks.slept == [0.5, 2.0, 2.0, 2.0, 0.5, 2.0]


def test_a_failure_at_the_very_first_look_is_an_error() -> None:
    looks = Looks(SourceUnavailable("x: no such port", "absent"))
    with pytest.raises(SourceUnavailable, match="no such port"):
        looks.follow(1)
    assert looks.closings == 1


# -- the link -----------------------------------------------------------------------------------------------


class Links:
    """A meter link whose connections are scripted."""

    def __init__(self, *connections: list[bytes | SourceUnavailable]) -> None:
        clock = FakeClock()
        self.made: list[ScriptedTransport] = []
        scripts = list(connections)

        def connect() -> ScriptedTransport:
            self.made.append(ScriptedTransport(clock, *scripts.pop(0)))
            return self.made[-1]

        self.link = MeterLink(UmSpec(url="x"), clock, connect)


def test_one_failed_answer_is_asked_for_again_over_a_new_connection() -> None:
    links = Links([SourceUnavailable("no answer", "timeout")], [frame()])
    assert links.link.frame()[0].voltage_volts == 5.02
    assert [transport.is_closed for transport in links.made] == [True, False]
    links.link.close()
    links.link.close()
    assert links.made[1].is_closed


def test_a_second_failure_is_told() -> None:
    links = Links([b"\x09\x63"], [b"noise" * 30])
    with pytest.raises(SourceUnavailable) as caught:
        links.link.frame()
    assert caught.value.reason == "garbage"
    assert all(transport.is_closed for transport in links.made)


def test_what_a_second_try_cannot_help_is_told_at_once() -> None:
    links = Links([SourceUnavailable("held", "busy")])
    with pytest.raises(SourceUnavailable, match="held"):
        links.link.frame()
    assert len(links.made) == 1


def test_a_command_that_cannot_be_written_drops_the_connection() -> None:
    links = Links([frame(), SourceUnavailable("lost", "hangup")], [frame()])
    links.link.frame()
    with pytest.raises(SourceUnavailable, match="lost"):
        links.link.send(b"\xd1")
    assert links.made[0].is_closed
    assert links.link.frame()[0].backlight == 5


def test_a_command_goes_over_the_connection_that_there_is() -> None:
    clock = FakeClock()
    meter = MeterAtHand(clock)
    with MeterLink(UmSpec(url="x"), clock, lambda: meter) as link:
        link.send(b"\xd1")
        clock.advance(1.0)
        assert link.frame()[0].backlight == 1
    assert meter.closings == 1
