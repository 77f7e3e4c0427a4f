"""The customer's answer to a quote: line by line, confirmed with its amount, and changed within two minutes."""

import re
from decimal import Decimal
from typing import Any

import pytest

from fixtrail.web.events import event_id_key
from fixtrail.web.tracking.decisions import decision_event
from fixtrail.web.tracking.names import VisitNames
from fixtrail.web.tracking.pages import Pages
from fixtrail.web.tracking.quote_page import QuoteChoice, is_confirmed
from fixtrail.web.tracking.view import CHANGEABLE_MS, Quoted, journey_view
from schemas.facts import JourneyFact
from tests.unit.fixtrail.web.tracking.test_every_history import the_pages
from tests.workshop import (
    QUOTE,
    approved,
    checked_in,
    event_of,
    ms,
    order_after,
    quoted,
    refused,
    repair,
    said_ready,
)

KEY = event_id_key(b"k" * 32)
NAMED = {
    "labour_hours": 1.5,
    "labour_rate": 400,
    "labour": [
        {"name": "oil service", "hours": 0.5, "line_id": "l1"},
        {"name": "brakes", "hours": 1, "line_id": "l2"},
    ],
    "parts": [{"part_no": "PAD", "quantity": 2, "unit_price": 210, "name": "brake pad", "line_id": "p1"}],
    "currency": "CNY",
}
QUOTED = [checked_in("08:00"), quoted("08:30", quote=NAMED, event_id="q1")]
PAGES: Pages = the_pages()


def fact_after(*events: dict[str, Any]) -> JourneyFact:
    return JourneyFact.model_validate(order_after(*events))


def page_of(fact: JourneyFact, clock: str = "08:40", choice: QuoteChoice | None = None) -> str:
    """The text of the page."""
    html = PAGES.page("TOKEN", fact, "en", ms(clock), None, names=VisitNames("A-345", "Wang Fang"), choice=choice)
    return " ".join(re.sub(r"<(?!input|button)[^>]*>", " ", html).split())


def quote_of(fact: JourneyFact) -> Quoted:
    view = journey_view(fact, ms("08:40"))
    assert view.quoted is not None
    return view.quoted


def test_the_page_names_the_lines_the_car_and_the_advisor():
    page = page_of(fact_after(*QUOTED))

    for text in ("oil service", "brakes", "brake pad", "2 × CN¥210.00", "CN¥1,020.00", "A-345", "Wang Fang"):
        assert text in page
    assert page.count('type="checkbox" name="line"') == 3


def test_what_is_chosen_is_shown_with_its_amount_before_it_counts():
    choice = QuoteChoice("approve", "q1", ("l2", "p1"))
    page = page_of(fact_after(*QUOTED), choice=choice)

    assert "approve these lines: CN¥820.00 in total" in page
    assert "Without: oil service" in page
    assert 'name="amount" value="820' in page
    assert "You are about to decline" in page_of(fact_after(*QUOTED), choice=QuoteChoice("decline", "q1"))


@pytest.mark.parametrize(
    "choice", [QuoteChoice("approve", "q1", ("x",)), QuoteChoice("approve", "old", ("l1",)), QuoteChoice("", "q1")]
)
def test_nothing_chosen_or_of_another_quote_is_not_confirmed(choice: QuoteChoice):
    assert "about to" not in page_of(fact_after(*QUOTED), choice=choice)


@pytest.mark.parametrize(
    ("line_ids", "amount", "number", "counts"),
    [
        (("l2", "p1"), "820", "0", True),
        (("l1", "l2", "p1"), "1020.00", "", True),
        (("l2", "p1"), "1020", "0", False),
        (("l2", "p1"), "", "0", False),
        (("x",), "0", "0", False),
        (("l2", "p1"), "820", "1", False),
    ],
)
def test_only_an_amount_that_was_seen_counts(line_ids: tuple[str, ...], amount: str, number: str, counts: bool):
    assert is_confirmed(quote_of(fact_after(*QUOTED)), True, line_ids, amount, number) is counts


def test_the_lines_approved_and_their_amount_go_to_the_workshop_and_into_the_history():
    fact = fact_after(*QUOTED)
    event = decision_event(fact, quote_of(fact), ms("08:40"), KEY, approved=True, line_ids=("l2", "p1"))
    assert (event["lines"], Decimal(event["amount"])) == (["l2", "p1"], 820)
    assert "lines" not in decision_event(fact, quote_of(fact), ms("08:40"), KEY, approved=True)

    page = page_of(fact_after(*QUOTED, event), "08:50")
    assert "You approved this quote. CN¥820.00 in total." in page
    assert "16:40 You approved CN¥820.00" in page
    assert "not chosen" in page


def test_a_decision_may_be_changed_for_two_minutes_and_not_once_work_has_begun():
    events = [*QUOTED, approved("08:40")]
    fact = fact_after(*events)
    until = ms("08:40") + CHANGEABLE_MS

    assert "Change my decision (until 16:42 )" in page_of(fact, "08:41")
    assert 'type="checkbox"' in page_of(fact, "08:41", QuoteChoice("again", "q1"))
    assert "Change my decision" not in page_of(fact, "08:42")
    assert quote_of(fact).is_open(until - 1) and not quote_of(fact).is_open(until)
    assert "Change my decision" not in page_of(fact_after(*events, repair("started", "08:41")), "08:41")


def test_a_change_is_another_event_and_the_last_one_counts():
    first = decision_event(fact_after(*QUOTED), quote_of(fact_after(*QUOTED)), ms("08:40"), KEY, approved=True)
    fact = fact_after(*QUOTED, first)
    second = decision_event(fact, quote_of(fact), ms("08:40"), KEY, approved=False)

    assert first["event_id"] != second["event_id"]
    assert event_of(second).occurred_at > event_of(first).occurred_at
    assert order_after(*QUOTED, first, second)["approved_amount"] is None


def test_a_quote_that_tells_no_lines_is_approved_as_a_whole():
    fact = fact_after(checked_in("08:00"), quoted("08:30", quote=QUOTE, event_id="q1"))

    assert 'type="checkbox"' not in page_of(fact)
    assert "Yes, approve CN¥769.90" in page_of(fact, choice=QuoteChoice("approve", "q1"))


def test_a_declined_car_is_not_told_to_be_ready_before_the_workshop_says_so():
    declined = [*QUOTED, refused("08:40")]
    page = page_of(fact_after(*declined), "08:50")
    assert "You declined the quote. Please agree with us what happens next." in page
    assert "Ready for pickup not yet" in page and page.count("Ready") == 1
    assert "ready" not in [name for name, *_ in order_after(*declined)["timeline"]]

    order = order_after(*declined, said_ready("09:00"))
    assert [name for name, *_ in order["timeline"]].count("ready") == 1
    assert "Ready for pickup not yet" not in page_of(fact_after(*declined, said_ready("09:00")), "09:01")
