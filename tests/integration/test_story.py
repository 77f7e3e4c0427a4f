"""One order's story from ClickHouse: its steps and clocks are those of the events, and nothing says whose it was."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fixtrail.cli.main import app
from fixtrail.web.clickhouse import query_runner
from fixtrail.web.stories.story import story_of
from runtime.failure import ExitError
from schemas.order_key import OrderKey
from tests import feed, oracle
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.warehouse import fill, settings_of

__all__ = ["clickhouse_for_all"]

NOW = datetime.now(UTC)
START = (NOW - timedelta(days=50)).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return feed.dirty(feed.clean_events(3, orders=60, vehicles=30, days=20, start=START), 3)


@pytest.fixture(scope="module")
def filled(clickhouse_for_all: ClickHouseNode, events: list[dict[str, Any]]) -> ClickHouseNode:
    clickhouse_for_all.empty()
    fill(clickhouse_for_all, feed.lines(events))
    return clickhouse_for_all


def test_a_story_is_that_of_the_events(filled: ClickHouseNode, events: list[dict[str, Any]]) -> None:
    ask = query_runner(settings_of(filled))
    orders = [order for order in oracle.orders_of(events, NOW).values() if order["status"] == "handed_off"]

    assert len(orders) > 20
    for order in orders[:12]:
        story = story_of(ask, OrderKey(order["center_id"], order["order_id"]), [], "UTC")
        assert story.seconds["wait"] == (pytest.approx(order["wait_s"]) if order["wait_s"] is not None else None)
        # The fixtures name no opening hours: all of a wait counts as open.
        assert sum(story.clocks.values()) == pytest.approx(order["wait_s"] or 0.0, abs=1e-6)
        assert story.clocks["customer_s"] == pytest.approx(order["wait_approval_s"] or 0.0, abs=1e-6)
        assert (story.score, story.ftf) == (order["score"], order["ftf"])
        distinct = {
            e["event_id"] for e in events if (e["center_id"], e["order_id"]) == (order["center_id"], order["order_id"])
        }
        assert len(story.steps) == len(distinct)
        text = str(story.as_json())
        own = next(e for e in events if e["order_id"] == order["order_id"] and e["center_id"] == order["center_id"])
        assert order["order_id"] not in text and own["vehicle_id"] not in text and order["center_id"] not in text


def test_the_command_writes_a_page_and_refuses_an_order_that_there_is_not(
    filled: ClickHouseNode, events: list[dict[str, Any]], tmp_path: Path
) -> None:
    variables = {
        "FIXTRAIL_CLICKHOUSE": filled.url,
        "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": filled.passwords["reader"],
        "FIXTRAIL_HASH_KEY": "a secret of these tests, long enough",
        "FIXTRAIL_PUBLIC_URL": "https://service.example.com",
        "FIXTRAIL_DATA": str(tmp_path),
    }
    order, center, file = events[0]["order_id"], events[0]["center_id"], tmp_path / "story.html"
    command = ["story", order, "--center", center]

    page = CliRunner().invoke(app, [*command, "--html", str(file), "--locale", "en"], env=variables)
    link = CliRunner().invoke(app, command, env=variables)
    result_of_unknown = CliRunner().invoke(app, ["story", "no-such", "--center", center], env=variables)

    assert page.exit_code == 0, page.output
    text = file.read_text(encoding="utf-8")
    assert "What happened" in text and order not in text and events[0]["vehicle_id"] not in text
    assert link.stdout.startswith("https://service.example.com/story/") and order not in link.stdout
    assert isinstance(result_of_unknown.exception, ExitError) and result_of_unknown.exception.exit_code == 1
