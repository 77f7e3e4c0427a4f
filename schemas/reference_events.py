"""The reference events: what is known beside the orders (CONTRACT section 1), in one record each, without a vehicle.

Of each natural key the latest by (`occurred_at`, `event_id`) counts, in whatever order they arrive.
"""

import re
from collections.abc import Collection
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, Strict, TypeAdapter, WithJsonSchema, model_validator

from schemas.decode import AHEAD_MS, MAX_BYTES, Decoder, RecordBytes, check_key, check_time
from schemas.events import EARLIEST, LATEST, Codes, Hours, Id, Instant, Model, Money, PartNumber, ShortText
from schemas.times import to_ms

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].*")


def _day_or_time(value: object) -> object:
    """A day alone as its beginning in UTC."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        return f"{value}T00:00:00Z"
    if isinstance(value, datetime) or (isinstance(value, str) and _TIME.fullmatch(value)):
        return value
    raise ValueError("neither a day, YYYY-MM-DD, nor an RFC 3339 time with offset")


def _text(value: object) -> object:
    """A whole number as the text that it would be written as."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_TEXT_OR_NUMBER = WithJsonSchema(
    {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 64}, {"type": "integer"}]}, mode="validation"
)
Day = Annotated[
    AwareDatetime,
    Strict(False),
    Field(ge=EARLIEST, lt=LATEST),
    BeforeValidator(_day_or_time),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}),
]
Word = Annotated[
    str,
    Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$"),
    BeforeValidator(_text),
    _TEXT_OR_NUMBER,
]


class ReferenceEvent(Model):
    """What every reference event has. Without `center_id` it holds for all centers, where its type allows that."""

    KEY: ClassVar[tuple[str, ...]] = ()

    event_id: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="Of two events of one key at the same moment the one with the greater id counts."
    )
    center_id: Id | None = None
    occurred_at: Instant = Field(description="Event time: since when this is so, RFC 3339 with offset, milliseconds.")

    @property
    def natural_key(self) -> tuple[str, ...]:
        """The key of the thing that it describes, unique within type and center."""
        return tuple(_key_text(getattr(self, name)) for name in self.KEY)


class StockLevel(ReferenceEvent):
    """How much of a part a center has."""

    KEY = ("part_no",)

    type: Literal["stock_level"]
    center_id: Id
    part_no: PartNumber
    on_hand: Money
    on_order: Money | None = None


class StaffShift(ReferenceEvent):
    """A shift as planned or as worked; the two stand beside each other. `cancelled` takes the planned one back."""

    KEY = ("staff_id", "starts_at", "record")

    type: Literal["staff_shift"]
    center_id: Id
    staff_id: Id
    role: Word
    starts_at: Instant
    ends_at: Instant
    phase: Literal["planned", "actual", "cancelled"]

    @property
    def record(self) -> str:
        """Which of the two it is about."""
        return "actual" if self.phase == "actual" else "planned"

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> "StaffShift":
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at must lie after starts_at")
        return self


class StaffGrade(ReferenceEvent):
    """A person's grade from a day on."""

    KEY = ("staff_id", "from_at")

    type: Literal["staff_grade"]
    staff_id: Id
    grade: Word
    skills: Codes | None = None
    from_at: Day = Field(alias="from", description="A day (its beginning in UTC) or a time.")


class StaffSurvey(ReferenceEvent):
    """One answer of the staff's own survey."""

    KEY = ("round", "respondent_key")

    type: Literal["staff_survey"]
    center_id: Id
    round: Word
    role: Word
    respondent_key: Id
    score: Annotated[float, Field(ge=0, le=100)]


class Suggestion(ReferenceEvent):
    """A step in the life of an employee's suggestion."""

    KEY = ("suggestion_id", "phase")

    type: Literal["suggestion"]
    suggestion_id: Annotated[str, Field(min_length=1, max_length=128)]
    center_id: Id
    role: Word
    phase: Literal["submitted", "accepted", "adopted", "rewarded", "declined"]


class ListedLabour(Model):
    code: Annotated[str, Field(min_length=1, max_length=128)]
    name: ShortText
    standard_hours: Hours


class ListedPart(Model):
    part_no: PartNumber
    name: ShortText
    price: Money


class PriceList(ReferenceEvent):
    """What labour and parts cost from a day on, in one center or (without `center_id`) in all."""

    KEY = ("valid_from",)

    type: Literal["price_list"]
    valid_from: Day = Field(description="A day (its beginning in UTC) or a time.")
    labour: Annotated[tuple[ListedLabour, ...], Field(max_length=5000)]
    parts: Annotated[tuple[ListedPart, ...], Field(max_length=5000)]
    currency: Annotated[str, Field(min_length=1, max_length=8)]


REFERENCE_TYPES: dict[str, type[ReferenceEvent]] = {
    "stock_level": StockLevel,
    "staff_shift": StaffShift,
    "staff_grade": StaffGrade,
    "staff_survey": StaffSurvey,
    "suggestion": Suggestion,
    "price_list": PriceList,
}
REFERENCE_DECODER: Decoder[ReferenceEvent] = Decoder(REFERENCE_TYPES)
AnyReference = Annotated[
    StockLevel | StaffShift | StaffGrade | StaffSurvey | Suggestion | PriceList, Field(discriminator="type")
]
REFERENCE_EVENT: TypeAdapter[StockLevel | StaffShift | StaffGrade | StaffSurvey | Suggestion | PriceList] = TypeAdapter(
    AnyReference
)


def admit_reference(
    record: RecordBytes, *, max_bytes: int = MAX_BYTES, ahead_ms: int = AHEAD_MS
) -> tuple[ReferenceEvent, Collection[str]]:
    """The event of a record of `reference-events`, as `schemas.decode.admit` has those of `service-events`.

    The key is the `center_id`; of an event of all centers it is empty or missing. Raises EventError.
    """
    event, extras = REFERENCE_DECODER.decode(record.value, record.headers, max_bytes=max_bytes)
    if event.center_id is not None or record.key:
        check_key(record, event.center_id or "", "center_id")
    check_time(record, event.occurred_at, ahead_ms)
    return event, extras


def _key_text(value: object) -> str:
    return str(to_ms(value)) if isinstance(value, datetime) else str(value)
