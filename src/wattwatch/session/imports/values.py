"""Numbers as programs of many countries write them. Pure.

What can be read in two ways is never guessed: a whole file is looked at, and if nothing in it decides, the
user is asked.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wattwatch.errors import WattwatchError

DECIMALS: Final = (".", ",")

_SHOWN_CHARACTERS: Final = 40
_EXPONENT: Final = r"(?:[eE][+-]?[0-9]+)?"
_DOUBTFUL_DOT: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")


class ImportProblem(WattwatchError):  # noqa: N818 - it becomes an error when the file is known
    """Why a text cannot be read, without the name of its file."""


def shown(text: str) -> str:
    """A text in quotes, not too long for an error's line."""
    return repr(text[:_SHOWN_CHARACTERS])


def _pattern(decimal: str) -> re.Pattern[str]:
    """Numbers with this decimal sign: digits in threes parted by the other sign, a space or an apostrophe."""
    groups = "[" + ("," if decimal == "." else ".") + " '\u00a0\u202f]"
    sign = re.escape(decimal)
    whole = rf"(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{groups}[0-9]{{3}})+)"
    return re.compile(rf"[+-]?(?:{whole}(?:{sign}[0-9]*)?|{sign}[0-9]+){_EXPONENT}")


_NUMBERS: Final[Mapping[str, re.Pattern[str]]] = {decimal: _pattern(decimal) for decimal in DECIMALS}
_PARTING: Final[Mapping[str, Mapping[int, str | None]]] = {
    ".": str.maketrans(dict.fromkeys(", '\u00a0\u202f")),
    ",": str.maketrans({**dict.fromkeys(". '\u00a0\u202f"), ",": "."}),
}


def number_of(text: str, decimal: str) -> float:
    """The number that a text is with this decimal sign; ImportProblem for anything else."""
    plain = text.strip()
    if _NUMBERS[decimal].fullmatch(plain):
        value = float(plain.translate(_PARTING[decimal]))
        if math.isfinite(value):
            return value
    other = next(sign for sign in DECIMALS if sign != decimal)
    hint = f" with decimal {decimal!r}: pass --decimal" if _NUMBERS[other].fullmatch(plain) else ""
    raise ImportProblem(f"{shown(text)} is no number{hint}")


@dataclass(slots=True)
class Numerals:
    """How a file writes numbers, found by looking at all of them.

    `dots_are_decimal`: a dot parts decimals wherever it may, as in files whose columns are parted by commas.
    """

    dots_are_decimal: bool = True
    decimal: str = ""  # "" while it is not known
    doubtful_line: int = 0  # the first number that may be thousands or a decimal

    def look(self, line: int, text: str) -> None:
        """Take note of a number; ImportProblem if it is none."""
        if self.decimal:
            return
        plain = text.strip()
        fits = [decimal for decimal in DECIMALS if _NUMBERS[decimal].fullmatch(plain)]
        if not fits:
            raise ImportProblem(f"line {line}: {shown(text)} is no number")
        if len(fits) > 1:
            self._doubt(line, plain)
        else:
            self.decimal = fits[0]

    def _doubt(self, line: int, plain: str) -> None:
        is_doubtful = "," in plain or (not self.dots_are_decimal and _DOUBTFUL_DOT.fullmatch(plain))
        if is_doubtful and not self.doubtful_line:
            self.doubtful_line = line

    def settled(self) -> str:
        """The decimal sign; ImportProblem if nothing in the file tells."""
        if self.doubtful_line and not self.decimal:
            raise ImportProblem(
                f"line {self.doubtful_line}: decimals or thousands? pass --decimal , or --decimal ."
            )
        return self.decimal or "."
