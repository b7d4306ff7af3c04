"""Box plots with all points, one for each group, offset by repetition. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

from wattwatch.report import plot
from wattwatch.report.plot import Axis, Drawing
from wattwatch.report.quantities import Quantity, has_zero, quantity
from wattwatch.report.study import Group, Measure, Study

LEAST_FOR_BOX: Final = 5
"""Quartiles of fewer values say nothing: then there are only the points and the median."""

NOT_FROM_ZERO: Final = "the axis does not begin at 0"

_FENCE: Final = 1.5  # interquartile ranges: Tukey, Exploratory Data Analysis, 1977
_BOX_RATIO: Final = 0.56  # of a group's column
_POINTS_RATIO: Final = 0.4


@dataclass(frozen=True, slots=True)
class Box:
    """Five numbers of a sample, in its unit; whiskers end at values within 1.5 interquartile ranges."""

    low_whisker: float
    low_quartile: float
    median: float
    high_quartile: float
    high_whisker: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where something of a chart is, as ratios of its width and height."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class _Column:
    """Left and right edge of a group's part of the chart."""

    left: float
    right: float

    @property
    def centre(self) -> float:
        return (self.left + self.right) / 2

    def spread(self, ratio: float) -> "_Column":
        half = (self.right - self.left) * ratio / 2
        return _Column(self.centre - half, self.centre + half)


def box_of(values: Sequence[float]) -> Box:
    """The box of some values; quartiles interpolated as numpy and R (type 7) do. ValueError for none."""
    if not values:
        raise ValueError("a box of no values")
    if len(values) == 1:
        return Box(*(values[0],) * 5)
    low, _, high = quantiles(values, n=4, method="inclusive")
    reach = _FENCE * (high - low)
    inside = [value for value in values if low - reach <= value <= high + reach]
    # Interpolated quartiles may lie beyond the last value inside: a whisker never ends within its box.
    return Box(min(low, *inside), low, median(values), high, max(high, *inside))


def point_places(values: Sequence[float], column: int, columns: int, axis: Axis) -> list[Place]:
    """Where the points of a group are: from left to right in order of repetition."""
    inner = _column(column, columns).spread(_POINTS_RATIO)
    step = (inner.right - inner.left) / len(values) if values else 0.0
    return [Place(inner.left + (index + 0.5) * step, axis.at(value)) for index, value in enumerate(values)]


def group_values(group: Group, measure: Measure) -> list[float]:
    """The known figures of the counted repetitions, in their order."""
    figures = (repetition.figures.get(measure.key) for repetition in group.counted)
    return [value for value in figures if value is not None]


def box_chart(name: str, study: Study, measure: Measure) -> str:
    """The figure of a measure; empty if it is known of no run."""
    values = [group_values(group, measure) for group in study.groups]
    known = [value for of_group in values for value in of_group]
    if not known:
        return ""
    scale = quantity(measure.unit, known)
    scaled = [[value / scale.factor for value in of_group] for of_group in values]
    axis = plot.axis_around((v for of_group in scaled for v in of_group), has_zero=has_zero(measure))
    return plot.figure(
        Drawing(
            name=name,
            is_simulated=study.is_simulated,
            caption=f"{measure.title.capitalize()}, {scale.unit}",
            note=zero_note(axis, measure),
            title=f"{measure.title} of the groups",
            description=_described(study, values, scale),
            shapes=(*plot.grid(axis), *_shapes(study, scaled, axis, scale)),
            labels=(*plot.y_labels(axis), *_names(study)),
            css="boxes",
        )
    )


def zero_note(axis: Axis, measure: Measure) -> str:
    """A word of warning where the lengths of a chart may not be compared."""
    return "" if axis.has_zero or not has_zero(measure) else NOT_FROM_ZERO


def _column(index: int, count: int) -> _Column:
    return _Column(index / count, (index + 1) / count)


def _shapes(study: Study, scaled: Sequence[Sequence[float]], axis: Axis, scale: Quantity) -> Iterator[str]:
    count = len(scaled)
    for index, (group, values) in enumerate(zip(study.groups, scaled, strict=True)):
        hue = f"g{index % plot.HUES}"
        if not values:
            continue
        if len(values) >= LEAST_FOR_BOX:
            yield from _box(box_of(values), _column(index, count).spread(_BOX_RATIO), axis, hue)
        else:
            inner = _column(index, count).spread(_BOX_RATIO)
            yield plot.level(axis.at(median(values)), f"middle {hue}", inner.left, inner.right)
        for number, place in enumerate(point_places(values, index, count, axis)):
            told = f"{group.name}: {scale.text(values[number] * scale.factor)}"
            yield plot.dot(place.x, place.y, f"dot {hue}", told)


def _box(box: Box, column: _Column, axis: Axis, hue: str) -> Iterator[str]:
    low, high = axis.at(box.low_quartile), axis.at(box.high_quartile)
    yield plot.upright(column.centre, f"whisker {hue}", axis.at(box.low_whisker), low)
    yield plot.upright(column.centre, f"whisker {hue}", high, axis.at(box.high_whisker))
    yield plot.rectangle(column.left, column.right, f"box {hue}", low, high)
    yield plot.level(axis.at(box.median), f"middle {hue}", column.left, column.right)


def _names(study: Study) -> Iterator[str]:
    count = len(study.groups)
    for index, group in enumerate(study.groups):
        column = _column(index, count)
        yield plot.label("name", f"left:{column.left:.2%};width:{1 / count:.2%}", group.name)


def _described(study: Study, values: Sequence[Sequence[float]], scale: Quantity) -> str:
    return " ".join(
        f"{group.name}: {len(of_group)} points, median {scale.text(median(of_group))}, "
        f"{scale.text(min(of_group))} to {scale.text(max(of_group))}."
        if of_group
        else f"{group.name}: unknown."
        for group, of_group in zip(study.groups, values, strict=True)
    )
