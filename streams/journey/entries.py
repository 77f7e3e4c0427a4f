"""What the rules keep of an event: a compact JSON-normal list, so that state is small and recovers exactly.

An entry is [event_id, at_ms, code, center_id, *fields]; `code` is one letter for the event's type and phase.
Money and quantities stay decimal strings. Entries of one order sort by (at_ms, event_id): CONTRACT section 2.
"""

from decimal import Decimal
from typing import Any

from schemas.events import (
    Cancelled,
    CheckedIn,
    Complained,
    Diagnosed,
    Event,
    HandedOff,
    PartRequested,
    QualityChecked,
    Quote,
    QuoteDecided,
    Repaired,
    Surveyed,
)
from schemas.times import to_ms

Entry = list[Any]

EVENT_ID, AT, CODE, CENTER, FIELDS = 0, 1, 2, 3, 4

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

TERMINAL = frozenset({HANDOFF, CANCELLATION})
# These count after the close, too (CONTRACT section 2).
AFTERWARDS = frozenset({SURVEY, COMPLAINT})
# Whatever decides which other visits of the vehicle an order can be the comeback of.
LINKING = frozenset({CHECK_IN, DIAGNOSIS_COMPLETED, HANDOFF, CANCELLATION})


def sort_key(entry: Entry) -> tuple[int, str]:
    """(occurred_at in ms, event_id): the order of an order's events."""
    return entry[AT], entry[EVENT_ID]


def entry_of(event: Event) -> Entry:
    """The entry that stands for a validated event."""
    code, fields = _FIELDS_OF[type(event)](event)
    return [event.event_id, to_ms(event.occurred_at), code, event.center_id, *fields]


def _check_in(event: CheckedIn) -> tuple[str, list[Any]]:
    promised = None if event.promised_at is None else to_ms(event.promised_at)
    contact = [address for address in map(_address, event.contact or ()) if address]
    return CHECK_IN, [event.customer_id, event.lane, event.odometer_km, promised, event.locale, contact]


def _diagnosis(event: Diagnosed) -> tuple[str, list[Any]]:
    if event.phase == "started":
        return DIAGNOSIS_STARTED, []
    return DIAGNOSIS_COMPLETED, [list(event.fault_groups or ()), event.fault_origin, _quote(event.quote)]


def _quote(quote: Quote | None) -> list[Any] | None:
    """[total, labour_hours, labour_rate, currency, [[part_no, quantity, unit_price], ...]]."""
    if quote is None:
        return None
    parts = [[part.part_no, _plain(part.quantity), _plain(part.unit_price)] for part in quote.parts]
    return [_plain(quote.total()), _plain(quote.labour_hours), _plain(quote.labour_rate), quote.currency, parts]


def _quote_decision(event: QuoteDecided) -> tuple[str, list[Any]]:
    return QUOTE_DECISION, [event.approved, _plain(event.amount)]


def _part_request(event: PartRequested) -> tuple[str, list[Any]]:
    expected = None if event.expected_at is None else to_ms(event.expected_at)
    urgent = event.urgency == "emergency"
    price, quantity = _plain(event.unit_price), _plain(event.quantity)
    return PART_REQUEST, [event.phase, event.request_id, event.part_no, quantity, urgent, expected, price]


def _repair(event: Repaired) -> tuple[str, list[Any]]:
    return REPAIR, [event.phase, event.job_id]


def _quality_check(event: QualityChecked) -> tuple[str, list[Any]]:
    return (CHECK_STARTED, []) if event.phase == "started" else (CHECK_COMPLETED, [event.passed])


def _handoff(event: HandedOff) -> tuple[str, list[Any]]:
    return HANDOFF, [_plain(event.amount)]


def _cancellation(event: Cancelled) -> tuple[str, list[Any]]:
    return CANCELLATION, []


def _survey(event: Surveyed) -> tuple[str, list[Any]]:
    return SURVEY, [event.score, list(event.reasons or ())]


def _complaint(event: Complained) -> tuple[str, list[Any]]:
    return COMPLAINT, [event.category, event.severity]


_FIELDS_OF: dict[type[Event], Any] = {
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
}


def _address(address: str | dict[str, str]) -> str:
    """The address as "channel:address", however it was given; empty where there is none."""
    if isinstance(address, str):
        return address
    return f"{address['channel']}:{address['address']}" if {"channel", "address"} <= address.keys() else ""


def _plain(amount: Decimal | None) -> str | None:
    """A decimal as digits without exponent, so that equal amounts are equal strings."""
    return None if amount is None else format(amount.normalize(), "f")
