"""What the contract says of many orders: hours of a center, and figures."""

import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import NormalDist, mean, median
from typing import Any

from tests.oracle_terms import WAITS, Key, Order

_HOUR_SUMS = ("lead_s", "wait_s", *(f"wait_{activity}_s" for activity in WAITS), "touch_s", "pickup_s")
_HOUR_COUNTS = (
    *("check_ins", "handed_off", "cancelled", "judged", "fixed_first_time"),
    *("part_requests", "stockouts", "emergencies", "surveys", "promoters", "detractors", "complaints"),
    *("quick_ready", "quick_in_time", "promise_both", "promise_kept"),
)


def center_hours_of(orders: dict[Key, Order]) -> dict[tuple[str, datetime], dict[str, Any]]:
    """Counts and sums of each center and UTC hour in which an order was checked in or closed there.

    Sums, voices, parts and promises are those of the orders handed off in that hour. `surveys` counts orders with a
    score (promoters 9 and 10, detractors 0 to 6 of them), `complaints` distinct complaints.
    """
    hours: dict[tuple[str, datetime], dict[str, Any]] = defaultdict(_empty_hour)
    for order in orders.values():
        if order["checked_in_at"] is None:
            continue
        hours[order["center_id"], _hour(order["checked_in_at"])]["check_ins"] += 1
        if order["closed_at"] is not None:
            hour = hours[order["center_id"], _hour(order["closed_at"])]
            hour["cancelled"] += order["status"] == "cancelled"
            if order["status"] == "handed_off":
                for name, amount in _handed_off_amounts(order).items():
                    # Whole milliseconds add up without an error that depends on the order of adding.
                    hour[name] = round(hour[name] + amount, 3)
    return dict(hours)


def _empty_hour() -> dict[str, Any]:
    return {**dict.fromkeys(_HOUR_COUNTS, 0), **dict.fromkeys(_HOUR_SUMS, 0.0)}


def _handed_off_amounts(order: Order) -> dict[str, Any]:
    return {
        **{name: order[name] for name in (*_HOUR_SUMS, "part_requests", "stockouts", "emergencies", "complaints")},
        "handed_off": 1,
        "judged": order["ftf"] is not None,
        "fixed_first_time": order["ftf"] is True,
        "surveys": order["score"] is not None,
        "promoters": order["score"] is not None and order["score"] >= 9,
        "detractors": order["score"] is not None and order["score"] <= 6,
        "quick_ready": _is_quick_and_ready(order),
        "quick_in_time": _is_quick_and_ready(order) and _is_quick_in_time(order),
        "promise_both": _has_promise_and_ready(order),
        "promise_kept": _has_promise_and_ready(order) and order["ready_at"] <= order["promised_at"],
    }


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _is_quick_and_ready(order: Order) -> bool:
    return order["lane"] == "quick" and order["ready_at"] is not None


def _is_quick_in_time(order: Order) -> bool:
    return bool(order["ready_at"] - order["checked_in_at"] <= timedelta(minutes=15))


def _has_promise_and_ready(order: Order) -> bool:
    return order["ready_at"] is not None and order["promised_at"] is not None


def figures_of(orders: dict[Key, Order]) -> dict[str, Any]:
    """The figures of CONTRACT section 4 over these orders; None where nothing is there to divide by.

    Rates are between 0 and 1, NPS between -100 and 100, waits seconds of handed-off orders (p90: linear between ranks).
    """
    rows = list(orders.values())
    handed_off = [order for order in rows if order["status"] == "handed_off"]
    judged = [order for order in rows if order["ftf"] is not None]
    quick = [order for order in rows if _is_quick_and_ready(order)]
    promised = [order for order in rows if _has_promise_and_ready(order)]
    quoted = [order for order in handed_off if None not in (order["final_amount"], order["approved_amount"])]
    requests = [part for order in rows for part in order["parts"]]
    emergencies = [part for part in requests if part["urgency"] == "emergency"]
    waits = [order["wait_s"] for order in handed_off if order["wait_s"] is not None]
    return {
        **_nps([order["score"] for order in rows if order["score"] is not None]),
        "stockout_rate": _rate(part["backordered_at"] is not None for part in requests),
        "emergency_parts_in_time": _rate(_is_fulfilled_in_time(part) for part in emergencies),
        "quick_in_time": _rate(_is_quick_in_time(order) for order in quick),
        "promise_kept": _rate(order["ready_at"] <= order["promised_at"] for order in promised),
        "quote_kept": _rate(
            abs(order["final_amount"] - order["approved_amount"]) * 100 <= order["approved_amount"] for order in quoted
        ),
        "complaints_per_100": 100 * mean(order["complaints"] for order in handed_off) if handed_off else None,
        "ftfr": _rate(order["ftf"] for order in judged),
        "wait_mean_s": mean(waits) if waits else None,
        "wait_median_s": median(waits) if waits else None,
        "wait_p90_s": _quantile(waits, 0.9),
    }


def _rate(outcomes: Iterable[bool]) -> float | None:
    answers = list(outcomes)
    return sum(answers) / len(answers) if answers else None


def _is_fulfilled_in_time(part: dict[str, Any]) -> bool:
    requested, fulfilled = part["requested_at"], part["fulfilled_at"]
    return None not in (requested, fulfilled) and fulfilled - requested <= timedelta(hours=2)


def _nps(scores: list[int]) -> dict[str, Any]:
    """NPS, n and the 95 % interval by normal approximation: variance of the values +1, 0, -1 over n."""
    if not scores:
        return {"nps": None, "nps_n": 0, "nps_low": None, "nps_high": None}
    promoters, detractors = _rate(s >= 9 for s in scores) or 0.0, _rate(s <= 6 for s in scores) or 0.0
    net = promoters - detractors
    half = NormalDist().inv_cdf(0.975) * math.sqrt((promoters + detractors - net**2) / len(scores))
    return {"nps": 100 * net, "nps_n": len(scores), "nps_low": 100 * (net - half), "nps_high": 100 * (net + half)}


def _quantile(values: list[float], share: float) -> float | None:
    if not values:
        return None
    ranked, rank = sorted(values), share * (len(values) - 1)
    low, high = ranked[math.floor(rank)], ranked[math.ceil(rank)]
    return low + (high - low) * (rank - math.floor(rank))
