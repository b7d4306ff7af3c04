"""Epochs of training: what each took, as a small chart and a table. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Any, Final

from wattwatch.report import plot
from wattwatch.report.boxplot import NOT_FROM_ZERO
from wattwatch.report.markup import quiet, table
from wattwatch.report.plot import Axis, Drawing
from wattwatch.report.quantities import Quantity, quantity
from wattwatch.report.study import Study
from wattwatch.report.words import UNKNOWN, celsius_text, number, percent_text, seconds_text, watts_text

_MOST_RUNS: Final = 60
_MOST_ROWS: Final = 40  # of a group: its first and its last half of them
_MOST_POINTS: Final = 400  # of a line
_MOST_VALUES: Final = 4  # columns of what the training itself reported, such as its loss
_MOST_TICKS: Final = 10
_COUNT: Final = {True: ("runs",), False: ()}  # a column of ones says nothing

Epoch = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EpochRuns:
    """The epochs of the runs of one group, which has a colour."""

    name: str
    hue: int
    runs: tuple[tuple[Epoch, ...], ...]

    def by_number(self) -> dict[int, list[Epoch]]:
        """The epochs of all runs by their number, in order."""
        found: dict[int, list[Epoch]] = {}
        for run in self.runs:
            for place, epoch in enumerate(run, start=1):
                found.setdefault(_number(epoch, place), []).append(epoch)
        return dict(sorted(found.items()))


def _number(epoch: Epoch, place: int) -> int:
    told = number(epoch, "epoch")
    return place if told is None else int(told)


def study_epochs(study: Study) -> list[EpochRuns]:
    """The groups that have epochs, with the repetitions that count."""
    every = (
        EpochRuns(group.name, index, tuple(tuple(one.epochs) for one in group.counted if one.epochs))
        for index, group in enumerate(study.groups)
    )
    return [of_group for of_group in every if of_group.runs]


def epochs_section(groups: Sequence[EpochRuns], *, simulated: bool) -> Iterator[str]:
    """Chart and table; nothing where there are no epochs."""
    if not any(of_group.runs for of_group in groups):
        return
    yield "<h2>Epochs</h2>"
    yield _chart(groups, simulated=simulated)
    items = {f"swatch g{of_group.hue % plot.HUES}": of_group.name for of_group in groups if len(groups) > 1}
    yield plot.legend(items)
    yield _table(groups)
    if any(_bound(run) for of_group in groups for run in of_group.runs):
        yield quiet("≥: time is missing in the epoch, so its energy is a lower bound.")


def _chart(groups: Sequence[EpochRuns], *, simulated: bool) -> str:
    lines = [(of_group, line) for of_group in groups for line in _lines(of_group)][:_MOST_RUNS]
    joules = [value for _, line in lines for _, value in line]
    if not joules:
        return ""
    scale = quantity("J", joules)
    axis = plot.axis_around(value / scale.factor for value in joules)
    numbers = [at for _, line in lines for at, _ in line]
    first, last = min(numbers), max(numbers)
    note = "" if axis.has_zero else NOT_FROM_ZERO
    return plot.figure(
        Drawing(
            name="epochs",
            is_simulated=simulated,
            caption=f"Energy of each epoch, {scale.unit}",
            note=note,
            title="Energy of each epoch of training",
            description=" ".join(_described(of_group, scale) for of_group in groups),
            shapes=(
                *plot.grid(axis),
                *(
                    plot.polyline(
                        ((_x(at, first, last), axis.at(value / scale.factor)) for at, value in _few(line)),
                        f"epoch g{of_group.hue % plot.HUES}",
                    )
                    for of_group, line in lines
                ),
            ),
            labels=(
                *plot.y_labels(axis),
                *_number_labels(first, last),
                *_lower_bounds(groups, axis, scale, (first, last)),
            ),
            css="low epochs",
        )
    )


def _lines(of_group: EpochRuns) -> Iterator[list[tuple[int, float]]]:
    """Per run: number and joules of the epochs whose energy is known."""
    for run in of_group.runs:
        pairs = [
            (_number(epoch, place), number(epoch, "energy_joules")) for place, epoch in enumerate(run, 1)
        ]
        if line := [(at, joules) for at, joules in pairs if joules is not None]:
            yield line


def _lower_bounds(
    groups: Sequence[EpochRuns], axis: Axis, scale: Quantity, first_last: tuple[int, int]
) -> Iterator[str]:
    """A sign at every epoch of which time is missing; a few hundred at most."""
    runs = [run for of_group in groups for run in of_group.runs][:_MOST_RUNS]
    places = ((_number(epoch, place), epoch) for run in runs for place, epoch in enumerate(run, 1))
    bounded = ((at, number(epoch, "energy_joules")) for at, epoch in places if _bound([epoch]))
    for at, joules in islice(bounded, _MOST_POINTS):
        if joules is not None:
            yield plot.least(_x(at, *first_last), axis.at(joules / scale.factor))


def _few(line: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    few = line[:: max(1, -(-len(line) // _MOST_POINTS))]
    return few if len(few) > 1 else [*few, *few]  # a line of one point is a dot, by its round ends


def _x(at: int, first: int, last: int) -> float:
    return (at - first + 0.5) / (last - first + 1)


def _number_labels(first: int, last: int) -> Iterator[str]:
    step = max(1, -(-(last - first + 1) // _MOST_TICKS))
    for index, at in enumerate(range(first, last + 1, step)):
        yield plot.label("x odd" if index % 2 else "x", f"left:{_x(at, first, last):.2%}", str(at))


def _described(of_group: EpochRuns, scale: Quantity) -> str:
    known = [joules for line in _lines(of_group) for _, joules in line]
    if not known:
        return f"{of_group.name}: energy unknown."
    low, middle, high = (scale.text(value) for value in (min(known), median(known), max(known)))
    return f"{of_group.name}: {low} to {high}, median {middle}."


def _table(groups: Sequence[EpochRuns]) -> str:
    names = _value_names(groups)
    several = len(groups) > 1 or any(len(of_group.runs) > 1 for of_group in groups)
    head = (
        "epoch",
        *_COUNT[several],
        "time",
        "energy",
        "mean power",
        "highest temperature",
        "covered",
        *names,
    )
    scale = quantity("J", [joules for g in groups for line in _lines(g) for _, joules in line])
    caption = "Epochs: medians of the runs" if several else "Epochs"
    bodies = ((g.name if len(groups) > 1 else "", _rows(g, names, scale, several=several)) for g in groups)
    return table(caption, head, bodies)


def _value_names(groups: Sequence[EpochRuns]) -> list[str]:
    epochs = (epoch for of_group in groups for run in of_group.runs for epoch in run)
    names = dict.fromkeys(str(name) for epoch in epochs for name in epoch.get("values") or {})
    return list(names)[:_MOST_VALUES]


def _rows(
    of_group: EpochRuns, names: Sequence[str], scale: Quantity, *, several: bool
) -> Iterator[tuple[str, ...]]:
    by_number = of_group.by_number()
    left_out = max(0, len(by_number) - _MOST_ROWS)
    for index, (at, epochs) in enumerate(by_number.items()):
        if left_out and index == _MOST_ROWS // 2:
            yield (f"… {left_out} more", *("",) * (5 + several + len(names)))
        if not left_out or not _MOST_ROWS // 2 <= index < _MOST_ROWS // 2 + left_out:
            number_cell, count_cell, *cells = _row(at, epochs, names, scale)
            yield (number_cell, *((count_cell,) if several else ()), *cells)


def _row(at: int, epochs: Sequence[Epoch], names: Sequence[str], scale: Quantity) -> tuple[str, ...]:
    values = [median_of([epoch.get("values") or {} for epoch in epochs], name) for name in names]
    return (
        str(at),
        str(len(epochs)),
        seconds_text(median_of(epochs, "duration_seconds")),
        _bound(epochs) + scale.text(median_of(epochs, "energy_joules")),
        watts_text(median_of(epochs, "mean_power_watts")),
        celsius_text(median_of(epochs, "temperature_max_celsius")),
        percent_text(median_of(epochs, "covered_ratio")),
        *(UNKNOWN if value is None else f"{value:.4g}" for value in values),
    )


def _bound(epochs: Sequence[Epoch]) -> str:
    """The sign of a lower bound where time is missing in an epoch."""
    ratios = (number(epoch, "covered_ratio") for epoch in epochs)
    return "≥ " if any(ratio is not None and ratio < 1 for ratio in ratios) else ""


def median_of(documents: Sequence[Epoch], key: str) -> float | None:
    """The median of the known numbers at a key."""
    known = [value for document in documents if (value := number(document, key)) is not None]
    return median(known) if known else None
