"""A fact's figures as of a later instant: running intervals are extended to it (CONTRACT section 2)."""

from collections.abc import Mapping
from typing import Any

from schemas.times import DAY_MS
from streams.journey.visit import APPROVAL, BAY, DIAGNOSIS, FINISHING, PARTS, PICKUP, QUALITY, RECEPTION, REPAIR

_WAIT, _TOUCH = ("wait_s", "lead_s"), ("touch_s", "lead_s")
# The figures that grow while an activity goes on.
_GROWING: dict[str, tuple[str, ...]] = {
    RECEPTION: ("wait_reception_s", *_WAIT),
    APPROVAL: ("wait_approval_s", *_WAIT),
    PARTS: ("wait_parts_s", *_WAIT),
    BAY: ("wait_bay_s", *_WAIT),
    REPAIR: ("repair_s", *_TOUCH),
    DIAGNOSIS: ("diagnosis_s", *_TOUCH),
    QUALITY: ("quality_s", *_TOUCH),
    PICKUP: ("pickup_s", "lead_s"),
    FINISHING: ("finishing_s", "lead_s"),
}
# Those that also grow in the wait for a bay, by why a job is paused.
_GROWING_UNDER = {"expert": "bay_expert_s", "shift_end": "bay_shift_end_s"}


NEVER_CLOSED_MS = 30 * DAY_MS


def is_never_closed(fact: Mapping[str, Any], now: int) -> bool:
    """Whether an open order has had no event for 30 days: anomaly `never_closed` of CONTRACT section 5.

    It is a matter of the instant, so facts do not have it; no live screen counts such an order.
    """
    return fact["status"] == "open" and now - int(fact["last_event_at"]) > NEVER_CLOSED_MS


def at_instant(fact: dict[str, Any], now: int) -> dict[str, Any]:
    """The fact (schemas.facts.JourneyFact as a dict) with its figures as of `now` (ms) instead of its last event.

    A closed order has its figures already, and an earlier instant than the last event changes nothing.
    """
    return {**fact, **running_figures(fact, now)}


def running_figures(fact: Mapping[str, Any], now: int) -> dict[str, float]:
    """The figures of a journey fact (a dict, or `vars` of the model) that have grown from its last event to `now`."""
    activity = fact["activity"]
    passed_ms = now - fact["last_event_at"]
    if activity is None or passed_ms <= 0:
        return {}
    growing = [*_GROWING[activity]]
    if activity == BAY:
        growing += [name for reason, name in _GROWING_UNDER.items() if reason in fact.get("paused_for", ())]
    # In milliseconds, so that no sum of fractions differs from the figure computed at once.
    # A fact written before a figure was known has none of it.
    return {name: (round((fact.get(name) or 0) * 1000) + passed_ms) / 1000 for name in growing}
