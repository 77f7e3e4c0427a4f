"""Two centers use one number, also for the same vehicle: their orders meet nowhere, whatever one of them sends.

Each test but the first is an attack that went through while an order was its number alone.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.order_key import OrderKey
from tests.oracle import orders_of
from tests.oracle_terms import EPOCH
from tests.pages import PageServer, now_ms
from tests.unit.fixtrail.test_tracking_links import issued_before
from tests.worker_memory import Memory
from tests.workshop import (
    QUOTE,
    Fact,
    Sent,
    checked_in,
    complained,
    event_of,
    handed_off,
    in_plain_types,
    in_plain_types_too,
    quoted,
)

WEST = {"center_id": "west-02", "order_id": "W-100", "vehicle_id": "V1"}
EAST = {**WEST, "center_id": "east-01"}
VICTIM, ATTACKER = OrderKey("west-02", "W-100"), OrderKey("east-01", "W-100")
DEAR = {**QUOTE, "labour_hours": 10, "labour_rate": 500, "parts": []}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    with PageServer(tmp_path_factory.mktemp("web")) as server:
        yield server


def today(events: list[Sent]) -> list[Sent]:
    """The same events on this day, so that their pages are there."""
    midnight = f"{datetime.now(UTC):%Y-%m-%d}"
    return [{**event, "occurred_at": event["occurred_at"].replace("2026-03-02", midnight)} for event in events]


def facts_of(*events: Sent) -> dict[OrderKey, Fact]:
    """What a worker makes of the events, in their order of arrival."""
    memory = Memory(hold_days=3650)
    memory.take(list(enumerate(map(event_of, events))))
    return {OrderKey(*key): fact for key, fact in memory.facts.items()}


def without_version(fact: Fact) -> Fact:
    """A fact without its version, which grows with the vehicle's other orders."""
    return {**fact, "version": None}


def link_of(pages: PageServer, order: OrderKey, vehicle_id: str = "V1") -> str:
    return "/t/" + pages.token(order.order_id, center_id=order.center_id, vehicle_id=vehicle_id)


def visit() -> list[Sent]:
    return [checked_in("00:01", **WEST), quoted("00:02", **WEST)]


def test_the_rules_and_the_independent_ones_agree_that_they_are_two_orders():
    events = [*visit(), checked_in("00:00", **EAST), quoted("00:03", quote=DEAR, **EAST), handed_off("00:04", **EAST)]
    expected = {OrderKey(*key): in_plain_types_too(order) for key, order in orders_of(events, EPOCH).items()}

    assert expected.keys() == {VICTIM, ATTACKER}
    assert {order: in_plain_types(fact) for order, fact in facts_of(*events).items()} == expected


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param([handed_off("00:05", amount=99_999, **EAST)], id="a: its handoff closes the order"),
        pytest.param([checked_in("00:00", **EAST)], id="b: an earlier check-in moves it to the attacker's center"),
        pytest.param(
            [checked_in("00:03", **EAST, contact=["console:attacker"])], id="d: its contact replaces the customer's"
        ),
        pytest.param([quoted("00:04", quote=DEAR, **EAST)], id="c: its quote replaces the workshop's"),
    ],
)
def test_what_another_center_sends_under_the_number_changes_nothing_of_the_order(attack: list[Sent]):
    events = visit()

    assert without_version(facts_of(*events, *attack)[VICTIM]) == without_version(facts_of(*events)[VICTIM])


def test_an_event_id_that_another_order_has_used_does_not_swallow_the_event():
    check_in = checked_in("00:01", event_id="dms-2026-000777", **WEST)
    squatted = complained("00:00", event_id="dms-2026-000777", **{**EAST, "order_id": "E-SQUAT"})

    assert without_version(facts_of(squatted, check_in)[VICTIM]) == without_version(facts_of(check_in)[VICTIM])


def test_the_customer_s_page_shows_the_own_center_s_quote_and_approves_that_one(pages: PageServer):
    attack = today(
        [
            checked_in("00:03", **{**EAST, "vehicle_id": "V9"}),
            quoted("00:04", quote=DEAR, **{**EAST, "vehicle_id": "V9"}),
        ]
    )
    pages.publish(*facts_of(*today(visit()), *attack).values())
    ours, theirs = link_of(pages, VICTIM), link_of(pages, ATTACKER, "V9")

    assert "769.90" in pages.get(ours).text and "5,000" not in pages.get(ours).text
    assert "5,000" in pages.get(theirs).text and "769.90" not in pages.get(theirs).text

    before = len(pages.events.events)
    quote = re.search(r'name="quote" value="([^"]*)"', pages.get(theirs).text)
    assert quote is not None
    pages.post(theirs, {"form": "decision", "answer": "approve", "quote": quote[1], "amount": "5000"})
    (decision,) = pages.events.events[before:]
    assert (decision["center_id"], decision["order_id"]) == ATTACKER


def test_a_link_for_another_vehicle_or_center_opens_nothing(pages: PageServer):
    pages.publish(*facts_of(*today(visit())).values())

    assert pages.get(link_of(pages, VICTIM)).status == 200
    assert pages.get(link_of(pages, VICTIM, "V2")).status == 404
    assert pages.get(link_of(pages, OrderKey("north-03", "W-100"))).status == 404


def test_an_old_link_opens_a_number_of_one_center_and_is_refused_where_two_have_it(pages: PageServer):
    alone: dict[str, Any] = {**WEST, "order_id": "W-200"}
    pages.publish(*facts_of(*today([checked_in("00:01", **alone)])).values())
    link = "/t/" + issued_before(pages.web.links, "W-200", now_ms())
    assert pages.get(link).status == 200

    pages.publish(*facts_of(*today([checked_in("00:01", **{**alone, "center_id": "east-01"})])).values())
    assert pages.get(link).status == 404


def test_the_notices_of_two_orders_with_one_number_have_ids_of_their_own():
    memory = Memory(hold_days=3650)
    events = [checked_in("00:01", event_id="e", **WEST), checked_in("00:01", event_id="e", **EAST)]
    out = memory.take(list(enumerate(map(event_of, events))))

    assert {(notice["center_id"], notice["milestone"]) for notice in out.notices} == {
        ("west-02", "checked_in"),
        ("east-01", "checked_in"),
    }
    assert len({notice["notice_id"] for notice in out.notices}) == 2


def test_revoking_the_links_of_one_leaves_those_of_the_other(tmp_path: Path):
    with PageServer(tmp_path) as pages:
        pages.publish(*facts_of(*today([*visit(), checked_in("00:01", **EAST)])).values())
        ours, theirs = link_of(pages, VICTIM), link_of(pages, ATTACKER)
        pages.revoke("W-100", now_ms() + 1000, "east-01")

        assert (pages.get(ours).status, pages.get(theirs).status) == (200, 404)
