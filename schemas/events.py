"""The service-order events: CONTRACT section 1 as pydantic models in one discriminated union."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticKnownError

from schemas.order_key import OrderKey
from schemas.personal import CONTACT, is_pseudonym, is_sealed

# ClickHouse's DateTime64(3) holds 1900-01-01 to 2299-12-31; what it cannot hold must not be accepted.
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2299, 12, 31, tzinfo=UTC)

Instant = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)]
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Code = Annotated[str, Field(max_length=256)]


# Python's Decimal would also take blanks, underscores and foreign digits. An exponent, as it writes itself, is taken.
# No digit is tried twice (`*+`): the time is linear however many there are.
_DECIMAL = re.compile(r"[+-]?(?=[.]?[0-9])[0-9]*+[.]?[0-9]*+(?:[eE][+-]?[0-9]+)?")


def _plain(number: object) -> object:
    if isinstance(number, bool) or not isinstance(number, int | float | str | Decimal):
        raise ValueError("neither a number nor a string")
    if isinstance(number, str) and not _DECIMAL.fullmatch(number):
        raise ValueError("a string that is no plain decimal number")
    return number


def _writable(number: Decimal) -> Decimal:
    # "1e-999999" would be a million digits wherever it is written out. What a float's noise makes is far above.
    if number and number.adjusted() < -20:
        raise ValueError("too small to be written out")
    return number


# Not strict, as `_plain` has looked already: what a function has looked at is no JSON to pydantic any more.
Money = Annotated[
    Decimal, Strict(False), Field(ge=0, lt=Decimal(10) ** 12), BeforeValidator(_plain), AfterValidator(_writable)
]
# What was paid may be a credit.
Balance = Annotated[
    Decimal,
    Strict(False),
    Field(gt=-(Decimal(10) ** 12), lt=Decimal(10) ** 12),
    BeforeValidator(_plain),
    AfterValidator(_writable),
]
Quantity = Annotated[
    Decimal, Strict(False), Field(gt=0, lt=Decimal(10) ** 9), BeforeValidator(_plain), AfterValidator(_writable)
]
Hours = Annotated[Decimal, Strict(False), Field(ge=0, lt=10_000), BeforeValidator(_plain), AfterValidator(_writable)]


def _integer_if_integral(number: object) -> object:
    """9 for 9.0, as JSON Schema reads it; what is no whole number as it is."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Score = Annotated[int, Field(ge=0, le=10), BeforeValidator(_integer_if_integral)]
Kilometres = Annotated[float, Field(ge=0, le=10_000_000)]


def _at_most(length: int, is_longer: Callable[[str], bool]) -> AfterValidator:
    """Refuses a longer text, unless it is one of ours that stands for a personal one."""

    def checked(text: str) -> str:
        if len(text) > length and not (len(text) <= _LONGEST_SEALED and is_longer(text)):
            raise PydanticKnownError("string_too_long", {"max_length": length})
        return text

    return AfterValidator(checked)


