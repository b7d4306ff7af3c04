"""The Raspberry Pi's firmware as a source: made-up device trees and a fake vcgencmd."""

from pathlib import Path

import pytest

from support.clock import FakeClock
from support.vcgencmd import NOT_REGISTERED, PMIC_TEXT, FakePi, pi_4, pi_5
from wattwatch.daemon.primary import choose_primary
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Kind, Quality, Scope
from wattwatch.sources.base import PiSpec
from wattwatch.sources.pi import PiSource
from wattwatch.sources.pi_text import FLAGS, board_watts

RAILS_WATTS = 3.7656  # see test_pi_text


class CountingFirmware:
    """Answers from a dictionary (an error is raised), each taking a time, and counts the requests."""

    def __init__(self, clock: FakeClock, seconds: float = 0.0, **answers: str | Exception) -> None:
        self.answers: dict[str, str | Exception] = {"get_throttled": "throttled=0x0", **answers}
        self.asked: list[str] = []
        self._clock = clock
        self._seconds = seconds

    def ask(self, request: str) -> str:
        self.asked.append(request)
        self._clock.advance(self._seconds)
        answer = self.answers.get(request, SourceUnsupported(f"this firmware does not know {request}"))
        if isinstance(answer, Exception):
            raise answer
        return answer


def source(pi: FakePi, **spec: object) -> PiSource:
    fields = {"root": pi.root, "command": str(pi.command)} | spec
    return PiSource(PiSpec(**fields), FakeClock())  # type: ignore[arg-type]


def values(made: PiSource) -> dict[str, float]:
    return {reading.channel.id: reading.value for reading in made.read().readings}


def counting(directory: Path, **options: object) -> tuple[PiSource, CountingFirmware, FakeClock]:
    clock = FakeClock()
    firmware = CountingFirmware(clock, **options)  # type: ignore[arg-type]
    pi = FakePi(directory)
    return PiSource(PiSpec(root=pi.root), clock, firmware), firmware, clock


def test_a_pi_4_gives_a_channel_for_every_flag(tmp_path: Path) -> None:
    made = source(pi_4(tmp_path, "throttled=0x50001"))
    assert len(made.description.channels) == 8
    shown = values(made)
    assert shown.pop("pi/under-voltage/throttled_now_flag") == 1.0
    assert shown.pop("pi/under-voltage/throttled_since_boot_flag") == 1.0
    assert shown.pop("pi/throttled/throttled_since_boot_flag") == 1.0
    assert len(shown) == 5
    assert set(shown.values()) == {0.0}


def test_without_rails_the_flags_are_asked_for_every_five_seconds(tmp_path: Path) -> None:
    assert source(pi_4(tmp_path)).description.interval_seconds == 5.0


def test_a_slower_pace_of_the_configuration_holds(tmp_path: Path) -> None:
    assert source(pi_4(tmp_path), interval_seconds=60.0).description.interval_seconds == 60.0


def test_a_pi_5_gives_watts_volts_and_amperes_of_every_rail(tmp_path: Path) -> None:
    made = source(pi_5(tmp_path))
    assert made.description.interval_seconds == 1.0
    shown = values(made)
    assert shown["pi/vdd-core/power_watts"] == 1.5
    assert shown["pi/vdd-core/current_amperes"] == 2.0
    assert shown["pi/3v3-sys/voltage_volts"] == 3.3
    assert shown["pi/ext5v/voltage_volts"] == 5.1
    assert "pi/ext5v/power_watts" not in shown
    assert sum(name.endswith("power_watts") for name in shown) == 12 + 1
    assert len(shown) == 1 + 12 * 3 + 2 + 8


def test_the_sum_of_the_rails_is_a_channel_of_its_own(tmp_path: Path) -> None:
    shown = values(source(pi_5(tmp_path)))
    assert shown["pi/pmic/power_watts"] == pytest.approx(RAILS_WATTS)
    rails = {name: v for name, v in shown.items() if name.endswith("power_watts") and "/pmic/" not in name}
    assert sum(rails.values()) == pytest.approx(shown["pi/pmic/power_watts"])


