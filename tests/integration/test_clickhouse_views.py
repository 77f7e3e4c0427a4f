"""The views of ClickHouse: which row counts, figures that run on, lists, and hours of a center."""

import shutil
import time
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from sinks.clickhouse.fact_rows import CENTER_HOURS, JOURNEYS, FactRows
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.migrations import FOLDER, Migration, migrate
from sinks.clickhouse.tables import RawTable
from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all, start_clickhouse
from tests.rows_by_hand import KEYED, Insert, insert, journey_row, letter, record, write_events
from tests.workshop import (
    approved,
    called_off,
    checked_in,
    complained,
    diagnosis_started,
    facts_after,
    handed_off,
    order_after,
    part,
    quoted,
    repair,
    repaired_visit,
    surveyed,
)

__all__ = ["clickhouse", "clickhouse_for_all", "insert"]


def test_the_newest_version_of_an_order_counts_whatever_the_order_of_arrival(
    clickhouse: ClickHouseNode, insert: Insert
) -> None:
    fact = order_after(*repaired_visit("brakes"))
    versions = [{**fact, "version": version, "complaints": version} for version in (1, 2, 3)]
    for older, middle, newest in permutations(versions):
        clickhouse.ask("TRUNCATE TABLE fixtrail_raw.journeys")
        for fact in (older, middle, newest, older):
            insert(JOURNEYS, [journey_row(fact)])

        assert clickhouse.ask("SELECT version, complaints FROM fixtrail.orders") == "3\t3"


def test_stages_are_always_of_the_order_s_newest_version(clickhouse: ClickHouseNode, insert: Insert) -> None:
    """A later version may have fewer stages: none of an older one may stay behind."""
    longer = {**order_after(*repaired_visit("brakes")), "version": 1}
    shorter = {**order_after(checked_in("08:00"), handed_off("09:00")), "version": 2}
    for fact in (shorter, longer):
        insert(JOURNEYS, [journey_row(fact)])

    assert clickhouse.ask("SELECT activity, seconds FROM fixtrail.stages") == "reception\t3600"


def test_the_first_of_several_events_with_one_id_counts(clickhouse: ClickHouseNode, insert: Insert) -> None:
    first, second = checked_in("08:00", lane="quick"), checked_in("09:00", lane="standard")
    second["event_id"] = first["event_id"]
    write_events(insert, record(second, 20), record(first, 10), record(second, 30), record(first, 10))

    assert clickhouse.ask("SELECT kafka_offset, payload FROM fixtrail.events") == '10\t{"lane":"quick"}'


def test_an_event_id_is_one_event_in_its_order_only(clickhouse: ClickHouseNode, insert: Insert) -> None:
    first = checked_in("08:00")
    others = {**first, "center_id": "C2"}, {**first, "order_id": "R2"}
    write_events(insert, *(record(event, offset) for offset, event in enumerate((first, *others, first), 10)))

    assert clickhouse.ask("SELECT center_id, order_id, kafka_offset FROM fixtrail.events ORDER BY kafka_offset") == (
        "C1\tR1\t10\nC2\tR1\t11\nC1\tR2\t12"
    )


def test_centers_with_the_same_number_have_each_a_row_though_it_is_the_same_vehicle(
    clickhouse: ClickHouseNode, insert: Insert
) -> None:
    facts = facts_after(*repaired_visit("brakes"), checked_in("08:00", center_id="C2")).values()
    insert(JOURNEYS, [journey_row(fact) for fact in facts])
    insert(JOURNEYS, [journey_row(fact) for fact in facts])

    assert clickhouse.ask("SELECT center_id, order_id, status FROM fixtrail.orders ORDER BY center_id") == (
        "C1\tR1\thanded_off\nC2\tR1\topen"
    )


