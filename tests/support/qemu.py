"""A virtual machine with a real bluetoothd and two virtual Bluetooth controllers, run once."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.rootfs import REPOSITORY, made_by

# Software emulation: hardware virtualisation hangs on some hosts that offer it, and boots no faster.
MACHINE = ("-accel", "tcg", "-cpu", "max", "-m", "2G", "-smp", "1")
QUIET = ("-display", "none", "-monitor", "none", "-no-reboot", "-net", "none")
KERNEL = "console=ttyS0 quiet rdinit=/opt/wattwatch/init.sh panic=-1"
LONGEST_SECONDS = 240  # then it is killed; it takes about 60 s

Facts = dict[str, Any]


def run_bluez_guest(directory: Path) -> dict[str, Facts]:
    """What each check in the guest found, by its name. The console is left in `directory`/console.txt.

    Skips the test where such a machine cannot be made.
    """
    image = made_by("qemu-bluez/image.sh")
    initrd = directory / "initrd"
    shutil.copyfile(image / "base.cpio", initrd)
    with initrd.open("ab") as file:
        file.write(_archive(_staged(directory / "staged")))
    checks = directory / "checks.jsonl"
    console = directory / "console.txt"
    try:
        subprocess.run(
            [
                *("qemu-system-x86_64", *MACHINE, *QUIET, "-append", KERNEL),
                *("-kernel", str(image / "vmlinuz"), "-initrd", str(initrd)),
                *("-serial", f"file:{console}", "-serial", f"file:{checks}"),
            ],
            stdin=subprocess.DEVNULL,
            timeout=LONGEST_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        pytest.fail(
            f"{console.read_text(errors='replace')}\n"
            f"the virtual machine did not end in {LONGEST_SECONDS} s; checks: {checks.read_text()}"
        )
    finally:
        initrd.unlink()
    sys.stdout.write(console.read_text(errors="replace"))
    sys.stdout.write(checks.read_text())
    shutil.copyfile(checks, REPOSITORY / ".cache/bluez-real.jsonl")  # figures of the last run, for people
    lines = [json.loads(line) for line in checks.read_text().splitlines()]
    assert lines, console.read_text(errors="replace")
    return {line.pop("check"): line for line in lines}


def _staged(root: Path) -> Path:
    """What is new in each run: wattwatch, and what is run in the guest."""
    target = root / "opt/wattwatch"
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "src", target / "src", ignore=without)
    shutil.copytree(
        REPOSITORY / "tests/support/bluez_guest", target / "tests/support/bluez_guest", ignore=without
    )
    shutil.copy(REPOSITORY / "tests/support/__init__.py", target / "tests/support")
    for name in ("init.sh", "main.conf"):
        shutil.copy(REPOSITORY / "tools/qemu-bluez" / name, target)
    (target / "init.sh").chmod(0o755)
    return root


def _archive(root: Path) -> bytes:
    """A tree as the kernel unpacks it; files of a later archive are added to those of an earlier one."""
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    command = ["cpio", "--quiet", "--create", "--format=newc"]
    return subprocess.run(command, cwd=root, input=names.encode(), stdout=subprocess.PIPE, check=True).stdout
