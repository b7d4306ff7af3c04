"""`wattwatch phase` within a run, and outside of one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.live import LiveNode
from wattwatch.cli.main import cli
from wattwatch.errors import ClientError, RunError
from wattwatch.runs.run import RunRequest


@pytest.fixture(name="node")
def _node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveNode]:
    for name in ("WATTWATCH_RUN_ID", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with LiveNode(tmp_path) as node:
        monkeypatch.setenv("WATTWATCH_SOCKET", str(node.socket))
        yield node


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["phase", *arguments])


def test_phases_of_the_run_that_the_environment_names(
    node: LiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.service.start(RunRequest("r"))
    monkeypatch.setenv("WATTWATCH_RUN_ID", "r")
    for arguments in (("load",), ("training",), ("--nested", "evaluation"), ("--end",), ("--end",)):
        assert invoke(*arguments).exception is None
    windows = [window.phase for window, _, _ in node.service.windows("r")]
    assert windows == ["", "load", "training", "evaluation", "training", ""]


def test_outside_of_a_run_it_says_how_to_make_one(node: LiveNode) -> None:
    del node
    error = invoke("training").exception
    assert isinstance(error, RunError)
    assert "not inside a run" in str(error)
    assert "wattwatch tag-run -- CMD makes one" in str(error)


def test_what_the_daemon_refuses_is_one_line(node: LiveNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTWATCH_RUN_ID", "gone")
    error = invoke("training").exception
    assert isinstance(error, ClientError)
    assert "\n" not in str(error)
    node.service.start(RunRequest("r"))
    monkeypatch.setenv("WATTWATCH_RUN_ID", "r")
    assert "no phase is open" in str(invoke("--end").exception)


def test_a_name_or_an_end(node: LiveNode) -> None:
    del node
    assert invoke().exit_code == 2
    assert invoke("training", "--end").exit_code == 2
