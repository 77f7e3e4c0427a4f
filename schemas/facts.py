"""What the stream processors write: journey facts, center hours, notices.

On the wire times are whole milliseconds since 1970-01-01 UTC, durations seconds, money decimal strings. A journey
fact is one order's whole current state: the newest `version` of an order replaces all older ones. Its figures are
stated as of `last_event_at`; what runs at `activity_since` goes on from there (CONTRACT section 2).
"""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Activity = Literal["reception", "diagnosis", "approval", "parts", "bay", "repair", "quality", "pickup"]
Status = Literal["open", "handed_off", "cancelled"]
FtfCause = Literal["rework", "open_part", "comeback"]


class Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


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
    event_id: str
    complained_at: int
    category: str
    severity: str | None


class QuotedPartFact(Fact):
    part_no: str
    quantity: Decimal
    unit_price: Decimal


class QuoteFact(Fact):
    """The last quote, itemised: labour hours times rate plus each part's quantity times price is the total."""

    total: Decimal
    labour_hours: Decimal
    labour_rate: Decimal
    currency: str
    parts: tuple[QuotedPartFact, ...]


class JourneyFact(Fact):
    """The current state of one order: topic `journeys`, key = order_id."""

    order_id: str
    vehicle_id: str
    customer_id: str | None
    center_id: str | None
    lane: Literal["quick", "standard"] | None
    locale: str | None
    status: Status
    activity: Activity | None
    activity_since: int | None
    checked_in_at: int | None
    ready_at: int | None
    closed_at: int | None
    promised_at: int | None
    lead_s: float | None
    wait_s: float | None
    wait_reception_s: float | None
    wait_approval_s: float | None
    wait_parts_s: float | None
    wait_bay_s: float | None
    pickup_s: float | None
    touch_s: float | None
    repair_s: float | None
    diagnosis_s: float | None
    quality_s: float | None
    ftf: bool | None
    ftf_cause: FtfCause | None
    comeback_order_id: str | None
    part_requests: int
    stockouts: int
    emergencies: int
    quoted_amount: Decimal | None
    approved_amount: Decimal | None
    final_amount: Decimal | None
    fault_groups: tuple[str, ...]
    fault_origin: Literal["maintenance", "misuse", "product"] | None
    odometer_km: float | None
    score: int | None
    survey_reasons: tuple[str, ...]
    complaints: int
    event_count: int
    anomalies: tuple[str, ...]
    version: int
    last_event_at: int
    quote: QuoteFact | None = Field(description="The last quote of the visit.")
    quote_pending: bool = Field(description="Whether it waits for the customer's decision.")
    promises: tuple[tuple[int, int], ...] = Field(description="Each new promise: when it was told, and for when.")
    timeline: tuple[tuple[str, str, int], ...] = Field(description="Milestones: name, the event that proves it, when.")
    stages: tuple[Stage, ...]
    parts: tuple[PartRequestFact, ...]
    surveys: tuple[SurveyFact, ...]
    complaint_list: tuple[ComplaintFact, ...]


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
    check_ins: int
    handed_off: int
    cancelled: int
    judged: int
    fixed_first_time: int
    lead_s: float
    wait_s: float
    wait_reception_s: float
    wait_approval_s: float
    wait_parts_s: float
    wait_bay_s: float
    touch_s: float
    pickup_s: float
    part_requests: int
    stockouts: int
    emergencies: int
    surveys: int
    promoters: int
    detractors: int
    complaints: int
    quick_ready: int
    quick_in_time: int
    promise_both: int
    promise_kept: int
    wait_buckets: dict[int, int]


class Notice(Fact):
    """One milestone of one order, proven by the event named: topic `notices`, key = order_id.

    `notice_id` is a hash of (order, milestone, event): the same milestone has the same id however often it is sent.
    `recipients` are the customer's channel addresses, personal data that goes no further than the push sink.
    Not to be delivered before `not_before` nor after `expires_at`, nor once a milestone of `superseded_by` followed.
    """

    notice_id: str
    order_id: str
    center_id: str | None
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
