"""Which runs belong together: the factors of a comparison, and their values in a run. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from wattwatch.errors import RunError
from wattwatch.report.members import labels_of
from wattwatch.runs.labels import VARIANT

NONE: Final = "(none)"
"""The value of a factor in a run that has none."""

_MOST_GROUPS: Final = 100

Document = Mapping[str, Any]
Factors = tuple[tuple[str, str], ...]


def _text(key: str) -> Callable[[Document], str]:
    return lambda document: str(document.get(key) or "")


def _joined(key: str) -> Callable[[Document], str]:
    """All different values of the nodes."""
    return lambda document: "+".join(dict.fromkeys(str(node.get(key) or NONE) for node in document["nodes"]))


_BUILT_IN: Final[Mapping[str, Callable[[Document], str]]] = {
    "name": _text("name"),
    "experiment": _text("experiment"),
    "phase": _text("phase"),
    "command": _text("command"),
    "node": _joined("node"),
    "scope": _joined("scope"),
    "quality": _joined("quality"),
    "variant": lambda document: labels_of(document).get(VARIANT, ""),
}


def factor_value(document: Document, key: str) -> str:
    """The value of a factor in a run: of its label, else of what every run has; "" for none."""
    labels = labels_of(document)
    if key in labels:
        return labels[key]
    return _BUILT_IN[key](document) if key in _BUILT_IN else ""


def default_factors(documents: Sequence[Document]) -> tuple[str, ...]:
    """What runs are told apart by where nobody says: variants of a series, else names, else nothing."""
    for key in ("variant", "name"):
        values = {factor_value(document, key) for document in documents}
        if len(values) > 1:
            return (key,)
    return ()


def grouped(documents: Sequence[Document], by: Sequence[str]) -> dict[Factors, list[Document]]:
    """Runs by the values of the factors, each group in order of start; groups in order of their values.

    RunError for a factor that no run has, one that is named twice, or for over 100 groups.
    """
    _check(documents, by)
    ordered = sorted(documents, key=lambda document: (str(document["started_at"]), str(document["run_id"])))
    groups: dict[Factors, list[Document]] = {}
    for document in ordered:
        factors = tuple((key, factor_value(document, key) or NONE) for key in by)
        groups.setdefault(factors, []).append(document)
    if len(groups) > _MOST_GROUPS:
        raise RunError(f"--by {','.join(by)}: {len(groups)} groups, at most {_MOST_GROUPS} can be compared")
    return dict(sorted(groups.items()))


def group_name(factors: Factors) -> str:
    """The group for people: `pi, k3s`."""
    return ", ".join(value for _, value in factors) or "all runs"


def _check(documents: Sequence[Document], by: Sequence[str]) -> None:
    for key in by:
        if by.count(key) > 1:
            raise RunError(f"--by: {key!r} is named twice")
        if not any(factor_value(document, key) for document in documents):
            known = sorted(
                {label for document in documents for label in labels_of(document)} | set(_BUILT_IN)
            )
            raise RunError(f"--by: no run has {key!r}; there are {', '.join(known)}")
