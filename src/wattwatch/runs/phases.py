"""One phase at an instant: which window follows when a phase is opened, nested or closed. Pure."""

from dataclasses import dataclass

from wattwatch.runs.run import Window


@dataclass(frozen=True, slots=True)
class Next:
    """The window to open now, without its identity and edges."""

    phase: str
    opening: str  # "": it is a new mark, and its own window's id
    outer: tuple[tuple[str, str], ...]


def opened(current: Window, phase: str, *, nested: bool) -> Next:
    """What follows when a phase is opened: nested, it suspends the present one, else it replaces it.

    The phase that the run itself was opened with is only ever suspended.
    """
    is_base = not current.outer
    outer = (*current.outer, (current.phase, current.opening)) if nested or is_base else current.outer
    return Next(phase, "", outer)


def closed(current: Window, opening: str = "") -> Next | None:
    """What is resumed when a phase ends, the innermost or that of a mark; None if it is not open.

    What is nested in it ends with it.
    """
    stack = (*current.outer, (current.phase, current.opening))
    depth = len(stack) - 1 if not opening else _depth(stack, opening)
    if depth <= 0:
        return None
    phase, below = stack[depth - 1]
    return Next(phase, below, stack[: depth - 1])


def _depth(stack: tuple[tuple[str, str], ...], opening: str) -> int:
    return next((depth for depth, (_, mark) in enumerate(stack) if mark == opening), -1)
