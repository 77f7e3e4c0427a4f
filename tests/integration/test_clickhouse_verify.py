"""`fixtrail verify`: it finds nothing where all is well, and names every value that is not what the events say."""

import json
from collections import defaultdict
from typing import Any

import pytest

from fixtrail.all_settings import Settings
from fixtrail.recompute import verify as verifying
from fixtrail.recompute.verify import run_verify, verify
from sinks.clickhouse.dead_letter_rows import DEAD_LETTER_TABLE, DeadLetterRows
from sinks.clickhouse.event_rows import EVENTS, EventRows
from sinks.clickhouse.fact_rows import CENTER_HOURS, JOURNEYS, FactRows
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.keyed_hash import KeyedHash
from streams.journey.batch import journey_facts
from streams.journey.center_hours import center_hour, contributions_of
from tests import feed
from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all
from tests.rows_by_hand import letter, record
from tests.workshop import checked_in, event_of, repair, repaired_visit

__all__ = ["clickhouse", "clickhouse_for_all"]

KEYED = KeyedHash(b"a secret of these tests, long enough")


@pytest.fixture
def stored(clickhouse: ClickHouseNode) -> "Stored":
    """A ClickHouse that holds a feed of 1,500 events with duplicates, and what the rules make of it."""
    return Stored(clickhouse, feed.clean_feed(5, 1500))


class Stored:
    """Events and what was made of them, as the writer would have stored it."""

    def __init__(self, node: ClickHouseNode, events: list[dict[str, Any]]) -> None:
        self.node, self.inserter = node, Inserter(node.server())
        self.facts = list(journey_facts(map(event_of, events)))
        rows, events_rows = FactRows(KEYED), EventRows(KEYED)
        records = [record(event, offset) for offset, event in enumerate(events + events[::20])]
        self.inserter.insert(EVENTS, [events_rows.row(each) for each in records])
        self.inserter.insert(JOURNEYS, [rows.journey_row(fact) for fact in self.facts])
        hours: dict[tuple[str, int], list[Any]] = defaultdict(list)
        for fact in self.facts:
            for key, contribution in contributions_of(fact).items():
                hours[key].append(contribution)
        # Two partitions know of every hour.
        parts = [
            center_hour(*key, partition, 1, each[partition::2]) for key, each in hours.items() for partition in (0, 1)
        ]
        self.inserter.insert(CENTER_HOURS, [rows.hour_row(part) for part in parts])

    def write(self, fact: dict[str, Any]) -> None:
        self.inserter.insert(JOURNEYS, [FactRows(KEYED).journey_row({**fact, "version": fact["version"] + 1})])

    def differences(self) -> list[str]:
        return [str(difference) for difference in verify(self.node.client()).differences]


def test_where_all_is_well_nothing_differs(stored: Stored) -> None:
    told: list[tuple[int, int]] = []
    report = verify(stored.node.client(), lambda done, total: told.append((done, total)))

    assert (report.count, report.events, report.orders) == (0, 1500, len(stored.facts))
    assert report.hours > 100
    assert told == [(1, 1)]


def test_many_events_are_compared_slice_by_slice(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "EVENTS_AT_ONCE", 500)
    told: list[tuple[int, int]] = []
    report = verify(stored.node.client(), lambda done, total: told.append((done, total)))

    assert (report.count, report.events, report.orders) == (0, 1500, len(stored.facts))
    assert told[-1] == (16, 16)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("wait_s", 1.5),
        ("ftf", None),
        ("status", "cancelled"),
        ("final_amount", "0.01"),
        ("closed_at", 1),
        ("fault_groups", ["none"]),
        ("customer_id", "somebody else"),
        ("event_count", 0),
        ("stages", []),
    ],
)
def test_a_value_that_is_not_what_the_events_say_is_named(stored: Stored, column: str, value: Any) -> None:
    wrong = next(fact for fact in stored.facts if fact["ftf"] is not None and fact["stages"] and fact["final_amount"])
    stored.write({**wrong, column: value})
    named = {"customer_id": "customer_key", "stages": "stages.activity"}.get(column, column)

    differences = stored.differences()
    assert any(
        told.startswith(f"order {wrong['center_id']} {wrong['order_id']} ") and f": {named} is " in told
        for told in differences
    )
    assert all(wrong["order_id"] in told for told in differences)


