"""tag-run on a terminal: repetitions of two commands beside a real daemon, progress, and Ctrl-C."""

import fcntl
import json
import os
import pty
import subprocess
import termios
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.daemon_process import Home, MeterProcess, until
from wattwatch.runs.labels import POSITION, SEED, WARMUP

pytestmark = [pytest.mark.timeout(180)]
SERIES = ("--repeat", "2", "--warmup", "1", "--shuffle", "--seed", "3", "--experiment", "nap")


@pytest.fixture(name="home", scope="module")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    base = tmp_path_factory.mktemp("w")
    (base / "m").mkdir()
    with MeterProcess(base / "m", "constant") as meter:
        home = Home(base / "h", meter.url)
        with home.daemon() as daemon:
            daemon.ready()
            yield home


class Terminal:
    """A process on a terminal of its own, and all that it shows."""

    def __init__(self, home: Home, *arguments: str) -> None:
        self._screen, inside = pty.openpty()
        self._shown: list[bytes] = []
        self.process = subprocess.Popen(
            home.command(*arguments),
            env=home.environment | {"WATTWATCH_SOCKET": str(home.socket), "TERM": "xterm", "COLUMNS": "120"},
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - its terminal
        )
        os.close(inside)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._screen, 4096)
            except OSError:  # nobody is left on it
                return
            self._shown.append(piece)

    @property
    def text(self) -> str:
        return b"".join(self._shown).decode("utf-8", "replace")

    def press_ctrl_c(self) -> None:
        os.write(self._screen, b"\x03")

    def end(self) -> int:
        status = self.process.wait(90)
        self._reader.join(10)
        os.close(self._screen)
        return status


def test_two_commands_in_random_order_with_progress(home: Home, tmp_path: Path) -> None:
    result, output = tmp_path / "r.json", tmp_path / "out"
    terminal = Terminal(
        home, "tag-run", *SERIES, "--json", str(result), "--output", str(output), "--variant-name", "long",
        "--variant-name", "short",
        "--", "sh", "-c", "sleep 2.2; echo one", "--vs", "sh", "-c", "sleep 1; echo two",
    )  # fmt: skip
    assert terminal.end() == 0, terminal.text
    shown = terminal.text
    assert "random order, seed 3" in shown
    assert "run 4/4 · " in shown
    assert "J so far (simulated)" in shown
    assert "Traceback" not in shown
    assert sorted(output.read_text().split()) == ["one"] * 3 + ["two"] * 3
    document = json.loads(result.read_text())
    labels = [run["labels"] for run in document["runs"]]
    assert [run[POSITION] for run in labels] == [str(place) for place in range(1, 7)]
    assert {run[SEED] for run in labels} == {"3"}
    assert [WARMUP in run for run in labels] == [True] * 2 + [False] * 4
    assert Counter(group["name"] for group in document["groups"]) == {"long": 1, "short": 1}
    medians = {
        group["name"]: group["summaries"]["energy_joules"]["median"]["value"] for group in document["groups"]
    }
    assert medians["long"] > 1.8 * medians["short"]
    listed = json.loads(home.run("runs", "list", "--experiment", "nap", "--json").stdout)["runs"]
    assert {run["run_id"] for run in listed} == {run["run_id"] for run in document["runs"]}


def test_ctrl_c_keeps_what_is_done(home: Home, tmp_path: Path) -> None:
    result = tmp_path / "r.json"
    terminal = Terminal(
        home, "tag-run", "--repeat", "5", "--experiment", "cut", "--json", str(result), "--", "sleep", "1.5"
    )
    until(lambda: "run 2/5 · sleep 1.5" in terminal.text, 60, "the second run")
    until(lambda: len(home.json("/v1/runs?experiment=cut")["runs"]) == 2, 60, "its opening")
    terminal.press_ctrl_c()
    assert terminal.end() == 130, terminal.text
    assert "interrupted: 1 of 5 repetitions done, 4 missing" in terminal.text
    assert "Traceback" not in terminal.text
    states = [run["state"] for run in json.loads(result.read_text())["runs"]]
    assert states == ["succeeded", "cancelled"]
    assert home.json("/v1/runs?state=running")["runs"] == []
