"""`wattwatch.run` in a program: at a served node, joined, in threads, forked, and when the node goes away."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import wattwatch
from support.daemon_process import until
from support.live import LiveNode
from wattwatch.errors import ClientError, RunError, StoreError
from wattwatch.session.run import EnergyRun, EnergyWarning

pytestmark = pytest.mark.filterwarnings("ignore:.*gave no reading:wattwatch.session.run.EnergyWarning")
NAP_SECONDS = 0.3


@pytest.fixture(name="node")
def _node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveNode]:
    for name in ("WATTWATCH_RUN_ID", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with LiveNode(tmp_path) as node:
        monkeypatch.setenv("WATTWATCH_SOCKET", str(node.socket))
        yield node


def nap() -> None:
    time.sleep(NAP_SECONDS)


def test_a_part_of_a_program_is_a_run_with_phases_and_epochs(node: LiveNode) -> None:
    with wattwatch.run("mnist", experiment="e", labels={"lr": "0.1"}, phase="load") as run:
        nap()
        assert run.energy_joules is not None
        with run.phase("training"):
            for number in (1, 2):
                with run.epoch(number):
                    nap()
    document = run.result
    assert document is not None
    assert (document["name"], document["experiment"], document["labels"]) == ("mnist", "e", {"lr": "0.1"})
    assert document["state"] == "succeeded"
    assert [phase["phase"] for phase in document["phases"]] == ["load", "training"]
    assert [epoch["epoch"] for epoch in document["epochs"]] == [1, 2]
    assert run.energy_joules == pytest.approx(5.0 * document["nodes"][0]["sampled_seconds"], rel=1e-6)
    assert run.mean_power_watts == pytest.approx(5.0)
    assert document == node.service.get(run.run_id)
    assert str(run).startswith("e / mnist: succeeded")


def test_the_environment_is_as_before(node: LiveNode) -> None:
    del node
    before = dict(os.environ)
    with wattwatch.run("x") as run:
        assert os.environ["WATTWATCH_RUN_ID"] == run.run_id
    assert dict(os.environ) == before


def test_every_call_of_a_function_is_a_run(node: LiveNode) -> None:
    @wattwatch.run(experiment="calls")
    def work(value: int) -> int:
        """Its words."""
        return value + 1

    assert (work(1), work(2)) == (2, 3)
    assert work.__doc__ == "Its words."
    assert [run["name"] for run in node.service.list()] == ["work", "work"]


def test_phases_of_functions(node: LiveNode) -> None:
    with wattwatch.run("x") as run:

        @run.phase("training")
        def train(depth: int) -> None:
            if depth:
                train(depth - 1)

        train(2)
    windows = [window.phase for window, _, _ in node.service.windows(run.run_id)]
    assert windows == ["", "training", "training", "training", "training", "training", ""]


def test_coroutines(node: LiveNode) -> None:
    @wattwatch.run("decorated")
    async def work(run: EnergyRun) -> int:
        async with run.phase("inner"):
            await asyncio.sleep(0.01)
        return 1

    async def main() -> None:
        async with wattwatch.run("outer") as run:
            assert await work(run) == 1

            @run.phase("awaited")
            async def awaited() -> int:
                return 2

            assert await awaited() == 2

    asyncio.run(main())
    (document,) = node.service.list()
    phases = node.service.get(document["run_id"])["phases"]
    assert {"inner", "awaited"} <= {phase["phase"] for phase in phases}


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ValueError("x"), "failed"),
        (KeyboardInterrupt(), "cancelled"),
        (asyncio.CancelledError(), "cancelled"),
        (SystemExit(0), "succeeded"),
        (SystemExit(3), "failed"),
    ],
)
def test_what_is_raised_goes_on_and_tells_how_the_run_ended(
    node: LiveNode, error: BaseException, state: str
) -> None:
    with pytest.raises(type(error)), wattwatch.run("x") as run:
        raise error
    assert node.service.get(run.run_id)["state"] == state


def test_a_run_within_a_run_joins_it(node: LiveNode) -> None:
    with wattwatch.run("outer") as outer:
        with wattwatch.run("inner") as inner, inner.phase("training"):
            nap()
        assert inner.is_joined
        assert inner.run_id == outer.run_id
        assert inner.result is not None
        assert inner.result["state"] == "running"
    assert [run["name"] for run in node.service.list()] == ["outer"]
    assert "training" in {phase["phase"] for phase in node.service.get(outer.run_id)["phases"]}


def test_threads_mark_their_phases(node: LiveNode) -> None:
    with wattwatch.run("x") as run:
        threads = [threading.Thread(target=run.phase("part")(nap)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert "part" in {phase["phase"] for phase in node.service.get(run.run_id)["phases"]}


def test_a_forked_child_leaves_the_run_alone(node: LiveNode) -> None:
    run = wattwatch.run("x")
    run.__enter__()
    run._pid += 1  # as the child sees it
    with run.phase("of the child"):
        pass
    run.__exit__(None, None, None)
    assert node.service.get(run.run_id)["state"] == "running"
    run._pid -= 1
    run.__exit__(None, None, None)
    assert node.service.get(run.run_id)["state"] == "succeeded"
    assert [window.phase for window, _, _ in node.service.windows(run.run_id)] == [""]


def test_a_program_goes_on_when_its_node_goes_away(node: LiveNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattwatch.session.hold.RECONNECT_SECONDS", 0.5)
    run, reached = wattwatch.run("x"), []

    def work() -> None:
        with run:
            node.stop()
            with run.phase("training"):
                reached.append("training")

    with pytest.warns(EnergyWarning) as caught:
        work()
    node.start()
    assert reached == ["training"]
    assert run.result is None
    assert len({str(one.message) for one in caught}) == len(caught)
    assert all(run.run_id in str(one.message) for one in caught)


def test_a_restart_of_the_daemon_is_survived(node: LiveNode) -> None:
    with wattwatch.run("x") as run:
        nap()
        node.stop()
        node.start()
        until(lambda: not node.service._orphans, 20, "the owner is back")
        nap()
    assert run.result is not None
    assert run.result["state"] == "succeeded"


def test_names_are_checked_before_anything_begins() -> None:
    with pytest.raises(RunError, match="name"):
        wattwatch.run("x" * 1000)
    with pytest.raises(RunError):
        wattwatch.run("x", labels={"": "x"})


def test_a_socket_that_is_named_must_be_there(node: LiveNode, tmp_path: Path) -> None:
    del node
    with pytest.raises(ClientError, match="none"):
        wattwatch.run("x", socket=tmp_path / "none").__enter__()
    assert "WATTWATCH_RUN_ID" not in os.environ


def test_joining_a_run_whose_daemon_has_died_is_a_warning(
    node: LiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattwatch.session.hold.RECONNECT_SECONDS", 0.5)
    reached = []

    def work() -> None:
        with wattwatch.run("outer"):
            node.stop()
            with wattwatch.run("inner") as inner, inner.phase("training"):
                reached.append(inner.is_joined)

    with pytest.warns(EnergyWarning):
        work()
    node.start()
    assert reached == [True]


def test_a_dead_socket_is_refused_but_no_matter_to_a_local_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATTWATCH_RUN_ID", raising=False)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
    (tmp_path / "ww.toml").write_text('node = "pi-1"\ndiscover = false\n')
    monkeypatch.setenv("WATTWATCH_CONFIG", str(tmp_path / "ww.toml"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("WATTWATCH_SOCKET", str(tmp_path / "dead"))
    with pytest.raises(ClientError, match="its last one has ended"):
        wattwatch.run("x").__enter__()
    with pytest.warns(EnergyWarning, match="no power source"), wattwatch.run("x", local=True) as run:
        nap()
    assert run.result is not None
    assert run.result["state"] == "succeeded"


def test_without_a_source_it_warns_and_knows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WATTWATCH_RUN_ID", "WATTWATCH_SOCKET", "XDG_RUNTIME_DIR", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "ww.toml").write_text('node = "pi-1"\ndiscover = false\n')
    monkeypatch.setenv("WATTWATCH_CONFIG", str(tmp_path / "ww.toml"))
    with pytest.warns(EnergyWarning, match="no power source"), wattwatch.run("x", local=True) as run:
        nap()
    assert run.energy_joules is None
    assert run.result is not None
    assert run.result["duration_seconds"] >= NAP_SECONDS


def test_a_ledger_that_cannot_be_kept_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.delenv("WATTWATCH_RUN_ID", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="XDG_STATE_HOME"):
        wattwatch.run("x", local=True).__enter__()
    assert "WATTWATCH_RUN_ID" not in os.environ


FORKS = """
import os, sys, wattwatch
with wattwatch.run("forks", local=True) as run:
    child = os.fork()
    if not child:
        sys.exit(0)  # every context manager and exit handler runs in the child as well
    assert os.waitpid(child, 0)[1] == 0
    with run.phase("after the child"):
        pass
