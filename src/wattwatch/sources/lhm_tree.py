"""The sensors in LibreHardwareMonitor's data.json, and in that of Open Hardware Monitor before it.

The document is a tree of nodes {Text, Value, Children …}: computer, hardware, type of sensor, sensor
(LibreHardwareMonitor: HttpServer.cs, GenerateJsonForNode). A sensor's `RawValue` is a number from 0.9.7, a
formatted text in 0.9.6, and absent before and in Open Hardware Monitor, whose sensors have neither `Type`
nor `SensorId`: there the heading above them tells what they are.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from wattwatch.sources.lhm_number import BASE_UNITS, si_from_number, si_from_text

_TYPE_OF_HEADING: Final = {
    "Powers": "Power",
    "Energies": "Energy",
    "Voltages": "Voltage",
    "Currents": "Current",
    "Load": "Load",
    "Clocks": "Clock",
    "Temperatures": "Temperature",
}
_DEEPEST: Final = 16  # real trees have five levels, with sub-hardware six
_MOST_NODES: Final = 20_000
_MOST_SENSORS: Final = 2000
_LONGEST_NAME: Final = 100
_GREATEST: Final = 1e12  # of any unit: beyond is no measurement

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LhmSensor:
    """One sensor; `value` is in SI, None while it has none. `key` tells it from all others."""

    key: str
    hardware: str
    name: str
    type: str  # a key of BASE_UNITS
    value: float | None


def sensors_from_json(body: bytes) -> tuple[LhmSensor, ...]:
    """Every sensor of a type that is known, in the order of the document; ValueError if it is none."""
    counts: Counter[str] = Counter()
    sensors = []
    for sensor in _sensors(_document(body)):
        counts[sensor.key] += 1
        number = counts[sensor.key]  # of equal names below one heading, where there is no SensorId
        sensors.append(sensor if number == 1 else replace(sensor, key=f"{sensor.key} ({number})"))
    return tuple(sensors)


def _document(body: bytes) -> Json:
    try:
        document = json.loads(body, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deep") from error
    if not isinstance(document, dict) or "Children" not in document:
        raise ValueError("it is no tree of sensors")
    return document


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _sensors(root: Json) -> Iterator[LhmSensor]:
    """Sensors of a tree, by a stack: depth and number of nodes are bounded."""
    stack: list[tuple[Json, tuple[str, ...]]] = [(root, ())]
    nodes = found = 0
    while stack:
        node, above = stack.pop()
        nodes += 1
        if nodes > _MOST_NODES or len(above) > _DEEPEST or found > _MOST_SENSORS:
            raise ValueError("the tree of sensors is too large")
        if children := _children(node):
            inside = (*above, _name(node))
            stack.extend((child, inside) for child in reversed(children))
        elif sensor := _sensor(node, above):
            found += 1
            yield sensor


def _children(node: Json) -> list[Json]:
    children = node.get("Children")
    return [child for child in children if isinstance(child, dict)] if isinstance(children, list) else []


def _sensor(node: Json, above: tuple[str, ...]) -> LhmSensor | None:
    heading = above[-1] if above else ""
    kind = node.get("Type") or _TYPE_OF_HEADING.get(heading)
    if not isinstance(kind, str) or kind not in BASE_UNITS:
        return None
    name = _name(node)
    hardware = above[-2] if len(above) > 1 else ""
    sensor_id = node.get("SensorId")
    key = sensor_id if isinstance(sensor_id, str) and sensor_id else "/".join((*above, name))
    return LhmSensor(key, hardware, name, kind, _value(kind, node))


def _value(kind: str, node: Json) -> float | None:
    for field in ("RawValue", "Value"):
        value = _si(kind, node.get(field))
        if value is not None and math.isfinite(value) and abs(value) <= _GREATEST:
            return value
    return None


def _si(kind: str, value: Any) -> float | None:
    """A field in SI; None for what is no number, such as null or the text NaN."""
    try:
        if isinstance(value, str):
            return si_from_text(kind, value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return si_from_number(kind, float(value))
    except (ValueError, OverflowError):
        return None
    return None


def _name(node: Json) -> str:
    text = node.get("Text")
    return " ".join(text.split())[:_LONGEST_NAME] if isinstance(text, str) else ""
