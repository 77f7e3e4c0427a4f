"""Which milestones of an order become notices, with ids that do not depend on how often they are made."""

from typing import Any

from streams.journey.by_clock import BY_CLOCK, why_not_so
from streams.journey.facts import quote_fact
from streams.journey.ids import notice_id
from streams.journey.visit import Milestone, Visit

_MINUTE_MS = 60 * 1000
_HOUR_MS = 60 * _MINUTE_MS

_CLOSING = ("handed_off", "cancelled")
_READY = ("ready", *_CLOSING)

# By milestone: which later ones make it pointless, how long it is worth telling, how long to wait whether it holds.
# A car counts as ready when its last job is done, until a final check begins: two minutes show whether one does.
_RULES: dict[str, tuple[tuple[str, ...], int, int]] = {
    "checked_in": (("diagnosis_started", "quote_ready", "repair_started", *_READY), 2 * _HOUR_MS, 0),
    "promise_changed": (("promise_changed", *_READY), 12 * _HOUR_MS, 0),
    "diagnosis_started": (("quote_ready", "repair_started", *_READY), 4 * _HOUR_MS, 0),
    "quote_ready": (("quote_ready", *_CLOSING), 24 * _HOUR_MS, 0),
    "part_ordered": (("part_delayed", "part_arrived", "repair_started", *_READY), 6 * _HOUR_MS, 0),
    "part_delayed": (("part_delayed", "part_arrived", *_READY), 12 * _HOUR_MS, 0),
    "part_arrived": (("repair_started", *_READY), 6 * _HOUR_MS, 0),
    "repair_started": (("extra_check", *_READY), 6 * _HOUR_MS, 0),
    "extra_check": (_READY, 6 * _HOUR_MS, 0),
    "ready": (("extra_check", *_CLOSING), 24 * _HOUR_MS, 2 * _MINUTE_MS),
    "handed_off": ((), 72 * _HOUR_MS, 0),
    "cancelled": ((), 24 * _HOUR_MS, 0),
}
_PART_SLOTS = {"part_ordered": 3, "part_delayed": 4, "part_arrived": 5}


def notice_of(order_id: str, visit: Visit, milestone: Milestone) -> dict[str, Any]:
    """The notice in the shape of schemas.facts.Notice, as the visit stands now."""
    name, event_id, at = milestone
    superseded_by, lifetime, settling = _RULES[name]
    part_no, expected_at = _part(visit, name, at)
    return {
        "notice_id": notice_id(order_id, name, event_id),
        "order_id": order_id,
        "center_id": visit.center,
        "milestone": name,
        "event_id": event_id,
        "occurred_at": at,
        "not_before": at + settling,
        "expires_at": at + lifetime,
        "superseded_by": superseded_by,
        "locale": visit.locale,
        "recipients": visit.contact,
        "promised_at": visit.promised_at,
        "expected_at": expected_at,
        "part_no": part_no,
        "quote": quote_fact(visit.quote) if name == "quote_ready" else None,
        "final_amount": visit.final_amount if name == "handed_off" else None,
    }


def _part(visit: Visit, milestone: str, at: int) -> tuple[str | None, int | None]:
    """Number and expected time of the part that reached this phase then."""
    slot = _PART_SLOTS.get(milestone)
    if slot is None:
        return None, None
    for part in visit.parts.values():
        if part[slot] == at:
            return part[0], part[7]
    return None, None


def is_still_true(notice: dict[str, Any], fact: dict[str, Any]) -> bool:
    """Whether a notice still tells the truth about an order, given the order's newest fact.

    A late event may have taken its milestone back, or a later milestone made it pointless.
    """
    if notice["milestone"] in BY_CLOCK:
        return why_not_so(notice, fact) is None
    told = [notice["milestone"], notice["event_id"], notice["occurred_at"]]
    timeline = [list(each) for each in fact["timeline"]]
    if told not in timeline:
        return False
    if any(name in notice["superseded_by"] for name, *_ in timeline[timeline.index(told) + 1 :]):
        return False
    if notice["milestone"] == "ready":
        return bool(fact["activity"] == "pickup")
    return notice["milestone"] != "quote_ready" or bool(fact["quote_pending"])
