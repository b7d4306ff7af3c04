"""Figures of every repetition in the order in which they were made: drift, the cold run, warm-ups. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from wattwatch.report import plot
from wattwatch.report.boxplot import Place, zero_note
from wattwatch.report.plot import Axis, Drawing
from wattwatch.report.quantities import has_zero, quantity
from wattwatch.report.stats.records import Caution
from wattwatch.report.study import Measure, Repetition, Study

COLD_RUN: Final = "cold-first-run"
"""The code of the caution that the first repetition of a group lies apart."""

_MOST_LABELS: Final = 20
Value = Callable[[Repetition], float | None]


@dataclass(frozen=True, slots=True)
class Made:
    """A repetition in a series: its place from 1 on, its group, how it is marked."""

    place: int
    group: int
    group_name: str
    repetition: Repetition
    is_first: bool  # of its group: cold, unless a warm-up came before
    is_cold: bool  # the first, and it does lie apart

    def bound(self, measure: Measure) -> str:
        """The sign of a lower bound before an energy of which time is missing, else nothing."""
        return "≥ " if measure.unit == "J" and misses_time(self.repetition) else ""

    @property
    def name(self) -> str:
        """What it is called in words."""
        left_out = (
            f", {self.repetition.reason_left_out or 'not counted'}" if self.repetition.is_left_out else ""
        )
        cold = ", cold" if self.is_cold else ", the first of its group" if self.is_first else ""
        return f"{self.group_name}, repetition {self.repetition.number}{left_out}{cold}"


def misses_time(repetition: Repetition) -> bool:
    """Whether some of its time is missing, so that its energy is a lower bound."""
    return repetition.covered_ratio is not None and repetition.covered_ratio < 1


def in_order(study: Study) -> list[Made]:
    """All repetitions in the order in which they were made: by position if all have one, else by start."""
    everything = [
        (index, repetition) for index, group in enumerate(study.groups) for repetition in group.repetitions
    ]
    has_positions = all(repetition.position is not None for _, repetition in everything)
    positions = {repetition.position for _, repetition in everything}
    if has_positions and len(positions) == len(everything):
        everything.sort(key=lambda pair: pair[1].position or 0)
    else:
        everything.sort(key=lambda pair: pair[1].started_at)
    seen: set[int] = set()
    made = []
    for place, (index, repetition) in enumerate(everything, start=1):
        group = study.groups[index]
        is_first = index not in seen
        is_cold = is_first and any(caution.code == COLD_RUN for caution in _cautions(study, index))
        seen.add(index)
        made.append(Made(place, index, group.name, repetition, is_first, is_cold))
    return made


def _cautions(study: Study, index: int) -> Iterator[Caution]:
    group = study.groups[index]
    yield from group.cautions
    for summary in group.summaries.values():
        yield from summary.cautions


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A run whose figure is known: what it is, in words, and where its dot is."""

    made: Made
    scaled: float
    told: str
    place: Place


def repetition_chart(name: str, study: Study, measure: Measure) -> str:
    """The figure of a measure over the repetitions; empty if it is known of none."""
    made = in_order(study)
    known = {
        one.place: value for one in made if (value := one.repetition.figures.get(measure.key)) is not None
    }
    if not known:
        return ""
    scale = quantity(measure.unit, known.values())
    axis = plot.axis_around((v / scale.factor for v in known.values()), has_zero=has_zero(measure))
    drawn = [
        _Drawn(
            one,
            known[one.place] / scale.factor,
            f"{one.name}: {one.bound(measure)}{scale.text(known[one.place])}",
            Place(place_x(one.place, len(made)), axis.at(known[one.place] / scale.factor)),
        )
        for one in made
        if one.place in known
    ]
    return plot.figure(
        Drawing(
            name=name,
            is_simulated=study.is_simulated,
            caption=f"{measure.title.capitalize()} of each run, {scale.unit}",
            note=zero_note(axis, measure),
            title=f"{measure.title} of each run in the order in which they were made",
            description=" ".join(f"{one.made.place}: {one.told}." for one in drawn),
            shapes=(
                *plot.grid(axis),
                *_medians(study, drawn, axis),
                *(shape for one in drawn for shape in marked_dot(one.made, one.place, one.told)),
            ),
            labels=(
                *plot.y_labels(axis),
                *place_labels(len(made)),
                *(plot.least(one.place.x, one.place.y) for one in drawn if one.made.bound(measure)),
            ),
            css="order",
        )
    )


def _medians(study: Study, drawn: Sequence[_Drawn], axis: Axis) -> Iterator[str]:
    for index in range(len(study.groups)):
        own = [one for one in drawn if one.made.group == index and not one.made.repetition.is_left_out]
        if own:
            hue = f"g{index % plot.HUES}"
            yield plot.level(axis.at(median(one.scaled for one in own)), f"median-line {hue}")


def place_x(place: int, count: int) -> float:
    """Where a place from 1 to `count` is, from left to right."""
    return (place - 0.5) / count


def place_labels(count: int) -> Iterator[str]:
    """Numbers of the runs, fewer where they are many."""
    step = max(1, -(-count // _MOST_LABELS))
    for index, place in enumerate(range(1, count + 1, step)):
        yield plot.label("x odd" if index % 2 else "x", f"left:{place_x(place, count):.2%}", str(place))


def marked_dot(one: Made, place: Place, told: str) -> Iterator[str]:
    """A dot in the colour of its group: hollow if it is not counted, in a ring if it is the first."""
    hue = f"g{one.group % plot.HUES}"
    if one.is_first:
        yield plot.dot(place.x, place.y, "ring")
        yield plot.dot(place.x, place.y, "ring-inside")
    yield plot.dot(place.x, place.y, f"dot {hue}", told)
    if one.repetition.is_left_out:
        yield plot.dot(place.x, place.y, "hollow", told)


def order_legend(study: Study) -> str:
    """The groups' colours, and the marks that there are."""
    made = in_order(study)
    items = group_items(study)
    if any(one.repetition.is_left_out for one in made):
        items["mark-hollow"] = "hollow: a warm-up, or without result: not counted"
    if any(misses_time(one.repetition) for one in made):
        items["mark-least"] = "≥: time is missing, so the energy is a lower bound"
    items["mark-ring"] = "ring: the first run of its group, cold unless a warm-up came before"
    return plot.legend(items)


def group_items(study: Study) -> dict[str, str]:
    """What a legend says of the groups: their names, by the class of their colour."""
    items: dict[str, str] = {}
    for index, group in enumerate(study.groups):
        css = f"swatch g{index % plot.HUES}"
        items[css] = f"{items[css]}, {group.name}" if css in items else group.name
    return items
