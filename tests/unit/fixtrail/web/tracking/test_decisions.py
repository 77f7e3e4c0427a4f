"""What customers say on the page becomes events that every worker takes, whatever the quote is like."""

import json
from decimal import Decimal
from typing import Any

import pytest

from fixtrail.web.events import event_id_key
from fixtrail.web.tracking.decisions import MOST_COMMENT, decision_event, survey_event
from fixtrail.web.tracking.view import journey_view
from schemas.decode import decode_event
from schemas.facts import JourneyFact
from tests.workshop import checked_in, event_of, handed_off, ms, order_after, quoted

PART = {"part_no": "P-1", "quantity": 1, "unit_price": 1}
QUOTES = {
    "ordinary": {"labour_hours": 1, "labour_rate": "380.50", "parts": [PART], "currency": "CNY"},
    "free": {"labour_hours": 0, "labour_rate": 0, "parts": [], "currency": "CNY"},
    "round": {"labour_hours": "1e3", "labour_rate": "1e3", "parts": [], "currency": "CNY"},
    "huge": {
        "labour_hours": "9999.999",
        "labour_rate": "999999999999.99",
        "parts": [{"part_no": "P", "quantity": "999999999.5", "unit_price": "999999999999.99"}] * 500,
        "currency": "VND",
    },
    "tiny": {"labour_hours": "1e-15", "labour_rate": "1e-15", "parts": [], "currency": "CNY"},
}
KEY = event_id_key(b"k" * 32)
VISIT = {"order_id": "车" * 64, "vehicle_id": "V/'\" " * 12, "center_id": "🏭" * 64}


def fact_after(*events: dict[str, Any]) -> JourneyFact:
    return JourneyFact.model_validate({**order_after(*events), **VISIT})


@pytest.mark.parametrize("kind", QUOTES)
def test_an_approval_is_taken_and_approves_the_quote_as_it_was_shown(kind: str):
    history = [checked_in("08:00"), quoted("08:20", quote=QUOTES[kind])]
    fact = fact_after(*history)
    view = journey_view(fact, ms("08:30"))
    assert view.quoted is not None

    for approved in (True, False):
        event = decision_event(fact, view.quoted, ms("08:30"), KEY, approved=approved)
        assert decode_event(json.dumps(event).encode()).order_id == VISIT["order_id"]

    decision = decision_event(fact, view.quoted, ms("08:30"), KEY, approved=True)
    answer = {**decision, **{name: history[0][name] for name in ("order_id", "vehicle_id", "center_id")}}
    after = order_after(*history, answer)
    assert Decimal(after["approved_amount"]) == Decimal(after["quoted_amount"])
    assert ("amount" in decision) == (kind not in ("huge", "tiny"))


def test_the_longest_survey_is_taken():
    fact = fact_after(checked_in("08:00"), handed_off("09:00"))
    event = survey_event(fact, ms("10:00"), KEY, score=0, reasons=["price"] * 8, comment="很" * 30_000, answers=0)

    parsed = event_of(event)
    assert len(parsed.comment) == MOST_COMMENT  # type: ignore[attr-defined]


def test_the_id_of_a_decision_cannot_be_worked_out_from_what_others_know():
    """Who knows it beforehand could send something else under it, and the customer's answer would not count."""
    fact = fact_after(checked_in("08:00"), quoted("08:10"))
    quote = journey_view(fact, ms("08:30")).quoted
    ours, theirs = (
        decision_event(fact, quote, ms("08:30"), event_id_key(secret), approved=True) for secret in (b"ours", b"theirs")
    )

    assert ours["event_id"] != theirs["event_id"]
    assert ours == decision_event(fact, quote, ms("08:30"), event_id_key(b"ours"), approved=True)
