"""The bytes that change a meter, by model: only `wattwatch meters set` sends any of them.

Single bytes that are never acknowledged, as the sigrok wiki (RDTech_UM_series) and rdserialtool have them.
F3 means two things: next data group on a UM24C, previous screen on the others; A0 to A9 select a group on
the others only. So the model is read from a frame first, and each change is read back from one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wattwatch.errors import ConfigError
from wattwatch.sources.um.protocol import GROUPS, UM24C, Frame, Group, Model
from wattwatch.units import JOULES_PER_MILLIWATT_HOUR

LOWEST_THRESHOLD_AMPERES: Final = 0.0
HIGHEST_THRESHOLD_AMPERES: Final = 0.30
HIGHEST_BACKLIGHT: Final = 5
HIGHEST_SCREEN_TIMEOUT_MINUTES: Final = 9
SCREEN_MOVES: Final = ("next", "previous", "rotate")

_NEXT_SCREEN: Final = b"\xf1"
_ROTATE: Final = b"\xf2"
_NEXT_GROUP_OR_PREVIOUS_SCREEN: Final = b"\xf3"
_CLEAR_GROUP: Final = b"\xf4"
_FIRST_GROUP: Final = 0xA0
_FIRST_THRESHOLD: Final = 0xB0
_FIRST_BACKLIGHT: Final = 0xD0
_FIRST_SCREEN_TIMEOUT: Final = 0xE0
_CENTIAMPERES_PER_AMPERE: Final = 100
_SENDS: Final = 2  # a byte that the meter has missed is sent once more, where that does no harm
_GROUP_PRESSES: Final = 2 * GROUPS
_FRESH_SECONDS: Final = 1.0  # between the clearing of a group and the frame that is read back


@dataclass(frozen=True, slots=True)
class Changes:
    """What a user wants changed; None and empty leave a thing as it is."""

    group: int | None = None
    reset_group: bool = False
    record_threshold_amperes: float | None = None
    backlight: int | None = None
    screen_timeout_minutes: int | None = None
    screen: str | None = None  # next, previous, rotate

    def __post_init__(self) -> None:
        """ConfigError for a threshold that no byte stands for (not a number among them)."""
        amperes = self.record_threshold_amperes
        if amperes is not None and not LOWEST_THRESHOLD_AMPERES <= amperes <= HIGHEST_THRESHOLD_AMPERES:
            raise ConfigError(f"--record-threshold {amperes}: expected 0.00 to 0.30 A")

    @property
    def any(self) -> bool:
        """Whether there is anything to change."""
        return self != Changes()

    def cleared_group(self, frame: Frame) -> tuple[int, Group]:
        """The group that would be cleared, and what it holds now; IndexError if the frame selects none."""
        number = frame.selected_group if self.group is None else self.group
        return number, frame.groups[number]


@dataclass(frozen=True, slots=True)
class Step:
    """One change: what to send, how often at most, and how a frame shows that it has been done.

    `shows` is a value in a frame that a command changes, so that it need not be waited for any longer; None
    if no frame tells. `done` compares the frame before all sending with the one after. `needed` is false
    where the frame shows it done already.
    """

    what: str
    command: bytes
    shows: Callable[[Frame], object] | None
    done: Callable[[Frame, Frame], bool]
    needed: Callable[[Frame], bool]
    text: Callable[[Frame], str]
    most_sends: int = 1
    only_in_group: int | None = None  # nothing is sent while another one is selected


def steps(changes: Changes, frame: Frame) -> tuple[Step, ...]:
    """The steps to make on the meter that sent a frame: the group first, so that it is the one cleared.

    ConfigError for what the model cannot do.
    """
    model = frame.model
    wanted = (
        None if changes.group is None else _select_group(changes.group, model),
        _clear(changes.cleared_group(frame)[0]) if changes.reset_group else None,
        None
        if changes.record_threshold_amperes is None
        else _record_threshold(changes.record_threshold_amperes),
        None if changes.backlight is None else _backlight(changes.backlight),
        None if changes.screen_timeout_minutes is None else _screen_timeout(changes.screen_timeout_minutes),
        _screen(changes.screen, model) if changes.screen else None,
    )
    return tuple(step for step in wanted if step is not None)


def _setting(
    what: str, command: bytes, shows: Callable[[Frame], object], value: object, text: Callable[[Frame], str]
) -> Step:
    """A step to a value that a frame shows; sending it twice does no harm."""
    return Step(
        what,
        command,
        shows,
        lambda _, after: shows(after) == value,
        lambda before: shows(before) != value,
        text,
        _SENDS,
    )


def group_text(number: int, group: Group) -> str:
    """A group and its counts, for people."""
    return f"group {number} ({group.charge_milliampere_hours} mAh, {group.energy_milliwatt_hours} mWh)"


def _selected_text(frame: Frame) -> str:
    group = frame.group
    return group_text(frame.selected_group, group) if group else f"group {frame.selected_group}"


def _select_group(number: int, model: Model) -> Step:
    pressing = model is UM24C
    command = _NEXT_GROUP_OR_PREVIOUS_SCREEN if pressing else bytes((_FIRST_GROUP + number,))
    return Step(
        f"select group {number}",
        command,
        lambda frame: frame.selected_group,
        lambda _, after: after.selected_group == number,
        lambda before: before.selected_group != number,
        _selected_text,
        _GROUP_PRESSES if pressing else _SENDS,
    )


def _counts(frame: Frame) -> tuple[int, int]:
    group = frame.group
    return (group.charge_milliampere_hours, group.energy_milliwatt_hours) if group else (0, 0)


def _was_cleared(before: Frame, after: Frame) -> bool:
    """Whether a count fell, as none does by itself, or was no more than what gathers meanwhile."""
    fresh = 1 + after.product_watts * _FRESH_SECONDS / JOULES_PER_MILLIWATT_HOUR
    fell = any(new < old for old, new in zip(_counts(before), _counts(after), strict=True))
    return fell or max(_counts(before)) <= fresh


def _clear(number: int) -> Step:
    return Step(
        f"clear group {number}",
        _CLEAR_GROUP,
        lambda frame: frame.selected_group,  # not the counts: these go on by themselves
        lambda before, after: after.selected_group == number and _was_cleared(before, after),
        lambda before: _counts(before) != (0, 0),
        _selected_text,
        only_in_group=number,
    )


def _record_threshold(amperes: float) -> Step:
    centiamperes = round(amperes * _CENTIAMPERES_PER_AMPERE)
    return _setting(
        f"recorder threshold {amperes:.2f} A",
        bytes((_FIRST_THRESHOLD + centiamperes,)),
        lambda frame: round(frame.record.threshold_amperes * _CENTIAMPERES_PER_AMPERE),
        centiamperes,
        lambda frame: f"{frame.record.threshold_amperes:.2f} A",
    )


def _backlight(level: int) -> Step:
    return _setting(
        f"backlight {level}",
        bytes((_FIRST_BACKLIGHT + level,)),
        lambda frame: frame.backlight,
        level,
        lambda frame: str(frame.backlight),
    )


def _screen_timeout(minutes: int) -> Step:
    return _setting(
        f"screen timeout {minutes} min" if minutes else "screen timeout never",
        bytes((_FIRST_SCREEN_TIMEOUT + minutes,)),
        lambda frame: frame.screen_timeout_minutes,
        minutes,
        lambda frame: f"{frame.screen_timeout_minutes} min" if frame.screen_timeout_minutes else "never",
    )


def _screen(move: str, model: Model) -> Step:
    if move == "previous" and model is UM24C:
        raise ConfigError("a UM24C has no command for the previous screen: use --screen next until it comes")
    command = {"next": _NEXT_SCREEN, "previous": _NEXT_GROUP_OR_PREVIOUS_SCREEN, "rotate": _ROTATE}[move]
    return Step(
        f"screen {move}",
        command,
        None if move == "rotate" else lambda frame: frame.screen,  # which way up it is, no frame tells
        lambda before, after: before.screen != after.screen,
        lambda _: True,
        (lambda _: "") if move == "rotate" else lambda frame: f"screen {frame.screen}",
    )
