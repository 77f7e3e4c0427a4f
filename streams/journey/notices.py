"""Makes notices of an order's milestones; the same milestone always gets the same id."""

from typing import Any

from schemas.order_key import OrderKey
from streams.journey.as_of import NEVER_CLOSED_MS
from streams.journey.clock_notices import clock_notice_objection, is_by_clock
from streams.journey.entries import Entry, PartEntry
from streams.journey.facts import quote_fact
from streams.journey.ids import notice_id
from streams.journey.milestones import BY_EVENT
from streams.journey.visit import Visit
from streams.journey.visit_state import Milestone

# All that an event may prove, in the order of a visit.
MILESTONES = tuple(BY_EVENT)
# Only what happens to the same part makes these pointless; the timeline does not say which part it was.
_OF_ONE_PART = {"part_ordered": {"part_delayed", "part_arrived"}, "part_delayed": {"part_delayed", "part_arrived"}}


def expires_at(milestone: Milestone) -> int:
    """When the milestone is not worth telling any more (ms)."""
    return milestone.at + BY_EVENT[milestone.name].lifetime_ms


def notices_to_make(visit: Visit, milestones: list[Milestone], now_ms: int) -> list[Milestone]:
    """Notices of the milestones that are still worth telling at `now_ms`.

    Of an order in the workshop the last one stays even where none can: by it the watch knows whom to tell what follows.
    """
    current = [milestone for milestone in milestones if expires_at(milestone) > now_ms]
    if current or visit.closed_at is not None or visit.last is None:
        return current
    return milestones[-1:] if visit.last[0] + NEVER_CLOSED_MS > now_ms else []


def notice_of(order: OrderKey, visit: Visit, milestone: Milestone, proof: Entry) -> dict[str, Any]:
    """The notice in the shape of schemas.facts.Notice, as the visit stands now. `proof` is the entry that proves it."""
    name, event_id, at = milestone.name, milestone.event_id, milestone.at
    rule = BY_EVENT[name]
    part_no, expected_at = _part(visit, proof) if isinstance(proof, PartEntry) else (None, None)
    return {
        "notice_id": notice_id(order, name, event_id),
        "order_id": order.order_id,
        "center_id": order.center_id,
        "milestone": name,
        "event_id": event_id,
        "occurred_at": at,
        "not_before": at + rule.settling_ms,
        "expires_at": expires_at(milestone),
        "superseded_by": rule.superseded_by,
        "locale": visit.locale,
        "recipients": visit.contact,
        "promised_at": visit.promised_at,
        "expected_at": expected_at,
        "part_no": part_no,
        "quote": quote_fact(visit.quote) if name == "quote_ready" else None,
        "final_amount": visit.final_amount if name == "handed_off" else None,
    }


def _part(visit: Visit, proof: PartEntry) -> tuple[str | None, int | None]:
    """Number and expected time of the part that an entry is about: the time that it tells, or else the latest one."""
    part = visit.parts.get(proof.request_id)
    # A late event may have made it count for nothing.
    return proof.part_no, part.expected if proof.expected_at is None and part is not None else proof.expected_at


def is_still_true(notice: dict[str, Any], fact: dict[str, Any]) -> bool:
    """Whether a notice still tells the truth about an order, given the order's newest fact.

    A late event may have taken its milestone back, or a later milestone made it pointless.
    """
    if is_by_clock(notice):
        return clock_notice_objection(notice, fact) is None
    timeline = [list(milestone) for milestone in fact["timeline"]]
    if _milestone_of(notice) not in timeline:
        return False
    if superseding(notice, timeline) or not is_still_so_of_part(notice, fact):
        return False
    if notice["milestone"] == "ready":
        return bool(fact["activity"] == "pickup")
    return notice["milestone"] != "quote_ready" or bool(fact["quote_pending"])


def superseding(notice: dict[str, Any], timeline: list[list[Any]]) -> list[str]:
    """The milestones behind the notice's own that make it pointless."""
    pointless = set(notice["superseded_by"])
    if notice["part_no"] is not None:
        pointless -= _OF_ONE_PART.get(notice["milestone"], set())
    return [name for name, *_ in timeline[timeline.index(_milestone_of(notice)) + 1 :] if name in pointless]


def _milestone_of(notice: dict[str, Any]) -> list[Any]:
    return [notice["milestone"], notice["event_id"], notice["occurred_at"]]


def is_still_so_of_part(notice: dict[str, Any], fact: dict[str, Any]) -> bool:
    """Whether a part notice is still true of its part; True for all other notices."""
    if notice["milestone"] not in _OF_ONE_PART or notice["part_no"] is None:
        return True
    awaited = [part for part in fact["parts"] if part["part_no"] == notice["part_no"] and is_awaited(part)]
    if notice["milestone"] == "part_ordered":
        return any(part["backordered_at"] is None for part in awaited)
    return any(part["expected_at"] == notice["expected_at"] for part in awaited)


def is_awaited(part: dict[str, Any]) -> bool:
    """Whether a part of a journey fact is ordered and neither here nor called off."""
    return part["fulfilled_at"] is None and part["cancelled_at"] is None
