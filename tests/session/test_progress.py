"""What a long measurement says: on a terminal in one line, elsewhere only its events."""

import io
from typing import Any

import pytest

from wattwatch.session.progress import Progress, run_line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(Terminal):
    def write(self, text: str) -> int:
        del text
        raise OSError("gone")


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")


def test_a_line_is_renewed_in_place_and_events_stay() -> None:
    screen = Terminal()
    progress = Progress(screen)
    progress.show("one")
    progress.show("two")
    progress.event("done")
    assert screen.getvalue() == "\r\x1b[Kone\r\x1b[Ktwo\r\x1b[Kwattwatch: done\n"


def test_a_line_never_wraps() -> None:
    screen = Terminal()
    Progress(screen).show("x" * 100)
    assert len(screen.getvalue().removeprefix("\r\x1b[K")) == 39


def test_where_there_is_no_terminal_only_events_are_said() -> None:
    file = io.StringIO()
    progress = Progress(file)
    progress.show("one")
    progress.event("done")
    assert file.getvalue() == "wattwatch: done\n"


def test_quiet_says_nothing() -> None:
    screen = Terminal()
    progress = Progress(screen, quiet=True)
    progress.show("one")
    progress.event("done")
    assert screen.getvalue() == ""


def test_a_dumb_terminal_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    screen = Terminal()
    Progress(screen).show("one")
    assert screen.getvalue() == ""


def test_output_of_the_command_is_not_mixed_with_the_line() -> None:
    screen = Terminal()
    progress = Progress(screen)
    progress.show("line")
    with progress.out_of_the_way(b"half a line"):
        screen.write("half a line")
    progress.show("hidden while the cursor is inside a line")
    with progress.out_of_the_way(b" ends\n"):
        screen.write(" ends\n")
    progress.show("again")
    assert screen.getvalue() == "\r\x1b[Kline\r\x1b[Khalf a line ends\n\r\x1b[Kagain"


def test_a_terminal_that_is_gone_ends_the_words_not_the_measurement() -> None:
    progress = Progress(Gone())
    progress.show("one")
    progress.event("two")
    assert not progress.is_live


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"energy_joules": 214.0, "mean_power_watts": 4.9}, "run 3/10 · 0:42 · 214.0 J so far · mean 4.90 W"),
        ({"energy_joules": 214.0, "quality": "simulated"}, "run 3/10 · 0:42 · 214.0 J so far (simulated)"),
        ({"energy_joules": None}, "run 3/10 · 0:42"),
        (None, "run 3/10 · 0:42"),
    ],
)
def test_a_run_in_one_line(node: dict[str, Any] | None, expected: str) -> None:
    document: dict[str, Any] = {"nodes": [node]} if node else {}
    assert run_line("run 3/10", 42.0, document) == expected
