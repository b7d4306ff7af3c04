"""A process that is killed at any instant loses nothing that `append` had returned from."""

import os
import random
import signal
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from support.store import ENERGY, open_store, values
from wattwatch.store import tailfile
from wattwatch.store.local import LocalStore
from wattwatch.store.tailfile import LIVE_DIRECTORY

PARENT_OF_TESTS = Path(__file__).parents[1]

# Each commit is one simulated second on, so that a tail file becomes chunks every 300 commits.
CHILD = """
import os, struct, sys
from itertools import count
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from support.store import commit, open_store
from wattwatch.store import tailfile

tailfile.LIVE_DIRECTORY = Path(sys.argv[3])
store = open_store(Path(sys.argv[1]))
last = store.restored.last_commit
first = 1 if last is None else round(last.boot_seconds) + 1
for second in count(first):
    store.append(commit(second, float(second), joules=float(second)))
    os.write(1, struct.pack("<I", second))
    if second % 100 == 0:
        store.sync()
"""


def killed_child(path: Path, live: Path, commits: int) -> int:
    """The last second that was acknowledged by a child which was killed when it had made some commits."""
    command = [sys.executable, "-c", CHILD, str(path), str(PARENT_OF_TESTS), str(live)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        acknowledged = child.stdout.read(4 * commits)
        os.kill(child.pid, signal.SIGKILL)
        acknowledged += child.stdout.read()
    assert child.returncode == -signal.SIGKILL
    whole = len(acknowledged) // 4 * 4
    last: int = struct.unpack("<I", acknowledged[whole - 4 : whole])[0]
    return last


@pytest.mark.parametrize(("live", "kills"), [(LIVE_DIRECTORY, 20), (Path("/nowhere"), 10)])
def test_many_kills_of_one_store(
    tmp_path: Path, live: Path, kills: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailfile, "LIVE_DIRECTORY", live)
    path = tmp_path / "wattwatch.db"
    seed = random.randrange(2**32)
    chosen = random.Random(seed)
    counted = [0.0]
    for kill in range(1, kills + 1):
        acknowledged = killed_child(path, live, chosen.choice((1, 20, 290, 310, 620)) + chosen.randrange(20))
        store = open_store(path)
        counted.append(store.restored.counters[ENERGY])
        check(store, acknowledged, f"seed {seed}")
        if kill == kills or chosen.random() < 0.5:
            store.close()
        else:  # die here too, before what the child left behind has become chunks
            abandon(store)
    assert all(before < after for before, after in pairwise(counted))


def check(store: LocalStore, acknowledged: int, why: str) -> None:
    found = values(store)
    assert found == [float(second) for second in range(1, len(found) + 1)], why
    assert len(found) >= acknowledged, why
    assert store.restored.last_commit is not None
    assert store.restored.last_commit.boot_seconds == len(found), why
    assert store.restored.counters[ENERGY] == len(found), why


def abandon(store: LocalStore) -> None:
    """Let go of the lock only; the keeper ends what it is at, as a thread cannot be killed."""
    store._keeper.stop()
    store._process_lock.close()
    if store._disk.database is not None:
        store._disk.database.close()