def test_orders_of_before_they_had_a_center_stay_over_the_migration(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "migrations")
    for later in sorted(folder.glob("*.sql"))[6:]:
        later.unlink()
    node = start_clickhouse(tmp_path / "data")
    try:
        migrate(node.client(), folder)
        inserter = Inserter(node.server())
        rows = [journey_row(fact) for fact in facts_after(*repaired_visit("brakes")).values()]
        there = [number for number, name in enumerate(JOURNEYS.columns) if not name.startswith("follow_ups.")]
        before = RawTable("journeys", tuple(JOURNEYS.columns[number] for number in there))
        assert inserter.insert(before, [tuple(row[number] for number in there) for row in rows]) == []
        inserter.close()
        columns = "order_id, vehicle_key, version, center_id"
        node.ask(f"INSERT INTO fixtrail_raw.journeys ({columns}) VALUES ('R2', 'v', 1, NULL)")
        migrate(node.client())
        inserter = Inserter(node.server())
        assert inserter.insert(JOURNEYS, rows) == []
        inserter.close()

        assert node.ask("SELECT order_id, center_id, ftf FROM fixtrail.orders ORDER BY order_id") == (
            "R1\tC1\ttrue\nR2\t\t\\N"
        )
        sql = (FOLDER / "0007_order_identity.sql").read_text()
        for statement in Migration("0007_order_identity.sql", sql).statements():
            node.client().command(statement)
        assert node.ask("SELECT count() FROM fixtrail.orders") == "2"
    finally:
        node.stop()


def test_a_diverted_event_vanishes_and_the_next_with_its_id_counts(clickhouse: ClickHouseNode, insert: Insert) -> None:
    """In any order of arrival: the worker's dead letters and the events come by different topics."""
    visit = checked_in("08:00")
    diverted, resent, again = (record(visit, offset) for offset in (10, 500, 900))
    for arrival in permutations([diverted, resent, again, letter(diverted)]):
        for table in ("events", "dead_letters"):
            clickhouse.ask(f"TRUNCATE TABLE fixtrail_raw.{table}")
        write_events(insert, *arrival)

        assert clickhouse.ask("SELECT kafka_offset FROM fixtrail.events") == "500"


def test_a_letter_about_bytes_that_are_no_event_hides_none(clickhouse: ClickHouseNode, insert: Insert) -> None:
    broken = record(checked_in("08:00"), 7)
    broken.value = b'{"type": "check_in"'
    write_events(insert, letter(broken, "not_json"), record(checked_in("08:00"), 8))

    assert clickhouse.ask("SELECT code, kafka_offset, diverted FROM fixtrail.dead_letters") == "not_json\t7\tfalse"
    assert clickhouse.ask("SELECT count() FROM fixtrail.events") == "1"


def test_a_wait_that_is_still_running_grows_with_every_second(clickhouse: ClickHouseNode, insert: Insert) -> None:
    insert(JOURNEYS, [journey_row(_waiting_for_parts_since(minutes=30))])
    first = _live(clickhouse)
    time.sleep(1.5)
    second = _live(clickhouse)

    # 20 minutes until the part was asked for, and 30 that it takes already.
    assert 3000 <= first["lead_s"] < 3060
    assert 1.4 <= second["lead_s"] - first["lead_s"] < 60
    assert 1800 <= first["wait_parts_s"] < 1860
    assert first["wait_s"] - first["wait_parts_s"] == pytest.approx(first["wait_reception_s"])
    assert first["touch_s"] == pytest.approx(first["diagnosis_s"])


def test_the_seconds_of_the_stages_add_up_to_a_live_lead(clickhouse: ClickHouseNode, insert: Insert) -> None:
    insert(JOURNEYS, [journey_row(_waiting_for_parts_since(minutes=30))])
    figures = clickhouse.ask(
        "SELECT abs((SELECT sum(lead_s) FROM fixtrail.orders) - (SELECT sum(seconds) FROM fixtrail.stages))"
    )

    assert float(figures) < 2


