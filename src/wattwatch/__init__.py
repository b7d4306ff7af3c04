"""wattwatch: how many joules did that run cost?

    import wattwatch

    with wattwatch.run("mnist") as run:
        with run.phase("training"):
            train()
    print(run)

`run` and `EnergyCallback` are imported when they are first used.
"""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wattwatch.session.keras import EnergyCallback
    from wattwatch.session.notebook import load_ipython_extension
    from wattwatch.session.run import run

__all__ = ["EnergyCallback", "__version__", "load_ipython_extension", "run"]

__version__ = "0.1.0"

_HOMES = {
    "EnergyCallback": "wattwatch.session.keras",
    "load_ipython_extension": "wattwatch.session.notebook",
    "run": "wattwatch.session.run",
}

logging.getLogger("wattwatch").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'wattwatch' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only for what is asked for

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
