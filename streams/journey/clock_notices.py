"""Notices that no event tells: a promise passed, a silence too long, work that has been done for a while.

What they say, and whether it is still true. The watch box makes them from an open order's newest fact. Their ids name
the promise, the silence or the end of the work they are about, so that the same one is told once, whoever makes it and
however often. `ready` is one of them where its center tells it without proof (ready_setting.py).
"""

from typing import Any

from schemas.order_key import OrderKey
from streams.journey import milestones
from streams.journey.ids import notice_id
from streams.journey.ready_setting import BY_SETTING, is_by_setting
from streams.journey.visit import BAY, FINISHING, PARTS, PICKUP, RECEPTION

RUNNING_LATE, NO_NEWS, READY = "running_late", "no_news", "ready"
# The milestones that are never proven by an event.
BY_CLOCK = (RUNNING_LATE, NO_NEWS)
# Where the customer waits for the workshop: an approval is awaited from the customer.
SILENT = (RECEPTION, PARTS, BAY)

_EVENT_ID = {RUNNING_LATE: "promise:{promised_at}", NO_NEWS: "silence:{at}", READY: BY_SETTING + "{at}"}

Fact = dict[str, Any]


def is_by_clock(notice: Fact) -> bool:
    """Whether the notice was made by the clock, not by an event."""
    return notice["milestone"] in BY_CLOCK or is_by_setting(notice)


def promise_passed_at(fact: Fact) -> int | None:
    """When the last promise was broken, for a car that is not ready; None where none can be.

    A promise that was told after its own time is broken when it was told.
    """
    if not _is_under_way(fact) or fact["promised_at"] is None:
        return None
    told_at = max(
        (promise_told_at for promise_told_at, promised in fact["promises"] if promised == fact["promised_at"]),
        default=0,
    )
    return max(int(fact["promised_at"]), told_at)


def silent_since(fact: Fact) -> int | None:
    """When the last event was, of an order whose customer waits for the workshop; else None."""
    return int(fact["last_event_at"]) if _is_under_way(fact) and fact["activity"] in SILENT else None


def clock_notice(fact: Fact, milestone: str, at: int, due_at: int) -> Fact:
    """The notice in the shape of schemas.facts.Notice, for nobody yet: `recipients` is empty.

    `at` is when the promise was broken, the last event was or the work was done; `due_at` when that is to be told.
    """
    rule, subject = milestones.BY_CLOCK[milestone], _EVENT_ID[milestone].format(promised_at=fact["promised_at"], at=at)
    return {
        "notice_id": notice_id(OrderKey.of(fact), milestone, subject),
        "order_id": fact["order_id"],
        "center_id": fact["center_id"],
        "milestone": milestone,
        "event_id": subject,
        "occurred_at": at,
        "not_before": due_at,
        "expires_at": due_at + rule.lifetime_ms,
        "superseded_by": rule.superseded_by,
        "locale": fact["locale"],
        "recipients": [],
        "promised_at": fact["promised_at"],
        "expected_at": None,
        "part_no": None,
        "quote": None,
        "final_amount": None,
    }


def clock_notice_objection(notice: Fact, fact: Fact) -> tuple[str, bool] | None:
    """None while a clock notice is true; else why it is not, and whether the fact may be older than the notice.

    Whether a `ready` may be told without proof is for its center's setting to say.
    """
    if notice["milestone"] == READY:
        return _why_not_done(notice, fact)
    if notice["milestone"] == RUNNING_LATE:
        promised_times = [promised for _, promised in fact["promises"]]
        if notice["promised_at"] not in promised_times:
            return "the journey does not show this promise", True
        if fact["promised_at"] != notice["promised_at"]:
            return "there is a new promise", False
        return None if _is_under_way(fact) else ("the car is ready", False)
    if fact["last_event_at"] < notice["occurred_at"]:
        return "the journey does not show this event", True
    if fact["last_event_at"] != notice["occurred_at"]:
        return "there has been news", False
    return None if silent_since(fact) is not None else ("the customer does not wait any more", False)


def _why_not_done(notice: Fact, fact: Fact) -> tuple[str, bool] | None:
    if fact["last_event_at"] < notice["occurred_at"]:
        return "the journey does not show that the work is done", True
    if (fact["activity"], fact["activity_since"]) != (FINISHING, notice["occurred_at"]):
        return "the visit has gone on", False
    return None


def _is_under_way(fact: Fact) -> bool:
    """Checked in, and neither ready nor closed."""
    return fact["status"] == "open" and fact["activity"] not in (None, PICKUP)