def test_the_rails_are_of_scope_rail_and_quality_sensor(tmp_path: Path) -> None:
    powers = [c for c in source(pi_5(tmp_path)).description.channels if c.kind is Kind.POWER]
    assert {(c.scope, c.quality) for c in powers} == {(Scope.RAIL, Quality.SENSOR)}
    assert powers[0].zone == "pmic"


def test_the_board_is_estimated_only_if_wanted_and_says_how(tmp_path: Path) -> None:
    made = source(pi_5(tmp_path), board=True)
    (board,) = [c for c in made.description.channels if c.scope is Scope.BOARD]
    assert board.id == "pi/board/power_watts"
    assert board.quality is Quality.MODEL
    assert values(made)[board.id] == pytest.approx(board_watts(RAILS_WATTS))
    assert "1.1451·Σ(V·I) + 0.5879 W, a fit published in jfikar/RPi5-power" in made.description.detail


def test_what_the_rails_leave_out_is_said(tmp_path: Path) -> None:
    detail = source(pi_5(tmp_path)).description.detail
    assert detail.startswith("Raspberry Pi 5 Model B Rev 1.0; ")
    assert "USB, HAT, NVMe, fan" in detail
    assert "1.1451" not in detail


def test_the_sum_of_the_rails_stands_for_the_node_once(tmp_path: Path) -> None:
    primary = choose_primary((), [source(pi_5(tmp_path)).description])
    assert primary is not None
    assert primary.channel_id == "pi/pmic/power_watts"


def test_an_estimated_board_that_is_wanted_stands_for_the_node(tmp_path: Path) -> None:
    primary = choose_primary((), [source(pi_5(tmp_path), board=True).description])
    assert primary is not None
    assert (primary.channel_id, primary.quality) == ("pi/board/power_watts", Quality.MODEL)


def test_simulated_values_say_so(tmp_path: Path) -> None:
    channels = source(pi_5(tmp_path), board=True, simulated=True).description.channels
    assert {channel.quality for channel in channels} == {Quality.SIMULATED}


@pytest.mark.parametrize("model", ["", "Hardkernel ODROID-N2"])
def test_another_computer_is_none_and_its_firmware_is_not_asked(tmp_path: Path, model: str) -> None:
    pi = FakePi(tmp_path, model)
    made = source(pi)
    assert made.description.channels == ()
    with pytest.raises(SourceUnsupported, match="this is no Raspberry Pi but"):
        made.read()
    assert pi.asked() == []


def test_a_computer_without_a_device_tree_is_none(tmp_path: Path) -> None:
    made = PiSource(PiSpec(root=tmp_path), FakeClock())
    with pytest.raises(SourceUnsupported, match="without a device tree"):
        made.read()


def test_the_instant_is_midway_of_asking_for_the_rails(tmp_path: Path) -> None:
    made, _, clock = counting(tmp_path, seconds=0.25, pmic_read_adc=PMIC_TEXT)
    begun = clock.now()
    assert made.read().at == begun.plus(0.125)


def test_without_rails_it_is_midway_of_asking_for_the_flags(tmp_path: Path) -> None:
    made, _, clock = counting(tmp_path, seconds=0.25)
    made.read()
    begun = clock.now()
    assert made.read().at == begun.plus(0.125)


def test_flags_stand_for_five_seconds_beside_the_rails(tmp_path: Path) -> None:
    made, firmware, clock = counting(tmp_path, pmic_read_adc=PMIC_TEXT)
    shown = []
    for _ in range(11):
        shown.append(values(made)["pi/throttled/throttled_now_flag"])
        firmware.answers["get_throttled"] = "throttled=0x4"
        clock.advance(1.0)
    assert firmware.asked.count("pmic_read_adc") == 11
    assert firmware.asked.count("get_throttled") == 3
    assert shown == [0.0] * 5 + [1.0] * 6


def test_flags_that_cannot_be_had_leave_the_rails_alone(tmp_path: Path) -> None:
    made, firmware, _ = counting(tmp_path, pmic_read_adc=PMIC_TEXT)
    firmware.answers["get_throttled"] = SourceUnavailable("not now", "timeout")
    shown = values(made)
    assert shown["pi/pmic/power_watts"] == pytest.approx(RAILS_WATTS)
    assert not any(name.endswith("_flag") for name in shown)
    firmware.answers["get_throttled"] = "throttled=0x0"
    assert sum(name.endswith("_flag") for name in values(made)) == 8


