"""Entries: the fields of an event that the rules need, as an array, so that state is small and recovers exactly.

In JSON an entry is [event_id, at_ms, code, center_id, *fields]; `code` is one letter for the event's type and phase and
decides which fields follow. Money and quantities stay decimal strings. Entries of one order sort by (at_ms, event_id):
CONTRACT section 2.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from schemas.codes import code_of, codes_of
from schemas.events import (
    VEHICLE_CORRECTED,
    AppointmentMade,
    Cancelled,
    CheckedIn,
    Complained,
    Diagnosed,
    Event,
    ExpertCalled,
    FollowedUp,
    HandedOff,
    PartRequested,
    QualityChecked,
    Quote,
    QuoteDecided,
    ReadyDeclared,
    Repaired,
    Surveyed,
)
from schemas.personal import address_text
from schemas.times import to_ms

CHECK_IN = "i"
DIAGNOSIS_STARTED = "d"
DIAGNOSIS_COMPLETED = "D"
QUOTE_DECISION = "q"
PART_REQUEST = "p"
REPAIR = "r"
CHECK_STARTED = "k"
CHECK_COMPLETED = "K"
HANDOFF = "h"
CANCELLATION = "x"
SURVEY = "s"
COMPLAINT = "c"
READY = "R"
EXPERT = "e"
FOLLOW_UP = "f"
APPOINTMENT = "a"

TERMINAL = frozenset({HANDOFF, CANCELLATION})
# These count after the close, too (CONTRACT section 2).
AFTERWARDS = frozenset({SURVEY, COMPLAINT, FOLLOW_UP})
# Of these alone nobody brought a car.
ASIDE = AFTERWARDS | {APPOINTMENT}
# Whatever decides which other visits of the vehicle an order can be the comeback of.
LINKING = frozenset({CHECK_IN, DIAGNOSIS_COMPLETED, HANDOFF, CANCELLATION})


class Entry(msgspec.Struct, array_like=True, gc=False):
    """The fields that every entry begins with; some entries have no more. `at` is in ms."""

    event_id: str
    at: int
    code: str
    center: str


class CheckInEntry(Entry, array_like=True, gc=False):
    customer: str
    lane: str
    odometer: float | None
    promised_at: int | None
    locale: str | None
    contact: list[str]
    vehicle_label: str | None = None
    advisor: str | None = None


class QuotedPartState(msgspec.Struct, array_like=True, gc=False):
    part_no: str
    quantity: str
    unit_price: str
    name: str | None = None
    line_id: str | None = None


class QuotedLabourState(msgspec.Struct, array_like=True, gc=False):
    name: str
    hours: str
    line_id: str | None = None


class QuoteState(msgspec.Struct, array_like=True, gc=False):
    total: str
    labour_hours: str
    labour_rate: str
    currency: str
    parts: list[QuotedPartState]
    labour: list[QuotedLabourState] = msgspec.field(default_factory=list)


class DiagnosisEntry(Entry, array_like=True, gc=False):
    """A completed diagnosis."""

    fault_groups: list[str]
    fault_origin: str | None
    quote: QuoteState | None


class DecisionEntry(Entry, array_like=True, gc=False):
    approved: bool
    amount: str | None
    lines: list[str] | None = None


class PartEntry(Entry, array_like=True, gc=False):
    phase: str
    request_id: str
    part_no: str
    quantity: str
    urgent: bool
    expected_at: int | None
    unit_price: str | None


class RepairEntry(Entry, array_like=True, gc=False):
    phase: str
    job_id: str
    pause_reason: str | None = None


class CheckEntry(Entry, array_like=True, gc=False):
    """A completed quality check."""

    passed: bool


class HandoffEntry(Entry, array_like=True, gc=False):
    amount: str | None


class CancellationEntry(Entry, array_like=True, gc=False):
    """`corrects_vehicle`: the order was moved to another vehicle, so this one never was."""

    corrects_vehicle: bool = False


class SurveyEntry(Entry, array_like=True, gc=False):
    score: int
    reasons: list[str]


class ComplaintEntry(Entry, array_like=True, gc=False):
    category: str
    severity: str | None
    complaint_id: str | None = None
    phase: str = "opened"


class FollowUpEntry(Entry, array_like=True, gc=False):
    """An entry of before follow-ups were folded says neither of what it was nor what came of it."""

    of: str = ""
    phase: str = "no_answer"


_ENTRY_TYPES: dict[str, type[Entry]] = {
    CHECK_IN: CheckInEntry,
    DIAGNOSIS_STARTED: Entry,
    DIAGNOSIS_COMPLETED: DiagnosisEntry,
    QUOTE_DECISION: DecisionEntry,
    PART_REQUEST: PartEntry,
    REPAIR: RepairEntry,
    CHECK_STARTED: Entry,
    CHECK_COMPLETED: CheckEntry,
    HANDOFF: HandoffEntry,
    CANCELLATION: CancellationEntry,
    SURVEY: SurveyEntry,
    COMPLAINT: ComplaintEntry,
    READY: Entry,
    EXPERT: Entry,
    FOLLOW_UP: FollowUpEntry,
    APPOINTMENT: Entry,
}
_decode_head = msgspec.json.Decoder(Entry).decode
_DECODE = {code: msgspec.json.Decoder(entry_type).decode for code, entry_type in _ENTRY_TYPES.items()}


def sort_key(entry: Entry) -> tuple[int, str]:
    """(occurred_at in ms, event_id): the order of an order's events."""
    return entry.at, entry.event_id


