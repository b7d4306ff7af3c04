"""Pieces of a chart: a drawing that is stretched to the page, and text that stands beside it in HTML. Pure.

Places are ratios: 0 is the left and the bottom edge of the drawing, 1 the right and the top. Because it is
stretched, dots are lines of no length with round ends, whose width no stretching changes; and all text is
HTML, so that it stays readable on a phone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from wattwatch.report.ticks import Tick, value_ticks

WIDTH: Final = 1000.0
HEIGHT: Final = 300.0
HUES: Final = 6
"""Colours that a chart has, classes p0 to p5 for phases and g0 to g5 for groups."""

_SVG: Final = (
    f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none" role="img" '
    'aria-labelledby="{name}-title {name}-desc">'
)
_FROM_ZERO_BELOW: Final = 0.4  # of the highest: values that far apart are shown with their zero
_MARGIN: Final = 0.05


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure: what is said of it, its shapes in SVG, its labels in HTML."""

    name: str  # unique in the page
    caption: str
    title: str
    description: str
    shapes: Sequence[str]
    labels: Sequence[str]
    css: str = ""
    style: str = ""
    note: str = ""  # beside the caption
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from the first tick to the last."""

    ticks: Sequence[Tick]

    def at(self, value: float) -> float:
        """Where a value is: 0 at the first tick, 1 at the last."""
        low, high = self.ticks[0].at, self.ticks[-1].at
        return (value - low) / (high - low)

    @property
    def has_zero(self) -> bool:
        """Whether lengths along it may be compared."""
        return self.ticks[0].at <= 0 <= self.ticks[-1].at


def axis_around(values: Iterable[float], most: int = 5, *, has_zero: bool = True) -> Axis:
    """An axis with room around the values; from 0 on where they are far apart, and they have a zero."""
    everything = list(values)
    lowest, highest = min(everything), max(everything)
    if has_zero and 0 < lowest < _FROM_ZERO_BELOW * highest:
        lowest = 0.0
    margin = _MARGIN * (highest - lowest)
    low = lowest - margin if lowest else 0.0
    return Axis(value_ticks(low, highest + margin, most))


def figure(drawing: Drawing) -> str:
    """The figure as HTML."""
    name = drawing.name
    style = f' style="{drawing.style}"' if drawing.style else ""
    parts = (
        f'<figure class="chart"><figcaption>{_caption(drawing)}</figcaption>',
        f'<div class="{" ".join(("plot", *drawing.css.split()))}"{style}>',
        _SVG.format(name=name),
        f'<title id="{name}-title">{escape(drawing.title)}</title>',
        f'<desc id="{name}-desc">{escape(drawing.description)}</desc>',
        *drawing.shapes,
        "</svg>",
        *drawing.labels,
        "</div></figure>",
    )
    return "\n".join(filter(None, parts))


def _caption(drawing: Drawing) -> str:
    note = f" <small>{escape(drawing.note)}</small>" if drawing.note else ""
    mark = ' <span class="mark">SIMULATED</span>' if drawing.is_simulated else ""
    return f"{escape(drawing.caption)}{note}{mark}"


def x_text(ratio: float) -> str:
    """A place from left to right, in the units of the drawing."""
    return f"{ratio * WIDTH:.1f}"


def y_text(ratio: float) -> str:
    """A place from bottom to top, in the units of the drawing, which count downwards."""
    return f"{(1 - ratio) * HEIGHT:.1f}"


def rectangle(left: float, right: float, css: str, bottom: float = 0.0, top: float = 1.0) -> str:
    """A filled stretch, by default from the bottom to the top."""
    size = f'x="{x_text(left)}" width="{(right - left) * WIDTH:.1f}"'
    height = f'y="{(1 - top) * HEIGHT:.4g}" height="{(top - bottom) * HEIGHT:.4g}"'
    return f'<rect class="{css}" {size} {height}/>'


def level(ratio: float, css: str, left: float = 0.0, right: float = 1.0) -> str:
    """A line from left to right."""
    begin = "0" if not left else x_text(left)
    end = f"{WIDTH:g}" if right == 1.0 else x_text(right)
    return f'<path class="{css}" d="M{begin} {y_text(ratio)}H{end}"/>'


def upright(ratio: float, css: str, bottom: float = 0.0, top: float = 1.0) -> str:
    """A line from the top to the bottom."""
    begin = "0" if top == 1.0 else y_text(top)
    end = f"{HEIGHT:g}" if not bottom else y_text(bottom)
    return f'<path class="{css}" d="M{x_text(ratio)} {begin}V{end}"/>'


def dot(x: float, y: float, css: str, told: str = "") -> str:
    """A dot; `told` is shown to who points at it."""
    inside = f"><title>{escape(told)}</title></path>" if told else "/>"
    return f'<path class="{css}" d="M{x_text(x)} {y_text(y)}h0"{inside}'


def polyline(points: Iterable[tuple[float, float]], css: str) -> str:
    """A line through points."""
    corners = "L".join(f"{x_text(x)} {y_text(y)}" for x, y in points)
    return f'<path class="{css}" d="M{corners}"/>'


def label(css: str, place: str, text: str) -> str:
    """Text beside the drawing; hidden from screen readers, which are given the description instead."""
    style = f' style="{place}"' if place else ""
    return f'<span class="{css}"{style} aria-hidden="true">{escape(text)}</span>'


def least(x: float, y: float) -> str:
    """The sign of a lower bound above a dot."""
    return label("least", f"left:{x:.2%};bottom:{y:.2%}", "≥")


def grid(axis: Axis) -> Iterator[str]:
    """A line for each tick of an upright axis."""
    return (level(axis.at(tick.at), "grid") for tick in axis.ticks)


def y_labels(axis: Axis) -> Iterator[str]:
    """Texts of an upright axis."""
    return (label("y", f"bottom:{axis.at(tick.at):.2%}", tick.text) for tick in axis.ticks)


def legend(items: Mapping[str, str]) -> str:
    """What the colours mean: text by class of its swatch; empty if there are none."""
    entries = "".join(f'<li><i class="{css}"></i>{escape(text)}</li>' for css, text in items.items())
    return f'<ul class="legend">{entries}</ul>' if entries else ""
