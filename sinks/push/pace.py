"""Rate limits of a delivery queue: a token bucket, and a circuit breaker that leaves a dead provider alone."""

import time
from collections.abc import Callable

FAILURES = 5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0


class Bucket:
    """At most `a_second` calls a second on average, a second's worth at once; 0 is no limit."""

    def __init__(self, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = a_second, clock
        self._burst = max(1.0, a_second)
        self._filled, self._at = self._burst, clock()

    def acquire(self, calls: int) -> int:
        """How many of the wanted calls may be made now."""
        if not self._rate:
            return calls
        now = self._clock()
        self._filled = min(self._burst, self._filled + (now - self._at) * self._rate)
        self._at = now
        granted = min(calls, int(self._filled))
        self._filled -= granted
        return granted

    def give_back(self, unused: int) -> None:
        self._filled = min(self._burst, self._filled + unused)

    @property
    def wait_s(self) -> float:
        """How long until the next call may be made."""
        return max(0.0, (1.0 - self._filled) / self._rate) if self._rate else 0.0


class Breaker:
    """Closed while calls are answered; open for a pause, that doubles, after several in a row were not.

    After a pause one call alone tries whether the provider is back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._pause = FIRST_PAUSE_S
        self._until = 0.0
        self._asked_until = 0.0

    @property
    def asked_wait_s(self) -> float:
        """How long the provider asked to be left alone from now on."""
        return max(0.0, self._asked_until - self._clock())

    @property
    def wait_s(self) -> float:
        """How long nobody should call."""
        return max(0.0, self._until - self._clock())

    @property
    def is_open(self) -> bool:
        return self._failures >= FAILURES or self.wait_s > 0

    def allow(self, calls: int) -> int:
        """How many calls may be made now: all, none, or one to see whether anybody answers."""
        if self.wait_s > 0:
            return 0
        return 1 if self._failures >= FAILURES else calls

    def answered(self) -> None:
        """The provider works, whatever it said."""
        self._failures, self._pause = 0, FIRST_PAUSE_S

    def failed(self, retry_after_s: float | None = None) -> None:
        """The provider did not answer, or asked to be left alone for a while."""
        self._failures += 1
        if retry_after_s is not None:
            self._asked_until = max(self._asked_until, self._clock() + retry_after_s)
            self._until = max(self._until, self._asked_until)
        elif self._failures >= FAILURES and not self.wait_s:
            # Calls that were under way when the pause began fail in it, too: it is still the same one.
            self._until = self._clock() + self._pause
            self._pause = min(LONGEST_PAUSE_S, self._pause * 2)
