"""Asking by a process: a fake vcgencmd that says what the real one says."""

import os
from pathlib import Path

import pytest

from support.vcgencmd import NOT_REGISTERED, FakePi
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.sources.firmware_command import CommandFirmware

CANNOT_OPEN = (
    "Can't open device file: /dev/vcio\nTry creating a device file with: sudo mknod /dev/vcio c 100 0"
)


@pytest.fixture
def pi(tmp_path: Path) -> FakePi:
    return FakePi(tmp_path)


def firmware(pi: FakePi, **options: object) -> CommandFirmware:
    return CommandFirmware(str(pi.command), **options)  # type: ignore[arg-type]


def refusal(pi: FakePi, **options: object) -> SourceUnavailable:
    with pytest.raises(SourceUnavailable) as caught:
        firmware(pi, **options).ask("get_throttled")
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_answer_is_what_it_prints(pi: FakePi) -> None:
    pi.answer("get_throttled", "throttled=0x0")
    assert firmware(pi).ask("get_throttled") == "throttled=0x0"
    assert pi.asked() == ["get_throttled"]


def test_a_request_is_one_argument_and_never_a_shell_line(pi: FakePi) -> None:
    with pytest.raises(SourceUnsupported):
        firmware(pi).ask("get_throttled;touch/tmp/x")
    assert pi.asked() == ["get_throttled;touch/tmp/x"]


def test_without_the_tool_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SourceUnsupported, match=r"nowhere not found: install it .*apt install"):
        CommandFirmware(str(tmp_path / "nowhere")).ask("get_throttled")


def test_a_firmware_that_does_not_know_a_request_never_will(pi: FakePi) -> None:
    pi.answer("pmic_read_adc", NOT_REGISTERED)
    pi.exit_status(0)
    with pytest.raises(SourceUnsupported, match="does not know pmic_read_adc"):
        firmware(pi).ask("pmic_read_adc")


def test_a_device_that_may_not_be_opened_needs_a_group(pi: FakePi, tmp_path: Path) -> None:
    pi.answer("get_throttled", CANNOT_OPEN)
    pi.exit_status(255)
    device = tmp_path / "vcio"
    device.touch()
    error = refusal(pi, device=device)
    assert "usermod -aG video" in str(error)
    assert error.reason == "permission"


def test_a_device_that_is_not_there_needs_to_be_handed_in(pi: FakePi, tmp_path: Path) -> None:
    pi.answer("get_throttled", CANNOT_OPEN)
    pi.exit_status(255)
    error = refusal(pi, device=tmp_path / "vcio")
    assert "vcio does not exist: a container needs" in str(error)
    assert error.reason == "absent"


def test_an_old_tool_without_permission(pi: FakePi) -> None:
    pi.answer("get_throttled", "VCHI initialization failed")
    error = refusal(pi)
    assert "usermod -aG video" in str(error)
    assert error.reason == "permission"


def test_another_failure_is_told_in_its_own_words(pi: FakePi) -> None:
    pi.answer("get_throttled", "vc_gencmd_read_response returned -1\n" + "x" * 500)
    pi.exit_status(3)
    message = str(refusal(pi))
    assert "get_throttled failed with status 3 and said: vc_gencmd_read_response returned -1" in message
    assert len(message) < 400


def test_an_error_in_the_answer_is_no_answer(pi: FakePi) -> None:
    pi.answer("get_throttled", 'error=2 error_msg="Invalid arguments"')
    assert "Invalid arguments" in str(refusal(pi))


def test_a_file_that_is_no_program_is_said_in_one_line(pi: FakePi) -> None:
    pi.command.chmod(0o644)
    error = refusal(pi)
    assert "cannot be run" in str(error)
    assert error.reason == "permission"


def test_one_that_hangs_is_ended(pi: FakePi) -> None:
    pi.command.write_text("#!/bin/sh\necho $$ > " + str(pi.command) + ".pid\nexec sleep 60\n")
    error = refusal(pi, deadline_seconds=0.5)
    assert error.reason == "timeout"
    assert "no answer within 0.5 s" in str(error)
    pid = int(Path(f"{pi.command}.pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
