"""Reading small kernel files, with errors turned into verdicts."""

import errno
from pathlib import Path

from wattwatch.errors import SourceUnavailable, SourceUnsupported


def read_text(path: Path) -> str:
    """The stripped text of a file; SourceUnsupported if absent, SourceUnavailable if unreadable now."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError as error:
        raise SourceUnsupported(f"{path} does not exist") from error
    except PermissionError as error:
        raise SourceUnavailable(f"{path}: permission denied", "permission") from error
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "error")
        raise SourceUnavailable(f"{path}: {name}: {error.strerror}") from error


def read_integer(path: Path) -> int:
    """The integer in a file; SourceUnavailable if it holds none."""
    text = read_text(path)
    try:
        return int(text)
    except ValueError as error:
        raise SourceUnavailable(f"{path}: not a whole number: {text[:40]!r}", "invalid") from error
