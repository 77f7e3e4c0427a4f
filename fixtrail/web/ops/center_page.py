"""One center's day: what came and went hour by hour, how long people waited, and every order of it."""

import asyncio
import logging
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fixtrail.settings import NoEndpointError
from fixtrail.web.accounts.access import Viewer
from fixtrail.web.board.board import board
from fixtrail.web.board.boards import ftfr, name_of, nps
from fixtrail.web.board.figures import Sums
from fixtrail.web.board.work import work_list
from fixtrail.web.calls import by_order
from fixtrail.web.clickhouse import Row
from fixtrail.web.context import Web, web_of
from fixtrail.web.ready import as_shown
from fixtrail.web.staff import charts
from fixtrail.web.staff.page_frame import StaffRoute, locale_of, page
from runtime.failure import ExitError
from schemas.facts import Alert

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False, route_class=StaffRoute)
MOST_ORDERS = 300

_SPAN = "toDateTime64({from:String}, 3, 'UTC') <= %s AND %s < toDateTime64({to:String}, 3, 'UTC')"
_HOURS = f"""
SELECT toUnixTimestamp64Milli(hour) AS at, check_ins, handed_off, wait_s, wait_p50_s, wait_p90_s, wait_buckets,
    judged, fixed_first_time, surveys, promoters, detractors, quick_ready, quick_in_time, promise_both, promise_kept,
    part_requests, stockouts, complaints
FROM center_hours WHERE center_id = {{center:String}} AND {_SPAN % ("hour", "hour")} ORDER BY hour
"""
_ORDERS = f"""
SELECT center_id, order_id, lane, status, toUnixTimestamp64Milli(closed_at) AS closed, lead_s,
    wait_s, wait_reception_s, wait_approval_s, wait_parts_s, wait_bay_s, ftf, ftf_cause, score, complaints,
    stockouts, final_amount
FROM orders WHERE center_id = {{center:String}} AND {_SPAN % ("closed_at", "closed_at")}
ORDER BY wait_s DESC LIMIT {MOST_ORDERS}
"""


@router.get("/ops/centers/{center_id:path}")
async def center_page(request: Request, center_id: str, person: Viewer) -> Response:
    """Today, or the local day that `?day=` names; 404 for a center that one may not see, or nobody knows."""
    web = web_of(request)
    center = web.config.centers.get(center_id)
    if not person.may_see(center_id) or (center is None and not web.journeys.open_at(center_id)):
        raise HTTPException(404)
    zone, now = center.time_zone if center else web.ops.default_zone, web.ops.clock()
    today = datetime.fromtimestamp(now / 1000, ZoneInfo(zone)).date()
    day = day_of(request.query_params.get("day"), today)
    hours, orders, answers = await asyncio.to_thread(_stored, web, center_id, day, zone)
    sums, centers, checks = _sums(hours), web.config.centers.all(), web.journeys.checks
    open_orders = [as_shown(fact, centers, checks, now) for fact in web.journeys.open_at(center_id)]
    thresholds, calls = web.ops.board_targets.thresholds, by_order(web.calls)
    present = board(open_orders, now, thresholds, [center_id], reference=centers, calls=calls)
    return page(
        request,
        "center.html",
        center_id=center_id,
        name=name_of(center_id, centers, locale_of(request)),
        center=center,
        badge=web.ops.data_badges.current().of(center_id),
        zone=zone,
        day=day,
        today=today,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1) if day < today else None,
        now=now,
        board=present if day == today else None,
        work=work_list(present, _alerts_at(web, center_id)) if day == today else [],
        hours=hours,
        sums=sums,
        check_ins=sum(row["check_ins"] for row in hours),
        complaints=sum(row["complaints"] for row in hours),
        ftfr=ftfr(sums),
        nps=nps(sums),
        orders=orders,
        answers=answers,
        targets=web.ops.board_targets.targets,
        charts=charts,
    )


def _alerts_at(web: Web, center_id: str) -> list[Alert]:
    return [alert for alert in web.ops.alerts.all() if alert.center_id == center_id]


def day_of(text: str | None, today: date) -> date:
    """The day that an address names, today where it names none that makes sense."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return today
    return min(today, max(date(2000, 1, 1), day))


def _stored(web: Web, center_id: str, day: date, zone: str) -> tuple[list[Row], list[Row], bool]:
    """Hours and closed orders of the day; and whether ClickHouse answered."""
    begin = datetime.combine(day, datetime.min.time(), ZoneInfo(zone))
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), ZoneInfo(zone))
    span = {"from": f"{begin.astimezone(UTC):%Y-%m-%d %H:%M:%S}", "to": f"{end.astimezone(UTC):%Y-%m-%d %H:%M:%S}"}
    try:
        parameters = {"center": center_id, **span}
        return web.ops.ask(_HOURS, parameters), web.ops.ask(_ORDERS, parameters), True
    except (ExitError, NoEndpointError) as error:
        log.warning("a center's day cannot be shown: %s", str(error).splitlines()[0])
        return [], [], False


def _sums(hours: list[Row]) -> Sums:
    from dataclasses import fields

    from fixtrail.web.board.figures import sum_of

    names = [field.name for field in fields(Sums) if field.name != "buckets"]
    return sum_of(
        Sums(**{name: row[name] for name in names}, buckets={int(k): int(v) for k, v in row["wait_buckets"].items()})
        for row in hours
    )
