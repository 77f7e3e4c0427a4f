"""The views of reference events: the latest counts, whatever the order of arrival."""

import json
import random
from typing import Any

from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all
from tests.kafka_record import KafkaRecord
from tests.rows_by_hand import KEYED, Insert, insert, write_events

__all__ = ["clickhouse", "clickhouse_for_all", "insert"]


def reference(type_: str, event_id: str, at: str, **fields: Any) -> KafkaRecord:
    event = {"type": type_, "event_id": event_id, "center_id": "c1", "occurred_at": at, **fields}
    return KafkaRecord(json.dumps(event).encode(), b"c1", topic="reference-events")


def test_the_latest_stock_counts_in_every_order_of_arrival_and_a_tie_goes_to_the_greater_id(
    clickhouse: ClickHouseNode, insert: Insert
) -> None:
    long = "a-night-load-of-the-whole-store-and-every-shelf-of-it-"
    records = [
        reference("stock_level", "z", "2026-03-01T07:29:59.999Z", part_no="P1", on_hand=9, on_order=4),
        reference("stock_level", f"{long}1", "2026-03-01T07:30:00.000Z", part_no="P1", on_hand=1),
        reference("stock_level", f"{long}2", "2026-03-01T07:30:00.000Z", part_no="P1", on_hand="2.5"),
        reference("stock_level", f"{long}2", "2026-03-01T07:30:00.000Z", part_no="P1", on_hand="2.5"),
        reference("stock_level", "a", "2026-03-01T07:30:00.000Z", part_no="P2", on_hand=7),
    ]
    for seed in range(4):
        clickhouse.ask("TRUNCATE TABLE fixtrail_raw.reference_events")
        write_events(insert, *random.Random(seed).sample(records, len(records)))
        clickhouse.ask("OPTIMIZE TABLE fixtrail_raw.reference_events FINAL" if seed % 2 else "SELECT 1")

        rows = clickhouse.ask("SELECT part_no, on_hand, on_order FROM fixtrail.stock_levels ORDER BY part_no")
        assert rows == "P1\t2.5\t\\N\nP2\t7\t\\N"


def test_a_cancelled_shift_takes_the_planned_one_back_and_the_worked_one_stays(
    clickhouse: ClickHouseNode, insert: Insert
) -> None:
    shift = {"staff_id": "t1", "role": "technician"}
    planned = {"starts_at": "2026-03-02T08:00:00+08:00", "ends_at": "2026-03-02T17:00:00+08:00", **shift}
    write_events(
        insert,
        reference("staff_shift", "3", "2026-03-02T09:30:00Z", **planned, phase="actual"),
        reference("staff_shift", "2", "2026-03-01T10:00:00Z", **planned, phase="cancelled"),
        reference("staff_shift", "1", "2026-02-20T10:00:00Z", **planned, phase="planned"),
    )

    rows = clickhouse.ask("SELECT phase, staff_key, starts_at FROM fixtrail.staff_shifts ORDER BY phase")
    technician = KEYED.staff("c1", "t1")
    assert rows.split("\n") == [f"{phase}\t{technician}\t2026-03-02 00:00:00.000" for phase in ("actual", "cancelled")]


def test_a_grade_of_all_centers_is_known_where_the_person_works(clickhouse: ClickHouseNode, insert: Insert) -> None:
    grade = {"type": "staff_grade", "event_id": "g", "staff_id": "t1", "grade": "senior", "from": "2026-03-01"}
    shift = {"staff_id": "t1", "role": "technician", "phase": "planned", "ends_at": "2026-03-02T17:00:00Z"}
    write_events(
        insert,
        KafkaRecord(
            json.dumps({**grade, "occurred_at": "2026-03-01T00:00:00Z"}).encode(), b"", topic="reference-events"
        ),
        reference("staff_shift", "1", "2026-02-20T10:00:00Z", starts_at="2026-03-02T08:00:00Z", **shift),
    )

    where = f"WHERE center_id = 'c1' AND staff_key = '{KEYED.staff('c1', 't1')}'"
    assert (
        clickhouse.ask(f"SELECT grade, from_at FROM fixtrail.staff_grades {where}") == "senior\t2026-03-01 00:00:00.000"
    )


def test_a_suggestion_says_when_it_was_answered_and_a_price_list_what_each_thing_costs(
    clickhouse: ClickHouseNode, insert: Insert
) -> None:
    idea = {"suggestion_id": "S1", "role": "advisor"}
    prices = {
        "labour": [{"code": "OIL", "name": "oil service", "standard_hours": 0.6}],
        "parts": [{"part_no": "P1", "name": "pads", "price": "320.00"}],
    }
    write_events(
        insert,
        reference("suggestion", "2", "2026-03-05T08:00:00Z", **idea, phase="accepted"),
        reference("suggestion", "1", "2026-03-01T08:00:00Z", **idea, phase="submitted"),
        reference("price_list", "1", "2026-03-01T08:00:00Z", valid_from="2026-04-01", currency="CNY", **prices),
    )

    assert clickhouse.ask("SELECT phase, answered_at - submitted_at FROM fixtrail.suggestions") == "accepted\t345600"
    items = clickhouse.ask("SELECT kind, code, standard_hours, price FROM fixtrail.price_list ORDER BY kind")
    assert items == "labour\tOIL\t0.6\t\\N\npart\tP1\t\\N\t320"
