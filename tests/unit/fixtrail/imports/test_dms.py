"""The example export of a dealer management system: GB18030, one row an order."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from fixtrail.imports.mapping import load_mapping
from fixtrail.imports.report import ImportReport
from fixtrail.imports.run import import_log
from tests.oracle import orders_of
from tests.paths import ROOT

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def imported() -> tuple[ImportReport, dict[str, dict[str, Any]]]:
    events: list[dict[str, Any]] = []

    async def send(value: bytes, key: bytes) -> None:
        events.append(orjson.loads(value))

    mapping = load_mapping(EXAMPLES / "mappings" / "dms-orders.toml")
    report = asyncio.run(import_log(EXAMPLES / "dms-orders.csv", mapping, send))
    return report, orders_of(events, datetime(2026, 3, 10, tzinfo=UTC))


def test_every_row_is_an_order_but_the_total(imported):
    report, orders = imported

    assert (report.rows, report.mapped_rows, report.unmapped_rows, report.rejected_rows) == (8, 7, 1, 0)
    assert [row.reason for row in report.unmapped] == ["the total of the table"]
    assert [(row.type, row.reason, row.lines) for row in report.rejected] == [
        ("handoff", "time: not a time in format %Y/%m/%d %H:%M", (9,))
    ]
    assert report.notes == {"left out: odometer_km: text does not match `extract`": 1}
    assert {order_id: order["status"] for (_, order_id), order in orders.items()} == {
        "SH2603-0001": "handed_off",
        "SH2603-0002": "handed_off",
        "HZ2603-0001": "handed_off",
        "HZ2603-0002": "open",
        "NJ2603-0001": "open",
        "NJ2603-0002": "cancelled",
        "NJ2603-0003": "open",
    }


def test_the_waits_come_out_as_the_row_tells_them(imported):
    order = imported[1]["SH2603-0002"]

    assert order["center_id"] == "sh-pudong"
    assert order["checked_in_at"] == datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
    assert order["wait_reception_s"] == 20 * 60
    assert order["wait_approval_s"] == 15 * 60
    assert order["wait_parts_s"] == (4 * 60 + 18) * 60
    assert order["repair_s"] == (2 * 60 + 25) * 60
    assert order["stockouts"] == 1
    assert order["fault_groups"] == ["充电", "高压电池"]
    assert order["fault_origin"] == "product"
    assert order["odometer_km"] == 48_210
    assert (order["quoted_amount"], order["final_amount"]) == (Decimal(1940), Decimal(1940))
    assert (order["score"], order["complaints"]) == (6, 1)


def test_a_failed_check_a_refusal_and_a_quick_lane_are_recognised(imported):
    orders = imported[1]

    assert orders["HZ2603-0001"]["ftf"] is None
    assert orders["HZ2603-0001"]["pickup_s"] == 25 * 60
    assert orders["HZ2603-0002"]["activity"] == "bay"
    assert orders["SH2603-0001"]["lane"] == "quick"
    assert orders["SH2603-0001"]["ftf"] is True
