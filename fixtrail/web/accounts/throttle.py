"""How often a password or a code may be tried: strangers are slowed down, and nobody is locked out by them."""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from fixtrail.web.windows import SlidingWindow
from schemas.times import DAY_S, HOUR_S, MINUTE_S

SLOW_S = 300.0
PER_PAIR, PER_ADDRESS, PER_DEVICE = 5, 30, 10
# A browser that others may use too: beyond this it has no more attempts than any other one at its address.
PER_DEVICE_HOUR = 60
# So many attempts of strangers within an hour are an attack on the account: each stranger then has one in SLOW_S.
STRANGERS_PER_HOUR = 60
# Codes are asked for only after the right password, so whoever knows none cannot use this up.
CODES_PER_HOUR = 20
ADDRESS_KNOWN_S = 30 * DAY_S
MOST_KNOWN = 50_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to sign in: to which account, from where, and by which device, if that has signed in to it before."""

    name: str
    address: str
    device: str | None = None
    is_code: bool = False

    @property
    def who(self) -> str:
        """The account as a key. Names are whatever somebody typed: not stored as they are, and of one length."""
        return hashlib.sha256(f"{'code' if self.is_code else 'password'} {self.name}".encode()).hexdigest()

    @property
    def pair(self) -> str:
        return f"{self.who} {self.address}"


class Throttle:
    """Counts attempts in memory; what it answers does not depend on whether there is such an account."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._devices, self._devices_hour = SlidingWindow(MINUTE_S), SlidingWindow(HOUR_S)
        self._pairs = SlidingWindow(MINUTE_S)
        self._slow_pairs, self._addresses = SlidingWindow(SLOW_S), SlidingWindow(SLOW_S)
        self._strangers = SlidingWindow(HOUR_S)
        self._known_pairs: OrderedDict[str, float] = OrderedDict()

    def admit(self, attempt: Attempt) -> int:
        """0 where this attempt is let in, which counts it at once; else the seconds until another one is."""
        now = self._clock()
        counted = self._counted(attempt, now)
        wait_s = max(window.wait_s(key, most, now) for window, key, most in counted)
        if wait_s > 0:
            return max(1, math.ceil(wait_s))
        for window, key, _ in counted:
            window.add(key, now)
        return 0

    def succeeded(self, attempt: Attempt) -> None:
        """Somebody who mistyped a few times starts afresh, and the address is no stranger's for a month."""
        self._pairs.clear(attempt.pair)
        self._slow_pairs.clear(attempt.pair)
        self._known_pairs[attempt.pair] = self._clock() + ADDRESS_KNOWN_S
        self._known_pairs.move_to_end(attempt.pair)
        if len(self._known_pairs) > MOST_KNOWN:
            self._known_pairs.popitem(last=False)

    def _counted(self, attempt: Attempt, now: float) -> list[tuple[SlidingWindow, str, int]]:
        """The windows that the attempt counts in, with the limit of each."""
        device = f"{attempt.who} {attempt.device}"
        of_device = [(self._devices, device, PER_DEVICE), (self._devices_hour, device, PER_DEVICE_HOUR)]
        if attempt.device and not any(window.wait_s(key, most, now) for window, key, most in of_device):
            return of_device
        counted = [(self._pairs, attempt.pair, PER_PAIR), (self._addresses, attempt.address, PER_ADDRESS)]
        if self._known_pairs.get(attempt.pair, 0.0) > now:
            return counted
        if attempt.is_code:
            return [*counted, (self._strangers, attempt.who, CODES_PER_HOUR)]
        is_attacked = self._strangers.count(attempt.who, now) >= STRANGERS_PER_HOUR
        slow = (self._slow_pairs, attempt.pair, 1 if is_attacked else PER_ADDRESS)
        return [*counted, slow, (self._strangers, attempt.who, 10 * MOST_KNOWN)]
