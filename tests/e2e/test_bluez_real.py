"""wattwatch's ways to a meter on a real bluetoothd and a real kernel, with virtual controllers, in QEMU.

The meter is simulated, and so is the air; bluetoothd, the kernel's Bluetooth and D-Bus are those of Debian.
What is checked in the guest is in tests/support/bluez_guest. Pairing by PIN is not: the virtual controllers
do not get through it.
"""

import json

import pytest

from support.qemu import Facts, run_bluez_guest

Checks = dict[str, Facts]

pytestmark = [
    pytest.mark.bluez_real,
    pytest.mark.timeout(900),  # making the root tree and the machine included
    pytest.mark.xdist_group("bluez-real"),
]


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Checks:
    """What the guest reported; the machine is run once."""
    return run_bluez_guest(tmp_path_factory.mktemp("bluez"))


def passed(checks: Checks, name: str) -> Facts:
    """The facts of a check that ended as it should."""
    facts = checks[name]
    assert "error" not in facts, facts["error"]
    return facts


@pytest.mark.parametrize("part", ["machine", "classic", "low energy"])
def test_every_part_ran_to_its_end(checks: Checks, part: str) -> None:
    passed(checks, part)


@pytest.mark.parametrize("route", ["rfcomm", "bluez", "ble"])
def test_frames_are_what_the_meter_shows(checks: Checks, route: str) -> None:
    facts = passed(checks, f"{route}: frames")
    assert facts["frames"] == 100
    assert 4.95 < facts["lowest_watts"] <= facts["highest_watts"] <= 5.0  # digits are cut off, not rounded
    assert facts["detail"].startswith("UM24C at 00:AA:01:01:00:01 by " + route)


@pytest.mark.parametrize("route", ["rfcomm", "bluez", "ble"])
def test_a_drop_is_a_hangup_and_reading_on_connects_again(checks: Checks, route: str) -> None:
    facts = passed(checks, f"{route}: dropped by the meter")
    assert facts["lost"]["reason"] == "hangup"
    assert "back_milliseconds" in facts


@pytest.mark.parametrize(("route", "times"), [("rfcomm", 10), ("bluez", 10), ("ble", 3)])
def test_closing_and_opening_at_once_works_every_time(checks: Checks, route: str, times: int) -> None:
    assert passed(checks, f"{route}: closed and opened again")["times"] == times


@pytest.mark.parametrize("route", ["rfcomm", "bluez"])
def test_reconnections_lose_no_descriptor(checks: Checks, route: str) -> None:
    facts = passed(checks, f"{route}: descriptors")
    assert facts["after"] == facts["between"]


def test_a_closed_low_energy_meter_leaves_no_descriptor(checks: Checks) -> None:
    facts = passed(checks, "ble: descriptors")
    assert facts["after"] == facts["before"]


def test_the_clones_channel_is_found(checks: Checks) -> None:
    assert "channel 2" in passed(checks, "rfcomm: channel 2")["detail"]


def test_bluetoothd_hands_its_descriptor_to_users_without_rights(checks: Checks) -> None:
    for route in ("rfcomm", "bluez"):
        facts = passed(checks, f"{route}: as nobody")
        assert facts["exit"] == 0, facts["stderr"]
        assert json.loads(facts["stdout"])["model"] == "UM24C"


def test_a_second_registration_is_refused_in_words(checks: Checks) -> None:
    facts = passed(checks, "bluez: registered by another")
    assert facts["exit"] == 1
    assert "another program is registered for serial ports" in facts["stderr"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bluez: not known yet", "permission"),
        ("rfcomm: held by another", "busy"),
        ("bluez: nobody listens", "busy"),
        ("rfcomm: nobody listens", "busy"),
        ("bluez: no bluetoothd", "absent"),
        ("bluez: no record", "io"),
        ("bluez: away", "absent"),
        ("rfcomm: away", "absent"),
        ("ble: away", "absent"),
        ("bluez: adapter off", "absent"),
        ("rfcomm: adapter off", "absent"),
    ],
)
def test_failures_have_their_reasons(checks: Checks, name: str, reason: str) -> None:
    facts = passed(checks, name)
    assert facts["reason"] == reason, facts["message"]
    assert facts["message"].startswith("00:AA:01:")


def test_the_meter_is_found_by_a_scan(checks: Checks) -> None:
    report = passed(checks, "meters")["report"]
    (found,) = [meter for meter in report["meters"] if meter["adapter"] == "hci0"]
    assert (found["address"], found["name"]) == ("00:AA:01:01:00:01", "UM24C")
    assert found["rssi_dbm"] is not None


def test_a_meter_is_paired_trusted_and_read(checks: Checks) -> None:
    facts = passed(checks, "pair")
    assert (facts["Paired"], facts["Bonded"], facts["Trusted"]) == ("b true",) * 3
    assert passed(checks, "bluez: paired")["frames"] == passed(checks, "rfcomm: paired")["frames"] == 10


def test_a_restarted_bluetoothd_is_registered_with_anew(checks: Checks) -> None:
    assert "back_milliseconds" in passed(checks, "bluez: after a restart")


def test_auto_goes_on_to_low_energy(checks: Checks) -> None:
    assert passed(checks, "auto: Low Energy")["detail"].endswith("by ble")
