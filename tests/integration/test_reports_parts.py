"""What the reports of parts, experts and staff ask of ClickHouse, of orders whose parts come after the car was gone."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from fixtrail.reports.options import Options
from fixtrail.reports.parts import outlook
from fixtrail.reports.queries import Ask, query_runner
from fixtrail.reports.targets import targets_of
from sinks.clickhouse.insert import Inserter
from tests import feed
from tests.clickhouse_node import TABLES, ClickHouseNode, clickhouse_for_all
from tests.kafka_record import KafkaRecord
from tests.rows_by_hand import write_events
from tests.warehouse import EVERYTHING, fill, settings_of

__all__ = ["clickhouse_for_all"]

Event = dict[str, Any]
DAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
ORIGIN = date(2026, 4, 1)
LIMITS = {"since": ORIGIN - timedelta(days=365), "until": ORIGIN}
_IDS = count()


def event(order: str, type_: str, at: datetime, **fields: Any) -> Event:
    """One event of an order at C01, whose car is its own."""
    return {
        "event_id": f"e{next(_IDS):04}", "type": type_, "order_id": order, "vehicle_id": f"V-{order}",
        "center_id": "C01", "occurred_at": at.isoformat(), **fields,
    }  # fmt: skip


def part(order: str, phase: str, at: datetime, **fields: Any) -> Event:
    named = {"request_id": "P1", "part_no": f"PART-{order}", "quantity": 2, **fields}
    return event(order, "part_request", at, phase=phase, **named)


def visit(order: str, at: datetime, *between: Event) -> Iterator[Event]:
    """Checked in, and handed off three hours later."""
    yield event(order, "check_in", at, customer_id="C", lane="standard")
    yield from between
    yield event(order, "handoff", at + timedelta(hours=3))


def missing_part(order: str, at: datetime, **fields: Any) -> list[Event]:
    """A part asked for half an hour after the check-in and found missing."""
    request_at = at + timedelta(minutes=30)
    return [
        part(order, "requested", request_at),
        part(order, "backordered", request_at + timedelta(minutes=5), **fields),
    ]


def events() -> Iterator[Event]:
    two_days = timedelta(days=2, minutes=30)
    yield from visit("CAME", DAY, *missing_part("CAME", DAY))
    yield part("CAME", "fulfilled", DAY + two_days)
    yield from visit("LEFT", DAY, *missing_part("LEFT", DAY))
    yield part("LEFT", "cancelled", DAY + two_days)
    yield from visit("OPEN", DAY, *missing_part("OPEN", DAY))
    yield from visit("LATE", DAY, part("LATE", "requested", DAY))
    yield part("LATE", "backordered", DAY + two_days)
    year_ago = DAY - timedelta(days=390)
    yield from visit("LONG", year_ago, *missing_part("LONG", year_ago, carrier="SF", tracking_no="SF-1"))
    yield from visit("GONE", DAY, part("GONE", "requested", DAY))
    yield part("GONE", "cancelled", DAY + two_days)
    # The one that says that it is an emergency does not say what it costs.
    urgent = [part("URGENT", "requested", DAY, urgency="emergency"), part("URGENT", "fulfilled", DAY, cost="12.50")]
    yield from visit("URGENT", DAY, *urgent)
    # Nobody told of the request itself; the car waits an hour for the part.
    request_at = DAY + timedelta(minutes=30)
    lost = [part("LOST", "backordered", request_at), part("LOST", "fulfilled", request_at + timedelta(hours=1))]
    yield from visit("LOST", DAY, *lost)
    yield from visit("EXPERT", DAY, event("EXPERT", "expert", DAY, phase="requested", session_id="S1"))
    yield event("EXPERT", "expert", DAY + timedelta(minutes=1), phase="resolved", session_id="S1")
    yield part("EXPERT", "requested", DAY + timedelta(hours=2))
    yield part("EXPERT", "fulfilled", DAY + two_days)
    yield from visit("VOICE", DAY)
    answer = event("VOICE", "survey", DAY + timedelta(days=1), score=9, scores={"price": 4})
    yield answer
    # The same order under a wrong vehicle, taken back there.
    wrong = [*visit("VOICE", DAY), answer]
    corrected = event("VOICE", "cancellation", DAY + timedelta(days=1, hours=1), reason="vehicle_corrected")
    yield from ({**old, "vehicle_id": "V-WRONG"} for old in [*wrong, corrected])


@pytest.fixture(scope="module")
def ask(clickhouse_for_all: ClickHouseNode) -> Ask:
    for table in TABLES:
        clickhouse_for_all.ask(f"TRUNCATE TABLE fixtrail_raw.{table}")
    fill(clickhouse_for_all, feed.lines(events()))
    level = {"type": "stock_level", "event_id": "s1", "center_id": "C01", "part_no": "PART-CAME", "on_hand": 3}
    record = KafkaRecord(
        json.dumps({**level, "occurred_at": DAY.isoformat()}).encode(), b"C01", topic="reference-events"
    )
    inserter = Inserter(clickhouse_for_all.server())
    write_events(lambda table, block: inserter.insert(table, block), record)
    inserter.close()
    return query_runner(settings_of(clickhouse_for_all))


def test_a_special_order_is_open_until_its_part_came_or_was_withdrawn_after_the_handoff_too(ask: Ask) -> None:
    assert set(ask("parts_open")["order_id"]) == {"OPEN", "LATE", "LONG"}


def test_a_special_order_older_than_a_year_has_its_carrier(ask: Ask) -> None:
    shipments = ask("parts_shipments", **LIMITS).set_index("order_id")
    assert tuple(shipments.loc["LONG", ["carrier", "tracking_no"]]) == ("SF", "SF-1")


def test_an_emergency_costs_what_any_event_of_its_request_says(ask: Ask) -> None:
    shipments = ask("parts_shipments", **LIMITS).set_index("order_id")
    assert (shipments.loc["URGENT", "cost"], bool(shipments.loc["URGENT", "emergency"])) == (12.5, True)


def test_a_delivery_takes_as_long_as_it_took_also_after_the_handoff(ask: Ask) -> None:
    supply = ask("parts_supply", before=ORIGIN).set_index(["level", "part_no"])
    assert supply.loc[("part", "PART-CAME"), "lead_days"] == 2.0
    before = ask("parts_supply", before=DAY.date() + timedelta(days=1)).set_index(["level", "part_no"])
    assert before.loc[("part", "PART-CAME"), "deliveries"] == 0


def test_what_was_delivered_or_withdrawn_after_the_handoff_counts_in_the_demand(ask: Ask) -> None:
    days = ask("parts_days", zone="UTC", without=[], centers=[], slices=1, slice=0, **LIMITS).set_index("part_no")
    assert list(days.loc[["PART-CAME", "PART-LEFT", "PART-OPEN"], "delivered"]) == [2.0, 0.0, 0.0]
    assert list(days.loc[["PART-CAME", "PART-LEFT", "PART-OPEN"], "left_without"]) == [0, 1, 0]
    assert days.loc["PART-LATE", "stockouts"] == 1


def test_a_forecast_of_a_past_day_does_not_know_what_was_told_after_it(ask: Ask) -> None:
    """A request counts until it is withdrawn; of a shelf that was counted later nothing is known."""
    for until, demand in ((DAY.date() + timedelta(days=1), 1), (ORIGIN, 0)):
        days = ask(
            "parts_days", zone="UTC", without=[], centers=[], slices=1, slice=0, since=LIMITS["since"], until=until
        )
        assert (days["part_no"] == "PART-GONE").sum() == demand
    days_told = [DAY.date() - timedelta(days=1), DAY.date()]
    assert [len(ask("parts_stock_levels", until=day)) for day in days_told] == [0, 1]


def test_customers_wait_for_parts_whose_request_nobody_told(ask: Ask) -> None:
    options = Options(DAY, targets=targets_of({}))
    waits = outlook.ask_by_zone(ask, "parts_window", ask("centers"), options.targets.time_zone, LIMITS)
    assert waits.groupby("part_no")["waited_s"].sum()["PART-LOST"] == 3600.0


def test_an_expert_with_a_part_after_the_handoff_did_not_do_without(ask: Ask) -> None:
    sessions = ask("experts", **EVERYTHING).dropna(subset=["requested_ms"]).set_index("order_id")
    assert sessions.loc["EXPERT", "part_ms"] > sessions.loc["EXPERT", "requested_ms"]


def test_the_scores_of_an_order_whose_vehicle_was_corrected_count_once(ask: Ask) -> None:
    scores = ask("staff_subscores", **EVERYTHING)
    assert list(scores[["subject", "n", "total"]].itertuples(index=False, name=None)) == [("price", 1, 4.0)]
