"""What a meter shows, for people and as JSON, whether we have read it or a daemon has."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wattwatch.sources.um.capture import frame_object
from wattwatch.sources.um.protocol import Frame
from wattwatch.units import (
    COULOMBS_PER_MILLIAMPERE_HOUR,
    JOULES_PER_MILLIWATT_HOUR,
    coulombs_from_milliampere_hours,
    joules_from_milliwatt_hours,
    text_from_joules,
    text_from_seconds,
)

CHARGING_MODES: Final = {
    0: "unknown or normal",
    1: "QC 2.0",
    2: "QC 3.0",
    3: "Apple 2.4 A",
    4: "Apple 2.1 A",
    5: "Apple 1.0 A",
    6: "Apple 0.5 A",
    7: "DCP 1.5 A",
    8: "Samsung",
}
"""Names of the charging modes, as rdserialtool has them."""

_LABEL_WIDTH: Final = 15


@dataclass(frozen=True, slots=True)
class MeterView:
    """One look at a meter; what is not known is None. `held_by` is the daemon's source, "" if we read it."""

    place: str
    way: str  # bluez, rfcomm, ble; "" for a port
    held_by: str
    at: str  # RFC 3339 UTC
    model: str
    simulated: bool | None  # None: whoever reads a port cannot tell
    voltage_volts: float | None
    current_amperes: float | None
    power_watts: float | None
    resistance_ohms: float | None
    temperature_celsius: float | None
    data_positive_volts: float | None
    data_negative_volts: float | None
    selected_group: int | None
    group_energy_joules: float | None
    group_charge_coulombs: float | None
    frame: Frame | None = None  # only where we have read it ourselves


def view_of_frame(place: str, way: str, frame: Frame, at: str) -> MeterView:
    """The view of a frame that was read at an instant."""
    group = frame.group
    return MeterView(
        place=place,
        way=way,
        held_by="",
        at=at,
        model=frame.model.name,
        simulated=None,
        voltage_volts=frame.voltage_volts,
        current_amperes=frame.current_amperes,
        power_watts=frame.product_watts,
        resistance_ohms=frame.resistance_ohms,
        temperature_celsius=frame.temperature_celsius,
        data_positive_volts=frame.data_positive_volts,
        data_negative_volts=frame.data_negative_volts,
        selected_group=frame.selected_group,
        group_energy_joules=joules_from_milliwatt_hours(group.energy_milliwatt_hours) if group else None,
        group_charge_coulombs=(
            coulombs_from_milliampere_hours(group.charge_milliampere_hours) if group else None
        ),
        frame=frame,
    )


def view_of_source(place: str, source: dict[str, Any]) -> MeterView:
    """The view of a meter as a daemon shows it in /v1/sources; `at` is empty before its first reading."""
    channels = {(channel["zone"], channel["quantity"]): channel for channel in source["channels"]}

    def value(zone: str, quantity: str) -> float | None:
        found: float | None = channels.get((zone, quantity), {}).get("value")
        return found

    power = channels.get(("vbus", "power_watts"), {})
    group = _selected_group(source["channels"])
    return MeterView(
        place=place,
        way=source["detail"].partition(" by ")[2],
        held_by=source["name"],
        at=power.get("at") or "",
        model=source["detail"].split(" at ")[0] if " at " in source["detail"] else "",
        simulated=power.get("quality") == "simulated",
        voltage_volts=value("vbus", "voltage_volts"),
        current_amperes=value("vbus", "current_amperes"),
        power_watts=value("vbus", "power_watts"),
        resistance_ohms=value("vbus", "resistance_ohms"),
        temperature_celsius=value("meter", "temperature_celsius"),
        data_positive_volts=value("data-positive", "voltage_volts"),
        data_negative_volts=value("data-negative", "voltage_volts"),
        selected_group=group,
        group_energy_joules=value(f"group-{group}", "energy_joules"),
        group_charge_coulombs=value(f"group-{group}", "charge_coulombs"),
    )


def _selected_group(channels: list[dict[str, Any]]) -> int | None:
    """The group whose counts were read last; those of groups selected before stay with their old instant."""
    counted = [
        (channel["at"], int(channel["zone"].removeprefix("group-")))
        for channel in channels
        if channel["zone"].startswith("group-") and channel["at"]
    ]
    return max(counted)[1] if counted else None