# In Kafka personal texts are sealed (schemas.personal), and a sealed text is longer than what it stands for.
_LONGEST_SEALED = 100_000
CustomerId = Annotated[
    str,
    Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$"),
    _at_most(64, is_pseudonym),
    WithJsonSchema(TypeAdapter(Id).json_schema()),
]
AddressText = Annotated[str, _at_most(512, is_sealed), WithJsonSchema({"type": "string", "maxLength": 512})]
Address = AddressText | dict[str, Annotated[str, Field(max_length=512)]]
Label = Annotated[str, _at_most(24, is_sealed), WithJsonSchema({"type": "string", "maxLength": 24})]
Name = Annotated[str, _at_most(40, is_sealed), WithJsonSchema({"type": "string", "maxLength": 40})]
PersonalText = Annotated[str, _at_most(4096, is_sealed), WithJsonSchema({"type": "string", "maxLength": 4096})]
Comment = Annotated[str, _at_most(16_384, is_sealed), WithJsonSchema({"type": "string", "maxLength": 16_384})]
LanguageTag = Annotated[str, Field(max_length=35, pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$")]
Codes = Annotated[tuple[Code, ...], Field(max_length=100)]
ShortText = Annotated[str, Field(max_length=256)]
PartNumber = Annotated[str, Field(min_length=1, max_length=128)]
LineId = Annotated[str, Field(min_length=1, max_length=64)]
Contact = Annotated[tuple[Address, ...], Field(max_length=20)]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


class Event(Model):
    """What every event has. `occurred_at` is event time: when it happened, not when it was sent."""

    # Whether it happens to the car while it is in the workshop.
    is_of_visit: ClassVar[bool] = True

    event_id: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="Unique within its order; a second event of the order with the same id is the same event."
    )
    order_id: Id = Field(description="The service order: its number in its center.")
    vehicle_id: Id = Field(description="The vehicle, usually its VIN; also the Kafka record key.")
    center_id: Id = Field(description="The service center; an order is center and number together.")
    occurred_at: Instant = Field(description="Event time, RFC 3339 with offset, millisecond precision.")

    @property
    def order(self) -> OrderKey:
        """The order that it is about."""
        return OrderKey(self.center_id, self.order_id)


class CheckedIn(Event):
    type: Literal["check_in"]
    customer_id: CustomerId
    lane: Literal["quick", "standard"]
    odometer_km: Kilometres | None = None
    promised_at: Instant | None = Field(default=None, description="When the advisor said it would be ready.")
    locale: LanguageTag | None = Field(default=None, description="Language tag; told in the nearest language there is.")
    contact: Contact | None = Field(
        default=None, description="Channel addresses of the customer; never stored outside the state that needs it."
    )
    vehicle_label: Label | None = Field(
        default=None, description="What the customer knows the car by, masked by the sender."
    )
    advisor: Name | None = Field(default=None, description="Shown to the customer.")
    model: Code | None = None
    software: Code | None = None
    built: Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")] | None = Field(
        default=None, description="Year and month, YYYY-MM."
    )


class QuotedPart(Model):
    part_no: PartNumber
    quantity: Quantity
    unit_price: Money
    name: ShortText | None = None
    line_id: LineId | None = None


class QuotedLabour(Model):
    name: ShortText
    hours: Hours
    line_id: LineId | None = None


class Quote(Model):
    labour_hours: Hours
    labour_rate: Money
    parts: Annotated[tuple[QuotedPart, ...], Field(max_length=500)]
    labour: Annotated[tuple[QuotedLabour, ...], Field(max_length=500)] | None = Field(
        default=None, description="The labour by item; `labour_hours` is the whole of it."
    )
    currency: Annotated[str, Field(min_length=1, max_length=8)]

    def total(self) -> Decimal:
        """Labour hours times rate plus each part's quantity times price, in `currency`."""
        parts = sum((part.quantity * part.unit_price for part in self.parts), Decimal(0))
        return self.labour_hours * self.labour_rate + parts


class Diagnosed(Event):
    type: Literal["diagnosis"]
    phase: Literal["started", "completed"]
    technician_id: Id | None = None
    fault_groups: Codes | None = None
    fault_origin: Literal["maintenance", "misuse", "product"] | None = None
    fault_codes: Codes | None = None
    quote: Quote | None = None


class QuoteDecided(Event):
    type: Literal["quote_decision"]
    approved: bool
    amount: Money | None = None
    lines: Annotated[tuple[LineId, ...], Field(max_length=1000)] | None = Field(
        default=None, description="The `line_id`s approved; without it all or nothing."
    )


class PartRequested(Event):
    type: Literal["part_request"]
    phase: Literal["requested", "backordered", "fulfilled", "cancelled"]
    request_id: Annotated[str, Field(min_length=1, max_length=128)]
    part_no: PartNumber
    quantity: Quantity
    urgency: Literal["normal", "emergency"] | None = None
    expected_at: Instant | None = None
    unit_price: Money | None = None
    name: ShortText | None = None
    batch: Code | None = None
    carrier: Code | None = None
    tracking_no: Code | None = None
    cost: Money | None = None


class Repaired(Event):
    type: Literal["repair"]
    phase: Literal["started", "paused", "resumed", "completed"]
    job_id: Annotated[str, Field(min_length=1, max_length=128)]
    technician_id: Id | None = None
    bay_id: Id | None = None
    pause_reason: Literal["parts", "approval", "expert", "shift_end", "other"] | None = None
    step: Code | None = Field(default=None, description="Code of a procedure's step.")
    batch: Code | None = Field(default=None, description="Of the part taken out.")


