"""What a difference comes to, in one honest sentence. Light: no numpy."""

from dataclasses import dataclass
from typing import Final

from wattwatch.report.stats.records import ALPHA, Difference, Equivalence, Estimate

_INTERVAL_SCALES: Final = frozenset({"°C"})  # their zero is a convention: no percentages
_LEAST_P: Final = 0.001


@dataclass(frozen=True, slots=True)
class Compared:
    """What is compared, as a reader calls it."""

    one: str  # group
    other: str
    title: str  # of the figure: "energy"
    unit: str
    one_count: int
    other_count: int


@dataclass(frozen=True, slots=True)
class Grounds:
    """What else a verdict rests on; what is None is not known or was not asked for."""

    p_value_holm: float | None = None  # None: the difference's own p counts
    resolution: float | None = None  # what the meters alone can make, in the unit
    detectable: float | None = None  # what would have been seen with a chance of 80 %, in the unit
    equivalence: Equivalence | None = None


_NO_GROUNDS: Final = Grounds()


def sentence(compared: Compared, difference: Difference, grounds: Grounds = _NO_GROUNDS) -> str:
    """The verdict: no test, nothing shown, equivalent, not resolvable, or how much and how surely."""
    p_value = difference.p_value if grounds.p_value_holm is None else grounds.p_value_holm
    if p_value is None:
        return (
            f"no verdict on {compared.title}: with {_counts(compared)} repetitions "
            f"{compared.other} and {compared.one} cannot be tested"
        )
    name = "p" if grounds.p_value_holm is None else "Holm p"
    evidence = f"{_p_text(name, p_value)}; {_shift_text(difference.shift, compared.unit)}"
    if p_value < ALPHA:
        return _shown(compared, difference, grounds, evidence)
    return _not_shown(compared, grounds, evidence)


def _shown(compared: Compared, difference: Difference, grounds: Grounds, evidence: str) -> str:
    size, limit = difference.shift.value, grounds.resolution
    found = f"{_claim(compared, difference)} ({evidence})"
    if limit is not None and abs(size) <= limit:
        return (
            f"not resolvable by these meters: {found} in what they read, but differences up to "
            f"{_amount(limit, compared.unit)} can come from the meters alone"
        )
    if grounds.equivalence is not None and grounds.equivalence.is_equivalent:
        return f"{found}; yet {_equivalent(compared, grounds.equivalence)}"
    return found


def _not_shown(compared: Compared, grounds: Grounds, evidence: str) -> str:
    if grounds.equivalence is not None and grounds.equivalence.is_equivalent:
        return (
            f"{compared.title} of {compared.other} and {compared.one} is "
            f"{_equivalent(compared, grounds.equivalence)}"
        )
    text = (
        f"no difference of {compared.title} between {compared.other} and {compared.one} could be shown "
        f"with {_counts(compared)} repetitions ({evidence})"
    )
    if grounds.detectable is None:
        return text
    return (
        f"{text}; a difference below {_amount(grounds.detectable, compared.unit)} would hardly have been seen"
    )


def _claim(compared: Compared, difference: Difference) -> str:
    size = difference.shift.value
    word = "more" if size > 0 else "less"
    by = _by(compared, difference)
    if compared.unit == "J":
        return f"{compared.other} uses {by} {word} {compared.title} than {compared.one}"
    if compared.unit == "s":
        return f"{compared.other} takes {by} {word} {compared.title} than {compared.one}"
    direction = "higher" if size > 0 else "lower"
    return f"{compared.title} of {compared.other} is {by} {direction} than of {compared.one}"


def _by(compared: Compared, difference: Difference) -> str:
    """By how much: a percentage where the figure has a zero, and it points the way of the shift."""
    size, ratio = difference.shift.value, difference.ratio
    if ratio is None or compared.unit in _INTERVAL_SCALES or (ratio.value - 1) * size <= 0:
        return _amount(abs(size), compared.unit)
    return f"{abs(ratio.value - 1) * 100:.2g} %"


def _p_text(name: str, p_value: float) -> str:
    return f"{name} < {_LEAST_P}" if p_value < _LEAST_P else f"{name} = {p_value:.2g}"


def _shift_text(shift: Estimate, unit: str) -> str:
    text = f"{shift.value:+.3g} {unit}"
    if shift.low is None or shift.high is None:
        return text
    return f"{text}, {shift.confidence * 100:.0f} % interval {shift.low:+.3g} to {shift.high:+.3g} {unit}"


def _equivalent(compared: Compared, equivalence: Equivalence) -> str:
    p_text = _p_text("TOST p", equivalence.p_value)
    return f"equivalent within ±{_amount(equivalence.margin, compared.unit)} ({p_text})"


def _counts(compared: Compared) -> str:
    return f"{compared.one_count} and {compared.other_count}"


def _amount(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}"
