"""The command line as a whole: help everywhere, one line for every error, light imports."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from wattwatch.cli.main import cli

HEAVY = {
    "aiohttp", "bleak", "dbus_fast", "grafana_client", "influxdb_client", "kfp", "kubernetes", "matplotlib",
    "numpy", "pandas", "plotly", "rich", "scipy", "serial", "tensorflow", "yaml",
}  # fmt: skip


def wattwatch(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wattwatch", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def all_commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from all_commands(command, (*path, name))


@pytest.mark.parametrize(
    ("path", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in all_commands(cli)]
)
def test_every_command_has_help_with_an_example(path: tuple[str, ...], command: click.Command) -> None:
    help_text = command.get_help(click.Context(command, info_name=path[-1]))
    assert "Example:" in help_text
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{' '.join(path)} {parameter.name} is not explained"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("bogus",), 2, "No such command 'bogus'"),
        (("readings", "--since", "soon"), 2, "--since"),
        (("tag-run",), 125, "CMD"),
        (("tag-run", "--label", "x", "--", "true"), 125, "KEY=VALUE"),
        (("decode", "--nonsense"), 2, "--nonsense"),
        (("daemon", "--config", "/nonexistent.toml"), 2, "/nonexistent.toml"),
        (("daemon", "--simulate", "nothing", "--listen", "127.0.0.1:0"), 2, "nothing"),
        (("check-config", "/nonexistent.toml"), 2, "/nonexistent.toml"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], status: int, words: str) -> None:
    done = wattwatch(*arguments)
    assert done.returncode == status
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_no_arguments_shows_the_commands() -> None:
    done = wattwatch()
    assert "tag-run" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m wattwatch --help | true"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "module", ["wattwatch", "wattwatch.daemon", "wattwatch.daemon.node", "wattwatch.cli.main"]
)
def test_importing_reaches_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not HEAVY & set(done.stdout.split())
