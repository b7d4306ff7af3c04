"""Figures of a run document in words: unknown is `unknown`, never 0. Pure."""

import math
from collections.abc import Mapping
from typing import Any, Final

from wattwatch.units import text_from_joules, text_from_seconds

Document = Mapping[str, Any]

UNKNOWN: Final = "unknown"
_SCALES: Final = ((1e6, "MJ"), (1e3, "kJ"), (1.0, "J"))
_THREE_DIGITS_BELOW: Final = 10
_LEAST_SHARE_OF_UNIT: Final = 0.1
_COVERAGE_FACTOR: Final = 2  # of an expanded uncertainty: about 95 %
_SIZES: Final = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def number(document: Document, key: str) -> float | None:
    """The number at a key; None for null, for none, and for what is no finite number."""
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def joules_text(joules: float | None) -> str:
    """An energy."""
    return UNKNOWN if joules is None else text_from_joules(joules) if joules else "0 J"


def seconds_text(seconds: float | None) -> str:
    """A duration."""
    return UNKNOWN if seconds is None else text_from_seconds(seconds)


def watts_text(watts: float | None) -> str:
    """A power."""
    return UNKNOWN if watts is None else f"{watts:.2f} W"


def celsius_text(degrees: float | None) -> str:
    """A temperature."""
    return UNKNOWN if degrees is None else f"{degrees:.1f} °C"


def kelvin_text(kelvins: float | None) -> str:
    """A difference of temperatures, with its sign."""
    return UNKNOWN if kelvins is None else f"{kelvins:+.1f} K"


def percent_text(ratio: float | None) -> str:
    """A ratio from 0 to 1; small ones with two places."""
    if ratio is None:
        return UNKNOWN
    return f"{ratio:.2%}" if 0 < abs(ratio) < 0.01 else f"{ratio:.1%}"  # noqa: PLR2004 - one percent


def signed_percent_text(ratio: float | None) -> str:
    """A deviation, with its sign."""
    return UNKNOWN if ratio is None else f"{ratio:+.1%}"


def bytes_text(count: float | None) -> str:
    """A size in binary units."""
    if count is None:
        return UNKNOWN
    size, unit = next((pair for pair in _SIZES if abs(count) >= pair[0]), (1, "B"))
    return f"{count / size:.{0 if size == 1 else 1}f} {unit}"


def doubt_joules(node: Document) -> float | None:
    """Doubt of the energy by edges and filled gaps together."""
    edges, gaps = number(node, "edge_uncertainty_joules"), number(node, "gap_doubt_joules")
    return None if edges is None or gaps is None else edges + gaps


def energy_text(node: Document) -> str:
    """Energy and its doubt in one unit: `≥ 412.0 J ± 3.0 J`; `≥` where time is missing."""
    joules, doubt = number(node, "energy_joules"), doubt_joules(node)
    if joules is None:
        return UNKNOWN
    bound = "≥ " if is_lower_bound(node) else ""
    return f"{bound}{text_from_joules(joules)} ± {_doubt_text(joules, doubt)}"


def net_text(node: Document) -> str:
    """Net energy and its doubt: that of the energy, and idle power's (k = 2) over the covered time."""
    joules, doubt = number(node, "net_energy_joules"), doubt_joules(node)
    if joules is None:
        return UNKNOWN
    uncertainty_watts = number(node.get("baseline") or {}, "uncertainty_watts")
    if doubt is not None and uncertainty_watts is not None:
        doubt += _COVERAGE_FACTOR * uncertainty_watts * covered_seconds(node)
    known = None if uncertainty_watts is None else doubt
    return f"{text_from_joules(joules)} ± {_doubt_text(joules, known)}"


def covered_seconds(node: Document) -> float:
    """Time that its energy is known of: sampled, and recovered from the meter's count."""
    return (number(node, "sampled_seconds") or 0.0) + (number(node, "recovered_seconds") or 0.0)


def parts_text(node: Document) -> str:
    """Who counted what, if a fallback stood in: `meter 412.0 J in 50.0 s (metered, board); rapl …`."""
    return "; ".join(
        f"{part['source']} {joules_text(number(part, 'energy_joules'))} in "
        f"{seconds_text(number(part, 'seconds'))} ({part['quality']}, {part['scope']})"
        for part in node.get("parts") or ()
    )


def is_lower_bound(node: Document) -> bool:
    """Whether time is missing, or it is not known whether any is."""
    missing_seconds = number(node, "missing_seconds")
    return missing_seconds is None or missing_seconds > 0


def _doubt_text(joules: float, doubt: float | None) -> str:
    """In the unit and places of the energy, unless too little would be left of it there."""
    if doubt is None:
        return UNKNOWN
    factor, unit = next((scale for scale in _SCALES if abs(joules) >= scale[0]), (0.0, ""))
    if not factor or 0 < doubt < _LEAST_SHARE_OF_UNIT * factor:
        return text_from_joules(doubt)
    return f"{doubt / factor:.{2 if abs(joules / factor) < _THREE_DIGITS_BELOW else 1}f} {unit}"


def run_title(document: Document) -> str:
    """What a run is called: experiment and name, else its id."""
    names = [str(document[key]) for key in ("experiment", "name") if document.get(key)]
    return " / ".join(names) or str(document.get("run_id") or "run")


def state_text(document: Document) -> str:
    """How it ended: `succeeded`, `failed, exit status 3`, `running`."""
    status = document.get("exit_status")
    state = str(document.get("state") or UNKNOWN)
    return state if status in (None, 0) else f"{state}, exit status {status}"


def sentence(document: Document, node: Document | None) -> str:
    """What was measured, in one plain sentence about one node."""
    subject = str(document.get("name") or document.get("phase") or run_title(document))
    if document.get("state") not in ("succeeded", "running"):
        subject += f" ({state_text(document)})"
    took = seconds_text(number(document, "duration_seconds"))
    so_far = " so far" if document.get("state") == "running" else ""
    if node is None:
        return f"{subject} took {took}{so_far}; its energy is unknown."
    where = f" on {node.get('node') or UNKNOWN}"
    joules = number(node, "energy_joules")
    if joules is None:
        return f"{subject} took {took}{where}{so_far}; its energy is unknown."
    least = "at least " if is_lower_bound(node) else ""
    used = f"{least}{text_from_joules(joules)} (± {_doubt_text(joules, doubt_joules(node))})"
    mean = watts_text(number(node, "mean_power_watts"))
    return f"{subject} used {used} in {took}{where}{so_far}: {mean} on average."
