"""Events beside a visit's work: bookings, expert sessions, and how a center answers complaints and bad scores.

None of them takes time of the visit, and all draw from the center's stream `further`: a visit is the same without them.
"""

import random
from collections.abc import Iterator
from typing import Any

from fixtrail.simulator.feed import FeedOrder
from fixtrail.simulator.visit import SimulatedVisit
from fixtrail.simulator.voice import Reaction
from fixtrail.simulator.workshop import Steps, Workshop
from schemas.times import HOUR_S, MINUTE_S

DETRACTOR = 6  # "0 to 6 (Reichheld, HBR Dec 2003)"
SCORED = ("communication", "price", "quality")
CHANNELS = ("phone", "app", "counter")
Step = tuple[str, dict[str, Any]]


def expert_session(visit: SimulatedVisit, mean_min: float) -> Steps[None]:
    """Wait for an expert, who joins on the way and is gone when the work goes on."""
    visit.sessions += 1
    session_id = f"{visit.order.order_id}-e{visit.sessions}"
    length_s = visit.delay_s(mean_min)
    joined_s = visit.env.now + length_s * (0.1 + 0.5 * visit.shop.further.random())
    visit.say_further("expert", visit.env.now, phase="requested", session_id=session_id)
    visit.say_further("expert", joined_s, phase="joined", session_id=session_id)
    yield visit.env.timeout(length_s)
    for phase in ("resolved", "closed"):
        visit.say_further("expert", visit.env.now, phase=phase, session_id=session_id)


def react(visit: SimulatedVisit, reaction: Reaction) -> None:
    """Say what the customer says, and what the center does about it."""
    shop, at_s = visit.shop, visit.env.now + reaction.after_s
    if reaction.kind == "survey":
        scores = _scores(shop.further, reaction.fields["score"])
        event_id = shop.feed.say(visit.order, "survey", at_s, scores=scores, **reaction.fields)
        if reaction.fields["score"] <= DETRACTOR:
            _follow_up(shop, visit.order, event_id, at_s)
        return
    complaint = {"complaint_id": f"{visit.order.order_id}-c1", **reaction.fields}
    channel = shop.further.choice(CHANNELS)
    shop.feed.say(visit.order, "complaint", at_s, phase="opened", channel=channel, **complaint)
    _settle(shop, visit.order, complaint, at_s)


def _scores(draw: random.Random, score: int) -> dict[str, int]:
    return {subject: min(max(score + draw.choice((-1, 0, 0, 1)), 0), 10) for subject in SCORED}


def _follow_up(shop: Workshop, order: FeedOrder, subject_id: str, at_s: float) -> None:
    """Call a customer who is not content, perhaps in vain at first."""
    service, draw = shop.scenario.service, shop.further
    if draw.random() >= service.follow_up_share:
        return
    phases = ["no_answer"] if draw.random() < 0.25 else []
    phases.append("contacted")
    if draw.random() < service.resolved_share:
        phases.append("resolved")
    for phase in phases:
        at_s = _later_in_opening_hours(shop, at_s)
        fields = {"of": subject_id, "phase": phase, "handler_id": _handler(shop)}
        shop.feed.say_further(order, "follow_up", at_s, **fields)


def _settle(shop: Workshop, order: FeedOrder, complaint: dict[str, Any], at_s: float) -> None:
    """Bring a complaint to its end, as far as the center looks after it."""
    if shop.further.random() >= shop.scenario.service.follow_up_share:
        return
    for phase, fields in _complaint_steps(shop):
        at_s = _later_in_opening_hours(shop, at_s)
        shop.feed.say_further(
            order, "complaint", at_s, phase=phase, handler_id=_handler(shop), **{**complaint, **fields}
        )


def _complaint_steps(shop: Workshop) -> Iterator[Step]:
    service, draw = shop.scenario.service, shop.further
    yield "assigned", {}
    yield "contacted", {}
    if draw.random() >= service.resolved_share:
        return
    yield "resolved", _resolution(draw)
    if draw.random() < service.reopened_share:
        yield "reopened", {}
        yield "resolved", _resolution(draw)
    yield "closed", {}


def _resolution(draw: random.Random) -> dict[str, Any]:
    if draw.random() < 0.4:
        return {"resolution": "补偿优惠券 · voucher", "compensation": 50 + 50 * draw.randrange(4)}
    return {"resolution": "已解释并道歉 · explained, with an apology"}


def _handler(shop: Workshop) -> str:
    return f"{shop.center.id}-m1"


def _later_in_opening_hours(shop: Workshop, at_s: float) -> float:
    later_s = at_s + MINUTE_S + shop.further.expovariate(1.0) * shop.scenario.service.follow_up_hours * HOUR_S
    return max(later_s, shop.calendar.at_or_after(later_s).opens_s)
