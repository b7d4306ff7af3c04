"""The shared Debian root tree of the tests that need a real systemd or a real BlueZ."""

import functools
import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def skip_or_fail(reason: str) -> None:
    """End this test as skipped for a reason; where it must run, in CI as root on Debian, as failed."""
    on_debian = Path("/etc/debian_version").exists() and os.geteuid() == 0
    if on_debian and os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@functools.cache
def _made(script: str) -> tuple[Path | None, str]:
    """What a script of tools/ made (it prints the path), or why it could not."""
    done = subprocess.run(
        ["sh", REPOSITORY / "tools" / script], capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode != 0:
        return None, (done.stderr.strip().splitlines() or [f"tools/{script} failed"])[-1]
    return Path(done.stdout.strip()), ""


def made_by(script: str) -> Path:
    """The cached directory that a script of tools/ makes; the test is skipped where it cannot."""
    made, reason = _made(script)
    if made is None:
        skip_or_fail(reason)
        raise AssertionError(reason)
    return made


def debian_tree() -> Path:
    """A Debian bookworm with systemd, dbus, python3 and -venv, make, procps and BlueZ; never write to it.

    The first call makes it (about a minute); all later ones, of any process, find it. To boot it, let
    systemd-nspawn keep the changes in memory, and mount what the test brings along:

        systemd-nspawn --quiet --directory TREE --volatile=overlay --bind-ro REPOSITORY:/opt/wattwatch
            --register=no --keep-unit --private-network --console=pipe --machine NAME --boot

    with stdin from /dev/null; several may run on the one tree. For a tree to write to with chroot, copy it
    (`cp -a --reflink=auto TREE tmp_path`, 190 MB, about a second) or mount an overlay over it.
    """
    return made_by("rootfs.sh")
