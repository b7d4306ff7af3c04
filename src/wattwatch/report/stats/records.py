"""What statistics come back as: values with their doubt. Light: numpy and scipy are not imported here."""

from dataclasses import dataclass
from typing import Final

CONFIDENCE: Final = 0.95
ALPHA: Final = 0.05  # 1 - CONFIDENCE, without its rounding: p = 0.05 itself is not below


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning as a value: it travels with the figures that it is about, to every output."""

    code: str  # for programs, such as "too-few-repetitions"
    text: str  # one sentence for people

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its confidence interval, in the value's own unit; without interval if there is none."""

    value: float
    low: float | None = None
    high: float | None = None
    confidence: float = CONFIDENCE


@dataclass(frozen=True, slots=True)
class Summary:
    """Repetitions of one figure, in its own unit."""

    count: int
    median: Estimate
    mean: Estimate
    standard_deviation: float | None  # of the sample (n - 1); None for one value
    minimum: float
    maximum: float
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """Whether two groups differ, how surely, and by how much: `other` against `one`.

    `shift` (other minus one, in the figure's unit) is Hodges-Lehmann's or the difference of means,
    `effect` Cliff's delta or Hedges' g as named, None where it is not defined (g without spread). `p_value`
    is None where no test can be made.
    """

    method: str  # "mann-whitney" or "welch"
    p_value: float | None
    shift: Estimate
    effect_name: str
    effect: Estimate | None
    ratio: Estimate | None  # other over one, of the medians or means; None where one is not positive
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two one-sided tests against a margin that the user named beforehand, in the figure's unit."""

    margin: float
    p_value: float
    is_equivalent: bool
