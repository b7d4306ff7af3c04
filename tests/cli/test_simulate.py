"""`wattwatch simulate` as a real process."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wattwatch.clock import SystemClock
from wattwatch.sources import open_source
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um.simulator_faults import FaultKind

WATTWATCH = [sys.executable, "-c", "from wattwatch.cli.main import run; run()"]


@contextlib.contextmanager
def simulating(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the line that it printed."""
    command = [*WATTWATCH, "simulate", "um24c", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def url_of(line: str) -> str:
    assert line.startswith("simulated ")
    return line.split('"')[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_says_simulated_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    link, truth = tmp_path / "meter", tmp_path / "truth.csv"
    options = ["--model", "um25c", "--profile", "constant", "--watts", "4", "--truth", str(truth)]
    with simulating(*options, "--pty", str(link)) as (process, line):
        assert line == f'simulated UM25C (profile constant): url = "{link}"\n'
        meter = open_source(UmSpec(url=url_of(line), simulated=True), SystemClock())
        batch = meter.read()
        meter.close()
        process.send_signal(number)
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert batch.identity is not None
    assert batch.identity.model == "UM25C"
    assert batch.readings[0].value == pytest.approx(4.0, rel=0.001)
    assert not link.is_symlink()
    assert truth.read_text().startswith("# simulated UM25C")


def test_it_serves_over_tcp() -> None:
    with simulating("--profile", "inference", "--listen", "127.0.0.1:0") as (_, line):
        meter = open_source(UmSpec(url=url_of(line), simulated=True), SystemClock())
        assert meter.read().readings[0].value > 2.5
        meter.close()


def test_a_kill_leaves_a_link_that_the_next_start_replaces(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    with simulating("--profile", "constant", "--pty", str(link)) as (process, _):
        process.kill()
        process.wait()
    assert link.is_symlink()
    with simulating("--profile", "constant", "--pty", str(link)) as (_, line):
        meter = open_source(UmSpec(url=url_of(line), simulated=True), SystemClock())
        meter.read()
        meter.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--fault", "fire@3"],
        ["--profile", "nosuch"],
        ["--model", "um26c"],
        ["--watts", "-1"],
        ["--averaging", "0"],
        ["--listen", "nowhere"],
    ],
)
def test_wrong_usage_is_exit_2_and_no_traceback(arguments: list[str]) -> None:
    done = subprocess.run(
        [*WATTWATCH, "simulate", "um24c", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_help_names_every_fault_and_its_example_works() -> None:
    told = subprocess.run(
        [*WATTWATCH, "simulate", "um24c", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert all(kind.value in "".join(told.split()) for kind in FaultKind)
    example = told.partition("Example: wattwatch simulate um24c ")[2].split()
    with simulating(*example) as (process, line):
        assert Path(url_of(line)).exists()
        process.terminate()
        assert process.wait(60) == 0
