"""How often a password may be tried."""

import hashlib
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

# One address may be a whole company's; one account may be tried by many addresses, none of which may lock it for long.
PER_PAIR = parse("5/minute")
PER_ADDRESS = parse("30/5minute")
PER_ACCOUNT = parse("60/hour")


class Throttle:
    """Counts attempts by account and address; what it answers does not depend on whether there is such an account."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def admit(self, name: str, address: str) -> int:
        """0 where this attempt is let in, which counts it at once; else the seconds until another one is."""
        counted = _counted(name, address)
        if waits := [self._wait_s(limit, key) for limit, key in counted if not self._limiter.test(limit, key)]:
            return max(waits)
        for limit, key in counted:
            self._limiter.hit(limit, key)
        return 0

    def succeeded(self, name: str, address: str) -> None:
        """Somebody who mistyped a few times starts afresh."""
        limit, key = _counted(name, address)[0]
        self._limiter.clear(limit, key)

    def _wait_s(self, limit: RateLimitItem, key: str) -> int:
        return max(1, round(self._limiter.get_window_stats(limit, key).reset_time - time.time()))


def _counted(name: str, address: str) -> tuple[tuple[RateLimitItem, str], ...]:
    # Names are whatever somebody typed: not kept as they are, and of one length.
    who = hashlib.sha256(name.encode()).hexdigest()
    return ((PER_PAIR, f"pair {who} {address}"), (PER_ADDRESS, f"address {address}"), (PER_ACCOUNT, f"account {who}"))
