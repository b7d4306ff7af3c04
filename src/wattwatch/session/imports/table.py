"""The rows of a log: encoding, delimiter and header found, with the number of every line."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattwatch.errors import WattwatchError

DELIMITERS: Final = {",": ",", ";": ";", "tab": "\t"}
"""Names of `--delimiter`, and the sign."""

_SAMPLE_BYTES: Final = 1 << 20
_END_BYTES: Final = 4
_HEADER_LINES: Final = 40  # so far down a header is looked for
_FIELD_CHARACTERS: Final = 1 << 16
_ENCODINGS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_NO_LOGS: Final = {
    b"PK\x03\x04": "this is a spreadsheet or an archive: save it as CSV first",
    b"\xd0\xcf\x11\xe0": "this is a spreadsheet: save it as CSV first",
    b"{": "this is JSON, no table: runs of another machine come in by wattwatch runs import",
}


class ImportRefused(WattwatchError):  # noqa: N818 - said as what happened
    """A log that cannot be taken: file, line and what to do; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table, by its number in the file, from 1."""

    line: int
    cells: Sequence[str]

    def cell(self, column: int) -> str:
        """The text in a column; "" beyond the end of the row."""
        return self.cells[column].strip() if column < len(self.cells) else ""


@dataclass(frozen=True, slots=True)
class Log:
    """A text file as a table; it is read anew, and streamed, whenever its rows are asked for."""

    path: Path
    encoding: str
    delimiter: str
    is_whole: bool = True  # its last line has an end

    def rows(self) -> Iterator[Row]:
        """Every line that is not empty; ImportRefused if the file cannot be read."""
        csv.field_size_limit(_FIELD_CHARACTERS)
        line = 0
        try:
            # What is no text stands in no number: it is refused there, with its line.
            with self.path.open(encoding=self.encoding, newline="", errors="replace") as file:
                reader = csv.reader(_without_nul(file), delimiter=self.delimiter)
                for cells in reader:
                    line = reader.line_num
                    if any(cells) and any(cell.strip() for cell in cells):
                        yield Row(line, cells)
        except OSError as error:
            raise ImportRefused(f"{self.path}: {error.strerror or error}") from error
        except csv.Error as error:
            raise ImportRefused(f"{self.path}: line {line + 1}: this is no table of text: {error}") from error

    def head(self) -> list[Row]:
        """The first lines, among which the header is."""
        found: list[Row] = []
        for row in self.rows():
            found.append(row)
            if len(found) == _HEADER_LINES:
                break
        return found


def open_log(path: Path, delimiter: str = "") -> Log:
    """The table in a file, its columns parted by a sign of `DELIMITERS` or by what parts them.

    ImportRefused if it is none, or if two signs part it alike.
    """
    sample, end = _sample(path)
    if not sample.strip():
        raise ImportRefused(f"{path}: the file is empty")
    for mark, what in _NO_LOGS.items():
        if sample.startswith(mark):
            raise ImportRefused(f"{path}: {what}")
    encoding = _encoding(sample)
    text = sample.decode(encoding, "replace")
    lines = [line for line in text.splitlines()[:_HEADER_LINES] if line.strip()]
    return Log(path, encoding, delimiter or _delimiter(path, lines), b"\n" in end)


def _sample(path: Path) -> tuple[bytes, bytes]:
    """The first and the last bytes of a file."""
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE_BYTES)
            file.seek(max(0, path.stat().st_size - _END_BYTES))
            return sample, file.read()[-2:]
    except OSError as error:
        raise ImportRefused(f"{path}: {error.strerror or error}") from error


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


def _delimiter(path: Path, lines: Sequence[str]) -> str:
    fits = {name: _fit(lines, sign) for name, sign in DELIMITERS.items()}
    whole = [name for name, (alike, columns) in fits.items() if columns > 1 and alike == len(lines) > 1]
    if len(whole) > 1:
        raise ImportRefused(
            f"{path}: line 1: {' and '.join(map(repr, whole))} part every line alike: "
            f"pass --delimiter {' or '.join(map(repr, whole))}"
        )
    best = max(fits, key=lambda name: (fits[name][1] > 1, *fits[name]))
    return DELIMITERS[best]


def _fit(lines: Sequence[str], delimiter: str) -> tuple[int, int]:
    """How many lines a delimiter parts as most of them are, and into how many columns."""
    try:
        counts = [len(cells) for cells in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        return 0, 0
    usual = max(counts, key=counts.count, default=0)
    return counts.count(usual), usual


def _without_nul(file: Iterator[str]) -> Iterator[str]:
    """Lines as they are; a line with a NUL is what a crash leaves, and no text."""
    for line in file:
        if "\0" in line:
            raise csv.Error("line contains NUL")
        yield line
