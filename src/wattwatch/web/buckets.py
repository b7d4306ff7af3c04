"""Token buckets: how often something may be done, by key, in a table of bounded size."""

import threading
from collections import OrderedDict
from collections.abc import Callable

_MOST_KEYS = 1024


class TokenBuckets:
    """For every key `burst` tokens, one more every `refill_seconds`; callable from any thread.

    `now` is a monotonic clock in seconds. The key that was asked for longest ago is forgotten first.
    """

    def __init__(
        self, burst: int, refill_seconds: float, now: Callable[[], float], most_keys: int = _MOST_KEYS
    ) -> None:
        self._burst = float(burst)
        self._refill_seconds = refill_seconds
        self._now = now
        self._most_keys = most_keys
        self._lock = threading.Lock()
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when that was

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: str) -> float:
        """Take a token: 0.0 if there was one, else the seconds until there will be."""
        with self._lock:
            tokens = self._tokens(key)
            granted = tokens >= 1
            self._keep(key, tokens - 1 if granted else tokens)
            return 0.0 if granted else (1 - tokens) * self._refill_seconds

    def give_back(self, key: str) -> None:
        """Undo a `take`."""
        with self._lock:
            self._keep(key, min(self._burst, self._tokens(key) + 1))

    def _tokens(self, key: str) -> float:
        tokens, since = self._levels.get(key, (self._burst, self._now()))
        return min(self._burst, tokens + (self._now() - since) / self._refill_seconds)

    def _keep(self, key: str, tokens: float) -> None:
        self._levels[key] = (tokens, self._now())
        self._levels.move_to_end(key)
        while len(self._levels) > self._most_keys:
            self._levels.popitem(last=False)
