"""The rows of a log: encoding, delimiter and header found, with the number of every line."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattwatch.errors import WattwatchError

_SAMPLE_BYTES: Final = 1 << 20
_HEADER_LINES: Final = 40  # so far down a header is looked for
_DELIMITERS: Final = (",", ";", "\t")
_FIELD_CHARACTERS: Final = 1 << 16
_ENCODINGS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


class ImportRefused(WattwatchError):  # noqa: N818 - said as what happened
    """A log that cannot be taken: file, line and what to do; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table, by its number in the file, from 1."""

    line: int
    cells: tuple[str, ...]

    def cell(self, column: int) -> str:
        """The text in a column; "" beyond the end of the row."""
        return self.cells[column].strip() if column < len(self.cells) else ""


@dataclass(frozen=True, slots=True)
class Log:
    """A text file as a table; it is read anew, and streamed, whenever its rows are asked for."""

    path: Path
    encoding: str
    delimiter: str

    def rows(self) -> Iterator[Row]:
        """Every line that is not empty; ImportRefused if the file cannot be read."""
        csv.field_size_limit(_FIELD_CHARACTERS)
        try:
            with self.path.open(encoding=self.encoding, newline="", errors="strict") as file:
                reader = csv.reader(_without_nul(file), delimiter=self.delimiter)
                for cells in reader:
                    if any(cell.strip() for cell in cells):
                        yield Row(reader.line_num, tuple(cells))
        except OSError as error:
            raise ImportRefused(f"{self.path}: {error.strerror or error}") from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise ImportRefused(f"{self.path}: this is no table of text: {error}") from error

    def head(self) -> list[Row]:
        """The first lines, among which the header is."""
        found: list[Row] = []
        for row in self.rows():
            found.append(row)
            if len(found) == _HEADER_LINES:
                break
        return found


def open_log(path: Path) -> Log:
    """The table in a file; ImportRefused if there is none."""
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE_BYTES)
    except OSError as error:
        raise ImportRefused(f"{path}: {error.strerror or error}") from error
    if not sample.strip():
        raise ImportRefused(f"{path}: the file is empty")
    encoding = _encoding(sample)
    text = sample.decode(encoding, "replace")
    lines = [line for line in text.splitlines()[:_HEADER_LINES] if line.strip()]
    return Log(path, encoding, max(_DELIMITERS, key=lambda sign: _fit(lines, sign)))


def _encoding(sample: bytes) -> str:
    for mark, encoding in _ENCODINGS.items():
        if sample.startswith(mark):
            return encoding
    try:
        # a character may be cut in two at the end of the sample
        sample[: sample.rfind(b"\n") + 1 or None].decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _fit(lines: Sequence[str], delimiter: str) -> tuple[bool, int, int]:
    """How well a delimiter parts lines: whether at all, how many as most of them are, and into how many."""
    try:
        counts = [len(cells) for cells in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        return False, 0, 0
    usual = max(counts, key=counts.count, default=0)
    return usual > 1, counts.count(usual), usual


def _without_nul(file: Iterator[str]) -> Iterator[str]:
    """Lines as they are; a line with a NUL is what a crash leaves, and no text."""
    for line in file:
        if "\0" in line:
            raise csv.Error("line contains NUL")
        yield line
