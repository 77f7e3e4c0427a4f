"""View `part_waits`: an order's wait for parts, shared by its part requests."""

from typing import Any

from sinks.clickhouse.fact_rows import JOURNEYS, FactRows
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.keyed_hash import KeyedHash
from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all
from tests.workshop import checked_in, handed_off, order_after, part, repair

__all__ = ["clickhouse", "clickhouse_for_all"]

COLUMNS = (
    "order_id center_id request_id part_no quantity emergency requested_at backordered_at fulfilled_at unit_price "
    "stockout waited_s vehicle_key"
)


def _insert(node: ClickHouseNode, fact: dict[str, Any]) -> None:
    inserter = Inserter(node.server())
    try:
        assert inserter.insert(JOURNEYS, [FactRows(KeyedHash(b"secret")).journey_row(fact)]) == []
    finally:
        inserter.close()


def test_it_has_the_columns_that_analysts_are_told(clickhouse: ClickHouseNode) -> None:
    rows = clickhouse.ask(
        "SELECT name FROM system.columns WHERE database = 'fixtrail' AND table = 'part_waits' ORDER BY position"
    )

    assert rows.split() == COLUMNS.split()


def test_the_wait_for_parts_is_shared_by_what_was_missing(clickhouse: ClickHouseNode) -> None:
    fact = order_after(
        checked_in("08:00"),
        repair("started", "08:05"),
        repair("paused", "08:10"),
        part("requested", "08:10"),
        part("requested", "08:10", request_id="Q2"),
        part("backordered", "08:20", request_id="Q2"),
        part("fulfilled", "08:30"),
        part("fulfilled", "09:10", request_id="Q2"),
        handed_off("10:00"),
    )
    _insert(clickhouse, fact)

    assert clickhouse.ask("SELECT request_id, waited_s FROM fixtrail.part_waits ORDER BY 1") == "Q1\t0\nQ2\t3600"
    assert clickhouse.ask("SELECT wait_parts_s FROM fixtrail.orders") == "3600"


def test_while_a_part_is_waited_for_its_wait_goes_on(clickhouse: ClickHouseNode) -> None:
    fact = order_after(checked_in("08:00"), part("requested", "08:10"), part("requested", "08:10", request_id="Q2"))
    _insert(clickhouse, fact)

    share, total = clickhouse.ask(
        "SELECT (SELECT min(waited_s) FROM fixtrail.part_waits), (SELECT wait_parts_s FROM fixtrail.orders)"
    ).split("\t")
    assert float(share) > 24 * 3600 and abs(float(total) - 2 * float(share)) < 2