def _completed_where_null(phase: object) -> object:
    return "completed" if phase is None else phase


class QualityChecked(Event):
    type: Literal["quality_check"]
    phase: Annotated[
        Literal["started", "completed"],
        BeforeValidator(_completed_where_null, json_schema_input_type=Literal["started", "completed"] | None),
    ] = "completed"
    passed: bool | None = Field(default=None, description="Required when the check is completed.")

    @model_validator(mode="after")
    def _completed_says_whether_passed(self) -> "QualityChecked":
        if self.phase == "completed" and self.passed is None:
            raise ValueError("a completed quality check needs `passed`")
        return self


class ReadyDeclared(Event):
    """The workshop says that the car may be fetched."""

    type: Literal["ready"]


class ExpertCalled(Event):
    type: Literal["expert"]
    phase: Literal["requested", "joined", "resolved", "closed"]
    session_id: Annotated[str, Field(min_length=1, max_length=128)]


class HandedOff(Event):
    type: Literal["handoff"]
    odometer_km: Kilometres | None = None
    amount: Balance | None = Field(default=None, description="What was paid; below 0 it is a credit.")


# The reason of a cancellation that takes an order out of every figure: it goes on under its right vehicle.
VEHICLE_CORRECTED = "vehicle_corrected"


class Cancelled(Event):
    type: Literal["cancellation"]
    reason: PersonalText | None = None


class Surveyed(Event):
    is_of_visit: ClassVar[bool] = False
    type: Literal["survey"]
    score: Score
    reasons: Codes | None = None
    scores: Annotated[dict[Annotated[str, Field(min_length=1, max_length=64)], Score], Field(max_length=50)] | None = (
        Field(default=None, description="Further scores by what they are of: communication, price, quality …")
    )
    comment: Comment | None = None


ComplaintPhase = Literal["opened", "assigned", "contacted", "resolved", "reopened", "closed"]


def _opened_where_null(phase: object) -> object:
    return "opened" if phase is None else phase


class Complained(Event):
    is_of_visit: ClassVar[bool] = False
    type: Literal["complaint"]
    category: Annotated[str, Field(min_length=1, max_length=256)]
    severity: Literal["low", "high"] | None = None
    complaint_id: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None, description="Which complaint; without it the `event_id`."
    )
    phase: Annotated[
        ComplaintPhase, BeforeValidator(_opened_where_null, json_schema_input_type=ComplaintPhase | None)
    ] = "opened"
    handler_id: Id | None = None
    resolution: PersonalText | None = None
    compensation: Money | None = None
    channel: Code | None = None


class FollowedUp(Event):
    is_of_visit: ClassVar[bool] = False
    type: Literal["follow_up"]
    of: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="The survey's `event_id` or a `complaint_id`."
    )
    phase: Literal["contacted", "no_answer", "resolved"]
    handler_id: Id | None = None


class AppointmentMade(Event):
    """Before the check-in; adds no time to the visit."""

    is_of_visit: ClassVar[bool] = False
    type: Literal["appointment"]
    phase: Literal["booked", "moved", "cancelled"]
    starts_at: Instant
    fault_groups: Codes | None = None
    contact: Contact | None = None


ServiceEvent = Annotated[
    CheckedIn
    | Diagnosed
    | QuoteDecided
    | PartRequested
    | Repaired
    | QualityChecked
    | ReadyDeclared
    | ExpertCalled
    | HandedOff
    | Cancelled
    | Surveyed
    | Complained
    | FollowedUp
    | AppointmentMade,
    Field(discriminator="type"),
]
EVENT_TYPES: dict[str, type[Event]] = {
    "check_in": CheckedIn,
    "diagnosis": Diagnosed,
    "quote_decision": QuoteDecided,
    "part_request": PartRequested,
    "repair": Repaired,
    "quality_check": QualityChecked,
    "ready": ReadyDeclared,
    "expert": ExpertCalled,
    "handoff": HandedOff,
    "cancellation": Cancelled,
    "survey": Surveyed,
    "complaint": Complained,
    "follow_up": FollowedUp,
    "appointment": AppointmentMade,
}
TYPES_WITH_CONTACT = frozenset(kind for kind, model in EVENT_TYPES.items() if CONTACT in model.model_fields)
SERVICE_EVENT: TypeAdapter[Event] = TypeAdapter(ServiceEvent)
