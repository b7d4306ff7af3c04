"""What sources are called and what they measure: two of them must not be taken for one."""

from collections.abc import Callable
from typing import Final

from wattwatch.config.settings import Settings
from wattwatch.errors import ConfigError
from wattwatch.sources.base import Spec

_SELF: Final = "self"
_ONE_A_NODE: Final = ("host", "pi")
"""Types whose series name no source: memory, CPU time, throttling are those of a node."""

MakeError = Callable[[int, str, str], ConfigError]
"""The error about a source, by its index, a key, and the cause."""


def check_nodes(settings: Settings, error: MakeError) -> None:
    """ConfigError for a source whose series would be those of another one, or of another node."""
    single = {settings.node, *(spec.nodes[0] for spec in settings.sources if len(spec.nodes) == 1)}
    read: set[tuple[str, str]] = set()
    for index, spec in enumerate(settings.sources):
        if spec.name == _SELF:
            raise error(index, "name", f"{_SELF!r} is the daemon's own: give it another name")
        if spec.relayed:
            continue
        if len(spec.nodes) > 1 and spec.name in single:
            cause = f"{spec.name!r} is a node of its own, and this group would be exported as it: "
            raise error(index, "name", f"{cause}give it another name")
        of = spec.type, _node(spec, settings.node)
        if spec.type in _ONE_A_NODE and of in read:
            cause = (
                f"{spec.type!r} is read for {of[1]} already: leave one out, or name another node in `nodes`"
            )
            raise error(index, "type", cause)
        read.add(of)


def _node(spec: Spec, own: str) -> str:
    """The node under whose name a source is exported."""
    if not spec.nodes:
        return own
    return spec.nodes[0] if len(spec.nodes) == 1 else spec.name
