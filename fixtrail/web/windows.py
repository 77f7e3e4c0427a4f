"""Sliding windows: how often something happened within the last seconds, by key, in bounded memory."""

from bisect import bisect_right
from collections import OrderedDict

MOST_KEYS = 100_000


class SlidingWindow:
    """Instants by key. Among more than `most_keys` the one that was used the longest ago is forgotten.

    `now` is in seconds on any clock that does not go back.
    """

    def __init__(self, span_s: float, most_keys: int = MOST_KEYS) -> None:
        self._span_s, self._most_keys = span_s, most_keys
        self._instants: OrderedDict[str, list[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._instants)

    def count(self, key: str, now: float) -> int:
        """How often within the window that ends now."""
        return len(self._recent(key, now))

    def wait_s(self, key: str, most: int, now: float) -> float:
        """0 where the key came less than `most` times, else the seconds until that is so again."""
        instants = self._recent(key, now)
        if len(instants) < most:
            return 0.0
        return instants[-most] + self._span_s - now if most else self._span_s

    def add(self, key: str, now: float) -> None:
        self._recent(key, now)
        self._instants.setdefault(key, []).append(now)
        self._instants.move_to_end(key)
        if len(self._instants) > self._most_keys:
            self._instants.popitem(last=False)

    def clear(self, key: str) -> None:
        self._instants.pop(key, None)

    def _recent(self, key: str, now: float) -> list[float]:
        instants = self._instants.get(key)
        if instants is None:
            return []
        del instants[: bisect_right(instants, now - self._span_s)]
        if not instants:
            del self._instants[key]
        return instants
