import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.live import LiveNode
from wattwatch.client import Client
from wattwatch.session.measure import wait_for_sources

WATTWATCH = [sys.executable, "-c", "from wattwatch.cli.main import run; run()"]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    with LiveNode(tmp_path) as live:
        yield live


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "WATTWATCH_SOCKET",
        "XDG_RUNTIME_DIR",
        "XDG_STATE_HOME",
        "XDG_CONFIG_HOME",
        "WATTWATCH_CONFIG",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def arguments(node: LiveNode, *command: str, options: tuple[str, ...] = ()) -> list[str]:
    return [*WATTWATCH, "tag-run", "--socket", str(node.socket), *options, "--", *command]


def tag_run(node: LiveNode, *command: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        arguments(node, *command, options=options), capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    return done


def begin(node: LiveNode, *command: str) -> subprocess.Popen[str]:
    """Started, in a session of its own, until its command has said that it runs."""
    process = subprocess.Popen(
        arguments(node, *command),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def last_run(node: LiveNode) -> dict[str, Any]:
    run_id = node.service.list()[0]["run_id"]
    return node.service.get(run_id)


PYTHON = (sys.executable, "-c")
SLEEPER = (*PYTHON, "import time; print('ready', flush=True); time.sleep(60)")


def test_the_energy_of_a_command(node: LiveNode, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    options = (
        "--name",
        "nap",
        "--experiment",
        "demo",
        "--phase",
        "idle",
        "--label",
        "k=v",
        "--json",
        str(file),
    )
    done = tag_run(node, "sleep", "0.5", options=options)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "demo / nap: succeeded" in done.stderr
    document = json.loads(file.read_text())
    assert (document["name"], document["experiment"], document["phase"]) == ("nap", "demo", "idle")
    assert (document["command"], document["exit_status"]) == ("sleep 0.5", 0)
    assert document["completeness"] == "final"
    figures = document["nodes"][0]
    assert figures["missing_seconds"] == 0
    assert figures["energy_joules"] == pytest.approx(5 * document["duration_seconds"])
    assert node.service.known(document["run_id"]).labels == {"k": "v"}  # type: ignore[union-attr]


def test_stdio_and_environment_pass_through(node: LiveNode) -> None:
    script = (
        "import os, sys; print(sys.stdin.read(), *map(os.getenv, ('WATTWATCH_RUN_ID', 'WATTWATCH_SOCKET')))"
    )
    done = subprocess.run(
        arguments(node, *PYTHON, script, options=("--run-id", "mine")),
        input="hello",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == f"hello mine {node.socket}\n"


def test_json_to_stdout(node: LiveNode) -> None:
    done = tag_run(node, "true", options=("--json", "-"))
    assert json.loads(done.stdout)["name"] == "true"


@pytest.mark.parametrize("status", [0, 3, 125, 255])
def test_the_exit_status_is_the_commands(node: LiveNode, status: int) -> None:
    assert tag_run(node, "sh", "-c", f"exit {status}").returncode == status
    document = last_run(node)
    assert document["state"] == ("failed" if status else "succeeded")
    assert document["exit_status"] == status


@pytest.mark.parametrize(("number", "state"), [(signal.SIGKILL, "failed"), (signal.SIGTERM, "cancelled")])
def test_a_signal_is_128_and_its_number(node: LiveNode, number: signal.Signals, state: str) -> None:
    assert tag_run(node, "sh", "-c", f"kill -{int(number)} $$").returncode == 128 + number
    assert last_run(node)["state"] == state


def test_a_command_that_is_not_there_is_127(node: LiveNode) -> None:
    for name in ("no-such-command", "/no/such/command"):
        done = tag_run(node, name)
        assert done.returncode == 127
        assert "command not found" in done.stderr
    assert node.service.list() == []


def test_a_command_that_cannot_be_run_is_126(node: LiveNode, tmp_path: Path) -> None:
    plain, broken = tmp_path / "plain", tmp_path / "broken"
    plain.write_text("no program")
    broken.write_bytes(b"\x7fELF and nothing more")
    broken.chmod(0o755)
    for path in (plain, broken):
        done = tag_run(node, str(path))
        assert done.returncode == 126
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--no-such-option",), "No such option"),
        (("--label", "novalue"), "expected KEY=VALUE"),
        (("--run-id", "a b"), "1 to 128"),
        (("--phase", "mixed"), "reserved"),
        (("--socket", "/no/such/socket"), "no daemon at"),
    ],
)
def test_our_own_failures_are_125(node: LiveNode, options: tuple[str, ...], words: str) -> None:
    done = tag_run(node, "true", options=options)
    assert done.returncode == 125
    assert words in done.stderr


def test_no_command_is_125() -> None:
    done = subprocess.run([*WATTWATCH, "tag-run"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 125
    assert "Missing argument" in done.stderr


def test_a_taken_run_id_is_125_and_runs_nothing(node: LiveNode) -> None:
    assert tag_run(node, "true", options=("--run-id", "x")).returncode == 0
    done = tag_run(node, "echo", "ran", options=("--run-id", "x"))
    assert (done.returncode, done.stdout) == (125, "")
    assert "choose another --run-id" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1])
def test_signals_reach_the_command(node: LiveNode, number: signal.Signals) -> None:
    script = (
        "import os, signal, sys, time\n"
        f"signal.signal({int(number)}, lambda *_: (os.write(1, b'caught\\n'), sys.exit(7)))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    process = begin(node, *PYTHON, script)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (7, "caught\n"), err
    assert last_run(node)["exit_status"] == 7


def test_an_interrupted_command_is_cancelled(node: LiveNode) -> None:
    process = begin(node, *SLEEPER)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert last_run(node)["state"] == "cancelled"


def test_a_run_whose_owner_is_killed_is_lost(node: LiveNode) -> None:
    process = begin(node, *SLEEPER)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for _ in range(100):
        if last_run(node)["state"] != "running":
            break
        threading.Event().wait(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert last_run(node)["state"] == "lost"


def test_a_restarted_daemon_is_come_back_to(node: LiveNode) -> None:
    script = "import sys; print('ready', flush=True); sys.stdin.readline(); sys.exit(4)"
    command = arguments(node, *PYTHON, script)
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    node.stop()
    node.start()
    run_id = node.service.list()[0]["run_id"]
    for _ in range(100):
        if not node.service._orphans:
            break
        threading.Event().wait(0.1)
    _, err = process.communicate("\n", timeout=30)
    assert process.returncode == 4
    document = node.service.get(run_id)
    assert (document["state"], document["exit_status"]) == ("failed", 4)
    assert "failed, exit status 4" in err


def test_a_daemon_that_is_gone_costs_only_the_energy(node: LiveNode, monkeypatch: pytest.MonkeyPatch) -> None:
    # The daemon's patience is ours as well; here both are cut short, not waited for.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    program = (
        "import wattwatch.session.hold as h\n"
        "h.RECONNECT_SECONDS = 0.5\n"
        "from wattwatch.cli.main import run; run()"
    )
    script = "import sys; print('ready', flush=True); sys.stdin.readline(); sys.exit(4)"
    command = [sys.executable, "-c", program, *arguments(node, *PYTHON, script)[3:]]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    node._server.stop()
    _, err = process.communicate("\n", timeout=30)
    assert process.returncode == 4
    (line,) = err.splitlines()
    assert "exit status 4; its energy is not known" in line
    assert "no daemon" in line


def test_phases_of_the_command_are_in_its_run(node: LiveNode) -> None:
    script = (
        "import os\n"
        "from wattwatch.client import Client\n"
        "client = Client('unix:' + os.environ['WATTWATCH_SOCKET'])\n"
        "client.post_json(f\"/v1/runs/{os.environ['WATTWATCH_RUN_ID']}/phases\", {'phase': 'training'})\n"
        "import time; time.sleep(0.3)"
    )
    done = tag_run(node, *PYTHON, script)
    assert done.returncode == 0, done.stderr
    assert [phase["phase"] for phase in last_run(node)["phases"]] == ["untagged", "training"]
    assert "training" in done.stderr


def test_a_meter_that_gives_nothing_is_waited_for_and_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with LiveNode(tmp_path, state="down") as node:
        wait_for_sources(Client(f"unix:{node.socket}"), deadline_seconds=0.3)
    assert "meter: no reading in 0.3 s (no such device): its energy will be missing" in capfd.readouterr().err