def test_an_order_that_was_never_stored_and_one_without_events_are_named(stored: Stored) -> None:
    center, lost, invented = stored.facts[0]["center_id"], stored.facts[0]["order_id"], "R-invented"
    of_lost = f"order_id = '{lost}' AND center_id = '{center}'"
    stored.write({**stored.facts[0], "order_id": invented})
    stored.node.ask(f"ALTER TABLE fixtrail_raw.journeys DELETE WHERE {of_lost} SETTINGS mutations_sync = 2")
    differences = stored.differences()

    assert any(told.startswith(f"order {center} {lost} ") and told.endswith("not stored") for told in differences)
    assert any(told.startswith(f"order {center} {invented} ") and "no event tells" in told for told in differences)
    assert len(differences) == 2


def test_a_lost_event_shows_in_its_order(stored: Stored) -> None:
    fact = next(fact for fact in stored.facts if fact["status"] == "handed_off")
    event_id = stored.node.ask(
        f"SELECT event_id FROM fixtrail.events WHERE order_id = '{fact['order_id']}' "
        f"AND center_id = '{fact['center_id']}' AND type = 'handoff' LIMIT 1"
    )
    stored.node.ask(f"ALTER TABLE fixtrail_raw.events DELETE WHERE event_id = '{event_id}' SETTINGS mutations_sync = 2")
    differences = stored.differences()

    assert any(
        f"order {fact['center_id']} {fact['order_id']} " in told and "event_count is" in told for told in differences
    )
    assert any(told.startswith("center hour ") for told in differences)


def test_a_wrong_hour_is_named(stored: Stored) -> None:
    stored.node.ask(
        "INSERT INTO fixtrail_raw.center_hours (center_id, hour, kafka_partition, revision, handed_off) "
        "VALUES ('C-nowhere', '2026-03-02 08:00:00', 0, 1, 7)"
    )

    assert stored.differences() == ["center hour C-nowhere 2026-03-02T08:00:00+00:00: handed_off is 7, computed 0"]


def test_diverted_events_are_not_counted(clickhouse: ClickHouseNode) -> None:
    """An event that the worker let go is in no journey, so it may not be in the comparison either."""
    visit = repaired_visit("brakes")
    stored = Stored(clickhouse, visit)
    late = record(repair("started", "09:00", job_id="J2"), 100)
    stored.inserter.insert(EVENTS, [EventRows(KEYED).row(late)])
    assert stored.differences()

    stored.inserter.insert(DEAD_LETTER_TABLE, [DeadLetterRows(EventRows(KEYED)).row(letter(late))])
    assert not stored.differences()


def test_an_order_that_was_not_written_again_for_its_vehicle_s_other_events_is_well(clickhouse: ClickHouseNode) -> None:
    stored = Stored(clickhouse, [*repaired_visit("brakes"), checked_in("12:00", 3, order_id="R2")])
    older = next(fact for fact in stored.facts if fact["order_id"] == "R1")
    stored.node.ask("TRUNCATE TABLE fixtrail_raw.journeys")
    for fact in stored.facts:
        stored.write({**fact, "version": fact["version"] - 1 - (fact is older)})

    assert not stored.differences()


def test_the_command_s_exit_code_says_whether_something_differs(
    stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(clickhouse=stored.node.url, clickhouse_password=stored.node.passwords["app"])
    assert run_verify(settings) == 0
    assert capsys.readouterr().out.endswith(": 0 differences\n")

    stored.write({**stored.facts[0], "event_count": 99})
    assert run_verify(settings) == 1
    assert "order event_count" in capsys.readouterr().out

    assert run_verify(settings, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["by_column"]["order event_count"] == 1
