"""`wattwatch tag-run`: the energy of one command, and its exit status."""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wattwatch.client import Client, find_socket
from wattwatch.clock import Clock
from wattwatch.errors import WattwatchError
from wattwatch.session.command import SIGNALLED, CommandError, check_command
from wattwatch.session.measure import MeasuredRun, WantedRun, measure, say, wait_for_sources
from wattwatch.session.summary import summary_lines
from wattwatch.units import text_from_seconds

OWN_FAILURE: Final = 125

_SIGINT: Final = 2

OpenNode = Callable[[], AbstractContextManager[Path]]
"""Starts measuring in this process; the path is that of a private socket."""


@dataclass(frozen=True, slots=True)
class TagRun:
    """What is to be run, by which daemon, and where the result goes."""

    run: WantedRun
    local: bool = False
    socket: Path | None = None
    json_file: str = ""  # "-" is stdout


def tag_run(wanted: TagRun, environment: Mapping[str, str], clock: Clock, open_node: OpenNode) -> int:
    """The exit status of the command; 125 if we fail before it could run, with one line on stderr."""
    try:
        check_command(wanted.run.command, environment)
        with ExitStack() as stack:
            socket = None if wanted.local else find_socket(environment, wanted.socket)
            if socket is None:
                socket = stack.enter_context(open_node())
            client = Client(f"unix:{socket}")
            wait_for_sources(client)
            measured = measure(wanted.run, {**environment, "WATTWATCH_SOCKET": str(socket)}, clock, client)
            _tell(wanted, measured)
            return measured.outcome.exit_status
    except CommandError as error:
        say(str(error))
        return error.exit_status
    except WattwatchError as error:
        say(str(error))
        return OWN_FAILURE
    except KeyboardInterrupt:
        return SIGNALLED + _SIGINT


def _tell(wanted: TagRun, measured: MeasuredRun) -> None:
    document, outcome = measured.document, measured.outcome
    if document is None:
        seconds = outcome.end.boot_seconds - outcome.start.boot_seconds
        say(
            f"run {measured.run_id}: {text_from_seconds(seconds)}, exit status {outcome.exit_status}; "
            f"its energy is not known: {measured.lost or 'no answer'}"
        )
        return
    for line in summary_lines(document):
        say(line)
    if wanted.json_file:
        _write_json(wanted.json_file, document)


def _write_json(file: str, document: Mapping[str, Any]) -> None:
    """Write the document; a file that cannot be written costs a line, not the command's exit status."""
    text = json.dumps(document, indent=2) + "\n"
    try:
        if file == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        run_id = document["run_id"]
        say(f"{file}: {error.strerror}: not written; see wattwatch runs show {run_id} --json")
