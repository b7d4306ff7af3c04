"""The energy of groups by phase, as stacked bars. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wattwatch.report import plot
from wattwatch.report.chart import phase_hues
from wattwatch.report.plot import Axis, Drawing
from wattwatch.report.quantities import Quantity, quantity
from wattwatch.report.study import Group, Study
from wattwatch.report.ticks import value_ticks

_ENERGY: Final = "energy_joules"
_ROW_REM: Final = 3.6
_MOST_STEPS: Final = 7
_BAR_TOP: Final = 0.55  # of a row: its upper part has the name of the group
_BAR_BOTTOM: Final = 0.1
_LABEL_RATIO: Final = 0.09  # no room for a share in a narrower piece: the table has it


@dataclass(frozen=True, slots=True)
class Piece:
    """The mean energy of a phase over the counted repetitions of a group."""

    phase: str
    joules: float
    is_lower_bound: bool  # in some repetition the phase is of unknown energy


def pieces_of(group: Group) -> list[Piece]:
    """What a bar consists of, in order of the phases; a run without a phase spent nothing in it."""
    counted = group.counted
    names = dict.fromkeys(phase for repetition in counted for phase in repetition.phases)
    pieces = []
    for phase in names:
        figures = [one.phases[phase].get(_ENERGY) for one in counted if phase in one.phases]
        known = [value for value in figures if value is not None]
        if known:
            mean_joules = sum(known) / len(counted)
            pieces.append(Piece(phase, mean_joules, is_lower_bound=len(known) < len(figures)))
    return pieces


def phase_chart(name: str, study: Study) -> str:
    """The figure of all groups and its legend; empty where no run has phases."""
    bars = [pieces_of(group) for group in study.groups]
    totals = [sum(max(0.0, piece.joules) for piece in bar) for bar in bars]
    if not any(group.phases for group in study.groups) or max(totals) <= 0:
        return ""
    scale = quantity("J", totals)
    axis = Axis(value_ticks(0.0, max(totals) / scale.factor, most=_MOST_STEPS))
    hues = phase_hues(piece.phase for bar in bars for piece in bar)
    drawing = Drawing(
        name=name,
        is_simulated=study.is_simulated,
        caption=f"Energy by phase, mean of the repetitions, {scale.unit}",
        title="Energy of the groups by phase",
        description=_described(study, bars, scale),
        shapes=(*_grid(axis), *_bars(bars, scale, axis, hues)),
        labels=(*_labels(study, bars, scale, axis),),
        css="bars",
        style=f"height:{_ROW_REM * len(bars):.1f}rem",
    )
    named = {f"solid {css}": phases for phases, css in _by_hue(hues)}
    return plot.figure(drawing) + plot.legend(named)


def _by_hue(hues: dict[str, str]) -> Iterator[tuple[str, str]]:
    for css in dict.fromkeys(hues.values()):
        yield ", ".join(phase for phase, of_phase in hues.items() if of_phase == css), css


def _grid(axis: Axis) -> Iterator[str]:
    return (plot.upright(axis.at(tick.at), "grid") for tick in axis.ticks)


def _rows(count: int) -> list[tuple[float, float]]:
    """Bottom and top of each row, the first at the top."""
    return [(1 - (index + 1) / count, 1 - index / count) for index in range(count)]


def _bars(
    bars: Sequence[Sequence[Piece]], scale: Quantity, axis: Axis, hues: dict[str, str]
) -> Iterator[str]:
    for bar, (bottom, top) in zip(bars, _rows(len(bars)), strict=True):
        height = top - bottom
        for piece, left, right in _stretches(bar, scale, axis):
            css = f"piece {hues[piece.phase]}"
            yield plot.rectangle(left, right, css, bottom + _BAR_BOTTOM * height, bottom + _BAR_TOP * height)


def _stretches(bar: Sequence[Piece], scale: Quantity, axis: Axis) -> Iterator[tuple[Piece, float, float]]:
    """Each piece from its left to its right edge; an energy below zero (net) has no length."""
    end_joules = 0.0
    for piece in bar:
        start_joules, end_joules = end_joules, end_joules + max(0.0, piece.joules)
        yield piece, axis.at(start_joules / scale.factor), axis.at(end_joules / scale.factor)


def _labels(study: Study, bars: Sequence[Sequence[Piece]], scale: Quantity, axis: Axis) -> Iterator[str]:
    for tick in axis.ticks:
        yield plot.label("x", f"left:{axis.at(tick.at):.2%}", tick.text)
    for group, bar, (bottom, top) in zip(study.groups, bars, _rows(len(bars)), strict=True):
        name_bottom = bottom + (_BAR_TOP + 0.06) * (top - bottom)
        yield plot.label("row", f"bottom:{name_bottom:.2%}", f"{group.name}: {_total_text(bar, scale)}")
        middle = bottom + (_BAR_TOP + _BAR_BOTTOM) / 2 * (top - bottom)
        for piece, left, right in _stretches(bar, scale, axis):
            if right - left >= _LABEL_RATIO:
                place = f"left:{left:.2%};width:{right - left:.2%};bottom:{middle:.2%}"
                yield plot.label("share", place, scale.number(piece.joules))


def _total_text(bar: Sequence[Piece], scale: Quantity) -> str:
    if not bar:
        return "phases unknown"
    bound = "≥ " if any(piece.is_lower_bound for piece in bar) else ""
    return f"{bound}{scale.text(sum(piece.joules for piece in bar))}"


def _described(study: Study, bars: Sequence[Sequence[Piece]], scale: Quantity) -> str:
    return " ".join(
        f"{group.name}: {_total_text(bar, scale)}"
        + "".join(f", {piece.phase} {scale.text(piece.joules)}" for piece in bar)
        + "."
        for group, bar in zip(study.groups, bars, strict=True)
    )
