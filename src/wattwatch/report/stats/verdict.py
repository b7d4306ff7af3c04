"""What a difference comes to, in one honest sentence. Light: no numpy."""

from dataclasses import dataclass
from math import floor, log10
from typing import Final

from wattwatch.report.stats.records import ALPHA, Difference, Equivalence, Estimate

_INTERVAL_SCALES: Final = frozenset({"°C"})  # their zero is a convention: no percentages
_VERBS: Final = {"J": "uses", "s": "takes"}
_TIMES: Final = 2  # from here on a ratio reads better than a percentage
_TWO_DIGITS: Final = 2
_THREE_DIGITS: Final = 3
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
        return f"{found}; yet {_equivalent(compared, grounds.equivalence, grounds.resolution)}"
    return found


def _not_shown(compared: Compared, grounds: Grounds, evidence: str) -> str:
    if grounds.equivalence is not None and grounds.equivalence.is_equivalent:
        return (
            f"{compared.title} of {compared.other} and {compared.one} is "
            f"{_equivalent(compared, grounds.equivalence, grounds.resolution)}"
        )
    text = (
        f"no difference of {compared.title} between {compared.other} and {compared.one} could be shown "
        f"with {_counts(compared)} repetitions ({evidence})"
    )
    if grounds.detectable is None:
        return text
    limit = _amount(max(grounds.detectable, grounds.resolution or 0.0), compared.unit)
    return f"{text}; a difference below {limit} would be missed more than one time in five"


def _claim(compared: Compared, difference: Difference) -> str:
    one, other, title = compared.one, compared.other, compared.title
    size, verb = difference.shift.value, _VERBS.get(compared.unit)
    if not size:  # many equal values: the ranks differ, and the median of all differences is 0
        is_higher = difference.effect is not None and difference.effect.value > 0
        return f"{title} of {other} tends to be {'higher' if is_higher else 'lower'} than of {one}"
    ratio = _ratio(compared, difference)
    if ratio is not None and ratio >= _TIMES:
        times = f"{_number(ratio)} times"
        return (
            f"{other} {verb} {times} the {title} of {one}"
            if verb
            else f"{title} of {other} is {times} that of {one}"
        )
    by = (
        _amount(abs(size), compared.unit)
        if ratio is None
        else f"{_number(abs(ratio - 1) * 100, _TWO_DIGITS)} %"
    )
    if verb:
        return f"{other} {verb} {by} {'more' if size > 0 else 'less'} {title} than {one}"
    return f"{title} of {other} is {by} {'higher' if size > 0 else 'lower'} than of {one}"


def _ratio(compared: Compared, difference: Difference) -> float | None:
    """The ratio where the figure has a zero, and it points the way of the shift."""
    if difference.ratio is None or compared.unit in _INTERVAL_SCALES:
        return None
    ratio = difference.ratio.value
    return ratio if (ratio - 1) * difference.shift.value > 0 else None


def _p_text(name: str, p_value: float) -> str:
    return f"{name} < {_LEAST_P}" if p_value < _LEAST_P else f"{name} = {p_value:.2g}"


def _shift_text(shift: Estimate, unit: str) -> str:
    text = f"{_signed(shift.value)} {unit}"
    if shift.low is None or shift.high is None:
        return text
    interval = f"{_signed(shift.low)} to {_signed(shift.high)} {unit}"
    return f"{text}, {shift.confidence * 100:.0f} % interval {interval}"


def _equivalent(compared: Compared, equivalence: Equivalence, resolution: float | None) -> str:
    p_text = _p_text("TOST p", equivalence.p_value)
    text = f"equivalent within ±{_amount(equivalence.margin, compared.unit)} ({p_text})"
    if not resolution:
        return text
    return f"{text} in what the meters read, which alone can be {_amount(resolution, compared.unit)} apart"


def _counts(compared: Compared) -> str:
    return f"{compared.one_count} and {compared.other_count}"


def _amount(value: float, unit: str) -> str:
    return f"{_number(value)} {unit}"


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{_number(value)}"


def _number(value: float, digits: int = _THREE_DIGITS) -> str:
    """Significant digits without exponent: `0.00312`, `4.3`, `45678`."""
    if not value:
        return "0"
    places = digits - 1 - floor(log10(abs(value)))
    text = f"{value:.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
