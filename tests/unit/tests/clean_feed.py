"""A feed of 20,000 events without dirt, and its orders by the independent computation."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests import feed, oracle

Event = dict[str, Any]
LATER = datetime(2025, 9, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def clean() -> list[Event]:
    return feed.clean_feed(seed=1, events=20_000)


@pytest.fixture(scope="module")
def orders(clean: list[Event]) -> oracle.Orders:
    return oracle.orders_of(clean, LATER)
