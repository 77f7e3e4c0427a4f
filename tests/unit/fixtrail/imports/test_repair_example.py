"""The repair log that others' tools have measured: an import of it must come to their figures."""

import asyncio
import os
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

import orjson
import pytest

from fixtrail.imports.log import read_log
from fixtrail.imports.mapping import load_mapping
from fixtrail.imports.report import ImportReport
from fixtrail.imports.run import import_log
from tests.oracle import orders_of
from tests.paths import ROOT

SHARED = Path(os.environ.get("FIXTRAIL_SHARED_DATA", ROOT.parent / "shared" / "data"))
LOG = SHARED / "repair-example.xes.gz"
MAPPING = ROOT / "examples" / "mappings" / "repair-example.toml"
NOW = datetime(1970, 2, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not LOG.exists(), reason=f"{LOG.name} is not in {SHARED}; FIXTRAIL_SHARED_DATA names another folder"
)


def imported() -> tuple[ImportReport, list[tuple[bytes, bytes]]]:
    records: list[tuple[bytes, bytes]] = []

    async def send(value: bytes, key: bytes) -> None:
        records.append((value, key))

    mapping = load_mapping(MAPPING)
    return asyncio.run(import_log(LOG, mapping, send)), records


@pytest.fixture(scope="module")
def first() -> tuple[ImportReport, list[tuple[bytes, bytes]]]:
    return imported()


@pytest.fixture(scope="module")
def report(first) -> ImportReport:
    return first[0]


@pytest.fixture(scope="module")
def events(first) -> list[dict[str, Any]]:
    return [orjson.loads(value) for value, _ in first[1]]


@pytest.fixture(scope="module")
def orders(events) -> dict[str, dict[str, Any]]:
    return orders_of(events, NOW)


def test_each_of_the_11855_log_events_is_mapped_or_listed(report):
    assert (report.cases, report.rows) == (1_104, 11_855)
    assert (report.mapped_rows, report.unmapped_rows, report.rejected_rows) == (10_347, 1_508, 0)
    assert {(row.activity, row.rows) for row in report.unmapped} == {
        ("Inform User / complete", 1_102),
        ("Restart Repair / complete", 406),
    }
    assert report.events_by_type == {
        "repair": 785 + 785 + 725 + 724,
        "quality_check": 2 * 1_508,
        "diagnosis": 2 * 1_104,
        "check_in": 1_104,
        "handoff": 1_000,
    }


def test_every_case_becomes_an_order(report, orders):
    assert len(orders) == report.orders == 1_104
    assert report.closed_orders == 1_000
    assert Counter(order["status"] for order in orders.values()) == {"handed_off": 1_000, "open": 104}
    assert {anomaly for order in orders.values() for anomaly in order["anomalies"]} == set()


def test_the_archived_cases_take_66_589_minutes_on_average(orders):
    archived = [order["lead_s"] for order in orders.values() if order["status"] == "handed_off"]

    assert len(archived) == 1_000
    assert mean(archived) / 60 == pytest.approx(66.589, abs=0.0005)


def test_the_log_is_read_as_other_tools_read_it():
    """Their case duration runs to the last event of the log, also where that makes none of ours (Inform User)."""
    times: dict[str, list[datetime]] = {}
    for row in read_log(LOG, load_mapping(MAPPING)):
        times.setdefault(row.case, []).append(datetime.fromisoformat(row.columns["time:timestamp"]))
    durations = [(max(time) - min(time)).total_seconds() for time in times.values()]

    assert len(durations) == 1_104
    assert mean(durations) == pytest.approx(3_950.543, abs=0.0005)
    assert median(durations) == 3_690


def test_293_cases_did_not_pass_their_first_quality_check(events, orders):
    """Others count cases with more than one Test Repair. A check is repeated when the one before it failed, so these
    are the orders whose first completed check has `passed` false; 265 of them were handed off and so are judged."""
    checks: dict[str, list[bool]] = {}
    for event in events:
        if event["type"] == "quality_check" and event["phase"] == "completed":
            checks.setdefault(event["order_id"], []).append(event["passed"])
    failed_first = {order_id for order_id, passed in checks.items() if not passed[0]}

    assert len(failed_first) == 293
    assert failed_first == {order_id for order_id, passed in checks.items() if len(passed) > 1}
    assert failed_first == {order_id for order_id, passed in checks.items() if not all(passed)}

    reworked = {order_id for (_, order_id), order in orders.items() if order["ftf_cause"] == "rework"}
    assert reworked == {order_id for order_id in failed_first if orders[order_id]["status"] == "handed_off"}
    assert len(reworked) == 265
    assert Counter(order["ftf"] for order in orders.values()) == {True: 735, False: 265, None: 104}


def test_a_second_import_makes_the_same_events_again(first):
    assert imported()[1] == first[1]


def test_the_ids_keep_the_order_of_the_log_where_times_are_equal(events):
    by_order: dict[str, list[tuple[str, str]]] = {}
    for event in events:
        by_order.setdefault(event["order_id"], []).append((event["occurred_at"], event["event_id"]))

    assert len({event["event_id"] for event in events}) == len(events)
    assert all(history == sorted(history) for history in by_order.values())
    # Without it a quarter of the log would be in doubt: so many events share the minute with the one before.
    assert sum(a[0] == b[0] for history in by_order.values() for a, b in pairwise(history)) == 2_612


def test_the_records_carry_the_vehicle_as_key(first):
    assert all(orjson.loads(value)["vehicle_id"].encode() == key for value, key in first[1])


def test_a_dry_run_reports_the_same_and_says_how_far_it_is(report):
    steps: list[tuple[int, int]] = []
    mapping = load_mapping(MAPPING)

    dry = asyncio.run(import_log(LOG, mapping, progress=lambda done, total: steps.append((done, total))))

    assert dry.model_copy(update={"journeys": None}) == report
    assert dry.journeys is not None
    assert (dry.journeys.handed_off, dry.journeys.open, dry.journeys.anomalies) == (1000, 104, {})
    assert round(dry.journeys.lead_mean_s / 60, 3) == 66.589
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    assert {total for _, total in steps} == {3 * LOG.stat().st_size}
