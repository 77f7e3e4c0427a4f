"""What the stream processors write: journey facts, center hours, notices; and the alerts of the watch box.

On the wire times are whole milliseconds since 1970-01-01 UTC, durations seconds, money decimal strings. A journey
fact is one order's whole current state: the newest `version` of an order replaces all older ones. Its figures are
stated as of `last_event_at`; what runs at `activity_since` goes on from there (CONTRACT section 2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, computed_field, model_validator

from schemas.events import VEHICLE_CORRECTED
from schemas.order_key import OrderKey

Activity = Literal["reception", "diagnosis", "approval", "parts", "bay", "repair", "quality", "finishing", "pickup"]
ACTIVITIES: tuple[Activity, ...] = get_args(Activity)
WAITS: tuple[Activity, ...] = ("reception", "approval", "parts", "bay")  # the activities in which nobody works
Status = Literal["open", "handed_off", "cancelled"]
FtfCause = Literal["rework", "open_part", "reopened", "comeback"]


@dataclass(frozen=True, slots=True)
class Figure:
    """Marks a field as a figure: a column of its own in ClickHouse, under the field's name.

    A figure of JourneyFact is also in `fixtrail facts` and, if `in_api`, in the read API's order. A CenterHour's
    figures are sums over orders.
    """

    kind: Literal["label", "labels", "instant", "duration", "count", "money", "quantity", "flag"]
    unit: str = ""
    in_api: bool = True


Label = Figure("label")
Labels = Annotated[tuple[str, ...], Figure("labels")]
Instant = Annotated[int | None, Figure("instant", "ms")]
Seconds = Annotated[
    float | None, Figure("duration", "s"), Field(description="Seconds; null for an order without check-in.")
]
SumOfSeconds = Annotated[float, Figure("duration", "s")]
Money = Annotated[Decimal | None, Figure("money")]
Count = Annotated[int, Figure("count")]


class Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


def _named(center_id: object) -> object:
    # Facts of earlier versions name no center where an order has no check-in.
    return "" if center_id is None else center_id


class Stage(Fact):
    """One unbroken stretch of one activity; `ended_at` is None while it runs."""

    activity: Activity
    started_at: int
    ended_at: int | None


class PartRequestFact(Fact):
    """One part request: when each phase was first reached; `expected_at` is the latest one told."""

    request_id: str
    part_no: str
    quantity: Decimal
    emergency: bool
    requested_at: int | None
    backordered_at: int | None
    fulfilled_at: int | None
    cancelled_at: int | None
    expected_at: int | None
    unit_price: Decimal | None


class SurveyFact(Fact):
    event_id: str
    answered_at: int
    score: int
    reasons: tuple[str, ...]


class ComplaintFact(Fact):
    """One complaint: the event by which it was first heard of and when, the rest as last said.

    `phases` are all that it went through, `reached_at` when each was told.
    """

    event_id: str
    complained_at: int
    category: str
    severity: str | None
    complaint_id: str
    phases: tuple[str, ...]
    reached_at: tuple[int, ...]

    @model_validator(mode="before")
    @classmethod
    def _fill_in_phases(cls, values: dict[str, object]) -> dict[str, object]:
        return {**opened_only(values), **values}


def opened_only(complaint: Mapping[str, object]) -> dict[str, object]:
    """The phases of a complaint that was written before complaints had any: `opened` alone."""
    opened = {"phases": ["opened"], "reached_at": [complaint.get("complained_at")]}
    return {"complaint_id": complaint.get("event_id"), **opened}


class FollowUpFact(Fact):
    """One attempt to reach a customer; `of` is the survey's event id or the complaint's id."""

    event_id: str
    followed_up_at: int
    of: str
    phase: str


class QuotedPartFact(Fact):
    part_no: str
    quantity: Decimal
    unit_price: Decimal
    name: str | None = None
    line_id: str | None = None


class QuotedLabourFact(Fact):
    name: str
    hours: Decimal
    line_id: str | None = None


class QuoteFact(Fact):
    """The last quote, itemised: labour hours times rate plus each part's quantity times price is the total."""

    total: Decimal
    labour_hours: Decimal
    labour_rate: Decimal
    currency: str
    parts: tuple[QuotedPartFact, ...]
    labour: tuple[QuotedLabourFact, ...] = Field(default=(), description="The labour by item, where it was told so.")


class DecisionFact(Fact):
    """What the customer said to a quote; `lines` are those approved, null for all or nothing."""

    at: int
    approved: bool
    amount: Decimal | None
    lines: tuple[str, ...] | None = None


