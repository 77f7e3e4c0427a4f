"""An order as the read API tells it: the figures of view `orders`, as of an instant."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field, PlainSerializer

from schemas.events import EPOCH
from schemas.facts import Activity, FtfCause, JourneyFact, Status
from streams.journey.as_of import at_instant
from streams.journey.first_time_fix import COMEBACK_WINDOW_MS


def _as_text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


Time = Annotated[datetime, PlainSerializer(_as_text, when_used="json")]
_TIMES = frozenset({"at", "as_of", "activity_since"})
Seconds = Annotated[float | None, Field(description="Seconds; null for an order without check-in.")]


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


class Order(BaseModel):
    """One order as of `as_of`; what every figure means is in docs/contract.md. Money is in decimal strings."""

    order_id: str
    center_id: str | None = Field(description="Of the first check-in.")
    lane: Literal["quick", "standard"] | None
    status: Status
    activity: Activity | None = Field(description="What is going on now; null once closed.")
    activity_since: Time | None
    checked_in_at: Time | None
    promised_at: Time | None = Field(description="When it was last said to be ready.")
    ready_at: Time | None
    closed_at: Time | None
    lead_s: Seconds
    wait_s: Seconds
    wait_reception_s: Seconds
    wait_approval_s: Seconds
    wait_parts_s: Seconds
    wait_bay_s: Seconds
    touch_s: Seconds
    repair_s: Seconds
    diagnosis_s: Seconds
    quality_s: Seconds
    pickup_s: Seconds
    ftf: bool | None = Field(description="First-time fix; null for orders that are not judged.")
    ftf_status: Literal["provisional", "confirmed"] | None = Field(
        description="provisional while a comeback may still come (30 days)."
    )
    ftf_cause: FtfCause | None
    comeback_order_id: str | None
    quoted_amount: Decimal | None
    approved_amount: Decimal | None
    final_amount: Decimal | None
    quote: QuoteOfOrder | None
    quote_pending: bool = Field(description="Whether it waits for the customer's decision.")
    fault_groups: list[str]
    fault_origin: Literal["maintenance", "misuse", "product"] | None
    odometer_km: float | None
    part_requests: int
    stockouts: int
    emergencies: int
    score: int | None = Field(description="Of the last survey, 0 to 10.")
    complaints: int
    anomalies: list[str]
    stages: list[StageOfOrder]
    parts: list[PartOfOrder]
    milestones: list[MilestoneOfOrder]
    event_count: int
    last_event_at: Time
    version: int = Field(description="Grows with every change of what the events say.")
    as_of: Time = Field(description="The instant that running figures are as of.")
    vehicle_id: str | None = Field(default=None, description="With scope `personal:read` only, otherwise null.")
    customer_id: str | None = Field(default=None, description="With scope `personal:read` only, otherwise null.")


class CenterOrders(BaseModel):
    """The open orders of a center."""

    center_id: str
    orders: list[Order]


def order_at(fact: JourneyFact, now_ms: int, *, personal: bool) -> Order:
    """The order as of `now_ms`; vehicle and customer only where `personal`. Contacts are in no fact."""
    told = at_instant(fact.model_dump(), now_ms)
    told["ftf_status"] = _ftf_status(fact, now_ms)
    told["as_of"] = max(now_ms, fact.last_event_at)
    told["milestones"] = [{"name": name, "event_id": event_id, "at": at} for name, event_id, at in fact.timeline]
    if not personal:
        told["vehicle_id"] = told["customer_id"] = None
    for place in (told, *told["stages"], *told["parts"], *told["milestones"]):
        for name in place:
            if (name == "at" or name.endswith("_at") or name in ("activity_since", "as_of")) and place[
                name
            ] is not None:
                place[name] = EPOCH + timedelta(milliseconds=place[name])
    return Order.model_validate(told)


def _ftf_status(fact: JourneyFact, now_ms: int) -> str | None:
    """CONTRACT section 3: a first-time fix is provisional until the days in which it could come back are over."""
    if fact.ftf is None or fact.closed_at is None:
        return None
    return "provisional" if fact.ftf and now_ms <= fact.closed_at + COMEBACK_WINDOW_MS else "confirmed"
