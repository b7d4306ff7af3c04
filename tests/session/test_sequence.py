"""The order of the runs of a series, and what they are called."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.errors import ConfigError
from wattwatch.runs.labels import OURS, POSITION, REPETITION, SEED, WARMUP
from wattwatch.session.sequence import (
    Turn,
    missing,
    named_variants,
    our_labels,
    plan,
    split_commands,
    turn_labels,
    variant_names,
)

SEEDS = st.none() | st.integers(0, 2**32 - 1)
COMMANDS = st.lists(
    st.lists(st.text(min_size=1, max_size=90), min_size=1, max_size=4).map(tuple), min_size=1, max_size=30
)


@given(st.integers(1, 5), st.integers(1, 8), st.integers(0, 3), SEEDS)
def test_every_block_has_every_command_once_and_warmups_come_first(
    commands: int, repeat: int, warmup: int, seed: int | None
) -> None:
    turns = plan(commands, repeat, warmup, seed)
    assert [turn.position for turn in turns] == list(range(1, commands * (repeat + warmup) + 1))
    blocks = [turns[start : start + commands] for start in range(0, len(turns), commands)]
    assert all(sorted(turn.command for turn in block) == list(range(commands)) for block in blocks)
    assert [block[0].is_warmup for block in blocks] == [True] * warmup + [False] * repeat
    counted = Counter((turn.command, turn.repetition) for turn in turns if not turn.is_warmup)
    assert counted == dict.fromkeys(((c, r) for c in range(commands) for r in range(1, repeat + 1)), 1)
    assert plan(commands, repeat, warmup, seed) == turns


def test_without_a_seed_commands_take_turns_and_seeds_differ() -> None:
    assert [turn.command for turn in plan(3, 2)] == [0, 1, 2, 0, 1, 2]
    orders = {tuple(turn.command for turn in plan(3, 4, seed=seed)) for seed in range(20)}
    assert len(orders) > 10


@given(COMMANDS)
def test_commands_come_back_from_between_separators(commands: list[tuple[str, ...]]) -> None:
    commands = [tuple(word for word in command if word != "--vs") for command in commands]
    words = [word for command in commands for word in ("--vs", *command)][1:]
    assert split_commands(words) == tuple(commands)


@given(COMMANDS)
def test_every_command_has_a_name_of_its_own_that_fits_a_line(commands: list[tuple[str, ...]]) -> None:
    names = variant_names(commands)
    assert len(set(names)) == len(commands)
    assert all(name.isprintable() and len(name) <= 65 for name in names)


def test_names_are_the_commands() -> None:
    assert variant_names([("/usr/bin/python3", "a b.py"), ("sleep", "1")]) == ("python3 'a b.py'", "sleep 1")
    assert variant_names([("sleep", "1"), ("sleep", "1")]) == ("a: sleep 1", "b: sleep 1")
    assert named_variants([("x",), ("y",)], ("one", "two")) == ("one", "two")
    for wrong in (("one",), ("one", "one"), ("one", "")):
        with pytest.raises(ConfigError, match="2 different names"):
            named_variants([("x",), ("y",)], wrong)


def test_labels_say_the_place_and_the_seed_only_where_it_made_the_order() -> None:
    labels = turn_labels("s1", "one", Turn(3, 0, 2, is_warmup=True), 7)
    assert (labels[POSITION], labels[REPETITION], labels[WARMUP], labels[SEED]) == ("3", "2", "true", "7")
    assert set(turn_labels("s1", "one", Turn(3, 0, 2), None)) & {WARMUP, SEED} == set()
    assert all(key.startswith(OURS) for key in labels)
    assert our_labels({"a": "1", **labels}) == sorted(labels)


@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 2), st.data())
def test_what_is_missing(commands: int, repeat: int, warmup: int, data: st.DataObject) -> None:
    turns = plan(commands, repeat, warmup)
    done = data.draw(st.integers(0, len(turns)))
    finished, left = missing(turns, done)
    assert finished + left == commands * repeat
    assert finished == max(0, done - commands * warmup)
