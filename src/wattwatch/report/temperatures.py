"""How warm each run began and became: start, highest, and the difference. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from wattwatch.report import plot
from wattwatch.report.boxplot import Place
from wattwatch.report.plot import Axis, Drawing
from wattwatch.report.repetitions import Made, in_order, marked_dot, place_labels, place_x
from wattwatch.report.study import Study
from wattwatch.report.ticks import value_ticks
from wattwatch.report.words import celsius_text, kelvin_text, number

_ROOM_CELSIUS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Warming:
    """Temperatures of a run on the node that became hottest, in °C."""

    zone: str
    start_celsius: float
    max_celsius: float

    @property
    def rise_kelvin(self) -> float:
        """By how much it became warmer at most."""
        return self.max_celsius - self.start_celsius


def warming_of(document: Mapping[str, Any]) -> Warming | None:
    """The warming of a run on its hottest node; None where none tells its temperatures."""
    found = []
    for node in document.get("nodes") or ():
        degrees = node.get("temperature_celsius") or {}
        start, highest = number(degrees, "start"), number(degrees, "max")
        if start is not None and highest is not None:
            found.append(Warming(f"{degrees.get('zone') or 'zone'} of {node.get('node')}", start, highest))
    return max(found, key=lambda warming: warming.max_celsius, default=None)


def warmings(study: Study) -> list[tuple[Made, Warming]]:
    """Every repetition whose temperatures are known, in the order in which they were made."""
    by_id = {document.get("run_id"): document for document in study.documents}
    pairs = ((one, warming_of(by_id.get(one.repetition.run_id, {}))) for one in in_order(study))
    return [(one, warming) for one, warming in pairs if warming is not None]


def warming_chart(name: str, study: Study) -> str:
    """The figure of all runs; empty where no temperature is known."""
    known = warmings(study)
    if not known:
        return ""
    degrees = [d for _, warming in known for d in (warming.start_celsius, warming.max_celsius)]
    axis = Axis(value_ticks(min(degrees) - _ROOM_CELSIUS, max(degrees) + _ROOM_CELSIUS))
    count = sum(len(group.repetitions) for group in study.groups)
    return plot.figure(
        Drawing(
            name=name,
            is_simulated=study.is_simulated,
            caption="Temperature from the start of each run to its highest, °C",
            title="Temperature of each run, from its start to its highest",
            description=" ".join(f"{one.place}: {_told(one, warming)}." for one, warming in known),
            shapes=(*plot.grid(axis), *_shapes(known, axis, count)),
            labels=(
                *plot.y_labels(axis),
                *place_labels(count),
            ),
            css="order",
        )
    )


def _shapes(known: Sequence[tuple[Made, Warming]], axis: Axis, count: int) -> Iterator[str]:
    for one, warming in known:
        x = place_x(one.place, count)
        low, high = axis.at(warming.start_celsius), axis.at(warming.max_celsius)
        hue = f"g{one.group % plot.HUES}"
        yield plot.upright(x, f"whisker {hue}", min(low, high), max(low, high))
        yield plot.dot(x, low, f"begin {hue}")
        yield from marked_dot(one, Place(x, high), _told(one, warming))


def _told(one: Made, warming: Warming) -> str:
    return (
        f"{one.name}: {celsius_text(warming.start_celsius)} to {celsius_text(warming.max_celsius)}, "
        f"ΔT {kelvin_text(warming.rise_kelvin)}"
    )


def warming_rows(study: Study) -> list[tuple[str, ...]]:
    """Per group: name, runs, and medians of start, highest and rise with their ranges, as text."""
    rows: list[tuple[str, ...]] = []
    for index, group in enumerate(study.groups):
        of_group = [w for one, w in warmings(study) if one.group == index and not one.repetition.is_left_out]
        if of_group:
            rows.append((
                group.name,
                str(len(of_group)),
                _range_text([w.start_celsius for w in of_group], "°C"),
                _range_text([w.max_celsius for w in of_group], "°C"),
                _range_text([w.rise_kelvin for w in of_group], "K"),
                ", ".join(dict.fromkeys(w.zone for w in of_group)),
            ))  # fmt: skip
    return rows


def _range_text(values: Sequence[float], unit: str) -> str:
    return f"{median(values):.1f} {unit} ({min(values):.1f} to {max(values):.1f})"
