"""Behind `wattwatch meters`: what meters there are, and whether this computer can reach them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wattwatch.errors import ClientError, MissingExtra
from wattwatch.session.meter_checks import (
    Check,
    Needs,
    State,
    extra_checks,
    group_checks,
    rfkill_check,
    socket_check,
    this_user,
)
from wattwatch.session.meter_place import held_meters, is_at
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um.bluez_errors import BluezError, Trouble
from wattwatch.sources.um.bluez_objects import Adapter, first_on
from wattwatch.sources.um.link_errors import POWER_ON
from wattwatch.sources.um.nearby import Nearby, Scan
from wattwatch.sources.um.ports import Port, find_ports

Say = Callable[[str], None]

PAIRING: Final = "pairing"
"""How the names of the checks begin that are each about one meter."""


@dataclass(frozen=True, slots=True)
class MeterReport:
    """Meters and ports, each with the daemon's source that holds it ("" if none does), and the checks."""

    meters: tuple[tuple[Nearby, str], ...]
    ports: tuple[tuple[Port, str], ...]
    checks: tuple[Check, ...]
    first_adapter: str = ""  # that is on; a meter of another one needs its adapter named

    @property
    def problems(self) -> tuple[Check, ...]:
        """The checks that came out badly."""
        return tuple(check for check in self.checks if check.state is State.PROBLEM)


def find_meters(seconds: float, environment: Mapping[str, str], socket: Path | None, say: Say) -> MeterReport:
    """Look at everything; `seconds` 0 hears no device that is not paired. Whatever is missing is a check."""
    daemon_check, held = _daemon(environment, socket)
    if held and seconds > 0:
        say("scanning beside the daemon, which reads a meter: it may lose a reading or two")
    found, bluetooth_checks = _bluetooth(seconds, say)
    ports = find_ports()
    needs = Needs(_is_denied(bluetooth_checks), ports)
    checks = (
        *extra_checks(),
        *bluetooth_checks,
        rfkill_check(),
        *group_checks(this_user(), needs),
        socket_check(bluetoothd_helps=needs.bluetoothd_denied is False),
        *pairing_checks(found.meters),
        daemon_check,
    )
    return MeterReport(
        tuple((meter, _holder(held, UmSpec(address=meter.address.upper()))) for meter in found.meters),
        tuple((port, _holder(held, UmSpec(url=port.path))) for port in ports),
        checks,
        first_on(found.adapters),
    )


def _bluetooth(seconds: float, say: Say) -> tuple[Scan, tuple[Check, ...]]:
    """What bluetoothd knows and hears, and how it could be asked."""
    try:
        from wattwatch.sources.um.scan import scan  # noqa: PLC0415 - dbus-fast only for who uses it

        found = scan(seconds, say)
    except MissingExtra:
        return Scan((), ()), (Check("bluetoothd", State.UNKNOWN, "cannot be asked without dbus-fast"),)
    except BluezError as error:
        return Scan((), ()), tuple(_trouble_checks(error))
    return found, (
        Check("bluetoothd", State.OK, "answers on the system bus"),
        Check("D-Bus policy", State.OK, "lets this user ask bluetoothd"),
        *adapter_checks(found.adapters),
        *(
            (Check("scan", State.PROBLEM, found.problem, "try again in some seconds"),)
            if found.problem
            else ()
        ),
    )


def _trouble_checks(error: BluezError) -> Iterator[Check]:
    says, _, to_do = str(error).partition(": ")
    match error.trouble:
        case Trouble.NO_BUS:
            yield Check("D-Bus", State.PROBLEM, says, to_do)
            yield Check("bluetoothd", State.UNKNOWN, "cannot be asked without D-Bus")
        case Trouble.DENIED:
            yield Check("bluetoothd", State.UNKNOWN, "runs, but does not hear this user")
            yield Check("D-Bus policy", State.PROBLEM, says, to_do)
        case _:
            yield Check("bluetoothd", State.PROBLEM, says.removeprefix("bluetoothd "), to_do)
    yield Check("adapter", State.UNKNOWN, "only bluetoothd can tell")


def _is_denied(checks: tuple[Check, ...]) -> bool | None:
    """Whether the bus's policy keeps us away; None if that could not be found out."""
    states = {check.state for check in checks if check.name == "D-Bus policy"}
    return None if not states else State.PROBLEM in states


def adapter_checks(adapters: tuple[Adapter, ...]) -> Iterator[Check]:
    """Whether there is an adapter, and whether it is on."""
    if not adapters:
        to_do = "plug one in; on a Raspberry Pi take dtoverlay=disable-bt out of config.txt and reboot"
        yield Check("adapter", State.PROBLEM, "bluetoothd has none", to_do)
    for adapter in adapters:
        name = f"adapter {adapter.name}"
        if adapter.powered:
            yield Check(name, State.OK, f"on ({adapter.address})")
        elif any(other.powered for other in adapters):
            yield Check(name, State.OK, "off, and not needed while another one is on")
        else:
            yield Check(name, State.PROBLEM, "off", POWER_ON)


def pairing_checks(meters: tuple[Nearby, ...]) -> Iterator[Check]:
    """Whether what is a meter by its name is paired and trusted, as far as it needs that."""
    for meter in (meter for meter in meters if meter.named):
        name = f"{PAIRING} {meter.name}"
        to_do = f"wattwatch meters pair {meter.address}"
        if meter.wants_pairing:
            yield Check(name, State.PROBLEM, f"{meter.address} is not paired", to_do)
        elif meter.paired and not meter.trusted:
            yield Check(name, State.PROBLEM, f"{meter.address} is paired, but not trusted", to_do)
        else:
            how = "paired and trusted" if meter.paired else "needs none, as it has Bluetooth Low Energy"
            yield Check(name, State.OK, f"{meter.address} {how}")


def _daemon(environment: Mapping[str, str], socket: Path | None) -> tuple[Check, list[Any]]:
    try:
        client, held = held_meters(environment, socket)
    except ClientError as error:
        says, _, to_do = str(error).partition(": ")
        return Check("daemon", State.UNKNOWN, says, to_do), []
    if client is None:
        return Check("daemon", State.OK, "none runs, so it holds no meter"), []
    reads = ", ".join(source["name"] for source in held) or "no meter"
    return Check("daemon", State.OK, f"runs and reads {reads}"), held


def _holder(held: list[Any], spec: UmSpec) -> str:
    return next((str(source["name"]) for source in held if is_at(spec, source["detail"])), "")
