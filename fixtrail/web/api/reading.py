"""`GET /v1/orders/{id}` and `/v1/centers/{id}/open`: journeys as they are now, for other systems."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from fixtrail.web.api.access import Key, require
from fixtrail.web.api.keys import ApiKey
from fixtrail.web.api.order import CenterOrders, Order, order_at
from fixtrail.web.api.problems import ApiError, problem_responses
from fixtrail.web.api.state import state_of
from fixtrail.web.journeys import Journeys
from runtime.clock import now_ms
from runtime.store import StoreUnavailableError
from schemas.facts import JourneyFact
from schemas.other_centers import without_other_centers
from schemas.personal import is_pseudonym, sealed_id_of

router = APIRouter()

# So many orders are worked out in one go; then others get their turn.
_PAUSE_EVERY = 50

OrderId = Annotated[str, Path(max_length=64, description="The order's number in its center, percent-encoded.")]
OfCenter = Annotated[
    str | None, Query(alias="center_id", max_length=64, description="The center, where several have the number.")
]
CenterId = Annotated[str, Path(max_length=64, description="The center's id, percent-encoded.")]


@router.get(
    "/orders/{order_id:path}",
    tags=["orders"],
    operation_id="getOrder",
    summary="One order as it is now",
    responses=problem_responses(401, 403, 404, 409, 422, 429, 503),
)
async def get_order(request: Request, key: Key, order_id: OrderId, center_id: OfCenter = None) -> Order:
    """The order's journey, its running times as of now. Closed orders are there for 30 days.

    Needs scope `orders:read`; an order of a center that the key does not allow is not found. Centers number their
    orders for themselves: where several that the key allows have the number, the answer is 409 and names them in
    `centers`, and `center_id` picks one.
    """
    require(key, "orders:read")
    journeys = _read(request)
    orders = [order for order in journeys.numbered(order_id) if key.allows(center=order.center_id)]
    if center_id is not None:
        orders = [order for order in orders if order.center_id == center_id]
    if len(orders) > 1:
        centers = [order.center_id for order in orders]
        raise ApiError(409, "ambiguous-order", "Ask again with the `center_id` of one of `centers`.", centers=centers)
    fact = journeys.get(orders[0]) if orders else None
    if fact is None:
        raise ApiError(404, "not-found", "There is no such order, or none that this key may see.")
    personal = "personal:read" in key.scopes
    fact, *_ = await _with_customers(request, [fact]) if personal else [fact]
    return _order(request, key, fact, now_ms())


@router.get(
    "/centers/{center_id:path}/open",
    tags=["orders"],
    operation_id="getOpenOrders",
    summary="A center's open orders",
    responses=problem_responses(401, 403, 404, 422, 429, 503),
)
async def get_open_orders(request: Request, key: Key, center_id: CenterId) -> CenterOrders:
    """Every order that is neither handed off nor cancelled, the longest there first, running times as of now.

    Needs scope `centers:read`; a center that the key does not allow is not found. One without open orders, known or
    not, has an empty list.
    """
    require(key, "centers:read")
    if not key.allows(center=center_id):
        raise ApiError(404, "not-found", "There is no such center, or none that this key may see.")
    facts = sorted(_read(request).open_at(center_id), key=lambda fact: (fact.checked_in_at or 0, fact.order_id))
    now, personal = now_ms(), "personal:read" in key.scopes
    orders = []
    for number, fact in enumerate(await _with_customers(request, facts) if personal else facts, 1):
        orders.append(_order(request, key, fact, now))
        if number % _PAUSE_EVERY == 0:
            await asyncio.sleep(0)
    return CenterOrders(center_id=center_id, orders=orders)


async def _with_customers(request: Request, facts: list[JourneyFact]) -> list[JourneyFact]:
    """The facts with customer ids as they were sent; null where one is erased, restricted, or cannot be read now."""
    sealed = {fact.customer_id: sealed_id_of(fact.customer_id) for fact in facts if is_pseudonym(fact.customer_id)}
    if not sealed:
        return facts
    try:
        read = await asyncio.to_thread(state_of(request).vault.reader, filter(None, sealed.values()))
    except StoreUnavailableError:
        return [_with_customer(fact, None) if fact.customer_id in sealed else fact for fact in facts]
    customers = {name: None if text is None else read(text) for name, text in sealed.items()}
    return [
        _with_customer(fact, customers[fact.customer_id]) if fact.customer_id in customers else fact for fact in facts
    ]


def _order(request: Request, key: ApiKey, fact: JourneyFact, now_ms: int) -> Order:
    """The order with what is worked out beside its fact, and nothing of centers that the key may not read."""
    state, personal = state_of(request), "personal:read" in key.scopes
    estimate = None if state.estimates is None else state.estimates.shown(fact, now_ms)
    queue = None if state.queues is None else state.queues.position_of(fact, now_ms)
    visible = fact.model_copy(update=without_other_centers(dict(fact), key.centers))
    return order_at(visible, now_ms, personal=personal, estimate=estimate, queue=queue)


def _with_customer(fact: JourneyFact, customer_id: str | None) -> JourneyFact:
    return fact.model_copy(update={"customer_id": customer_id})


def _read(request: Request) -> Journeys:
    """The read model. Raises ApiError (503) until it has read what was there when the process started."""
    journeys = state_of(request).journeys
    if not journeys.read.is_set():
        raise ApiError(503, "not-ready", "Ask again in a moment.", headers={"Retry-After": "2"})
    return journeys
