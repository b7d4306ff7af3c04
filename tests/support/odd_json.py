"""Documents of JSON in which something is wrong: other types, numbers that are none, text that is none."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

Place = tuple[str | int, ...]

ODD: list[Any] = [
    None, True, -1, 0, 7, 2**63, 10**400, -(10**400), 1e308, -1e300, float("nan"), float("inf"), "", "NaN",
    "\ud800", "a\nb\0c", "x" * 5000, "1" * 4400, [], {}, [[[]]], {"a": [None]}, [{"b": 1}],
]  # fmt: skip


def bounded(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """So many examples; servers and files take what time they take."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _paths(document: Any, above: Place = ()) -> Iterator[Place]:
    yield above
    items: Any = ()
    if isinstance(document, dict):
        items = document.items()
    elif isinstance(document, list):
        items = enumerate(document)
    for key, value in items:
        yield from _paths(value, (*above, key))


def _with(document: Any, path: Place, value: Any) -> Any:
    """The document with another value at a path; None at a key removes it."""
    if not path:
        return value
    copied = document.copy()
    if value is None and isinstance(copied, dict):
        del copied[path[0]]
    else:
        copied[path[0]] = _with(copied[path[0]], path[1:], value)
    return copied


@st.composite
def damaged(draw: st.DrawFn, document: Any) -> bytes:
    """A document of JSON in which up to three values are something else."""
    for _ in range(draw(st.integers(0, 3))):
        document = _with(document, draw(st.sampled_from(list(_paths(document)))), draw(st.sampled_from(ODD)))
    text = "".join(json.JSONEncoder().iterencode(document)) if not _is_endless(document) else "1" * 4400
    return text.encode()


def _is_endless(document: Any) -> bool:
    return isinstance(document, int) and abs(document) >= 10**4300
