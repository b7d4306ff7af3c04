"""Wheels with which `make install` works where there is no network: those of Debian bookworm's Python."""

import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from support.rootfs import REPOSITORY, skip_or_fail

PYTHON = "3.11"  # of the Debian tree
EXTRAS = ("serial", "bluetooth", "web")  # what tools/install.sh installs
_GLIBC_MINORS = (5, 12, 17, 24, 26, 28, 31, 34)  # manylinux_2_N; bookworm has 2.36


@functools.cache
def wheelhouse() -> Path:
    """A cached directory of wheels; the test is skipped where they cannot be downloaded."""
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        document = tomllib.load(file)
    project = document["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(each for extra in EXTRAS for each in extras[extra])]
    wanted += document["build-system"]["requires"]
    constraints = REPOSITORY / "constraints.txt"
    key = hashlib.sha256(repr((wanted, PYTHON, constraints.read_text())).encode()).hexdigest()[:12]
    house = REPOSITORY / ".cache" / f"wheels-{key}"
    if not house.is_dir():
        _download(wanted, constraints, house)
    return house


def _download(wanted: list[str], constraints: Path, house: Path) -> None:
    made = house.with_name(f"making-{house.name}-{os.getpid()}")
    platforms = [f"--platform=manylinux_2_{minor}_{platform.machine()}" for minor in _GLIBC_MINORS]
    options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", f"--python-version={PYTHON}"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        *options,
        *platforms,
        "-d",
        str(made),
        "-c",
        str(constraints),
    ]
    done = subprocess.run([*command, *wanted], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        skip_or_fail(f"no wheels: {(done.stderr.strip().splitlines() or ['pip download failed'])[-1]}")
    try:
        made.rename(house)  # complete or not there
    except OSError:  # another process was quicker
        shutil.rmtree(made)