def test_the_live_parts_of_a_visit_add_up_to_its_lead(clickhouse: ClickHouseNode, insert: Insert) -> None:
    insert(JOURNEYS, [journey_row(_waiting_for_parts_since(minutes=30))])
    waits = "wait_reception_s + wait_approval_s + wait_parts_s + wait_bay_s"
    figures = clickhouse.ask(
        f"SELECT lead_s - (repair_s + diagnosis_s + quality_s + {waits} + pickup_s), "
        f"lead_s - wait_s - touch_s - pickup_s, wait_s - ({waits}) FROM fixtrail.orders"
    )

    assert [round(float(rest), 6) for rest in figures.split("\t")] == [0, 0, 0]


def test_a_handed_off_order_stands_still(clickhouse: ClickHouseNode, insert: Insert) -> None:
    insert(JOURNEYS, [journey_row(order_after(*repaired_visit("brakes")))])

    assert clickhouse.ask("SELECT lead_s, activity, status FROM fixtrail.orders") == "10800\t\\N\thanded_off"


def test_an_event_stamped_in_the_future_takes_no_time_away(clickhouse: ClickHouseNode, insert: Insert) -> None:
    insert(JOURNEYS, [journey_row(_waiting_for_parts_since(minutes=-120))])

    assert clickhouse.ask("SELECT wait_parts_s, lead_s FROM fixtrail.orders") == "0\t1200"
    assert clickhouse.ask("SELECT sum(seconds) FROM fixtrail.stages") == "1200"


def test_an_order_under_two_vehicles_says_so_until_it_is_corrected(clickhouse: ClickHouseNode, insert: Insert) -> None:
    visit = [checked_in("08:00"), repair("started", "08:10"), handed_off("09:00")]
    under = {name: order_after(*(event | {"vehicle_id": name} for event in visit)) for name in ("TYPO", "RIGHT")}
    insert(JOURNEYS, [journey_row(fact) for fact in under.values()])
    anomalies = "SELECT anomalies FROM fixtrail.orders ORDER BY vehicle_key"
    assert clickhouse.ask(anomalies) == "['vehicle_changed']\n['vehicle_changed']"

    wrong = [event | {"vehicle_id": "TYPO"} for event in (*visit, called_off("10:00", reason="vehicle_corrected"))]
    insert(JOURNEYS, [journey_row(order_after(*wrong))])

    assert clickhouse.ask(anomalies) == "[]"
    assert clickhouse.ask("SELECT count() FROM fixtrail.stages") == "2", "those of the right vehicle alone"


def test_an_order_without_check_in_has_no_times(clickhouse: ClickHouseNode, insert: Insert) -> None:
    insert(JOURNEYS, [journey_row(order_after(repair("started", "08:00")))])

    assert clickhouse.ask("SELECT lead_s, wait_s, activity, center_id, lane, anomalies FROM fixtrail.orders") == (
        "\\N\t\\N\t\\N\tC1\t\\N\t['missing_check_in','never_closed']"
    )


@pytest.mark.parametrize(("days", "status"), [(10, "provisional"), (31, "confirmed")])
def test_first_time_fix_is_provisional_for_thirty_days(
    clickhouse: ClickHouseNode, insert: Insert, days: int, status: str
) -> None:
    fact = order_after(*repaired_visit("brakes"))
    fact["closed_at"] = _ms(datetime.now(UTC) - timedelta(days=days))
    insert(JOURNEYS, [journey_row(fact)])

    assert clickhouse.ask("SELECT ftf, ftf_status FROM fixtrail.orders") == f"true\t{status}"


def test_parts_surveys_and_complaints_have_views_of_their_own(clickhouse: ClickHouseNode, insert: Insert) -> None:
    fact = order_after(
        checked_in("08:00"),
        part("requested", "08:10", urgency="emergency", unit_price=12.5),
        part("backordered", "08:20", urgency="emergency"),
        part("fulfilled", "09:00"),
        handed_off("10:00"),
        surveyed("12:00", score=4, reasons=["wait"]),
        surveyed("18:00", score=9, reasons=["staff"]),
        complained("13:00", category="noise", severity="high"),
    )
    insert(JOURNEYS, [journey_row(fact)])

    assert clickhouse.ask("SELECT request_id, emergency, stockout, unit_price, quantity FROM fixtrail.parts") == (
        "Q1\ttrue\ttrue\t12.5\t1"
    )
    assert clickhouse.ask("SELECT score, reasons, is_last FROM fixtrail.surveys ORDER BY answered_at") == (
        "4\t['wait']\tfalse\n9\t['staff']\ttrue"
    )
    assert clickhouse.ask("SELECT category, severity FROM fixtrail.complaints") == "noise\thigh"
    assert clickhouse.ask("SELECT score, complaints, emergencies, stockouts FROM fixtrail.orders") == "9\t1\t1\t1"


