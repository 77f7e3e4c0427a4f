"""From a file of events through `fixtrail send` to ClickHouse, against an independent computation of CONTRACT.md."""

import importlib.util
import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import compare, feed
from tests.integration.conftest import EVENTS, SEED, MakeStack
from tests.stack import Stack, rows_of
from tests.truth import Truth

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# What tests/feed.py makes up as addresses, names, comments, vehicle ids and customer ids.
PERSONAL = r"canary-[a-z]+-\d+|86138\d{8}|LFVFT\d{12}|粤B·\d{5}|客户-\d+|\bK\d{5}\b"


@pytest.fixture(scope="module")
def truth() -> Truth:
    """A dirty feed: 5 % come twice, a third of those with another content; 5 % come late, some by days."""
    return Truth(feed.dirty(feed.clean_feed(SEED, round(EVENTS / 1.05)), SEED, conflicts=0.3))


def test_dirty_feed_becomes_the_numbers_of_the_contract(make_stack: MakeStack, tmp_path: Path, truth: Truth):
    stack = make_stack()
    source = written_to(tmp_path, truth.events)

    stack.send(source)
    stack.wait_idle()

    assert_all_equal(stack, truth)
    assert stack.status()["dead_letters"] == len(compare.contradictions(truth.events)) > 0
    assert_facts_equal(stack, source, truth)
    assert_verified(stack)
    assert_nothing_personal(stack, truth)

    stack.send(source)
    stack.wait_idle()

    differences = [*compare.order_differences(stack.ask, truth), *compare.center_hour_differences(stack.ask, truth)]
    assert not differences, compare.summary_of(differences)

    # A comparison that cannot fail proves nothing.
    spoil_one_order(stack)
    assert len(compare.order_differences(stack.ask, truth)) >= 3


@pytest.mark.long
def test_shuffled_feed_gives_the_same_with_two_workers(make_stack: MakeStack, tmp_path: Path):
    """Neither the order of arrival nor who works on which vehicle changes a figure.

    Everything happens within 60 days: what comes later than that after a close is too late, and rightly so.
    """
    stack = make_stack(workers=2)
    events = feed.dirty(feed.clean_feed(SEED, EVENTS // 2, days=8), SEED, conflicts=0.3)
    shuffled = Truth(random.Random(SEED).sample(events, len(events)))
    source = written_to(tmp_path, shuffled.events)

    stack.send(source)
    stack.wait_idle()

    assert_all_equal(stack, shuffled)
    assert stack.status()["dead_letters"] == len(compare.contradictions(shuffled.events)) > 0
    assert_facts_equal(stack, source, shuffled)
    assert_verified(stack)


def written_to(folder: Path, events: list[feed.Event]) -> Path:
    path = folder / "events.ndjson"
    feed.write(path, events)
    return path


def assert_all_equal(stack: Stack, truth: Truth) -> None:
    """Every public view, view `orders` by `fixtrail sql`, and the facts as of the last event."""
    differences = compare.order_differences(stack.sql, truth)
    assert not differences, compare.summary_of(differences)
    differences = compare.clickhouse_differences(stack.ask, truth)
    assert not differences, compare.summary_of(differences)
    differences = compare.as_of_last_event_differences(stack.ask_raw, truth)
    assert not differences, compare.summary_of(differences)


def assert_facts_equal(stack: Stack, source: Path, truth: Truth) -> None:
    """`fixtrail facts` of the file, against the oracle and, in what does not run with the clock, against the view."""
    facts = rows_of(stack.run("facts", str(source), "--now", NOW.isoformat()))
    differences = compare.row_differences(facts, truth, NOW)
    assert not differences, compare.summary_of(differences)
    columns = "center_id, order_id, vehicle_key, customer_key"
    keys = {(row["center_id"], row["order_id"]): row for row in stack.ask(f"SELECT {columns} FROM orders")}
    assert {
        (fact["center_id"], fact["order_id"]): {name: fact[name] for name in columns.split(", ")} for fact in facts
    } == keys


def assert_verified(stack: Stack) -> None:
    if importlib.util.find_spec("fixtrail.recompute.verify") is not None:
        stack.run("verify")


def assert_nothing_personal(stack: Stack, truth: Truth) -> None:
    """Addresses, comments, names and the vehicles' and customers' own ids stand in no log and no raw table."""
    assert any(re.search(PERSONAL, text) for text in feed.canaries(truth.events))
    logged = {name: re.findall(PERSONAL, text)[:5] for name, text in stack.logs().items()}
    assert not {name: texts for name, texts in logged.items() if texts}
    for table in ("journeys", "events", "dead_letters", "center_hours"):
        is_personal = f"match(toString(tuple(*)), '{PERSONAL}')".replace("\\", "\\\\")
        stored = stack.ask_raw(
            f"SELECT toString(tuple(*)) AS content FROM fixtrail_raw.{table} WHERE {is_personal} LIMIT 1"
        )
        assert not stored, table


def spoil_one_order(stack: Stack) -> None:
    """Overwrite one order that was handed off: two minutes too long, another status, a cent too much."""
    stack.ask_raw(
        "INSERT INTO fixtrail_raw.journeys SELECT * REPLACE (version + 1 AS version, lead_s + 120 AS lead_s, "
        "'open' AS status, final_amount + toDecimal64(0.01, 2) AS final_amount) FROM fixtrail_raw.journeys FINAL "
        "WHERE isNotNull(ftf) AND isNotNull(final_amount) AND isNotNull(lead_s) ORDER BY order_id LIMIT 1"
    )