def view_object(view: MeterView) -> dict[str, Any]:
    """The JSON of a view: these keys, in this order, are its public form; `frame` is that of `decode`."""
    return {
        "place": view.place,
        "way": view.way or None,
        "held_by": view.held_by or None,
        "at": view.at or None,
        "model": view.model or None,
        "simulated": view.simulated,
        "voltage_volts": view.voltage_volts,
        "current_amperes": view.current_amperes,
        "power_watts": view.power_watts,
        "resistance_ohms": view.resistance_ohms,
        "temperature_celsius": view.temperature_celsius,
        "data_positive_volts": view.data_positive_volts,
        "data_negative_volts": view.data_negative_volts,
        "selected_group": view.selected_group,
        "group_energy_joules": view.group_energy_joules,
        "group_charge_coulombs": view.group_charge_coulombs,
        "frame": frame_object(view.frame) if view.frame else None,
    }


def view_lines(view: MeterView) -> Iterator[str]:
    """A view for people."""
    simulated = "SIMULATED " if view.simulated else ""
    origin = f", from the daemon (source {view.held_by}), which holds it" if view.held_by else ""
    way = f" by {view.way}" if view.way else ""
    yield f"{simulated}{view.model or 'meter'} at {view.place}{way}{origin or _doubt(view.place)}"
    yield _row("time", view.at)
    yield _row("voltage", _text(view.voltage_volts, "V"))
    yield _row("current", _text(view.current_amperes, "A"))
    yield _row("power", _text(view.power_watts, "W"))
    yield _row("load", _text(view.resistance_ohms, "Ω"))
    yield _row("temperature", _text(view.temperature_celsius, "°C"))
    data_lines = f"D+ {_text(view.data_positive_volts, 'V')}, D- {_text(view.data_negative_volts, 'V')}"
    yield _row("data lines", data_lines)
    yield _row(f"group {_dash(view.selected_group)}", _counts_text(view))
    if view.frame is not None:
        yield from _frame_lines(view.frame)


def _frame_lines(frame: Frame) -> Iterator[str]:
    """What only a frame tells: the daemon keeps none of it."""
    counted = [str(number) for number, group in enumerate(frame.groups) if group.energy_milliwatt_hours]
    others = [number for number in counted if number != str(frame.selected_group)]
    if others:
        yield _row("also counted in", f"group {', '.join(others)} (--json shows them)")
    record = frame.record
    counts = f"{record.charge_milliampere_hours} mAh, {record.energy_milliwatt_hours} mWh"
    state = "recording" if record.active else "not recording"
    seconds = text_from_seconds(record.seconds)
    yield _row("recorder", f"{counts} in {seconds}, above {record.threshold_amperes:.2f} A, {state}")
    mode = CHARGING_MODES.get(frame.charging_mode, "unknown")
    yield _row("charging mode", f"{frame.charging_mode} ({mode})")
    timeout = f"off after {frame.screen_timeout_minutes} min" if frame.screen_timeout_minutes else "always on"
    yield _row("screen", f"{frame.screen}, {timeout}, backlight {frame.backlight}")
    if frame.problems or not frame.trailer_ok:
        doubts = ", ".join((*frame.problems, *(() if frame.trailer_ok else ("unknown end mark",))))
        yield _row("doubtful", doubts)


def view_line(view: MeterView) -> str:
    """A view in one line, for one after another."""
    figures = (
        view.at.partition("T")[2].rstrip("Z")[:12],
        _text(view.voltage_volts, "V").rjust(8),
        _text(view.current_amperes, "A").rjust(9),
        _text(view.power_watts, "W").rjust(11),
        _text(view.temperature_celsius, "°C").rjust(6),
        f"group {_dash(view.selected_group)}: {_counts_text(view)}",
    )
    return "  ".join(figures)


def _row(label: str, value: str) -> str:
    return f"  {label.ljust(_LABEL_WIDTH)}  {value}"


def _text(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.6g} {unit}"


def _dash(number: int | None) -> str:
    return "-" if number is None else str(number)


def _counts_text(view: MeterView) -> str:
    if view.group_energy_joules is None or view.group_charge_coulombs is None:
        return "-"
    milliampere_hours = round(view.group_charge_coulombs / COULOMBS_PER_MILLIAMPERE_HOUR)
    milliwatt_hours = round(view.group_energy_joules / JOULES_PER_MILLIWATT_HOUR)
    return f"{milliampere_hours} mAh, {milliwatt_hours} mWh ({text_from_joules(view.group_energy_joules)})"


def _doubt(place: str) -> str:
    """A word on a port that no hardware has: what is read there may be simulated, and cannot tell."""
    is_pseudo = "://" not in place and Path(place).resolve().is_relative_to("/dev/pts")
    return " (a pseudo-terminal: simulated, or bridged)" if is_pseudo else ""
