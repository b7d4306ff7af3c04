"""The report of `wattwatch meters` for people and as JSON."""

from collections.abc import Iterator
from typing import Any

from wattwatch.session.meter_checks import Check, State
from wattwatch.session.meters import PAIRING, MeterReport
from wattwatch.sources.um.nearby import Nearby
from wattwatch.sources.um.ports import Port

_METER_HEAD = ("address", "name", "adapter", "link", "paired", "trusted", "signal", "note")
_PORT_HEAD = ("port", "what", "note")

Row = tuple[str, ...]


def meter_rows(report: MeterReport) -> Iterator[Row]:
    """Head and rows of the table of Bluetooth devices."""
    yield _METER_HEAD
    for meter, holder in report.meters:
        yield (
            meter.address,
            meter.name or "-",
            meter.adapter,
            "+".join(meter.links),
            _yes(meter.paired),
            _yes(meter.trusted),
            "-" if meter.rssi_dbm is None else f"{meter.rssi_dbm} dBm",
            _meter_note(meter, holder),
        )


def port_rows(report: MeterReport) -> Iterator[Row]:
    """Head and rows of the table of ports."""
    yield _PORT_HEAD
    for port, holder in report.ports:
        note = f"held by the daemon ({holder})" if holder else "" if port.usable else "permission denied"
        yield port.path, port.about, note


def check_lines(report: MeterReport) -> Iterator[str]:
    """Every check, and below a problem what to do."""
    width = max(len(check.name) for check in report.checks)
    for check in report.checks:
        yield f"  {check.state.value.ljust(len(State.PROBLEM))}  {check.name.ljust(width)}  {check.says}"
        if check.to_do:
            yield f"{' ' * (len(State.PROBLEM) + width + 6)}-> {check.to_do}"


def next_lines(report: MeterReport) -> Iterator[str]:
    """What to do next: mend, pair, read, configure; or what to look at when there is no meter."""
    ailing = [check.name for check in report.problems if not check.name.startswith(PAIRING)]
    if ailing:
        yield f"mend what is a problem above first, unless it is not needed: {', '.join(ailing)}"
    for meter, holder in report.meters:
        if holder or meter.named:
            yield _next_of_meter(meter, holder)
    for port, holder in report.ports:
        if port.usable or holder:
            yield f"wattwatch read {port.path}"
    if not report.meters and not report.ports:
        yield (
            "no meter found: is it on (it runs from the supply that it measures), near, and not connected to "
            "a phone? It is heard only while nothing is connected to it"
        )
    elif keys := _source_keys(report):
        yield "to measure with it, put this into /etc/wattwatch/wattwatch.toml and restart the daemon:"
        yield from (f"  {line}" for line in ("[[source]]", 'type = "um24c"', *keys))


def _source_keys(report: MeterReport) -> tuple[str, ...]:
    """How a configuration names the first meter that the daemon does not read yet; none if it reads all."""
    for meter, holder in report.meters:
        if meter.named and not holder:
            is_usual = meter.adapter == report.first_adapter or not report.first_adapter
            adapter = () if is_usual else (f'adapter = "{meter.adapter}"',)
            return f'address = "{meter.address}"', *adapter
    return next(((f'url = "{port.path}"',) for port, holder in report.ports if not holder), ())


def _next_of_meter(meter: Nearby, holder: str) -> str:
    if meter.wants_pairing and not holder:
        return f"wattwatch meters pair {meter.address}"
    return f"wattwatch read {meter.address}"


def report_object(report: MeterReport) -> dict[str, Any]:
    """The JSON of a report: these keys, in this order, are its public form."""
    return {
        "meters": [_meter_object(meter, holder) for meter, holder in report.meters],
        "ports": [_port_object(port, holder) for port, holder in report.ports],
        "checks": [_check_object(check) for check in report.checks],
    }


def _meter_object(meter: Nearby, holder: str) -> dict[str, Any]:
    return {
        "address": meter.address,
        "name": meter.name or None,
        "adapter": meter.adapter,
        "links": list(meter.links),
        "meter_by_name": meter.named,
        "paired": meter.paired,
        "trusted": meter.trusted,
        "connected": meter.connected,
        "rssi_dbm": meter.rssi_dbm,
        "held_by": holder or None,
    }


def _port_object(port: Port, holder: str) -> dict[str, Any]:
    return {"path": port.path, "about": port.about, "usable": port.usable, "held_by": holder or None}


def _check_object(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "state": check.state.value,
        "says": check.says,
        "to_do": check.to_do or None,
    }


def _meter_note(meter: Nearby, holder: str) -> str:
    if holder:
        return f"held by the daemon ({holder})"
    if meter.connected:
        return "connected: somebody reads it"
    return "" if meter.named else "could be a meter"


def _yes(value: bool) -> str:  # noqa: FBT001 - a formatter
    return "yes" if value else "no"
