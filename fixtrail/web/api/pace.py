"""How much one key may send, and how many wrong keys one address may try; told as the IETF's RateLimit headers."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from fixtrail.web.api.problems import ApiError
from fixtrail.web.windows import SlidingWindow
from schemas.times import MINUTE_S

WRONG_KEYS_PER_MINUTE = 60
# So many bytes of a body that cannot be read count as one event.
BYTES_PER_EVENT = 1024


@dataclass(frozen=True, slots=True)
class QuotaState:
    """The rest of a quota, and the seconds until it is whole again."""

    quota: int
    remaining: int
    whole_in_s: int

    def headers(self) -> dict[str, str]:
        """draft-ietf-httpapi-ratelimit-headers: the policy, and what is left of it."""
        return {
            "RateLimit-Policy": f'"events";q={self.quota};w=60',
            "RateLimit": f'"events";r={self.remaining};t={self.whole_in_s}',
        }


class KeyQuotas:
    """Counts in memory, of each process for itself. What was used of a quota comes back evenly within a minute.

    A token bucket by key: no instant lets through two quotas at once, as the border between two fixed minutes does.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # By key, how many events are used, and when that was.
        self._used: dict[str, tuple[float, float]] = {}
        self._wrong = SlidingWindow(MINUTE_S)

    def consume(self, key_id: str, quota: int, events: int) -> QuotaState:
        """Count this many events of a key. Raises ApiError (429) where they are more than its quota now allows."""
        used = self._used_now(key_id, quota)
        # What is refused shall not use up what is left.
        if used + events > quota:
            raise _exceeded(quota, used, events)
        self._used[key_id] = used + events, self._clock()
        return _state(quota, used + events)

    def check(self, key_id: str, quota: int) -> None:
        """Raises ApiError (429) where nothing is left of the key's quota, before any work is done."""
        used = self._used_now(key_id, quota)
        if used + 1 > quota:
            raise _exceeded(quota, used, 1)

    def charge(self, key_id: str, quota: int, size: int) -> None:
        """Count a body of so many bytes that was refused as a whole, as if it were events."""
        used = self._used_now(key_id, quota) + max(1, size // BYTES_PER_EVENT)
        self._used[key_id] = min(used, 2.0 * quota), self._clock()

    def may_try(self, address: str) -> None:
        """Raises ApiError (429) where too many wrong keys came from this address."""
        if (wait_s := self._wrong.wait_s(address, WRONG_KEYS_PER_MINUTE, self._clock())) > 0:
            raise ApiError(
                429,
                "rate-limited",
                "Too many requests with a wrong key came from this address.",
                headers={"Retry-After": str(math.ceil(wait_s))},
            )

    def note_wrong(self, address: str) -> None:
        self._wrong.add(address, self._clock())

    def _used_now(self, key_id: str, quota: int) -> float:
        used, at = self._used.get(key_id, (0.0, 0.0))
        return max(0.0, used - (self._clock() - at) * quota / MINUTE_S)


def _state(quota: int, used: float) -> QuotaState:
    return QuotaState(quota, max(0, math.floor(quota - used)), max(1, math.ceil(used * MINUTE_S / quota)))


def _exceeded(quota: int, used: float, events: int) -> ApiError:
    """What to answer; more events than a whole quota are to be sent in several requests, the next one at once."""
    missing = used + min(events, quota) - quota
    wait_s = max(1, math.ceil(round(missing * MINUTE_S / quota, 6)))
    return ApiError(
        429,
        "rate-limited",
        f"The API key may send {quota:,} events a minute. Nothing was accepted.",
        headers={"Retry-After": str(wait_s), **_state(quota, used).headers()},
    )
