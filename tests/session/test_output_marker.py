"""Phases and epochs by what a command prints: found however it is cut, and passed on byte for byte."""

import os
import threading
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.clock import SystemClock
from wattwatch.errors import ClientError
from wattwatch.reading import Instant
from wattwatch.session.output_marker import (
    Found,
    Lines,
    MarkTeller,
    OutputPattern,
    PatternError,
    marked_output,
)

AT = Instant("boot-1", 1.0)


class Daemon:
    """Takes marks; the first `away` requests find nobody."""

    def __init__(self, away: int = 0, status: int = 0) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.away = away
        self.status = status

    def post_json(self, path: str, document: Any) -> Any:
        if self.away:
            self.away -= 1
            raise ClientError("away", self.status)
        self.told.append((path, {key: value for key, value in document.items() if key != "at"}))
        return {}


def teller(daemon: Daemon) -> MarkTeller:
    return MarkTeller(daemon, "r")  # type: ignore[arg-type]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


LINE_TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30)


@given(
    st.lists(LINE_TEXT, max_size=12), st.lists(st.integers(0, 10**6)), st.sampled_from(["\n", "\r", "\r\n"])
)
def test_lines_are_found_however_a_stream_is_cut(texts: list[str], places: list[int], end: str) -> None:
    lines = Lines()
    found = [line for piece in cut(end.join(texts).encode(), places) for line in lines.feed(piece)]
    found += lines.end()
    assert [line for line in found if line] == [text for text in texts if text]


@given(st.binary(max_size=300), st.lists(st.integers(0, 10**6)))
def test_bytes_that_are_no_text_are_no_trouble(data: bytes, places: list[int]) -> None:
    lines = Lines()
    whole = [line for piece in cut(data, places) for line in lines.feed(piece)] + list(lines.end())
    assert sum(map(len, whole)) <= len(data)


def test_of_an_endless_line_only_the_beginning_is_kept() -> None:
    lines = Lines()
    for _ in range(100):
        assert lines.feed(b"x" * 10_000) == []
    (line,) = lines.end()
    assert len(line) == 8192


@pytest.mark.parametrize(
    ("pattern", "line", "found"),
    [
        (r"Epoch (?P<epoch>\d+)", "Epoch 3/10", Found(epoch=3)),
        (r"(?P<phase>load|train)ing", "loading data", Found("load")),
        (r"(?P<phase>\w+) (?P<epoch>\d+)", "training 7", Found("training", 7)),
        (r"=== \w+", "=== training ===", Found("=== training")),
        (r"Epoch (?P<epoch>\d+)", "nothing", None),
        (r"(?P<phase>a)|(?P<epoch>\d+)", "7", Found(epoch=7)),
        (r"(?P<phase>x+)", "x" * 200, Found("x" * 64)),
        (r"(?P<phase>a.b)", "a\x1bb", Found("a b")),
        (r"(?P<phase> +)x", "  x", None),
    ],
)
def test_what_a_line_says(pattern: str, line: str, found: Found | None) -> None:
    assert OutputPattern(pattern).found(line) == found


@pytest.mark.parametrize("pattern", ["(", "x*", "", "(?P<epoch>\\d+)?", "a{99999999999}"])
def test_patterns_that_cannot_be_are_refused_in_one_line(pattern: str) -> None:
    with pytest.raises(PatternError) as caught:
        OutputPattern(pattern)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("--phase-from-output")


def test_marks_are_told_in_order_and_a_phase_that_goes_on_is_none() -> None:
    daemon = Daemon()
    telling = teller(daemon)
    for found in (Found("load"), Found("load"), Found("train", 1), Found(epoch=2), Found("load")):
        telling.mark(found, AT)
    assert telling.close() == []
    assert [document for _, document in daemon.told] == [
        {"phase": "load"}, {"phase": "train"}, {"epoch": 1}, {"epoch": 2}, {"phase": "load"},
    ]  # fmt: skip
    assert {path for path, _ in daemon.told} == {"/v1/runs/r/phases", "/v1/runs/r/epochs"}


def test_a_daemon_that_is_away_is_waited_for_and_one_that_refuses_is_told_of() -> None:
    away = Daemon(away=2)
    telling = teller(away)
    telling.mark(Found("load"), AT)
    assert telling.close() == []
    assert len(away.told) == 1
    refusing = teller(Daemon(away=1, status=409))
    refusing.mark(Found("load"), AT)
    (warning,) = refusing.close()
    assert warning == "1 marks of --phase-from-output are not in the run: away"


def test_more_marks_than_a_run_can_have_are_counted() -> None:
    daemon = Daemon()
    telling = teller(daemon)
    for number in range(2010):
        telling.mark(Found(f"p{number}"), AT)
    (warning,) = telling.close()
    assert warning.startswith("11 marks of --phase-from-output are not in the run: at most 1999 are")


def _unguarded(data: bytes) -> AbstractContextManager[None]:
    del data
    return nullcontext()


@given(st.binary(max_size=5000), st.lists(st.integers(0, 10**6), max_size=5))
def test_output_is_passed_on_byte_for_byte(data: bytes, places: list[int]) -> None:
    reading, target = os.pipe()
    received: list[bytes] = []

    def receive() -> None:
        while piece := os.read(reading, 65536):
            received.append(piece)

    thread = threading.Thread(target=receive)
    thread.start()
    telling = teller(Daemon())
    pattern = OutputPattern("never printed, we hope: 8f1c")
    with marked_output(pattern, telling, SystemClock(), (target, target), _unguarded) as output:
        assert output.stdout is not None
        for piece in cut(data, places):
            os.write(output.stdout, piece)
        output.close()
    os.close(target)
    thread.join()
    os.close(reading)
    telling.close()
    assert b"".join(received) == data
