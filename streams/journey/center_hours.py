"""Center hours: an order's contributions to its center's hours, and the sum of an hour.

An hour keeps each order's contribution under the order's id, never a running count: adding one twice changes nothing.
"""

import math
from collections import Counter
from collections.abc import Iterable

from schemas.facts import HOUR_FIGURES, ORDER_FIGURES
from schemas.times import HOUR_MS
from streams.journey.facts import Fact, is_of_no_vehicle
from streams.journey.order_header import Hour
from streams.journey.visit import Visit

QUICK_LANE_MS = 15 * 60 * 1000
BUCKET_GROWTH = 1.08

# What an order handed off adds to the hour of its handoff, besides its wait bucket.
SUMS = tuple(HOUR_FIGURES)

_DURATIONS = tuple(name for name in SUMS if HOUR_FIGURES[name].kind == "duration")
# Sums of a figure that the order itself has under the same name.
_COUNTS_OF_ORDERS = tuple(name for name in SUMS if name in ORDER_FIGURES and name not in _DURATIONS)

Contribution = list[int]  # the values of SUMS, times in ms so that they add up exactly, and the wait bucket or -1


def wait_bucket(wait_s: float) -> int:
    """The logarithmic bucket of a wait: 0 below one second, b > 0 from 1.08^(b-1) to below 1.08^b seconds."""
    return 0 if wait_s < 1 else 1 + math.floor(math.log(wait_s) / math.log(BUCKET_GROWTH))


def contributions_of(fact: Fact) -> dict[tuple[str, int], Contribution]:
    """What an order adds, by (center, hour start in ms): its check-in to one hour, its close to the same or another.

    Empty for an order without check-in: it has no center; and for one that was moved to another vehicle.
    """
    center, arrived, closed = fact["center_id"], fact["checked_in_at"], fact["closed_at"]
    if arrived is None or is_of_no_vehicle(fact):
        return {}
    by_hour = {(center, hour_of(arrived)): ARRIVED}
    if closed is None:
        return by_hour
    closing = _closing(fact)
    if (hour := (center, hour_of(closed))) in by_hour:
        closing[SUMS.index("check_ins")] = 1
    by_hour[hour] = closing
    return by_hour


def hours_in(center_id: str, visit: Visit) -> list[Hour]:
    """The (center, hour start in ms) in which an order with this visit counts: those of `contributions_of` its fact."""
    if visit.started_at is None or visit.vehicle_corrected:
        return []
    times = visit.started_at, visit.started_at if visit.closed_at is None else visit.closed_at
    return [(center_id, hour_of(at)) for at in times]


def hour_of(at: int) -> int:
    """The start of the hour (UTC) that an instant lies in, both in ms."""
    return at - at % HOUR_MS


def _closing(fact: Fact) -> Contribution:
    if fact["status"] == "cancelled":
        return _contribution({"cancelled": 1}, -1)
    sums = {name: round(fact[name] * 1000) for name in _DURATIONS}
    sums |= {name: fact[name] for name in _COUNTS_OF_ORDERS}
    return _contribution(sums | _judgements(fact), wait_bucket(fact["wait_s"]))


def _judgements(fact: Fact) -> dict[str, int]:
    """The order's 1 or 0 for each sum."""
    score, ready, promised = fact["score"], fact["ready_at"], fact["promised_at"]
    quick = fact["lane"] == "quick" and ready is not None
    both = ready is not None and promised is not None
    return {
        "handed_off": 1,
        "judged": int(fact["ftf"] is not None),
        "fixed_first_time": int(fact["ftf"] is True),
        "surveys": int(score is not None),
        "promoters": int(score is not None and score >= 9),
        "detractors": int(score is not None and score <= 6),
        "quick_ready": int(quick),
        "quick_in_time": int(quick and ready - fact["checked_in_at"] <= QUICK_LANE_MS),
        "promise_both": int(both),
        "promise_kept": int(both and ready <= promised),
    }


def _contribution(sums: dict[str, int], bucket: int) -> Contribution:
    return [*(sums.get(name, 0) for name in SUMS), bucket]


# What most orders add to the hour of their check-in, and the same as it is kept: one number instead of all.
ARRIVED = _contribution({"check_ins": 1}, -1)
_SHORT_ARRIVED: Contribution = [1]


def shortened(contribution: Contribution) -> Contribution:
    """A contribution as the hour's state has it; `center_hour` takes both."""
    return _SHORT_ARRIVED if contribution is ARRIVED else contribution


def center_hour(
    center_id: str, hour: int, partition: int, revision: int, contributions: Iterable[Contribution]
) -> Fact:
    """The hour's row in the shape of schemas.facts.CenterHour."""
    shares = list(contributions)
    rows = [share for share in shares if len(share) > len(_SHORT_ARRIVED)]
    fact: Fact = {"center_id": center_id, "hour": hour, "partition": partition, "revision": revision}
    fact |= zip(SUMS, map(sum, zip(*rows, strict=True)) if rows else [0] * len(SUMS), strict=False)
    fact["check_ins"] += len(shares) - len(rows)
    for name in _DURATIONS:
        fact[name] /= 1000
    buckets = Counter(row[-1] for row in rows if row[-1] >= 0)
    fact["wait_buckets"] = {str(bucket): buckets[bucket] for bucket in sorted(buckets)}
    return fact
