"""The feed that reports are held against, and the warehouse that it fills: fixtures for the tests of the reports.

A dirty feed: open and cancelled orders, some without check-in, late, doubled and lost events.
"""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask, query_runner
from fixtrail.reports.targets import Targets, targets_of
from tests import feed, oracle
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.kpi_oracle import NOW, Order
from tests.warehouse import fill, settings_of, write_centers

__all__ = ["clickhouse_for_all"]

# Most of it lies within the last 30 days, so that first-time fixes are provisional and confirmed.
START = (NOW - timedelta(days=50)).replace(hour=0, minute=0, second=0, microsecond=0)
# A first-time fix that becomes confirmed while the tests run would be one for ClickHouse alone: none is so old.
BECOMING_CONFIRMED = NOW - timedelta(days=30), NOW - timedelta(days=30) + timedelta(hours=2)
CENTERS = [f"深圳-{n:02d}" if n % 4 == 2 else f"C{n:02d}" for n in range(1, 16)]


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    first, last = BECOMING_CONFIRMED
    dirty = feed.dirty(feed.clean_events(5, orders=900, vehicles=300, days=45, start=START), 5)
    return [event for event in dirty if not first <= datetime.fromisoformat(event["occurred_at"]) <= last]


@pytest.fixture(scope="module")
def orders(events: list[dict[str, Any]]) -> list[Order]:
    return list(oracle.orders_of(events, NOW).values())


@pytest.fixture(scope="module")
def filled(clickhouse_for_all: ClickHouseNode, events: list[dict[str, Any]], tmp_path_factory: Any) -> ClickHouseNode:
    node = clickhouse_for_all
    node.empty()
    starts = [None, *((START + timedelta(days=10 * wave)).date() for wave in (1, 2, 3))]
    # The last center is one that no reference data names.
    waves = {center: (number % 4, starts[number % 4]) for number, center in enumerate(CENTERS[:-1])}
    fill(node, feed.lines(events), write_centers(tmp_path_factory.mktemp("centers") / "centers.toml", waves))
    return node


@pytest.fixture(scope="module")
def ask(filled: ClickHouseNode) -> Ask:
    return query_runner(settings_of(filled))


def options(by: str | None = None, targets: Targets | None = None, **days: date) -> Options:
    return Options(NOW, by=by, targets=targets or targets_of({}), **days)
