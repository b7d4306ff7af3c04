"""A clock that moves only when a test moves it."""

from wattwatch.clock import WallOffset
from wattwatch.reading import Instant


class FakeClock:
    """Starts at boot second 1000 of boot-1; UTC 1.7e9 seconds ahead of it, synchronised."""

    def __init__(self, boot_seconds: float = 1000.0, boot_id: str = "boot-1") -> None:
        self.boot_id = boot_id
        self.boot_seconds = boot_seconds
        self.offset = WallOffset(1_700_000_000.0, synchronised=True)

    def now(self) -> Instant:
        return Instant(self.boot_id, round(self.boot_seconds, 6))

    def wall(self) -> WallOffset:
        return self.offset

    def advance(self, seconds: float) -> Instant:
        self.boot_seconds += seconds
        return self.now()
