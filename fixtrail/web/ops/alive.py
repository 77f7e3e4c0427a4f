"""How old the data of a page are, for the bar that every staff page has: asked again every few seconds."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fixtrail.web.context import web_of

router = APIRouter(include_in_schema=False)


@router.get("/ops/alive")
async def alive(request: Request) -> Response:
    """Now, and by source its last proof of life and when it is late; 401 without a session, which it does not renew."""
    web = web_of(request)
    if web.ops.access.session_of(request) is None:
        return JSONResponse({}, 401)
    now = web.ops.clock()
    ages = {
        age.source: {"as_of": age.as_of, "since": age.since, "late_after_s": age.late_after_s}
        for age in web.freshness.ages(now)
    }
    return JSONResponse({"now": now, "ages": ages})
