"""The customer's tracking page: GET /t/TOKEN."""

import time

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from fixtrail.web.context import web_of

router = APIRouter()


@router.get("/t/{token}")
async def page(request: Request, token: str) -> Response:
    """What the customer sees of the order."""
    web = web_of(request)
    order_id = web.links.opens(token, int(time.time() * 1000))
    fact = web.journeys.get(order_id or "")
    if fact is None:
        return PlainTextResponse("Not found", 404)
    return PlainTextResponse(f"{fact.order_id} {fact.activity or fact.status}")
