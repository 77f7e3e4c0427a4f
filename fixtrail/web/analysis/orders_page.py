"""/analysis/orders: the orders behind a bar or a row of a report, the longest wait first."""

import asyncio
import logging
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fixtrail.settings import NoEndpointError
from fixtrail.web.accounts.users import Person
from fixtrail.web.analysis.key_names import key_names
from fixtrail.web.analysis.pages import request_of, sees_all
from fixtrail.web.board.boards import name_of
from fixtrail.web.clickhouse import Row
from fixtrail.web.context import Web, web_of
from fixtrail.web.staff.page_frame import StaffRoute, locale_of, page
from runtime.failure import ExitError

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False, route_class=StaffRoute)
MOST_ORDERS = 300
LONGEST_KEY = 200

_KEYS = {
    "center": "center_id = {key:String}",
    "lane": "lane = {key:String}",
    "origin": "fault_origin = {key:String}",
    "group": "has(fault_groups, {key:String})",
    "region": "center_id IN (SELECT center_id FROM centers WHERE region = {key:String})",
    "wave": "center_id IN (SELECT center_id FROM centers WHERE toString(wave) = {key:String})",
    "part": "(center_id, order_id, vehicle_key) IN "
    "(SELECT center_id, order_id, vehicle_key FROM parts WHERE part_no = {key:String})",
}
_ORDERS = f"""
SELECT center_id, order_id, lane, status, toUnixTimestamp64Milli(closed_at) AS closed, lead_s, wait_s, ftf, ftf_cause,
    score, complaints
FROM orders
WHERE status IN ('handed_off', 'cancelled') AND (%s)
    AND toDate(closed_at, {{zone:String}}) BETWEEN toDate({{from:String}}) AND toDate({{to:String}})
ORDER BY wait_s DESC NULLS LAST, center_id, order_id, vehicle_key LIMIT {MOST_ORDERS}
"""


@router.get("/analysis/orders")
async def orders_page(
    request: Request, person: Annotated[Person, Depends(sees_all)], key: str | None = None, part: str | None = None
) -> Response:
    """The closed orders of a key (a center, a lane …) or part, by days of close. Raises 400 for no such cut."""
    web, locale = web_of(request), locale_of(request)
    report_request = request_of(request, "kpi")
    by = report_request.by if key is not None else None
    by, key = ("part", part) if part else (by, key)
    first, last = report_request.since or date(2000, 1, 1), report_request.until or date(2099, 12, 31)
    if by in ("day", "week", "month"):
        begin, end = days_of(by, key or "")
        first, last = max(first, begin), min(last, end)
    rows = await asyncio.to_thread(_rows, web, by, (key or "")[:LONGEST_KEY], first, last)
    centers = web.config.centers.all()
    return page(
        request,
        "analysis_orders.html",
        by=by,
        key=key and key_names(centers).of(by, key, locale),
        asked=report_request,
        orders=rows,
        center_name=lambda center_id: name_of(center_id, centers, locale),
        zone=web.ops.default_zone,
        most=MOST_ORDERS,
    )


def days_of(by: str, key: str) -> tuple[date, date]:
    """First and last day of a day, week or month as reports name them. Raises HTTPException (400)."""
    try:
        first = date.fromisoformat(f"{key}-01" if by == "month" else key)
    except ValueError:
        raise HTTPException(400) from None
    after_month = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    last = {"day": first, "week": first + timedelta(days=6), "month": after_month - timedelta(days=1)}
    return first, last[by]


def _rows(web: Web, by: str | None, key: str, first: date, last: date) -> list[Row] | None:
    """The orders; None where ClickHouse does not answer."""
    parameters = {"key": key, "zone": web.ops.report_zone, "from": first.isoformat(), "to": last.isoformat()}
    try:
        return web.ops.ask(_ORDERS % _KEYS.get(by or "", "1"), parameters)
    except (ExitError, NoEndpointError) as error:
        log.warning("the orders of a figure cannot be shown: %s", str(error).splitlines()[0])
        return None