class JourneyFact(Fact):
    """The current state of one order: topic `journeys`, key = JSON array of center_id, order_id and vehicle_id."""

    order_id: str
    vehicle_id: str
    customer_id: str | None
    center_id: Annotated[str, BeforeValidator(_named), Label] = Field(description="The center that the order is of.")
    lane: Annotated[Literal["quick", "standard"] | None, Label]
    locale: str | None
    status: Annotated[Status, Label]
    activity: Annotated[Activity | None, Label] = Field(description="What is going on now; null once closed.")
    activity_since: Instant
    paused_for: Labels = Field(default=(), description="Why jobs are paused now, as far as somebody said so.")
    checked_in_at: Instant
    ready_at: Instant
    closed_at: Instant
    promised_at: Instant = Field(description="When it was last said to be ready.")
    lead_s: Seconds
    wait_s: Seconds
    wait_reception_s: Seconds
    wait_approval_s: Seconds
    wait_parts_s: Seconds
    wait_bay_s: Seconds
    bay_expert_s: Seconds = Field(default=None, description="Of wait_bay_s, under a job paused for an expert.")
    bay_shift_end_s: Seconds = Field(default=None, description="Of wait_bay_s, under a job paused at a shift's end.")
    pickup_s: Seconds
    finishing_s: Seconds = Field(default=None, description="Work done, not yet said to be ready; 0 once closed.")
    touch_s: Seconds
    repair_s: Seconds
    diagnosis_s: Seconds
    quality_s: Seconds
    ftf: Annotated[bool | None, Figure("flag")] = Field(
        description="First-time fix; null for orders that are not judged."
    )
    ftf_cause: Annotated[FtfCause | None, Label]
    comeback_order_id: Annotated[str | None, Label]
    comeback_center_id: Annotated[str | None, Label] = None
    part_requests: Count
    stockouts: Count
    emergencies: Count
    quoted_amount: Money
    approved_amount: Money
    final_amount: Money
    fault_groups: Labels
    fault_origin: Annotated[Literal["maintenance", "misuse", "product"] | None, Label]
    odometer_km: Annotated[float | None, Figure("quantity", "km")]
    score: Annotated[int | None, Figure("quantity")] = Field(description="Of the last survey, 0 to 10.")
    survey_reasons: Annotated[tuple[str, ...], Figure("labels", in_api=False)]
    complaints: Count
    event_count: Count
    anomalies: Labels
    version: Count = Field(description="Grows with every change of what the events say.")
    last_event_at: Annotated[int, Figure("instant", "ms")]
    is_visit: bool = Field(
        default=True,
        description="False where nothing but surveys, complaints, follow-ups and appointments is known: no car.",
    )
    checked: bool | None = Field(
        default=None, description="Whether a quality check or a `ready` was told of in the visit; null: not known."
    )
    passed_check: bool | None = Field(
        default=None, description="Whether a quality check was passed since the last repair; null: not known."
    )
    quote: QuoteFact | None = Field(description="The last quote of the visit.")
    quote_pending: bool = Field(description="Whether it waits for the customer's decision.")
    vehicle_label: str | None = Field(default=None, description="What the customer knows the car by, sealed as sent.")
    advisor: str | None = Field(default=None, description="The advisor's name for the customer, sealed as sent.")
    decisions: tuple[DecisionFact, ...] = Field(default=(), description="What the customer said to quotes.")
    promises: tuple[tuple[int, int], ...] = Field(description="Each new promise: when it was told, and for when.")
    timeline: tuple[tuple[str, str, int], ...] = Field(description="Milestones: name, the event that proves it, when.")
    stages: tuple[Stage, ...]
    parts: tuple[PartRequestFact, ...]
    surveys: tuple[SurveyFact, ...]
    complaint_list: tuple[ComplaintFact, ...]
    follow_ups: tuple[FollowUpFact, ...] = ()

    @property
    def order(self) -> OrderKey:
        """The order that it is about."""
        return OrderKey(self.center_id, self.order_id)

    @property
    def is_moved(self) -> bool:
        """Whether the order was moved to another vehicle, which is the right one."""
        return VEHICLE_CORRECTED in self.anomalies


class CenterHour(Fact):
    """One center's hour as far as one Kafka partition knows it: topic `center-hours`, key = center_id.

    A partial aggregate, written whole each time; the highest `revision` of (center, hour, partition) counts, and the
    partitions are added up. `check_ins` counts orders checked in during the hour; everything else belongs to the
    orders of this center that were closed in the hour, the sums from `judged` on to those handed off.
    `wait_buckets` maps a bucket to the number of orders handed off with that wait: bucket b > 0 holds waits of
    1.08^(b-1) to 1.08^b seconds, bucket 0 those below one second.
    """

    center_id: str
    hour: int
    partition: int
    revision: int
    check_ins: Count
    handed_off: Count
    cancelled: Count
    judged: Count
    fixed_first_time: Count
    lead_s: SumOfSeconds
    wait_s: SumOfSeconds
    wait_reception_s: SumOfSeconds
    wait_approval_s: SumOfSeconds
    wait_parts_s: SumOfSeconds
    wait_bay_s: SumOfSeconds
    touch_s: SumOfSeconds
    pickup_s: SumOfSeconds
    part_requests: Count
    stockouts: Count
    emergencies: Count
    surveys: Count
    promoters: Count
    detractors: Count
    complaints: Count
    quick_ready: Count
    quick_in_time: Count
    promise_both: Count
    promise_kept: Count
    wait_buckets: dict[int, int]


