"""A directory in memory for what a target writes; gone at the end."""

import atexit
import functools
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - thousands of small files a second


@functools.cache
def scratch(name: str) -> Path:
    """The directory of a target."""
    directory = tempfile.TemporaryDirectory(
        prefix=f"wattwatch-fuzz-{name}-", dir=_MEMORY if _MEMORY.is_dir() else None
    )
    atexit.register(directory.cleanup)
    return Path(directory.name)
