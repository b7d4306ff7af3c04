"""Trees of /sys below a directory, from the manifests of tests/data/sys (built from kernel documents)."""

import errno
import os
import shutil
from pathlib import Path

from wattwatch.sources.sysfs import open_to_read

MANIFESTS = Path(__file__).parents[1] / "data/sys"


def build_tree(name: str, root: Path) -> Path:
    """Build the tree of a manifest below `root`, and give `root` back."""
    folder = root
    for line in (MANIFESTS / f"{name}.txt").read_text().splitlines():
        if line.startswith("["):
            folder = root / line.strip("[]")
            folder.mkdir(parents=True, exist_ok=True)
        elif " -> " in line:
            link, target = (root / part for part in line.split(" -> "))
            make_link(link, target)
        elif " = " in line:
            file, text = line.split(" = ")
            (folder / file).write_text(f"{text}\n")
    return root


def make_link(link: Path, target: Path) -> None:
    """A relative symbolic link, as sysfs has them."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(target, link.parent))


def move_chip(root: Path, old: str, new: str) -> None:
    """Unplug a chip and plug it in again elsewhere: another hwmonN, the same device."""
    link = root / "class/hwmon" / old
    real = link.resolve()
    moved = real.with_name(new)
    shutil.copytree(real, moved, symlinks=True)
    unplug(root, old)
    make_link(root / "class/hwmon" / new, moved)


def unplug(root: Path, number: str) -> None:
    """Remove a chip and its folder."""
    link = root / "class/hwmon" / number
    real = link.resolve()
    link.unlink()
    shutil.rmtree(real)


class FaultyKernel:
    """Opens and reads files, but for those that are to fail: root is denied nothing, and drivers err."""

    def __init__(self) -> None:
        self.open_errors: dict[str, int] = {}  # the end of a path: errno
        self.read_errors: dict[str, int] = {}
        self.opened: list[str] = []
        self.reads = 0
        self._paths: dict[int, str] = {}

    def open_file(self, path: str) -> int:
        _fail(self.open_errors, path)
        descriptor = open_to_read(path)
        self._paths[descriptor] = path
        self.opened.append(path)
        return descriptor

    def read_at(self, descriptor: int, size_bytes: int, offset: int) -> bytes:
        self.reads += 1
        _fail(self.read_errors, self._paths[descriptor])
        return os.pread(descriptor, size_bytes, offset)


def _fail(errors: dict[str, int], path: str) -> None:
    for end, number in errors.items():
        if path.endswith(end):
            raise OSError(number, os.strerror(number), path)


DENIED = errno.EACCES