def test_rails_that_were_there_and_fail_are_a_failure(tmp_path: Path) -> None:
    made, firmware, _ = counting(tmp_path, pmic_read_adc=PMIC_TEXT)
    made.read()
    firmware.answers["pmic_read_adc"] = SourceUnavailable("not now", "timeout")
    with pytest.raises(SourceUnavailable, match="not now"):
        made.read()
    firmware.answers["pmic_read_adc"] = PMIC_TEXT
    assert made.read().readings


def test_a_sum_never_lacks_a_rail(tmp_path: Path) -> None:
    made, firmware, _ = counting(tmp_path, pmic_read_adc=PMIC_TEXT)
    made.read()
    firmware.answers["pmic_read_adc"] = "".join(
        line for line in PMIC_TEXT.splitlines(keepends=True) if "VDD_CORE" not in line
    )
    with pytest.raises(SourceUnavailable, match="other power rails") as caught:
        made.read()
    assert caught.value.reason == "garbage"


def test_garbage_is_no_reading(tmp_path: Path) -> None:
    made, firmware, _ = counting(tmp_path, pmic_read_adc=PMIC_TEXT)
    made.read()
    firmware.answers["pmic_read_adc"] = PMIC_TEXT[:300]
    with pytest.raises(SourceUnavailable, match=r"pmic_read_adc: .*cut short") as caught:
        made.read()
    assert caught.value.reason == "garbage"


def test_rails_that_are_not_allowed_yet_are_tried_again(tmp_path: Path) -> None:
    denied = SourceUnavailable("no permission to open /dev/vcio", "permission")
    made, firmware, _ = counting(tmp_path, pmic_read_adc=denied)
    assert len(made.read().readings) == 8
    assert "no power rails: no permission" in made.description.detail
    firmware.answers["pmic_read_adc"] = PMIC_TEXT
    assert len(made.read().readings) > 8
    assert made.description.interval_seconds == 1.0


def test_a_firmware_that_knows_no_rails_is_asked_once(tmp_path: Path) -> None:
    pi = pi_4(tmp_path)
    pi.answer("pmic_read_adc", NOT_REGISTERED)
    made = source(pi)
    assert "no power rails: this firmware does not know pmic_read_adc" in made.description.detail
    made.read()
    made.read()
    assert pi.asked().count("pmic_read_adc") == 1


def test_without_the_tool_the_kernel_is_asked_for_the_flags(tmp_path: Path) -> None:
    pi = FakePi(tmp_path)
    pi.flags_file("50005\n")
    pi.command.unlink()
    made = source(pi)
    shown = values(made)
    assert len(shown) == 8
    assert shown["pi/under-voltage/throttled_now_flag"] == 1.0
    assert "flags from " in made.description.detail
    assert "vcgencmd not found: install it" in made.description.detail


def test_the_kernel_is_not_asked_while_the_firmware_answers(tmp_path: Path) -> None:
    pi = pi_4(tmp_path, "throttled=0x0")
    pi.flags_file("f000f")
    assert set(values(source(pi)).values()) == {0.0}


def test_a_passing_failure_is_no_reason_to_ask_the_kernel(tmp_path: Path) -> None:
    pi = pi_4(tmp_path, "throttled=nonsense")
    pi.flags_file("f000f")
    with pytest.raises(SourceUnavailable, match="get_throttled: expected throttled=0x"):
        source(pi).read()


def test_neither_tool_nor_kernel_says_what_to_install(tmp_path: Path) -> None:
    pi = FakePi(tmp_path)
    pi.command.unlink()
    made = source(pi)
    assert made.description.channels == ()
    with pytest.raises(SourceUnsupported, match="vcgencmd not found: install it"):
        made.read()


def test_no_permission_says_which_group(tmp_path: Path) -> None:
    pi = pi_4(tmp_path, "VCHI initialization failed")
    with pytest.raises(SourceUnavailable, match="usermod -aG video") as caught:
        source(pi).read()
    assert caught.value.reason == "permission"


def test_every_reason_is_a_zone(tmp_path: Path) -> None:
    zones = {channel.zone for channel in source(pi_4(tmp_path)).description.channels}
    assert zones == set(FLAGS)
