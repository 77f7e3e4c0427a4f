"""The wall clock, and whether somebody set it."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

# A smaller step is an ordinary correction.
LEAST_JUMP_S = 60.0
SETTLING_S = 60.0

log = logging.getLogger(__name__)

# Counts while a machine sleeps, too: to wake up is no jump.
_steady = partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic


def now_ms() -> int:
    """Milliseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000_000


def newest_heartbeat(before: int | None, sent_ms: int, now: int) -> int:
    """When the newest heartbeat was sent, after one more has come (ms); never later than now.

    One that seems to be from the future was noted while a clock was wrong, and gives way to the next.
    """
    sent_ms = min(sent_ms, now)
    return sent_ms if before is None or before > now else max(before, sent_ms)


class WallClock:
    """Now, by the wall clock, which is held against one that nobody can set: a jump of a minute or more is told.

    `jumps` counts them by direction, `forward` or `back`. Any thread may ask.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _steady) -> None:
        self._wall, self._steady = wall, steady
        self._apart = wall() - steady()
        self._jump_s = 0.0
        self._jumped_at: float | None = None
        self._lock = threading.Lock()
        self.jumps: Counter[str] = Counter()

    def now_ms(self) -> int:
        """Milliseconds since 1970 (UTC)."""
        self.look()
        return int(self._wall() * 1000)

    def look(self) -> None:
        """Note a jump since the last look; to be called every few seconds."""
        with self._lock:
            steady = self._steady()
            apart = self._wall() - steady
            jump_s, self._apart = apart - self._apart, apart
            if abs(jump_s) < LEAST_JUMP_S:
                return
            self._jump_s, self._jumped_at = jump_s, steady
            self.jumps["forward" if jump_s > 0 else "back"] += 1
        log.warning("the clock of this machine was set by %+.0f s (docs/runbooks/clock-jumped.md)", jump_s)

    @property
    def is_settling(self) -> bool:
        """Whether it jumped in the last minute: it may be set right again, and nobody should be told by it yet."""
        return self._jumped_at is not None and self._steady() - self._jumped_at < SETTLING_S

    @property
    def problem(self) -> str | None:
        """A sentence about the jump, for as long as the clock is settling."""
        return f"the clock of this machine was set by {self._jump_s:+.0f} s just now" if self.is_settling else None
