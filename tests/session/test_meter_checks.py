"""The checks: each way that a computer can fail a meter, and what it is told to do."""

import errno
import socket
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from wattwatch.session import meter_checks
from wattwatch.session.meter_checks import (
    Check,
    Needs,
    State,
    User,
    extra_checks,
    group_checks,
    rfkill_check,
    socket_check,
    this_user,
)
from wattwatch.session.meters import adapter_checks, pairing_checks
from wattwatch.sources.um.bluez_objects import Adapter
from wattwatch.sources.um.nearby import Nearby
from wattwatch.sources.um.ports import Port

EVERY_GROUP = frozenset({"bluetooth", "dialout", "wattwatch", "users"})
ANNA = User(
    "anna", is_root=False, groups=frozenset({"users"}), enrolled=frozenset({"users"}), existing=EVERY_GROUP
)
METER = Nearby("00:15:A6:01:AA:BB", "UM24C", "hci0", False, False, False, -60, ("spp",), True)


def by_name(checks: Iterable[Check]) -> dict[str, tuple[State, str]]:
    return {check.name: (check.state, check.to_do) for check in checks}


def test_a_stranger_is_told_how_to_get_into_each_group() -> None:
    assert by_name(group_checks(ANNA, Needs(bluetoothd_denied=True))) == {
        f"group {group}": (State.PROBLEM, f"sudo usermod -aG {group} anna, then log in again")
        for group in ("bluetooth", "dialout", "wattwatch")
    }


def test_a_group_is_no_problem_where_what_it_is_for_works() -> None:
    port = Port("/dev/rfcomm0", "", 20, usable=True)
    checks = by_name(group_checks(ANNA, Needs(bluetoothd_denied=False, ports=(port,))))
    assert checks["group bluetooth"] == (State.OK, "")
    assert checks["group dialout"] == (State.OK, "")
    closed = Needs(bluetoothd_denied=False, ports=(port, replace(port, usable=False)))
    assert by_name(group_checks(ANNA, closed))["group dialout"][0] is State.PROBLEM


def test_a_membership_that_this_session_has_not_seen_yet_wants_a_new_login() -> None:
    added = replace(ANNA, enrolled=EVERY_GROUP)
    assert {check.to_do for check in group_checks(added, Needs())} == {"log out and in again"}


def test_members_and_root_are_fine_and_missing_groups_are_unknown() -> None:
    member = replace(ANNA, groups=EVERY_GROUP)
    root = replace(ANNA, is_root=True)
    for user in (member, root):
        assert {check.state for check in group_checks(user, Needs(bluetoothd_denied=True))} == {State.OK}
    bare = replace(ANNA, existing=frozenset())
    assert by_name(group_checks(bare, Needs())) == {
        "group bluetooth": (State.UNKNOWN, ""),
        "group dialout": (State.UNKNOWN, ""),
    }


def test_this_user_is_somebody() -> None:
    user = this_user()
    assert user.name
    assert user.groups <= user.existing
    assert "root" in user.existing


def make_switch(root: Path, number: int, kind: str = "bluetooth", soft: str = "0", hard: str = "0") -> None:
    folder = root / f"rfkill{number}"
    folder.mkdir()
    for name, text in (("type", kind), ("name", f"hci{number}"), ("soft", soft), ("hard", hard)):
        (folder / name).write_text(text + "\n")


def test_rfkill_is_read_from_the_kernel(tmp_path: Path) -> None:
    make_switch(tmp_path, 0, kind="wlan", soft="1")
    assert rfkill_check(tmp_path).state is State.UNKNOWN
    make_switch(tmp_path, 1)
    assert rfkill_check(tmp_path).state is State.OK
    make_switch(tmp_path, 2, soft="1")
    assert rfkill_check(tmp_path).to_do == "sudo rfkill unblock bluetooth"
    make_switch(tmp_path, 10, hard="1")
    assert "hci10 is off by hardware" in rfkill_check(tmp_path).says


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {check.state for check in extra_checks()} == {State.OK}
    monkeypatch.setattr(meter_checks, "find_spec", lambda _: None)
    assert by_name(extra_checks())["package bleak"] == (State.PROBLEM, "pip install 'wattwatch[bluetooth]'")
    assert by_name(extra_checks())["package pyserial"] == (State.PROBLEM, "pip install 'wattwatch[serial]'")


class Refusing:
    """A socket that the kernel does not give."""

    number = 0

    def __init__(self, *_: object) -> None:
        if self.number:
            raise OSError(self.number, "no")

    def close(self) -> None:
        pass


def test_sockets_are_tried_and_bluetoothd_does_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_BLUETOOTH", raising=False)
    assert socket_check(bluetoothd_helps=True).state is State.OK
    assert socket_check(bluetoothd_helps=False).state is State.PROBLEM
    monkeypatch.setattr(socket, "AF_BLUETOOTH", 31, raising=False)
    monkeypatch.setattr(socket, "BTPROTO_RFCOMM", 3, raising=False)
    monkeypatch.setattr(socket, "socket", Refusing)
    assert socket_check(bluetoothd_helps=False).state is State.OK
    monkeypatch.setattr(Refusing, "number", errno.EAFNOSUPPORT)
    assert "modprobe rfcomm" in socket_check(bluetoothd_helps=False).to_do
    monkeypatch.setattr(Refusing, "number", errno.EMFILE)
    assert socket_check(bluetoothd_helps=False).state is State.UNKNOWN


def test_adapters_are_there_and_on() -> None:
    (none,) = adapter_checks(())
    assert (none.state, "disable-bt" in none.to_do) == (State.PROBLEM, True)
    on, off = Adapter("hci0", "00", powered=True), Adapter("hci1", "01", powered=False)
    assert by_name(adapter_checks((on, off))) == {
        "adapter hci0": (State.OK, ""),
        "adapter hci1": (State.OK, ""),  # one is enough
    }
    state, to_do = by_name(adapter_checks((off,)))["adapter hci1"]
    assert (state, "bluetoothctl power on" in to_do) == (State.PROBLEM, True)


@pytest.mark.parametrize(
    ("meter", "state"),
    [
        (METER, State.PROBLEM),
        (replace(METER, paired=True), State.PROBLEM),
        (replace(METER, paired=True, trusted=True), State.OK),
        (replace(METER, links=("ble",)), State.OK),
        (replace(METER, named=False), None),
    ],
)
def test_a_meter_wants_pairing_and_trust_unless_it_has_low_energy(meter: Nearby, state: State | None) -> None:
    assert [check.state for check in pairing_checks((meter,))] == ([] if state is None else [state])
    for check in pairing_checks((meter,)):
        assert (check.to_do == "wattwatch meters pair 00:15:A6:01:AA:BB") == (state is State.PROBLEM)
