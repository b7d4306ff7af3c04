"""Behind `wattwatch meters set`: settings of a meter changed and read back.

Nothing else sends a meter more than F0.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from wattwatch.clock import Clock
from wattwatch.errors import ConfigError, SourceUnavailable, WattwatchError
from wattwatch.session.meter_link import MeterLink, meter_link
from wattwatch.session.meter_place import held_meter, meter_spec
from wattwatch.sources.base import UmTransport
from wattwatch.sources.um.changing import MeterHands, Outcome
from wattwatch.sources.um.commands import Changes, group_text, steps
from wattwatch.sources.um.protocol import Frame
from wattwatch.units import joules_from_milliwatt_hours, text_from_joules

Ask = Callable[[str], bool]
Sleep = Callable[[float], None]


def open_to_change(
    place: str, transport: UmTransport, environment: Mapping[str, str], socket: Path | None, clock: Clock
) -> MeterLink:
    """The meter at a place, for us alone.

    SourceUnavailable (reason `busy`) while a daemon reads it: a change would be an event in its data.
    ConfigError if the place is none, ClientError for a daemon that refuses us, MissingExtra, SourceError.
    """
    spec = meter_spec(place, transport)
    held = held_meter(environment, socket, spec)
    if held is not None:
        raise SourceUnavailable(
            f"the daemon reads this meter (source {held.name}) and would record the change as an event: "
            "stop it first (sudo systemctl stop wattwatch, or Ctrl-C where it runs), then start it again",
            "busy",
        )
    return meter_link(spec, clock)


def change(link: MeterLink, changes: Changes, ask: Ask, sleep: Sleep = time.sleep) -> Iterator[Outcome]:
    """Make the changes one by one, each read back from the meter; what is destructive is asked first.

    ConfigError if there is nothing to change or the model cannot do it (nothing was sent then),
    WattwatchError if the answer is no, SourceUnavailable if a change does not show.
    """
    if not changes.any:
        raise ConfigError("nothing to change: give --group, --backlight or another option")
    frame = link.frame()[0]
    wanted = steps(changes, frame)
    if changes.reset_group and not ask(reset_question(changes, frame)):
        raise WattwatchError("nothing was changed")
    hands = MeterHands(lambda: link.frame()[0], link.send, sleep)
    for step in wanted:
        yield hands.make(step)


def reset_question(changes: Changes, frame: Frame) -> str:
    """What to ask before a group is cleared: which one, and what is in it."""
    number, group = changes.cleared_group(frame)
    joules = joules_from_milliwatt_hours(group.energy_milliwatt_hours)
    return (
        f"Clear {group_text(number, group)[:-1]}, {text_from_joules(joules)}) of this {frame.model.name}? "
        "It cannot be undone."
    )


def outcome_line(outcome: Outcome) -> str:
    """A step that went well, for people."""
    if outcome.verified is None:
        return f"{outcome.what}: sent; whether it was done shows on the meter's screen only"
    if not outcome.sent:
        return f"{outcome.what}: nothing to do, the meter shows {outcome.after}"
    return f"{outcome.what}: was {outcome.before}, now {outcome.after}"


def outcome_object(outcome: Outcome) -> dict[str, object]:
    """The JSON of a step: these keys, in this order."""
    return {
        "what": outcome.what,
        "before": outcome.before or None,
        "after": outcome.after or None,
        "sent": outcome.sent,
        "verified": outcome.verified,
    }
