"""Recording that a customer who asked for it was called."""

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fixtrail.web.accounts.access import Manager, audit, posted
from fixtrail.web.calls import answered_call
from fixtrail.web.context import web_of
from fixtrail.web.events import NotAcknowledgedError
from fixtrail.web.staff.page_frame import StaffRoute, go
from schemas.order_key import OrderKey

router = APIRouter(include_in_schema=False, route_class=StaffRoute)


@router.post("/ops/calls/called")
async def record_call(request: Request, person: Manager) -> Response:
    """Somebody has called: the request is done, on every board and on the customer's page.

    404 for an order that one may not see. A request that was withdrawn or answered meanwhile stays as it is.
    """
    web, form = web_of(request), await posted(request)
    try:
        order = OrderKey.decode(form.get("call", ""))
    except (ValueError, TypeError):
        raise HTTPException(400) from None
    newest = web.calls.newest(order)
    if newest is None or not person.may_see(order.center_id):
        raise HTTPException(404)
    back = form.get("back", "/ops")
    if newest.is_waiting:
        try:
            await web.calls.write(web.events, answered_call(newest, person, web.ops.clock()))
        except NotAcknowledgedError:
            return go(request, "/ops?trouble=not_sent")
        audit.info("customer called", extra={"account": person.identity, "via": person.via, "order_id": order.order_id})
        web.boards.forget()
    return go(request, back)