print(run.result["state"], *(phase["phase"] for phase in run.result["phases"]), sep="|")
"""


def forks_in(directory: Path, temporary: Path) -> subprocess.CompletedProcess[str]:
    (directory / "ww.toml").write_text('node = "pi-1"\ndiscover = false\n')
    temporary.mkdir()
    places = {"XDG_STATE_HOME": str(directory), "TMPDIR": str(temporary)}
    return subprocess.run(
        [sys.executable, "-c", FORKS],
        env={"PATH": os.environ["PATH"], "WATTWATCH_CONFIG": str(directory / "ww.toml"), **places},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_child_that_ends_does_not_end_the_measuring_of_its_parent(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as short:  # pytest's own may be too long for a socket
        done = forks_in(tmp_path, Path(short, "t"))
        left = list(Path(short, "t").iterdir())
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "succeeded|untagged|after the child"
    assert left == []


def test_a_temporary_directory_may_be_too_deep_for_a_socket(tmp_path: Path) -> None:
    done = forks_in(tmp_path, tmp_path / ("scratch" * 20))
    assert done.returncode == 0, done.stderr


def test_a_run_may_be_used_again(node: LiveNode) -> None:
    run = wattwatch.run("x")
    with run:
        first = run.run_id
    with run:
        assert run.document()["state"] == "running"
    assert run.result is not None
    assert run.result["run_id"] != first
    assert len(node.service.list()) == 2


def test_unknown_names_of_the_package_are_unknown() -> None:
    with pytest.raises(AttributeError, match="no attribute 'walk'"):
        _ = wattwatch.walk
    assert {"run", "EnergyCallback"} <= set(dir(wattwatch))
