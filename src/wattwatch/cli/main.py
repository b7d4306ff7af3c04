"""The command line: thin commands, one error line, exit status 0 done, 1 failed, 2 wrong usage."""

import importlib
import os
import sys
from typing import Final, TextIO

import click

from wattwatch import __version__
from wattwatch.errors import ConfigError, WattwatchError

COMMANDS: Final[dict[str, str]] = {
    "daemon": "wattwatch.cli.daemon:command",
    "demo": "wattwatch.cli.demo:command",
    "sources": "wattwatch.cli.sources:command",
    "meters": "wattwatch.cli.meters:command",
    "read": "wattwatch.cli.read:command",
    "readings": "wattwatch.cli.readings:command",
    "check-config": "wattwatch.cli.check_config:command",
    "decode": "wattwatch.cli.decode:command",
    "simulate": "wattwatch.cli.simulate:command",
    "phase": "wattwatch.cli.phase:command",
    "tag-run": "wattwatch.cli.tag_run:command",
    "runs": "wattwatch.cli.runs:command",
    "import": "wattwatch.cli.imports:command",
    "baseline": "wattwatch.cli.baseline:command",
    "report": "wattwatch.cli.report:command",
    "compare": "wattwatch.cli.compare:command",
}
"""Command name to `module:attribute`; modules are imported only when their command runs."""

_INTERRUPTED: Final = 130  # 128 + SIGINT


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now; None if there is none."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - a wrong table entry is our own mistake
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wattwatch")
def cli() -> None:
    """How many joules did that run cost?

    Example: wattwatch tag-run --phase training -- python train.py
    """


def run() -> None:
    """Entry point: our errors and click's are one line on stderr, never a traceback."""
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "wattwatch"
        _say(f"{path}: {error.format_message().rstrip('.')}: see {path} --help")
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _say(f"wattwatch: {error.format_message()}")
        sys.exit(error.exit_code)
    except ConfigError as error:
        _say(f"wattwatch: {error}")
        sys.exit(2)
    except WattwatchError as error:
        _say(f"wattwatch: {error}")
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:  # `wattwatch readings | head`
        sys.exit(1)
    finally:
        _let_go_of(sys.stdout)
        _let_go_of(sys.stderr)


def _let_go_of(stream: TextIO) -> None:
    """Write out what is left; where nobody reads it, Python's own try at exit would be status 120."""
    try:
        stream.flush()
    except OSError:  # a pipe or terminal that is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _say(line: str) -> None:
    click.echo(" ".join(line.split()), err=True)