def decode_entry(line: bytes) -> Entry:
    """The entry that a line of an order's state holds."""
    head = _decode_head(line)
    return head if _ENTRY_TYPES[head.code] is Entry else _DECODE[head.code](line)


def entry_of(event: Event) -> Entry:
    """The entry of a validated event."""
    code, *fields = _FIELDS_OF[type(event)](event)
    return _ENTRY_TYPES[code](event.event_id, to_ms(event.occurred_at), code, event.center_id, *fields)


def _check_in(event: CheckedIn) -> tuple[Any, ...]:
    promised = None if event.promised_at is None else to_ms(event.promised_at)
    contact = [address for address in map(address_text, event.contact or ()) if address]
    locale = None if event.locale is None else nearest_locale(event.locale)
    known_by = event.vehicle_label, event.advisor
    return CHECK_IN, event.customer_id, event.lane, event.odometer_km, promised, locale, contact, *known_by


def nearest_locale(tag: str) -> str:
    """The language with words of its own that is nearest to a language tag: "zh-CN" for all Chinese, else "en"."""
    return "zh-CN" if tag.replace("_", "-").lower().split("-")[0] == "zh" else "en"


def _diagnosis(event: Diagnosed) -> tuple[Any, ...]:
    if event.phase == "started":
        return (DIAGNOSIS_STARTED,)
    return DIAGNOSIS_COMPLETED, codes_of(event.fault_groups), event.fault_origin, _quote(event.quote)


def _quote(quote: Quote | None) -> QuoteState | None:
    if quote is None:
        return None
    parts = [
        QuotedPartState(part.part_no, _digits(part.quantity), _digits(part.unit_price), part.name, part.line_id)
        for part in quote.parts
    ]
    labour = [QuotedLabourState(item.name, _digits(item.hours), item.line_id) for item in quote.labour or ()]
    hours, rate = _digits(quote.labour_hours), _digits(quote.labour_rate)
    return QuoteState(_digits(quote.total()), hours, rate, quote.currency, parts, labour)


def _quote_decision(event: QuoteDecided) -> tuple[Any, ...]:
    lines = None if event.lines is None else list(event.lines)
    return QUOTE_DECISION, event.approved, _plain(event.amount), lines


def _part_request(event: PartRequested) -> tuple[Any, ...]:
    expected = None if event.expected_at is None else to_ms(event.expected_at)
    urgent = event.urgency == "emergency"
    price, quantity = _plain(event.unit_price), _digits(event.quantity)
    return PART_REQUEST, event.phase, event.request_id, event.part_no, quantity, urgent, expected, price


def _repair(event: Repaired) -> tuple[Any, ...]:
    return REPAIR, event.phase, event.job_id, event.pause_reason if event.phase == "paused" else None


def _quality_check(event: QualityChecked) -> tuple[Any, ...]:
    return (CHECK_STARTED,) if event.phase == "started" else (CHECK_COMPLETED, event.passed)


def _handoff(event: HandedOff) -> tuple[Any, ...]:
    return HANDOFF, _plain(event.amount)


def _cancellation(event: Cancelled) -> tuple[Any, ...]:
    return CANCELLATION, event.reason == VEHICLE_CORRECTED


def _survey(event: Surveyed) -> tuple[Any, ...]:
    return SURVEY, event.score, codes_of(event.reasons)


def _complaint(event: Complained) -> tuple[Any, ...]:
    return COMPLAINT, code_of(event.category), event.severity, event.complaint_id, event.phase


def _follow_up(event: FollowedUp) -> tuple[Any, ...]:
    return FOLLOW_UP, event.of, event.phase


def _code_only(code: str) -> Callable[[Event], tuple[Any, ...]]:
    """For an event of which the rules need to know no more than that it happened."""
    return lambda event: (code,)


# By event type: the code, and what follows the center in the entry.
_FIELDS_OF: dict[type[Event], Callable[[Any], tuple[Any, ...]]] = {
    CheckedIn: _check_in,
    Diagnosed: _diagnosis,
    QuoteDecided: _quote_decision,
    PartRequested: _part_request,
    Repaired: _repair,
    QualityChecked: _quality_check,
    HandedOff: _handoff,
    Cancelled: _cancellation,
    Surveyed: _survey,
    Complained: _complaint,
    ReadyDeclared: _code_only(READY),
    ExpertCalled: _code_only(EXPERT),
    FollowedUp: _follow_up,
    AppointmentMade: _code_only(APPOINTMENT),
}


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else _digits(amount)


def _digits(amount: Decimal) -> str:
    """A decimal as digits without exponent, so that equal amounts are equal strings."""
    return format(amount.normalize(), "f")
