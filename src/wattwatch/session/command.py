"""Runs a command as if we were not there: stdio, signals and exit status pass through."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final

from wattwatch.clock import Clock
from wattwatch.errors import WattwatchError
from wattwatch.reading import Instant

CANNOT_RUN: Final = 126
NOT_FOUND: Final = 127
SIGNALLED: Final = 128

_PASSED_ON: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_OF_THE_TERMINAL: Final = (signal.SIGINT, signal.SIGQUIT)
_CANCELLING: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})


class CommandError(WattwatchError):
    """The command cannot be started; `exit_status` is 126 or 127, as env(1) has it."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command went: from just before it was started until it was known to have ended."""

    start: Instant
    end: Instant
    exit_status: int
    cancelled: bool
    interrupted_by: int = 0  # the last signal that asks to end and came to us meanwhile; 0: none


class Command:
    """A command that was started; `wait` gives its outcome."""

    def __init__(self, process: subprocess.Popen[bytes], start: Instant, clock: Clock) -> None:
        self.start = start
        self.interrupted_by = 0
        self._process = process
        self._clock = clock

    def wait(self) -> Outcome:
        """Wait for its end; signals meant for it are passed on meanwhile."""
        code = self._process.wait()
        end = self._clock.now()
        if code >= 0:
            return Outcome(self.start, end, code, cancelled=False, interrupted_by=self.interrupted_by)
        cancelled = -code in _CANCELLING
        return Outcome(self.start, end, SIGNALLED - code, cancelled, self.interrupted_by)

    def signal(self, number: int) -> None:
        """Pass a signal on; one that is too late is dropped."""
        self._process.send_signal(number)


def check_command(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """CommandError if the command is not there or may not be run: said before anything is measured."""
    name = command[0]
    if shutil.which(name, path=environment.get("PATH")) is None:
        raise _error(name, PermissionError() if os.path.exists(name) and os.sep in name else None)  # noqa: PTH110 - as typed


@dataclass(frozen=True, slots=True)
class Output:
    """Descriptors that a command gets as its stdout and stderr; None is our own."""

    stdout: int | None = None
    stderr: int | None = None

    def close(self) -> None:
        """Close them here: from then on only the command has them."""
        for descriptor in (self.stdout, self.stderr):
            if descriptor is not None:
                os.close(descriptor)


INHERITED: Final = Output()


@contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], clock: Clock, output: Output = INHERITED
) -> Iterator[Command]:
    """The command, started; as long as it runs, signals do not end us but reach it.

    `output` is closed on our side. CommandError if the command cannot be started.
    """
    forwarder = _Forwarder()
    with forwarder.installed():
        start = clock.now()
        try:
            process = subprocess.Popen(  # noqa: S603 - it is what we are for
                command, env=dict(environment), stdout=output.stdout, stderr=output.stderr
            )
        except OSError as error:
            raise _error(command[0], error) from error
        finally:
            output.close()
        running = Command(process, start, clock)
        forwarder.reaches(running)
        yield running


class _Forwarder:
    """Handlers that pass signals on, also one that came before there was a command."""

    def __init__(self) -> None:
        self._command: Command | None = None
        self._early: list[int] = []

    def reaches(self, command: Command) -> None:
        """From now on signals go to this command."""
        self._command = command
        for number in self._early:  # also of the terminal: most likely it was too early for the command
            _note(command, number)
            command.signal(number)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle signals, but those that are ignored (nohup) stay so, in the command as well."""
        before = {
            number: signal.getsignal(number)
            for number in (*_PASSED_ON, *_OF_THE_TERMINAL)
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        for number in before:
            signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._command is None:
            self._early.append(number)
            return
        _note(self._command, number)
        # What is typed at the terminal goes to its whole foreground group: the command has it already.
        if number not in _OF_THE_TERMINAL or not _is_in_foreground():
            self._command.signal(number)


def _note(command: Command, number: int) -> None:
    if number in _CANCELLING:
        command.interrupted_by = number


def _is_in_foreground() -> bool:
    try:
        with open("/dev/tty", "rb", buffering=0) as terminal:  # noqa: PTH123 - unbuffered, as a terminal is
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def _error(name: str, error: OSError | None) -> CommandError:
    if error is None or isinstance(error, FileNotFoundError):
        return CommandError(f"{name}: command not found: check its spelling and PATH", NOT_FOUND)
    cause = error.strerror or "not executable"
    return CommandError(f"{name}: cannot be run: {cause}: check that it is a program", CANNOT_RUN)
