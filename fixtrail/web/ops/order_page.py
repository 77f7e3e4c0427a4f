"""The page of one order: its journey, the events that prove it, and its notices."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fixtrail.settings import NoEndpointError
from fixtrail.tracking_links import tracking_url
from fixtrail.web.accounts.access import Viewer
from fixtrail.web.accounts.users import Person
from fixtrail.web.board.boards import name_of
from fixtrail.web.board.live import times_at
from fixtrail.web.clickhouse import Row
from fixtrail.web.context import Web, web_of
from fixtrail.web.notice_log import notice_log_of
from fixtrail.web.ops.notice_rows import notice_rows
from fixtrail.web.staff import charts
from fixtrail.web.staff.page_frame import StaffRoute, locale_of, page, words
from runtime.failure import ExitError
from schemas.call_request import CallRequest
from schemas.facts import JourneyFact
from schemas.opening_hours import opening_ms_between
from schemas.order_key import OrderKey

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False, route_class=StaffRoute)

# The order's row finds the vehicle, by whose key the events are sorted.
_CENTERS = "SELECT DISTINCT center_id FROM orders WHERE order_id = {order:String} ORDER BY center_id LIMIT 100"
# Of two vehicles the one with the newer events.
_ORDER = """
SELECT *, toUnixTimestamp64Milli(last_event_at) AS last_ms FROM orders
WHERE order_id = {order:String} AND center_id = {center:String} ORDER BY last_event_at DESC LIMIT 1
"""
_EVENTS = """
SELECT event_id, type, phase, toUnixTimestamp64Milli(occurred_at) AS at,
    toUnixTimestamp64Milli(received_at) AS received, technician_id, bay_id, job_id, request_id, part_no, center_id
FROM events
WHERE vehicle_key = {vehicle:String} AND order_id = {order:String} AND center_id = {center:String}
ORDER BY occurred_at, event_id
LIMIT 1000
"""
_STAGES = """
SELECT activity, toUnixTimestamp64Milli(started_at) AS started_at, toUnixTimestamp64Milli(ended_at) AS ended_at
FROM stages WHERE order_id = {order:String} AND center_id = {center:String} AND vehicle_key = {vehicle:String}
ORDER BY seq
"""


@router.get("/ops/orders/{order_id:path}")
async def order_page(request: Request, order_id: str, person: Viewer, center_id: str | None = None) -> Response:
    """The order of a center that one may see; 404 for every other, as for one that does not exist.

    Without `?center_id=` a number that several centers use leads to a choice.
    """
    web, locale = web_of(request), locale_of(request)
    orders = [OrderKey(center_id, order_id)] if center_id else await _numbered(web, order_id)
    orders = [order for order in orders if person.may_see(order.center_id)]
    if len(orders) > 1:
        named = [(order, name_of(order.center_id, web.config.centers.all(), locale)) for order in orders]
        return page(request, "orders.html", order_id=order_id, orders=named)
    if not orders:
        raise HTTPException(404)
    return await _one_order(request, orders[0], person)


async def _numbered(web: Web, order_id: str) -> list[OrderKey]:
    """The orders with this number, of all centers: those that are known live, else those that are stored."""
    return web.journeys.numbered(order_id) or await asyncio.to_thread(_stored_orders, web, order_id)


def _stored_orders(web: Web, order_id: str) -> list[OrderKey]:
    try:
        return [OrderKey(row["center_id"], order_id) for row in web.ops.ask(_CENTERS, {"order": order_id})]
    except (ExitError, NoEndpointError) as error:
        log.warning("the order's centers cannot be asked for: %s", str(error).splitlines()[0])
        return []


async def _one_order(request: Request, order: OrderKey, person: Person) -> Response:
    web, locale, order_id, center_id = web_of(request), locale_of(request), order.order_id, order.center_id
    fact = web.journeys.get(order)
    row, events, stages, answers = await asyncio.to_thread(_stored, web, order)
    if fact is None and row is None:
        raise HTTPException(404)
    now, centers = web.ops.clock(), web.config.centers
    center = centers.get(center_id)
    log = await asyncio.to_thread(notice_log_of, web.config.settings, order)
    is_manager, call = person.has("manager"), _call_of(web, fact)
    sees_staff = is_manager or person.has("quality")
    return page(
        request,
        "order.html",
        order_id=order_id,
        fact=fact,
        row=row,
        times=times_at(fact, now) if fact else {name: row[name] for name in row if name.endswith("_s")} if row else {},
        stages=_stages(fact, stages),
        events=events if sees_staff else [{**event, "technician_id": None} for event in events],
        technician=_technician(events) if sees_staff else None,
        vehicle_id=fact.vehicle_id if fact and is_manager else None,
        link=_customer_link(web, fact) if fact and is_manager else None,
        proofs=_proofs(fact),
        cases=web.journeys.cases_of(order),
        call=call,
        call_age_s=opening_ms_between(call.asked_at, now, center) / 1000 if call else 0.0,
        answers=answers,
        notices=None if log is None else notice_rows(log, words(locale)),
        now=now,
        center_id=center_id,
        center=name_of(center_id, centers.all(), locale),
        zone=center.time_zone if center else web.ops.default_zone,
        charts=charts,
    )


def _call_of(web: Web, fact: JourneyFact | None) -> CallRequest | None:
    """The customer's newest request to be called, as long as the visit is open."""
    return web.calls.newest(fact.order) if fact is not None and fact.status == "open" else None


def _customer_link(web: Web, fact: JourneyFact) -> str | None:
    """A fresh link to the customer's page; None where nobody knows how customers reach it."""
    if not web.config.public_url:
        return None
    return tracking_url(
        web.config.public_url, web.config.settings.link_keys()[0], fact.order, fact.vehicle_id, web.ops.clock()
    )


def _technician(events: list[Row]) -> str | None:
    """The technician of the last event that names one."""
    return next((str(event["technician_id"]) for event in reversed(events) if event["technician_id"]), None)


def _stored(web: Web, order: OrderKey) -> tuple[Row | None, list[Row], list[Row], bool]:
    """What ClickHouse has of the order: its row, its events, its stages; and whether it answered."""
    try:
        named = {"order": order.order_id, "center": order.center_id}
        rows = web.ops.ask(_ORDER, named)
        if not rows:
            return None, [], [], True
        named["vehicle"] = rows[0]["vehicle_key"]
        return rows[0], web.ops.ask(_EVENTS, named), web.ops.ask(_STAGES, named), True
    except (ExitError, NoEndpointError) as error:
        log.warning("the order's events cannot be shown: %s", str(error).splitlines()[0])
        return None, [], [], False


def _stages(fact: JourneyFact | None, stored: list[Row]) -> list[Mapping[str, Any]]:
    """The stretches of the visit, of the newest fact where there is one."""
    return [stage.model_dump() for stage in fact.stages] if fact else list(stored)


def _proofs(fact: JourneyFact | None) -> dict[str, list[str]]:
    """Which milestones an event proves."""
    milestones: dict[str, list[str]] = {}
    for name, event_id, _ in fact.timeline if fact else ():
        milestones.setdefault(event_id, []).append(name)
    return milestones
