"""Center hours: what one order adds to its center's hours, and what an hour comes to.

An hour keeps each order's contribution under the order's id, never a running count: adding one twice changes nothing.
"""

import math
from collections import Counter
from collections.abc import Iterable

from streams.journey.facts import Fact

HOUR_MS = 3600 * 1000
QUICK_LANE_MS = 15 * 60 * 1000
BUCKET_GROWTH = 1.08

# What an order handed off adds to the hour of its handoff, besides its wait bucket: CenterHour's fields in this order.
SUMS = (
    "check_ins",
    "handed_off",
    "cancelled",
    "judged",
    "fixed_first_time",
    "lead_s",
    "wait_s",
    "wait_reception_s",
    "wait_approval_s",
    "wait_parts_s",
    "wait_bay_s",
    "touch_s",
    "pickup_s",
    "part_requests",
    "stockouts",
    "emergencies",
    "surveys",
    "promoters",
    "detractors",
    "complaints",
    "quick_ready",
    "quick_in_time",
    "promise_both",
    "promise_kept",
)

_TIMES = tuple(name for name in SUMS if name.endswith("_s"))

Contribution = list[int]  # the values of SUMS, times in ms so that they add up exactly, and the wait bucket or -1


def wait_bucket(wait_s: float) -> int:
    """The logarithmic bucket of a wait: 0 below one second, b > 0 from 1.08^(b-1) to below 1.08^b seconds."""
    return 0 if wait_s < 1 else 1 + math.floor(math.log(wait_s) / math.log(BUCKET_GROWTH))


def contributions_of(fact: Fact) -> dict[tuple[str, int], Contribution]:
    """What an order adds, by (center, hour start in ms): its check-in to one hour, its close to the same or another.

    Empty for an order without check-in: it has no center.
    """
    center, arrived, closed = fact["center_id"], fact["checked_in_at"], fact["closed_at"]
    if arrived is None:
        return {}
    by_hour = {(center, hour_of(arrived)): [1] + [0] * (len(SUMS) - 1) + [-1]}
    if closed is None:
        return by_hour
    closing = _closing(fact)
    if (hour := (center, hour_of(closed))) in by_hour:
        closing[0] = 1
    by_hour[hour] = closing
    return by_hour


def hour_of(at: int) -> int:
    """The start of the hour (UTC) that an instant lies in, both in ms."""
    return at - at % HOUR_MS


def _closing(fact: Fact) -> Contribution:
    if fact["status"] == "cancelled":
        return [0, 0, 1] + [0] * (len(SUMS) - 3) + [-1]
    score, ready, promised = fact["score"], fact["ready_at"], fact["promised_at"]
    quick = fact["lane"] == "quick" and ready is not None
    both = ready is not None and promised is not None
    return [
        0,
        1,
        0,
        int(fact["ftf"] is not None),
        int(fact["ftf"] is True),
        *(round(fact[name] * 1000) for name in _TIMES),
        fact["part_requests"],
        fact["stockouts"],
        fact["emergencies"],
        int(score is not None),
        int(score is not None and score >= 9),
        int(score is not None and score <= 6),
        fact["complaints"],
        int(quick),
        int(quick and ready - fact["checked_in_at"] <= QUICK_LANE_MS),
        int(both),
        int(both and ready <= promised),
        wait_bucket(fact["wait_s"]),
    ]


def center_hour(center_id: str, hour: int, partition: int, revision: int, each: Iterable[Contribution]) -> Fact:
    """The hour's row in the shape of schemas.facts.CenterHour."""
    rows = list(each)
    fact: Fact = {"center_id": center_id, "hour": hour, "partition": partition, "revision": revision}
    fact |= zip(SUMS, map(sum, zip(*rows, strict=True)) if rows else [0] * len(SUMS), strict=False)
    for name in _TIMES:
        fact[name] /= 1000
    buckets = Counter(row[-1] for row in rows if row[-1] >= 0)
    fact["wait_buckets"] = {str(bucket): buckets[bucket] for bucket in sorted(buckets)}
    return fact
