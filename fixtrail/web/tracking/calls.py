"""The tracking page's "please call me": what the page shows of it, and what its form does."""

from dataclasses import dataclass
from typing import Literal

from fixtrail.web.calls import WITHDRAWN_WITHIN_MS, CallRequests, asked_call, may_withdraw, withdrawn_call
from fixtrail.web.events import Events, NotAcknowledgedError
from schemas.call_request import CallRequest
from schemas.facts import JourneyFact

# What the button leads to, in the page's address: the question whether that is meant.
ASKS = "call"


@dataclass(frozen=True, slots=True)
class CallView:
    """What is shown: may ask, is asked to confirm, has asked (at `at`, may undo until `until`), was called at `at`."""

    state: Literal["may", "confirm", "asked", "called"]
    at: int | None = None
    until: int | None = None


def call_view(fact: JourneyFact, newest: CallRequest | None, *, confirms: bool) -> CallView | None:
    """The call as the page shows it; None for a visit that is over or has no center to ask."""
    if fact.status != "open" or not fact.center_id:
        return None
    if newest is not None and newest.is_waiting:
        return CallView("asked", newest.asked_at, newest.asked_at + WITHDRAWN_WITHIN_MS)
    if confirms:
        return CallView("confirm")
    if newest is not None and newest.state == "called":
        return CallView("called", newest.changed_at)
    return CallView("may")


async def call_form(calls: CallRequests, events: Events, fact: JourneyFact, answer: str, now: int) -> str:
    """Do what the form says; what the page says then. The same form once more changes nothing."""
    newest = calls.newest(fact.order)
    if call_view(fact, newest, confirms=False) is None or answer not in ("ask", "withdraw"):
        return "failed"
    if answer == "withdraw":
        return await _withdraw(calls, events, newest, now)
    if newest is not None and newest.is_waiting:
        return "call_asked"
    request = asked_call(fact.order, newest, now)
    return "call_enough" if request is None else await _write(calls, events, request, "call_asked")


async def _withdraw(calls: CallRequests, events: Events, newest: CallRequest | None, now: int) -> str:
    if newest is None or newest.state == "withdrawn":
        return "call_withdrawn"
    if not may_withdraw(newest, now):
        return "call_late"
    return await _write(calls, events, withdrawn_call(newest, now), "call_withdrawn")


async def _write(calls: CallRequests, events: Events, request: CallRequest, outcome: str) -> str:
    try:
        await calls.write(events, request)
    except NotAcknowledgedError:
        return "failed"
    return outcome
