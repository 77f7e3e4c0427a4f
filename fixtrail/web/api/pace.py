"""How much one key may send, and how many wrong keys one address may try; told as the IETF's RateLimit headers."""

import math
import time
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from fixtrail.web.api.problems import ApiError

WRONG_KEYS_PER_MINUTE = 60
# So many bytes of a body that cannot be read count as one event.
BYTES_PER_EVENT = 1024


@dataclass(frozen=True, slots=True)
class QuotaState:
    """The rest of a quota, and the seconds until there is more."""

    quota: int
    remaining: int
    more_in_s: int

    def headers(self) -> dict[str, str]:
        """draft-ietf-httpapi-ratelimit-headers: the policy, and what is left of it."""
        return {
            "RateLimit-Policy": f'"events";q={self.quota};w=60',
            "RateLimit": f'"events";r={self.remaining};t={self.more_in_s}',
        }


class KeyQuotas:
    """Counts in memory, of each process for itself. A minute begins with the first event that is counted in it."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def consume(self, key_id: str, quota: int, events: int) -> QuotaState:
        """Count this many events of a key. Raises ApiError (429) where they are more than its quota a minute allows."""
        limit = RateLimitItemPerMinute(quota)
        # Asked first: what is refused shall not use up what is left.
        is_allowed = self._limiter.test(limit, "events", key_id, cost=events)
        if not is_allowed or not self._limiter.hit(limit, "events", key_id, cost=events):
            raise self._exceeded(key_id, quota)
        return self._left(limit, "events", key_id)

    def check(self, key_id: str, quota: int) -> None:
        """Raises ApiError (429) where nothing is left of the key's quota, before any work is done."""
        if not self._limiter.test(RateLimitItemPerMinute(quota), "events", key_id):
            raise self._exceeded(key_id, quota)

    def charge(self, key_id: str, quota: int, size: int) -> None:
        """Count a body of so many bytes that was refused as a whole, as if it were events."""
        self._limiter.hit(RateLimitItemPerMinute(quota), "events", key_id, cost=max(1, size // BYTES_PER_EVENT))

    def may_try(self, address: str) -> None:
        """Raises ApiError (429) where too many wrong keys came from this address."""
        limit = RateLimitItemPerMinute(WRONG_KEYS_PER_MINUTE)
        if not self._limiter.test(limit, "wrong", address):
            quota_state = self._left(limit, "wrong", address)
            raise ApiError(
                429,
                "rate-limited",
                "Too many requests with a wrong key came from this address.",
                headers={"Retry-After": str(quota_state.more_in_s)},
            )

    def note_wrong(self, address: str) -> None:
        self._limiter.hit(RateLimitItemPerMinute(WRONG_KEYS_PER_MINUTE), "wrong", address)

    def _exceeded(self, key_id: str, quota: int) -> ApiError:
        left = self._left(RateLimitItemPerMinute(quota), "events", key_id)
        return ApiError(
            429,
            "rate-limited",
            f"The API key may send {quota:,} events a minute. Nothing was accepted.",
            headers={"Retry-After": str(left.more_in_s), **left.headers()},
        )

    def _left(self, limit: RateLimitItem, *identifiers: str) -> QuotaState:
        stats = self._limiter.get_window_stats(limit, *identifiers)
        return QuotaState(limit.amount, stats.remaining, max(1, math.ceil(stats.reset_time - time.time())))
