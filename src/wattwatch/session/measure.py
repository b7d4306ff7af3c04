"""One measured command: a run opened at the daemon, the command in it, and the document of the result."""

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, Final

from wattwatch.client import Client
from wattwatch.clock import Clock
from wattwatch.errors import ClientError
from wattwatch.reading import Instant
from wattwatch.runs.several import NodePart
from wattwatch.session.command import INHERITED, Command, CommandError, Outcome, Output, started
from wattwatch.session.hold import Hold
from wattwatch.session.nodes import ALONE, OtherNodes

_FIRST_READING_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.1
_COMMAND_CHARACTERS: Final = 4096


@dataclass(frozen=True, slots=True)
class WantedRun:
    """What one run is: a command, and under which names it is measured."""

    command: tuple[str, ...]
    name: str = ""
    experiment: str = ""
    run_id: str = ""
    phase: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def opening(self) -> dict[str, Any]:
        """The document that opens the run."""
        command = shlex.join(self.command)
        if len(command) > _COMMAND_CHARACTERS:
            command = command[: _COMMAND_CHARACTERS - 1] + "…"
        return {
            "run_id": self.run_id or None,
            "name": self.name or Path(self.command[0]).name,
            "experiment": self.experiment or None,
            "phase": self.phase or None,
            "command": command,
            "labels": dict(self.labels),
            "armed": True,
        }


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """How a command ended, and what it cost as far as that could be asked."""

    run_id: str
    outcome: Outcome
    document: dict[str, Any] | None  # None: nobody could tell
    lost: str = ""  # why there is no document, or why it is not of the whole run


Attend = Callable[[str], AbstractContextManager[Output]]
"""What goes along with a run, by its id, while its command runs; it says where that one's output goes."""


@contextmanager
def unattended(run_id: str) -> Iterator[Output]:
    """Nothing goes along, and the command writes where we do."""
    del run_id
    yield INHERITED


def say(text: str) -> None:
    """One line on stderr, for people."""
    print(f"wattwatch: {text}", file=sys.stderr, flush=True)  # noqa: T201 - talk goes to stderr


def measure(  # noqa: PLR0913 - the seams of a measurement, each a part of its own
    wanted: WantedRun,
    environment: Mapping[str, str],
    clock: Clock,
    client: Client,
    attend: Attend = unattended,
    *,
    others: OtherNodes = ALONE,
) -> MeasuredRun:
    """Run a command as a run of the daemon behind `client` and of other nodes, and wait for its result.

    The command sees WATTWATCH_RUN_ID beside `environment`. Raises CommandError if it cannot be run (the run
    is then in the ledger as failed), ClientError if the run cannot be opened at all nodes.
    """
    with closing(Hold(client, wanted.opening())) as hold:
        _open_at(others, {**wanted.opening(), "run_id": hold.run_id}, hold)
        environment = {**environment, "WATTWATCH_RUN_ID": hold.run_id}
        try:
            with (
                attend(hold.run_id) as output,
                started(wanted.command, environment, clock, output) as command,
                others.following(client, hold.run_id),
            ):
                outcome = _outcome(command, client, hold.run_id, others)
        except CommandError as error:
            others.cancel()
            hold.end({"state": "failed", "exit_status": error.exit_status})
            raise
        document = None
        if hold.end({**_ending(outcome), "started_at": _json(outcome.start), "at": _json(outcome.end)}):
            document = hold.result()
        parts = others.end(_ending(outcome), outcome.start, outcome.end, client, hold.run_id)
        return MeasuredRun(hold.run_id, outcome, _with_parts(document, parts, client), hold.lost)


def _open_at(others: OtherNodes, opening: Mapping[str, Any], hold: Hold) -> None:
    try:
        others.open(opening)
    except ClientError:
        hold.end({"state": "cancelled"})
        raise


def _outcome(command: Command, client: Client, run_id: str, others: OtherNodes) -> Outcome:
    # In threads: a daemon that is slow to answer must not make the command's end look later.
    Thread(target=mark_start, args=(client, run_id, command.start), daemon=True).start()
    Thread(target=others.mark_start, args=(command.start,), daemon=True).start()
    return command.wait()


def mark_start(client: Client, run_id: str, start: Instant) -> None:
    """Tell when an armed run began; where that fails, its end has to tell it."""
    with suppress(ClientError):  # the end tells it again
        client.post_json(f"/v1/runs/{run_id}/start", {"at": _json(start)})


def _ending(outcome: Outcome) -> dict[str, Any]:
    state = "cancelled" if outcome.cancelled else "failed" if outcome.exit_status else "succeeded"
    return {"state": state, "exit_status": outcome.exit_status}


def _with_parts(
    document: dict[str, Any] | None, parts: Sequence[NodePart], client: Client
) -> dict[str, Any] | None:
    """The document with what other nodes measured, kept by the daemon."""
    if document is None or not parts:
        return document
    told = {"parts": [part.to_json() for part in parts]}
    try:
        document = client.post_json(f"/v1/runs/{document['run_id']}/parts", told)
    except ClientError as error:
        say(f"the other nodes' parts are not kept: {error}")
    return document


def _json(instant: Instant) -> dict[str, Any]:
    return {"boot_id": instant.boot_id, "boot_seconds": instant.boot_seconds}


def wait_for_sources(
    client: Client, deadline_seconds: float = _FIRST_READING_SECONDS
) -> Sequence[Mapping[str, Any]]:
    """Wait until every source that is up was read, and every power source at all; then warn of those.

    What comes back are the sources as `/v1/sources` has them.
    """
    deadline = time.monotonic() + deadline_seconds
    while True:
        sources: list[dict[str, Any]] = client.get_json("/v1/sources")["sources"]
        awaited = [source for source in sources if _is_awaited(source)]
        if not awaited or time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    for source in awaited:
        if measures_power(source):
            cause = f" ({source['last_error']})" if source["last_error"] else ""
            say(f"{source['name']}: no reading in {deadline_seconds:g} s{cause}: its energy will be missing")
    return sources


def _is_awaited(source: Mapping[str, Any]) -> bool:
    if source["state"] in ("up", "unsupported"):
        return False
    return source["state"] == "waiting" or measures_power(source)


def measures_power(source: Mapping[str, Any]) -> bool:
    """Whether a source of `/v1/sources` has a channel that is integrated to joules."""
    return any(channel["scope"] for channel in source["channels"])
