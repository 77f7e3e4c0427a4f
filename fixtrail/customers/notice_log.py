"""`fixtrail notices log`: the notices of an order, sent or not, and why."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fixtrail.customers.consents import open_ledger
from fixtrail.customers.orders import only_order, order_fact
from fixtrail.settings import LedgerSettings, NoticeSettings
from fixtrail.terminal.printable import cell, printable
from runtime.clock import now_ms
from runtime.failure import NEGATIVE, ExitError
from schemas.facts import JourneyFact
from schemas.order_key import OrderKey
from sinks.push.ledger import ledger
from sinks.push.ledger.ledger import Send
from sinks.push.plan import TOO_OLD
from sinks.push.words.compose import time_text
from streams.journey.ids import notice_id
from streams.journey.notices import expires_at
from streams.journey.visit_state import Milestone

# What was sent


def log_of(settings: LedgerSettings, order: OrderKey) -> list[Send]:
    """Everything the ledger knows of an order's notices."""
    with open_ledger(settings) as store:
        return ledger.log_of(store, order)


def order_of(settings: LedgerSettings, order_id: str, center_id: str | None) -> OrderKey:
    """The order with this number. Raises ExitError where there is none, or several centers have one and none is named.

    Where all that the ledger knows of the number is of an earlier version, which noted no center, the order has none.
    """
    if center_id is not None:
        return OrderKey(center_id, order_id)
    with open_ledger(settings) as store:
        centers = ledger.centers_of(store, order_id)
    named = [center for center in centers if center] or centers
    return only_order([OrderKey(center, order_id) for center in named], order_id)


def log_with_expired(settings: NoticeSettings, order_id: str, center_id: str | None) -> tuple[OrderKey, list[Send]]:
    """The order with this number and everything known of its notices.

    Of an order that the ledger does not know, what had expired before it could be told: its journey shows that.
    Raises ExitError where there is no such order, or several centers have one and none is named.
    """
    try:
        order = order_of(settings, order_id, center_id)
    except ExitError as error:
        if error.exit_code != NEGATIVE:
            raise
    else:
        if sends := log_of(settings, order):
            return order, sends
    fact = order_fact(settings, order_id, center_id)
    return fact.order, expired_sends(fact, now_ms())


def expired_sends(fact: JourneyFact, now_ms: int) -> list[Send]:
    """A send to nobody for each milestone of the journey that is not worth telling any more."""
    milestones = [Milestone(*step) for step in fact.timeline]
    return [_expired(fact, milestone) for milestone in milestones if expires_at(milestone) <= now_ms]


def _expired(fact: JourneyFact, milestone: Milestone) -> Send:
    id_, expired_at = notice_id(fact.order, milestone.name, milestone.event_id), expires_at(milestone)
    return Send(
        id=id_,
        notice_id=id_,
        center_id=fact.center_id,
        order_id=fact.order_id,
        shard=0,
        milestone=milestone.name,
        event_id=milestone.event_id,
        occurred_at=milestone.at,
        expires_at=expired_at,
        channel="none",
        lane="",
        person="",
        address=None,
        notice=None,
        state=ledger.EXPIRED,
        reason=TOO_OLD,
        due_at=expired_at,
        attempts=0,
        planned_at=expired_at,
        final_at=expired_at,
    )


def log_as_json(sends: list[Send]) -> list[dict[str, Any]]:
    """The log for scripts; no address is in it."""
    return [
        {
            "milestone": send.milestone,
            "event_id": send.event_id,
            "occurred_at": time_text(send.occurred_at),
            "channel": send.channel,
            "person": send.person,
            "state": send.state,
            "reason": send.reason,
            "told": send.told,
            "planned_at": time_text(send.planned_at),
            "held_for": send.held_for,
            "due_at": time_text(send.due_at) if send.final_at is None else None,
            "sent_at": time_text(send.intent_at),
            "final_at": time_text(send.final_at),
            "expires_at": time_text(send.expires_at),
            "attempts": send.attempts,
            "with": send.carrier if send.carrier != send.id else None,
            "reference": send.reference,
            "id": send.id,
        }
        for send in sends
    ]


def print_log(order: OrderKey, sends: list[Send], time_zone: str) -> None:
    """The log for people, on stdout, in local time."""
    from rich.console import Console
    from rich.table import Table

    if not sends:
        print(f"nothing was to be told about order {printable(str(order))}: the push sink has seen no notice of it")
        return
    zone = ZoneInfo(time_zone)
    columns = ("happened", "milestone", "by event", "channel", "outcome", "when", "what was said, or why not")
    table = Table(*columns, title=cell(str(order)))
    for send in sends:
        at = send.final_at if send.final_at is not None else send.due_at
        details = "; ".join(filter(None, (send.told if send.state == ledger.SENT else "", send.reason, _held(send))))
        outcome = send.state if send.final_at is not None else f"{send.state} until"
        table.add_row(
            _clock(send.occurred_at, zone),
            cell(send.milestone),
            cell(send.event_id),
            cell(send.channel),
            outcome,
            _clock(at, zone),
            cell(details),
            style=_style(send),
        )
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)


def _held(send: Send) -> str:
    return f"was held for {send.held_for}" if send.held_for and send.held_for != send.reason else ""


def _style(send: Send) -> str:
    return {ledger.SENT: "green", ledger.UNKNOWN: "red", ledger.REJECTED: "red"}.get(send.state, "")


def _clock(at: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at / 1000, zone):%m-%d %H:%M:%S}"
