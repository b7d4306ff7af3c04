"""Runs a target: by atheris with coverage, or plainly over its seeds where there is no atheris."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Check = Callable[[bytes], None]

_LIMITS = ("-timeout=20", "-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1")


def targets() -> list[str]:
    """Names of all targets: `frame` is `check` of fuzz_frame.py."""
    return sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py"))


def check_of(name: str) -> Check:
    """The function of a target."""
    check: Check = importlib.import_module(f"fuzz_{name}").check
    return check


def seeds(name: str) -> Iterator[tuple[str, bytes]]:
    """The seeds of a target, built by us: names and bytes."""
    for path in sorted((HERE / "corpus" / name).iterdir()):
        yield path.name, path.read_bytes()


def replay(name: str) -> int:
    """Check every seed of a target; how many there were."""
    check = check_of(name)
    count = 0
    for seed, data in seeds(name):
        try:
            check(data)
        except Exception as error:
            error.add_note(f"seed {name}/{seed}")
            raise
        count += 1
    return count


def fuzz(name: str, options: list[str]) -> None:
    """Fuzz a target until the options of libFuzzer say that it is enough; ends the process."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["wattwatch"], enable_loader_override=False):
        check = check_of(name)
    dictionary = HERE / "dictionaries" / f"{name}.dict"
    words = [f"-dict={dictionary}"] if dictionary.exists() else []
    # What is found goes where the caller says, the seeds are only read.
    atheris.Setup([sys.argv[0], *_LIMITS, *words, *options, str(HERE / "corpus" / name)], check)
    atheris.Fuzz()
