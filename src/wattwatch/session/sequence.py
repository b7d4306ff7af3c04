"""In which order several commands are run, and what each run is called. Pure."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from secrets import randbelow
from typing import Final

from wattwatch.errors import ConfigError
from wattwatch.runs.labels import OURS, POSITION, REPETITION, SEED, SERIES, VARIANT, WARMUP

_NAME_CHARACTERS: Final = 60
_SEEDS: Final = 2**32
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of a series: which command, and the how-manieth of all and of its command."""

    position: int  # from 1, over everything
    command: int  # index of the command
    repetition: int  # from 1, of this command; warm-ups are counted apart
    is_warmup: bool = False


def plan(commands: int, repeat: int, warmup: int = 0, seed: int | None = None) -> tuple[Turn, ...]:
    """The turns of a series: `warmup` blocks that do not count, then `repeat` that do.

    A block has every command once (randomised complete blocks): whatever drifts meanwhile drifts for all.
    With a seed each block has an order of its own, drawn by it; without one the commands take turns in the
    order given.
    """
    random = None if seed is None else Random(seed)  # noqa: S311 - an order, no secret
    blocks = [(block + 1, True) for block in range(warmup)] + [(block + 1, False) for block in range(repeat)]
    turns: list[Turn] = []
    for repetition, is_warmup in blocks:
        order = list(range(commands))
        if random is not None:
            random.shuffle(order)
        first = len(turns) + 1
        turns += (
            Turn(position, command, repetition, is_warmup)
            for position, command in enumerate(order, start=first)
        )
    return tuple(turns)


def split_commands(arguments: Sequence[str], separator: str = "--vs") -> tuple[Command, ...]:
    """The commands between separators; one that is empty shows that a command is missing."""
    commands: list[list[str]] = [[]]
    for argument in arguments:
        if argument == separator:
            commands.append([])
        else:
            commands[-1].append(argument)
    return tuple(map(tuple, commands))


def variant_names(commands: Sequence[Command]) -> tuple[str, ...]:
    """A name for each command: itself, shortened; with a letter in front where two would be the same."""
    names = [_short(command) for command in commands]
    if len(set(names)) == len(names):
        return tuple(names)
    return tuple(f"{_letter(place)}: {name}" for place, name in enumerate(names))


def turn_labels(series: str, variant: str, turn: Turn, seed: int | None) -> dict[str, str]:
    """The labels by which reports know a run of a series again; the seed only where it made the order."""
    labels = {
        SERIES: series,
        VARIANT: variant,
        REPETITION: str(turn.repetition),
        POSITION: str(turn.position),
    }
    return labels | dict(_rare_labels(turn, seed))


def _rare_labels(turn: Turn, seed: int | None) -> Iterator[tuple[str, str]]:
    if turn.is_warmup:
        yield WARMUP, "true"
    if seed is not None:
        yield SEED, str(seed)


def our_labels(labels: Mapping[str, str]) -> list[str]:
    """Keys among a user's labels that only wattwatch may write."""
    return sorted(key for key in labels if key.startswith(OURS))


def missing(turns: Sequence[Turn], done: int) -> tuple[int, int]:
    """How many repetitions that count are done, and how many are missing, after so many turns."""
    counted = [turn for turn in turns if not turn.is_warmup]
    finished = sum(not turn.is_warmup for turn in turns[:done])
    return finished, len(counted) - finished


def _short(command: Command) -> str:
    text = shlex.join((Path(command[0]).name or command[0], *command[1:]))
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= _NAME_CHARACTERS else text[: _NAME_CHARACTERS - 1] + "…"


def _letter(place: int) -> str:
    return _LETTERS[place] if place < len(_LETTERS) else str(place + 1)


def named_variants(commands: Sequence[Command], names: Sequence[str]) -> tuple[str, ...]:
    """The names that the user gave the commands, else our own; ConfigError if they do not fit."""
    if not names:
        return variant_names(commands)
    if len(names) != len(commands) or len(set(names)) != len(names) or not all(names):
        raise ConfigError(f"--variant-name: {len(commands)} different names are needed, one for each command")
    return tuple(names)


def drawn_seed(seed: int | None) -> int:
    """The seed given, else one that is drawn."""
    return randbelow(_SEEDS) if seed is None else seed
