"""The write budget of a memory card, counted, not timed."""

from pathlib import Path

from support.feed import Feed
from support.store import open_store

SECONDS = 600
SAMPLES = SECONDS * 60
DAY_SECONDS = 86400


def test_ten_minutes_at_the_default_limits_are_within_the_budget(tmp_path: Path) -> None:
    """Counted: every byte that this process passes to write calls (wchar), tail, log and database together.

    The live copy of the tail in shared memory is counted too, though no device sees it. For the rest the
    device sees more (whole pages, the file system's journal: benchmarks/bench_store.py measures it); this
    is the part that the code decides.
    """
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    commits = list(Feed().commits(SECONDS))
    before_bytes = written_bytes()
    for one in commits:
        store.append(one)
    store.close()
    megabytes_a_day = (written_bytes() - before_bytes) / SECONDS * DAY_SECONDS / 1e6
    assert 10 < megabytes_a_day < 150
    # Tables and indices of the empty file are in this, too: of a day, it is less.
    assert path.stat().st_size / SAMPLES <= 4


def written_bytes() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("wchar")))
