"""Opening time as a coordinate: how long a center has been open since a fixed day, and back. Pure."""

from array import array
from bisect import bisect_right
from collections.abc import Mapping

from schemas.centers import Center
from schemas.opening_hours import openings
from schemas.times import DAY_MS

_DAYS_AHEAD = 400


class OpeningClock:
    """Positions on the opening time of one center, in milliseconds; of no center wall time itself.

    Positions count from 2000 on. The difference of two positions is the opening time between two instants.
    """

    def __init__(self, center: Center | None) -> None:
        self._center = center
        self._openings = iter(()) if center is None else openings(center)
        self._opens, self._closes, self._passed = array("q"), array("q"), array("q")
        # Of all open orders of a center one instant is asked for, again and again.
        self._newest = (-1, 0)

    def position(self, at: int) -> int:
        """The opening time passed at an instant (ms)."""
        if self._center is None:
            return at
        if at != self._newest[0]:
            self._newest = at, self._position(at)
        return self._newest[1]

    def _position(self, at: int) -> int:
        if not self._opens or at >= self._closes[-1]:
            self._extend(at + _DAYS_AHEAD * DAY_MS)
        day = bisect_right(self._opens, at) - 1
        return self._passed[day] + min(at, self._closes[day]) - self._opens[day] if day >= 0 else 0

    def instant(self, position: int) -> int:
        """The first instant (ms) at which so much opening time has passed."""
        if self._center is None:
            return position
        while not self._passed or self._passed[-1] < position:
            self._extend(self._closes[-1] + _DAYS_AHEAD * DAY_MS if self._closes else 0)
        day = max(bisect_right(self._passed, position) - 1, 0)
        if day and self._passed[day] == position:
            day -= 1
        return self._opens[day] + position - self._passed[day]

    def _extend(self, until: int) -> None:
        """Add the days up to an instant."""
        for opens, closes, passed in self._openings:
            self._opens.append(opens)
            self._closes.append(closes)
            self._passed.append(passed)
            if closes >= until:
                break


class OpeningClocks:
    """The clock of each center; a center without reference data has wall time."""

    def __init__(self, centers: Mapping[str, Center]) -> None:
        self._centers = centers
        self._clocks: dict[str, OpeningClock] = {}

    def of(self, center_id: str) -> OpeningClock:
        clock = self._clocks.get(center_id)
        if clock is None:
            clock = self._clocks[center_id] = OpeningClock(self._centers.get(center_id))
        return clock