def figures_of(model: type[Fact]) -> dict[str, Figure]:
    """The model's fields that are columns of their own, in the model's order."""
    return {
        name: mark for name, field in model.model_fields.items() for mark in field.metadata if isinstance(mark, Figure)
    }


ORDER_FIGURES: Mapping[str, Figure] = figures_of(JourneyFact)
HOUR_FIGURES: Mapping[str, Figure] = figures_of(CenterHour)


class Notice(Fact):
    """One milestone of one order, proven by the event named: topic `notices`, key = JSON array of center and order id.

    `notice_id` is a hash of (center, order, milestone, event): the same milestone has the same id at each sending.
    `running_late` and `no_news` are told by the clock: their `event_id` names the promise or the silence, not an event.
    `recipients` are the customer's channel addresses, personal data that goes no further than the push sink.
    Not to be delivered before `not_before` nor after `expires_at`, nor once a milestone of `superseded_by` followed.
    """

    notice_id: str
    order_id: str
    center_id: Annotated[str, BeforeValidator(_named)]
    milestone: str
    event_id: str
    occurred_at: int
    not_before: int
    expires_at: int
    superseded_by: tuple[str, ...]
    locale: str | None
    recipients: tuple[str, ...]
    promised_at: int | None = Field(description="The promise as of now, for milestones that tell it.")
    expected_at: int | None = Field(description="When a delayed part is expected.")
    part_no: str | None = Field(description="The part that a part milestone is about.")
    quote: QuoteFact | None = Field(description="The quote that waits for a decision.")
    final_amount: Decimal | None = Field(description="What was paid, on handoff.")

    @property
    def order(self) -> OrderKey:
        """The order that it is about."""
        return OrderKey(self.center_id, self.order_id)


class Telling(Fact):
    """The outcome of sending one step of an alert over one ops channel.

    A step is `opened`, `level-1`, `level-2` … or `closed`. INTENT is written before the call: found by whoever takes
    over, it means that nobody knows, and becomes UNKNOWN.
    """

    step: str
    channel: str
    outcome: Literal["INTENT", "RETRY", "SENT", "REJECTED", "UNKNOWN", "EXPIRED"]
    at: int
    reason: str = ""


OfVoice = Literal["complaint_age", "detractor"]
OfWork = Literal["wait", "no_news", "quick_lane", "promise", "emergency_part", "check_missing", "stuck"]
OfOrder = Literal[OfWork, "vehicle_changed", OfVoice]
OfCenter = Literal["stockout_rate", "source_silent", "clock_skew", "field_lost"]


class Alert(Fact):
    """One alert to the staff: topic `alerts`, key = alert_id; the highest `version` counts.

    `alert_id` is a hash of (rule, subject, opening): what it was opened by has one alert, however often it is found.
    `subject` is an order, an order's part request, a center, a field of a center, a partition, or what a quality
    warning is about (kind/value/fault group). An alert is closed
    once it is acknowledged or its condition has ended; `ended_at` is the latter in both cases, so an acknowledged alert
    without it goes on.
    """

    alert_id: str
    rule: str
    kind: Literal[OfOrder, OfCenter, "pipeline_lag", "quality_warning"]
    severity: Literal["info", "warning", "critical"]
    subject: str
    order_id: str | None
    center_id: str | None
    lane: Literal["quick", "standard"] | None
    opening: str = Field(description="The fact that it was opened by, such as the beginning of a wait.")
    since: int = Field(description="When what it is about began.")
    opened_at: int = Field(description="When the limit was passed.")
    value: float | None = Field(description="What was found, in `unit`; a duration goes on from `since`.")
    limit: float
    unit: Literal["minutes", "share", "events", "cases"]
    level: int = Field(description="How often it was escalated.")
    escalated_at: int | None = None
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None
    note: str | None = None
    closed_at: int | None = None
    closed_by: Literal["condition", "acknowledgement", "configuration", "escalation"] | None = None
    ended_at: int | None = None
    told: tuple[Telling, ...] = ()
    version: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def state(self) -> Literal["open", "acknowledged", "closed"]:
        """Acknowledged: closed, though its condition still holds."""
        if self.closed_at is None:
            return "open"
        return "acknowledged" if self.ended_at is None else "closed"


class Acknowledgement(Fact):
    """Somebody takes care of an alert: topic `alert-acks`, key = alert_id.

    `acknowledged_by` is the name to show. `identity` is who that is: the account's name, or issuer and subject of a
    company account; `via` the way they signed in, or the command line.
    """

    alert_id: str
    acknowledged_at: int
    acknowledged_by: str
    identity: str | None = None
    via: Literal["password", "oidc", "command"] | None = None
    note: str | None = None
