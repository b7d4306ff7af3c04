"""What goes along with the runs of tag-run: marks on their output, a file for it, and a line of progress."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from wattwatch.client import Client
from wattwatch.clock import Clock
from wattwatch.errors import WattwatchError
from wattwatch.session.command import INHERITED, Output
from wattwatch.session.output_marker import MarkTeller, OutputPattern, marked_output
from wattwatch.session.progress import Progress, RunLine

_FILE_MODE: Final = 0o666  # as the umask lets it


class OutputFileError(WattwatchError):
    """The file for the command's output cannot be written."""


def open_output(path: Path) -> int:
    """A descriptor that appends to a file; OutputFileError says why there is none."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _FILE_MODE)
    except OSError as error:
        raise OutputFileError(
            f"--output {path}: {error.strerror}: name a file that can be written"
        ) from error


class Attendance:
    """Goes along with one run at a time; `warnings` is what could not be done, gathered over all of them."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        progress: Progress,
        pattern: OutputPattern | None = None,
        output: Path | None = None,
    ) -> None:
        self.title = ""
        self.warnings: list[str] = []
        self._client = client
        self._clock = clock
        self._progress = progress
        self._pattern = pattern
        self._output = output

    @contextmanager
    def __call__(self, run_id: str) -> Iterator[Output]:
        """While the command of a run runs: where its output goes."""
        with ExitStack() as stack:
            output = self._given(run_id, stack)
            # A command that writes to the terminal itself would have the line in its output.
            if self._progress.is_live and output != INHERITED:
                line = RunLine(self._progress, self.title, self._client, self._clock, run_id)
                stack.callback(line.stop)
            yield output

    def _given(self, run_id: str, stack: ExitStack) -> Output:
        if self._pattern is None:
            return self._file()
        targets = sys.stdout.fileno(), sys.stderr.fileno()
        if self._output is not None:
            targets = (file := open_output(self._output)), file
            stack.callback(os.close, file)
        teller = MarkTeller(self._client, run_id)
        stack.callback(lambda: self.warnings.extend(teller.close()))
        guard = self._progress.out_of_the_way
        return stack.enter_context(marked_output(self._pattern, teller, self._clock, targets, guard))

    def _file(self) -> Output:
        if self._output is None:
            return INHERITED
        return Output(file := open_output(self._output), os.dup(file))
