"""`wattwatch tag-run`: the energy of one command or of several, and their exit status."""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep, time
from typing import Any, Final

from wattwatch.client import Client, find_socket
from wattwatch.clock import Clock
from wattwatch.errors import ConfigError, WattwatchError
from wattwatch.runs.run import UlidMaker
from wattwatch.session.attendance import Attendance
from wattwatch.session.command import SIGNALLED, CommandError, check_command
from wattwatch.session.cooldown import CoolingRoom
from wattwatch.session.measure import MeasuredRun, WantedRun, measure, say, wait_for_sources
from wattwatch.session.nodes import Access, NodeAddress, OtherNodes
from wattwatch.session.output_marker import OutputPattern
from wattwatch.session.progress import Progress
from wattwatch.session.sequence import our_labels
from wattwatch.session.series import OWN_FAILURE, Interruption, Series, SeriesResult, WantedSeries
from wattwatch.session.series_result import report_document, report_lines, series_report
from wattwatch.session.summary import summary_lines
from wattwatch.units import text_from_seconds

_UNBUFFERED: Final = {"PYTHONUNBUFFERED": "1"}
"""Python buffers what it writes to a pipe: its lines would mark the run when they are no longer true."""

OpenNode = Callable[[], AbstractContextManager[Path]]
"""Starts measuring in this process; the path is that of a private socket."""


@dataclass(frozen=True, slots=True)
class TagRun:
    """What is to be run, by which daemon, and where the result goes."""

    run: WantedRun
    series: WantedSeries
    local: bool = False
    socket: Path | None = None
    json_file: str = ""  # "-" is stdout
    quiet: bool = False
    phase_from_output: str = ""
    output: Path | None = None  # of the commands
    nodes: tuple[NodeAddress, ...] = ()  # other nodes that take part
    access: Access = field(default_factory=Access)

    def checked(self) -> "TagRun":
        """This; ConfigError for what contradicts itself."""
        if taken := our_labels(self.run.labels):
            raise ConfigError(
                f"--label {taken[0]}: labels that begin with wattwatch. are written by wattwatch"
            )
        if self.run.run_id and len(self.series.turns()) > 1:
            raise ConfigError("--run-id is the id of one run: leave it out with --repeat, --warmup and --vs")
        return self

    def pattern(self) -> OutputPattern | None:
        """What is looked for in the output; PatternError if it cannot be."""
        return OutputPattern(self.phase_from_output) if self.phase_from_output else None


def tag_run(wanted: TagRun, environment: Mapping[str, str], clock: Clock, open_node: OpenNode) -> int:
    """The exit status of the command; 125 if we fail before it could run, with one line on stderr."""
    interruption = Interruption()
    try:
        with ExitStack() as stack:
            stack.enter_context(interruption.noticed())
            socket = _socket(wanted.checked(), environment, open_node, stack)
            return _Session(wanted, {**environment, "WATTWATCH_SOCKET": socket}, clock, interruption).run()
    except CommandError as error:
        say(str(error))
        return error.exit_status
    except WattwatchError as error:
        say(str(error))
        return OWN_FAILURE
    except KeyboardInterrupt:
        return SIGNALLED + interruption.number


def _socket(wanted: TagRun, environment: Mapping[str, str], open_node: OpenNode, stack: ExitStack) -> str:
    """The daemon's socket, or that of a node of our own; all that can be checked before was checked."""
    for command in wanted.series.commands:
        check_command(command, environment)
    wanted.pattern()
    socket = None if wanted.local else find_socket(environment, wanted.socket)
    return str(stack.enter_context(open_node()) if socket is None else socket)


class _Session:
    """The parts of one call, put together."""

    def __init__(
        self, wanted: TagRun, environment: Mapping[str, str], clock: Clock, interruption: Interruption
    ) -> None:
        self._wanted = wanted
        self._clock = clock
        self._interruption = interruption
        self._client = Client(f"unix:{environment['WATTWATCH_SOCKET']}")
        self._progress = Progress(sys.stderr, quiet=wanted.quiet)
        pattern = wanted.pattern()
        self._attendance = Attendance(self._client, clock, self._progress, pattern, wanted.output)
        self._environment = environment if pattern is None else {**_UNBUFFERED, **environment}
        self._others = OtherNodes.at(wanted.nodes, wanted.access, clock)

    def run(self) -> int:
        """Run everything, tell what came out, and give the exit status."""
        for client in (self._client, *self._others.clients):
            wait_for_sources(client)
        if len(self._wanted.series.turns()) == 1:
            return self._run_once()
        return self._run_series()

    def _run_once(self) -> int:
        measured = self._measure(self._wanted.run, self._wanted.series.variants[0])
        if measured.document is not None:
            measured.document["warnings"] += self._attendance.warnings
        _tell(self._wanted, measured)
        return measured.outcome.exit_status

    def _run_series(self) -> int:
        wanted = self._wanted
        room = CoolingRoom(wanted.series.cooldown, self._client, self._clock, sleep)
        room.check()
        if wanted.series.seed is not None:
            self._progress.event(f"random order, seed {wanted.series.seed}")
        series = Series(
            wanted.series,
            wanted.run,
            UlidMaker(time)(),
            measure_one=self._measure,
            room=room,
            progress=self._progress,
            interruption=self._interruption,
        )
        result = series.run()
        self._tell_series(result)
        return result.exit_status

    def _measure(self, run: WantedRun, title: str) -> MeasuredRun:
        self._attendance.title = title
        client, attendance = self._client, self._attendance
        return measure(run, self._environment, self._clock, client, attendance, others=self._others)

    def _tell_series(self, result: SeriesResult) -> None:
        if result.error is not None:
            say(str(result.error))
        title = self._wanted.run.experiment or self._wanted.run.name or "tag-run"
        report = series_report(result, title, self._attendance.warnings)
        for line in report_lines(report):
            say(line)
        if self._wanted.json_file:
            _write_json(self._wanted.json_file, report_document(report), "wattwatch runs list")


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
        _write_json(wanted.json_file, document, f"wattwatch runs show {document['run_id']} --json")


def _write_json(file: str, document: Mapping[str, Any], elsewhere: str) -> None:
    """Write the document; a file that cannot be written costs a line, not the command's exit status."""
    text = json.dumps(document, indent=2) + "\n"
    try:
        if file == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        say(f"{file}: {error.strerror}: not written; see {elsewhere}")
