"""An order as the read API tells it: the figures of view `orders`, as of an instant."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, PlainSerializer, create_model

from fixtrail.estimates.estimate import Estimate
from fixtrail.web.queues import QueuePosition
from schemas.facts import ORDER_FIGURES, Activity, JourneyFact
from schemas.times import from_ms
from streams.journey.as_of import at_instant
from streams.journey.first_time_fix import COMEBACK_WINDOW_MS


def _as_text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


Time = Annotated[datetime, PlainSerializer(_as_text, when_used="json")]


class StageOfOrder(BaseModel):
    """One unbroken stretch of one activity."""

    activity: Activity
    started_at: Time
    ended_at: Time | None = Field(description="null while it runs.")


class PartOfOrder(BaseModel):
    """One part request: when each phase was first reached."""

    request_id: str
    part_no: str
    quantity: Decimal
    emergency: bool
    requested_at: Time | None
    backordered_at: Time | None
    fulfilled_at: Time | None
    cancelled_at: Time | None
    expected_at: Time | None = Field(description="When it was last said to come.")
    unit_price: Decimal | None


class PartOfQuote(BaseModel):
    part_no: str
    quantity: Decimal
    unit_price: Decimal


class QuoteOfOrder(BaseModel):
    """The last quote: labour hours × rate plus each part's quantity × price is the total."""

    total: Decimal
    labour_hours: Decimal
    labour_rate: Decimal
    currency: str
    parts: list[PartOfQuote]


class MilestoneOfOrder(BaseModel):
    """Something the customer can be told, and the event that proves it."""

    name: str
    event_id: str
    at: Time


class _OrderKey(BaseModel):
    order_id: str


def _figure(name: str, kind: str) -> tuple[Any, Any]:
    field = JourneyFact.model_fields[name]
    if kind == "instant":
        return (Time if field.annotation is int else Time | None), Field(description=field.description)
    return field.annotation, Field(description=field.description)


_FIGURES: dict[str, Any] = {name: _figure(name, figure.kind) for name, figure in ORDER_FIGURES.items() if figure.in_api}
_OrderFigures: Any = create_model("_OrderFigures", __base__=_OrderKey, **_FIGURES)


class EstimateOfOrder(BaseModel):
    """When the order will be ready, as its customer is shown it: between `low` and `high`, right 8 times in 10."""

    low: Time
    middle: Time = Field(description="As often before as after.")
    high: Time
    late_probability: float | None = Field(description="That the promise will be broken; null without one.")
    as_of: Time = Field(description="What happened up to then was learned from.")


class QueueOfOrder(BaseModel):
    """Its place among the cars of its center and lane that wait for a bay, as its customer is shown it."""

    before: int = Field(description="Cars that have waited for longer.")
    minutes_each: int = Field(description="From one turn to the next, in minutes of opening time: the median of late.")


class Order(_OrderFigures):  # type: ignore[misc]  # its figures are those of JourneyFact
    """One order as of `as_of`; what every figure means is in docs/contract.md. Money is in decimal strings."""

    ftf_status: Literal["provisional", "confirmed"] | None = Field(
        description="provisional while a comeback may still come (30 days)."
    )
    quote: QuoteOfOrder | None
    quote_pending: bool = Field(description="Whether it waits for the customer's decision.")
    stages: list[StageOfOrder]
    parts: list[PartOfOrder]
    milestones: list[MilestoneOfOrder]
    estimate: EstimateOfOrder | None = Field(default=None, description="null where none is shown to the customer.")
    queue: QueueOfOrder | None = Field(
        default=None, description="null where it does not wait for a bay, or cars there are not taken as they came."
    )
    as_of: Time = Field(description="The instant that running figures are as of.")
    vehicle_id: str | None = Field(default=None, description="With scope `personal:read` only, otherwise null.")
    customer_id: str | None = Field(default=None, description="With scope `personal:read` only, otherwise null.")


_INSTANTS = frozenset(
    {"as_of"}
    | {name for name, figure in ORDER_FIGURES.items() if figure.kind == "instant"}
    | {
        name
        for item in (StageOfOrder, PartOfOrder, MilestoneOfOrder)
        for name in item.model_fields
        if name == "at" or name.endswith("_at")
    }
)


class CenterOrders(BaseModel):
    """The open orders of a center."""

    center_id: str
    orders: list[Order]


def order_at(
    fact: JourneyFact,
    now_ms: int,
    *,
    personal: bool,
    estimate: Estimate | None = None,
    queue: QueuePosition | None = None,
) -> Order:
    """The order as of `now_ms`; vehicle and customer only where `personal`. Contacts are in no fact."""
    values = at_instant(fact.model_dump(), now_ms)
    values["ftf_status"] = _ftf_status(fact, now_ms)
    values["as_of"] = max(now_ms, fact.last_event_at)
    values["estimate"] = None if estimate is None else _estimate(estimate)
    values["queue"] = None if queue is None else {"before": queue.before, "minutes_each": queue.minutes_each}
    values["milestones"] = [{"name": name, "event_id": event_id, "at": at} for name, event_id, at in fact.timeline]
    if not personal:
        values["vehicle_id"] = values["customer_id"] = None
    for item in (values, *values["stages"], *values["parts"], *values["milestones"]):
        for name in _INSTANTS & item.keys():
            if item[name] is not None:
                item[name] = from_ms(item[name])
    order: Order = Order.model_validate(values)
    return order


def _estimate(estimate: Estimate) -> EstimateOfOrder:
    instants = {name: from_ms(getattr(estimate, name)) for name in ("low", "middle", "high", "as_of")}
    return EstimateOfOrder(late_probability=estimate.late_probability, **instants)


def _ftf_status(fact: JourneyFact, now_ms: int) -> str | None:
    """CONTRACT section 3: a first-time fix is provisional until the days in which it could come back are over."""
    if fact.ftf is None or fact.closed_at is None:
        return None
    return "provisional" if fact.ftf and now_ms <= fact.closed_at + COMEBACK_WINDOW_MS else "confirmed"
