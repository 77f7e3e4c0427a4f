"""When to look at what is kept: keys by event time, those of later days in 16 bytes each besides the key."""

from array import array
from collections.abc import Iterator
from heapq import heappop, heappush

from schemas.times import DAY_MS


class Expiry:
    """Keys, each with the event time (ms) after which it is due; a key that was added twice is due twice."""

    __slots__ = ("_day", "_later", "_sooner")

    def __init__(self) -> None:
        self._day = 0  # what is due on this day or before lies in the heap
        self._sooner: list[tuple[int, bytes]] = []
        self._later: dict[int, tuple[array[int], list[bytes]]] = {}

    def add(self, at: int, key: bytes) -> None:
        """Let the key be due once the clock has passed `at`."""
        day = at // DAY_MS
        if day <= self._day:
            heappush(self._sooner, (at, key))
            return
        times, keys = self._later.get(day) or self._later.setdefault(day, (array("q"), []))
        times.append(at)
        keys.append(key)

    def due(self, clock: int) -> Iterator[bytes]:
        """Take out the keys whose time lies before the clock, the earliest first; more may be added meanwhile."""
        self._day = max(self._day, clock // DAY_MS)
        for day in [day for day in self._later if day <= self._day]:
            for item in zip(*self._later.pop(day), strict=True):
                heappush(self._sooner, item)
        while self._sooner and self._sooner[0][0] < clock:
            yield heappop(self._sooner)[1]
