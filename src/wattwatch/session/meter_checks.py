"""What a meter needs of this computer, each point checked, with what to do where it is not met."""

import errno
import grp
import os
import pwd
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from wattwatch.sources.um.ports import Port

_EXTRAS: Final = (
    ("dbus_fast", "dbus-fast", "bluetooth", "finding, pairing and reading meters over Bluetooth"),
    ("bleak", "bleak", "bluetooth", "Bluetooth Low Energy"),
    ("serial", "pyserial", "serial", "serial ports"),
)
_RFKILL: Final = Path("/sys/class/rfkill")


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One point: how it is, and what to do about it ("" if nothing)."""

    name: str
    state: State
    says: str
    to_do: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """Who runs this, and the groups of this process and of the group file."""

    name: str
    is_root: bool
    groups: frozenset[str]  # that this process has
    enrolled: frozenset[str]  # that it would have after a new login
    existing: frozenset[str]  # that there are on this computer


@dataclass(frozen=True, slots=True)
class Needs:
    """Why groups matter here: what was denied, and ports that cannot be opened."""

    bluetoothd_denied: bool | None = None  # None: bluetoothd could not be asked
    ports: tuple[Port, ...] = field(default_factory=tuple)


def this_user() -> User:
    """The user of this process."""
    uid = os.geteuid()
    try:
        entry = pwd.getpwuid(uid)
        name, own_group = entry.pw_name, entry.pw_gid
    except KeyError:  # a container's user without a name
        name, own_group = str(uid), os.getegid()
    everyone = grp.getgrall()
    held = {*os.getgroups(), os.getegid()}
    return User(
        name=name,
        is_root=uid == 0,
        groups=frozenset(group.gr_name for group in everyone if group.gr_gid in held),
        enrolled=frozenset(g.gr_name for g in everyone if name in g.gr_mem or g.gr_gid == own_group),
        existing=frozenset(group.gr_name for group in everyone),
    )


def group_checks(user: User, needs: Needs) -> Iterator[Check]:
    """Membership of the groups that open Bluetooth, serial ports and the daemon's socket."""
    denied = needs.bluetoothd_denied
    unneeded = "not needed: bluetoothd lets this user in" if denied is False else ""
    yield _group_check(user, "bluetooth", "asking bluetoothd", unneeded)
    closed = [port.path for port in needs.ports if not port.usable]
    unneeded = "not needed: the ports can be opened" if needs.ports and not closed else ""
    yield _group_check(user, "dialout", "serial ports", unneeded)
    if "wattwatch" in user.existing:
        yield _group_check(user, "wattwatch", "talking to the daemon", "")


def _group_check(user: User, group: str, what_for: str, unneeded: str) -> Check:
    name = f"group {group}"
    if user.is_root:
        return Check(name, State.OK, "not needed by root")
    if group in user.groups:
        return Check(name, State.OK, f"{user.name} is in it")
    if unneeded:
        return Check(name, State.OK, unneeded)
    if group not in user.existing:
        return Check(name, State.UNKNOWN, f"this computer has no such group, usual for {what_for}")
    if group in user.enrolled:
        to_do = "log out and in again"
        return Check(name, State.PROBLEM, f"{user.name} was added, but not in this session", to_do)
    to_do = f"sudo usermod -aG {group} {user.name}, then log in again"
    return Check(name, State.PROBLEM, f"{user.name} is not in it; it is for {what_for}", to_do)


def extra_checks() -> Iterator[Check]:
    """Whether the packages are here."""
    for module, package, extra, what_for in _EXTRAS:
        if find_spec(module) is not None:
            yield Check(f"package {package}", State.OK, f"here, for {what_for}")
        else:
            to_do = f"pip install 'wattwatch[{extra}]'"
            yield Check(f"package {package}", State.PROBLEM, f"missing; it is for {what_for}", to_do)


def rfkill_check(root: Path = _RFKILL) -> Check:
    """Whether a switch keeps Bluetooth off (Documentation/ABI/stable/sysfs-class-rfkill)."""
    switches = [folder for folder in sorted(root.glob("rfkill*")) if _read(folder / "type") == "bluetooth"]
    if not switches:
        return Check("rfkill", State.UNKNOWN, "the kernel knows no Bluetooth switch here")
    for folder in switches:
        name = _read(folder / "name") or folder.name
        if _read(folder / "hard") == "1":
            to_do = "turn its switch or its entry in the firmware's settings on"
            return Check("rfkill", State.PROBLEM, f"{name} is off by hardware", to_do)
        if _read(folder / "soft") == "1":
            to_do = "sudo rfkill unblock bluetooth"
            return Check("rfkill", State.PROBLEM, f"{name} is blocked", to_do)
    return Check("rfkill", State.OK, "Bluetooth is not blocked")


def socket_check(*, bluetoothd_helps: bool) -> Check:
    """Whether this Python and this kernel have Bluetooth sockets; without them bluetoothd has to help."""
    name = "Bluetooth sockets"
    family = getattr(socket, "AF_BLUETOOTH", None)
    protocol = getattr(socket, "BTPROTO_RFCOMM", None)
    if family is None or protocol is None:
        says = "this Python was built without them"
        if bluetoothd_helps:
            return Check(name, State.OK, f"{says}; meters are reached through bluetoothd instead")
        to_do = "let bluetoothd run, which does as well, or use the system's python3"
        return Check(name, State.PROBLEM, says, to_do)
    try:
        socket.socket(family, socket.SOCK_STREAM, protocol).close()
    except OSError as error:
        return _socket_refused(name, error)
    return Check(name, State.OK, "this Python and the kernel have them")


def _socket_refused(name: str, error: OSError) -> Check:
    if error.errno in {errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}:
        to_do = "sudo modprobe rfcomm; a container needs the host's network for them"
        return Check(name, State.PROBLEM, "the kernel has none here", to_do)
    return Check(name, State.UNKNOWN, f"cannot be tried: {error.strerror}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