def test_a_quote_of_absurd_size_is_kept_exactly(clickhouse: ClickHouseNode, insert: Insert) -> None:
    fact = order_after(checked_in("08:00"), quoted("08:30"), approved("09:00"))
    insert(
        JOURNEYS,
        [journey_row({**fact, "quoted_amount": "500000000000000000000000.0001", "approved_amount": "0.00005"})],
    )

    assert clickhouse.ask("SELECT quoted_amount, approved_amount FROM fixtrail.orders") == (
        "500000000000000000000000.0001\t0"
    )


def test_the_parts_of_an_hour_are_added_up_and_its_percentiles_are_within_four_per_cent(
    clickhouse: ClickHouseNode, insert: Insert
) -> None:
    from streams.journey.center_hours import SUMS, wait_bucket

    waits = [60.0 * n for n in range(1, 101)]
    rows = FactRows(KEYED)
    for revision in (1, 2):
        for partition in (0, 1):
            mine = waits[partition::2][: 25 * revision]
            buckets: dict[str, int] = {}
            for wait in mine:
                buckets[str(wait_bucket(wait))] = buckets.get(str(wait_bucket(wait)), 0) + 1
            fact = {
                **dict.fromkeys(SUMS, 0),
                "center_id": "C1",
                "hour": 0,
                "partition": partition,
                "revision": revision,
            }
            fact |= {"handed_off": len(mine), "wait_s": sum(mine), "wait_buckets": buckets}
            insert(CENTER_HOURS, [rows.hour_row(fact)])
    figures = clickhouse.ask("SELECT handed_off, wait_s, wait_p50_s, wait_p90_s FROM fixtrail.center_hours").split("\t")

    assert figures[:2] == ["100", str(int(sum(waits)))]
    assert float(figures[2]) == pytest.approx(3000, rel=0.04)
    assert float(figures[3]) == pytest.approx(5400, rel=0.04)


def test_an_hour_without_a_handoff_has_no_percentiles(clickhouse: ClickHouseNode, insert: Insert) -> None:
    from streams.journey.center_hours import SUMS

    fact = {**dict.fromkeys(SUMS, 0), "center_id": "C1", "hour": 0, "partition": 0, "revision": 1, "wait_buckets": {}}
    insert(CENTER_HOURS, [FactRows(KEYED).hour_row({**fact, "check_ins": 3})])

    assert clickhouse.ask("SELECT check_ins, wait_p50_s FROM fixtrail.center_hours") == "3\t\\N"


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _waiting_for_parts_since(minutes: int) -> dict[str, Any]:
    """An order that waits for parts for so many minutes by the wall clock, after 20 of reception and diagnosis."""
    since = datetime.now(UTC) - timedelta(minutes=minutes)

    def at(event: dict[str, Any], offset_min: int) -> dict[str, Any]:
        return {**event, "occurred_at": (since + timedelta(minutes=offset_min)).isoformat()}

    return order_after(
        at(checked_in("08:00"), -20),
        at(diagnosis_started("08:00"), -15),
        at(quoted("08:00"), 0),
        at(approved("08:00"), 0),
        at(part("requested", "08:00"), 0),
    )


def _live(node: ClickHouseNode) -> dict[str, float]:
    names = ("lead_s", "wait_s", "wait_parts_s", "wait_reception_s", "touch_s", "diagnosis_s")
    figures = node.ask(f"SELECT {', '.join(names)} FROM fixtrail.orders")
    return dict(zip(names, map(float, figures.split("\t")), strict=True))


# Reference events
