from pathlib import Path

import pytest

from wattwatch.client import find_socket, user_socket, xdg_state_directory
from wattwatch.config.paths import runtime_socket, state_directory

NOWHERE = Path("/proc/1/nowhere/wattwatch")  # nobody can make that, root included


def test_the_state_directory_is_systemds_word_first(tmp_path: Path) -> None:
    given = {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "HOME": "/home/x"}
    assert state_directory(given, tmp_path) == Path("/var/lib/a")


def test_then_the_systems_place_if_it_is_writable_or_can_be_made(tmp_path: Path) -> None:
    assert state_directory({"HOME": "/home/x"}, tmp_path) == tmp_path
    assert state_directory({"HOME": "/home/x"}, tmp_path / "made") == tmp_path / "made"
    assert not (tmp_path / "made").exists()


def test_then_the_users_own() -> None:
    assert state_directory({"HOME": "/home/x"}, NOWHERE) == Path("/home/x/.local/state/wattwatch")
    assert state_directory({"XDG_STATE_HOME": "/s", "HOME": "/h"}, NOWHERE) == Path("/s/wattwatch")


def test_the_socket_follows_the_same_order(tmp_path: Path) -> None:
    system = tmp_path / "run" / "wattwatch.sock"
    assert runtime_socket({"RUNTIME_DIRECTORY": "/run/x"}, system) == Path("/run/x/wattwatch.sock")
    assert runtime_socket({}, system) == system
    home = {"HOME": "/home/x"}
    nowhere = NOWHERE / "wattwatch.sock"
    runtime = home | {"XDG_RUNTIME_DIR": "/run/user/7"}
    assert runtime_socket(runtime, nowhere) == Path("/run/user/7/wattwatch/wattwatch.sock")
    assert runtime_socket(home, nowhere) == Path("/home/x/.local/state/wattwatch/wattwatch.sock")


def test_a_file_where_the_directory_should_be_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert state_directory({"HOME": "/home/x"}, tmp_path / "file").is_relative_to("/home/x")


def test_without_a_home_there_is_still_a_place() -> None:
    assert xdg_state_directory({}).name.startswith("wattwatch")
    assert user_socket({}).parent == xdg_state_directory({})


def test_local_runs_never_use_the_daemons_directory() -> None:
    environment = {"STATE_DIRECTORY": "/var/lib/wattwatch", "HOME": "/home/x"}
    assert xdg_state_directory(environment) == Path("/home/x/.local/state/wattwatch")


@pytest.mark.parametrize("variables", [{"XDG_RUNTIME_DIR": "run"}, {"XDG_STATE_HOME": "state"}])
def test_the_client_looks_wherever_a_users_daemon_may_have_put_its_socket(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    environment = {"HOME": str(tmp_path)} | {name: str(tmp_path / part) for name, part in variables.items()}
    path = runtime_socket(environment, NOWHERE / "x.sock")
    path.parent.mkdir(parents=True)
    from wattwatch.web.listen import open_unix  # noqa: PLC0415 - only here

    with open_unix(path):
        assert find_socket(environment, system=NOWHERE / "x.sock") == path
