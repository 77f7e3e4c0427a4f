"""How much one key may send, and how many wrong keys one address may try; told as the IETF's RateLimit headers."""

import math
import time
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from fixtrail.web.api.problems import Problem

WRONG_KEYS_PER_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Left:
    """What of a quota is left, and in how many seconds there is more."""

    quota: int
    remaining: int
    more_in_s: int

    def headers(self) -> dict[str, str]:
        """draft-ietf-httpapi-ratelimit-headers: the policy, and what is left of it."""
        return {
            "RateLimit-Policy": f'"events";q={self.quota};w=60',
            "RateLimit": f'"events";r={self.remaining};t={self.more_in_s}',
        }


class Pace:
    """Counts in memory, of each process for itself. A minute begins with the first event that is counted in it."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def take(self, key_id: str, quota: int, events: int) -> Left:
        """Count this many events of a key. Raises Problem (429) where they are more than its quota a minute allows."""
        limit = RateLimitItemPerMinute(quota)
        # Asked first: what is refused shall not use up what is left.
        fits = self._limiter.test(limit, "events", key_id, cost=events)
        fits = fits and self._limiter.hit(limit, "events", key_id, cost=events)
        left = self._left(limit, "events", key_id)
        if not fits:
            raise Problem(
                429,
                "rate-limited",
                f"The API key may send {quota:,} events a minute. Nothing was accepted.",
                headers={"Retry-After": str(left.more_in_s), **left.headers()},
            )
        return left

    def may_try(self, address: str) -> None:
        """Raises Problem (429) where too many wrong keys came from this address."""
        limit = RateLimitItemPerMinute(WRONG_KEYS_PER_MINUTE)
        if not self._limiter.test(limit, "wrong", address):
            left = self._left(limit, "wrong", address)
            raise Problem(
                429,
                "rate-limited",
                "Too many requests with a wrong key came from this address.",
                headers={"Retry-After": str(left.more_in_s)},
            )

    def note_wrong(self, address: str) -> None:
        self._limiter.hit(RateLimitItemPerMinute(WRONG_KEYS_PER_MINUTE), "wrong", address)

    def _left(self, limit: RateLimitItem, *identifiers: str) -> Left:
        stats = self._limiter.get_window_stats(limit, *identifiers)
        return Left(limit.amount, stats.remaining, max(1, math.ceil(stats.reset_time - time.time())))
