"""The parts desk: what a visit needs, asked for, fetched, brought by courier, or not there at all."""

from collections.abc import Sequence
from typing import Any

from fixtrail.simulator.scenario import ScenarioPart
from fixtrail.simulator.visit import SimulatedVisit
from fixtrail.simulator.workshop import Steps
from schemas.times import DAY_S, HOUR_S, MINUTE_S

COURIER = "city-courier"
Answer = tuple[float, dict[str, Any]]


def needed_parts(visit: SimulatedVisit) -> list[ScenarioPart]:
    """The parts that this visit's faults turn out to need."""
    parts = {part.no: part for group in visit.reason.groups for part in group.parts}
    return [part for part in parts.values() if visit.chance(part.need)]


def fetch(visit: SimulatedVisit, parts: Sequence[ScenarioPart]) -> Steps[None]:
    """Ask for the parts and wait for all that will come while the customer waits."""
    if not parts:
        return
    began_s = visit.env.now
    on_shelf_s = began_s + visit.delay_s(visit.profile.picking_min)
    answers = [answer for part in parts for answer in _ask_for(visit, part, began_s, on_shelf_s)]
    for at_s, fields in sorted(answers, key=lambda answer: answer[0]):
        yield visit.env.timeout(max(at_s - visit.env.now, 0.0))
        visit.say("part_request", **fields)
        if fields["phase"] == "backordered":
            visit.update(2 * HOUR_S)


def _ask_for(visit: SimulatedVisit, part: ScenarioPart, began_s: float, on_shelf_s: float) -> list[Answer]:
    """Says the request; gives its further phases with their times."""
    feed, draw = visit.shop.feed, visit.draw
    visit.requests += 1
    request = {
        "request_id": f"{visit.order.order_id}-p{visit.requests}",
        "part_no": part.no,
        "quantity": part.quantity,
        "unit_price": part.price,
    }
    if part.name:
        request["name"] = part.name
    arrived = {"phase": "fulfilled", "batch": visit.batch(part), "cost": round(part.price * 0.7, 2), **request}
    visit.say("part_request", phase="requested", urgency="normal", **request)
    if visit.reason.part_is_there or visit.shop.stock.remove(part.no, visit.shop.calendar.working_day(began_s)):
        return [(on_shelf_s, arrived)]
    visit.stockout = True
    known_s = began_s + MINUTE_S * (1 + 2 * draw.random())
    if visit.chance(visit.profile.emergency_share):
        emergency = {"urgency": "emergency", "carrier": COURIER, "tracking_no": f"C{request['request_id']}"}
        expected = feed.stamp(feed.next_five_minutes(known_s + visit.profile.courier_min * MINUTE_S))
        comes_s = known_s + visit.durations.courier_s(visit.profile.courier_min)
        backordered = {"phase": "backordered", "expected_at": expected, **emergency, **request}
        return [(known_s, backordered), (comes_s, {**arrived, **emergency})]
    expected = feed.stamp(feed.next_five_minutes(known_s + DAY_S * (2 + 3 * draw.random())))
    backordered = {"phase": "backordered", "urgency": "normal", "expected_at": expected, **request}
    if visit.chance(visit.work.withdrawn_share):
        withdrawn_s = known_s + MINUTE_S * (1 + 4 * draw.random())
        return [(known_s, backordered), (withdrawn_s, {"phase": "cancelled", **request})]
    visit.open_part = True
    return [(known_s, backordered)]
