"""Notices and messages for tests, as the stream workers and the composer make them."""

from typing import Any

import orjson

from runtime.clock import now_ms
from schemas.centers import Center
from schemas.order_key import OrderKey
from sinks.push.channel import Message, Style
from sinks.push.ledger.ledger import PLANNED, Send
from sinks.push.words.compose import Composer
from sinks.push.words.words import TemplateRenderer
from streams.journey.ids import notice_id
from streams.journey.milestones import BY_EVENT

MINUTE = 60_000
HOUR = 60 * MINUTE
MILESTONES = tuple(BY_EVENT)
CENTER = Center(id="C1", name="上海浦东服务中心", name_en="Shanghai Pudong", region="East")
QUOTE = {
    "total": "769.9",
    "labour_hours": "1.5",
    "labour_rate": "380",
    "currency": "CNY",
    "parts": [{"part_no": "P-1", "quantity": "2", "unit_price": "99.95"}],
}


def a_notice(milestone: str = "repair_started", order_id: str = "R1", **fields: Any) -> dict[str, Any]:
    """A notice of something that has just happened, for nobody unless `recipients` says whom."""
    at = fields.pop("at", now_ms())
    superseded_by, lifetime, settling = BY_EVENT.get(milestone, ((), HOUR, 0))
    event_id = fields.pop("event_id", f"{order_id}-{milestone}")
    center_id = fields.pop("center_id", "C1")
    return {
        "notice_id": notice_id(OrderKey(center_id, order_id), milestone, event_id),
        "order_id": order_id,
        "center_id": center_id,
        "milestone": milestone,
        "event_id": event_id,
        "occurred_at": at,
        "not_before": at + settling,
        "expires_at": at + lifetime,
        "superseded_by": list(superseded_by),
        "locale": "en",
        "recipients": [],
        "promised_at": at + 3 * HOUR,
        "expected_at": at + 2 * HOUR if milestone.startswith("part_") else None,
        "part_no": "P-7" if milestone.startswith("part_") else None,
        "quote": QUOTE if milestone == "quote_ready" else None,
        "final_amount": "769.90" if milestone == "handed_off" else None,
        **fields,
    }


def a_send(notice: dict[str, Any], channel: str = "sms", address: str = "+861", **fields: Any) -> Send:
    """The ledger's row for a notice to one address."""
    at = notice["occurred_at"]
    fields_of_event = {
        "id": f"{notice['notice_id'][:12]}-{channel}",
        "lane": channel,
        "person": f"person-{address}",
        "address": address,
        "state": PLANNED,
        "reason": "",
        "due_at": at,
        "attempts": 0,
        "planned_at": at,
        "shard": 0,
    }
    return Send(
        notice_id=notice["notice_id"],
        center_id=notice["center_id"] or "",
        order_id=notice["order_id"],
        milestone=notice["milestone"],
        event_id=notice["event_id"],
        occurred_at=at,
        expires_at=notice["expires_at"],
        channel=channel,
        notice=orjson.dumps(notice).decode(),
        **{**fields_of_event, **fields},
    )


def a_composer(link: str = "https://go.example.com/t/abcdefghijklmnopqrstuv") -> Composer:
    return Composer(TemplateRenderer(), {"C1": CENTER}, "Asia/Shanghai", link=lambda order, vehicle_id, at: link)


def a_message(style: Style, address: str, milestone: str = "repair_started", **fields: Any) -> Message:
    """A message as a lane would give it to a channel."""
    notice = a_notice(milestone, **fields)
    return a_composer().message([a_send(notice, address=address)], {"vehicle_id": "V1"}, style)


def a_fact(order_id: str, *milestones: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """As much of an order's journey fact as decides about its notices: these milestones are what it shows."""
    timeline = [[milestone["milestone"], milestone["event_id"], milestone["occurred_at"]] for milestone in milestones]
    names = [name for name, *_ in timeline]
    return {
        "order_id": order_id,
        "vehicle_id": "V1",
        "version": len(timeline),
        "status": "open",
        "timeline": timeline,
        "activity": "pickup" if names and names[-1] == "ready" else "repair",
        "activity_since": None,
        "quote_pending": bool(names) and names[-1] == "quote_ready",
        "promised_at": None,
        "promises": [],
        "checked_in_at": None,
        "ready_at": None,
        "closed_at": None,
        "last_event_at": max((at for *_, at in timeline), default=now_ms()),
        "center_id": "C1",
        "lane": "standard",
        "quote": None,
        "parts": [
            _awaited(milestone)
            for milestone in milestones
            if milestone["milestone"] in ("part_ordered", "part_delayed")
        ],
        **fields,
    }


def _awaited(notice: dict[str, Any]) -> dict[str, Any]:
    """The part that a notice is about, ordered and not yet here."""
    return {
        "part_no": notice["part_no"],
        "backordered_at": notice["occurred_at"] if notice["milestone"] == "part_delayed" else None,
        "fulfilled_at": None,
        "cancelled_at": None,
        "expected_at": notice["expected_at"],
    }
