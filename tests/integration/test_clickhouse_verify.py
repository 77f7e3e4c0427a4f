"""`fixtrail verify`: it finds nothing where all is well, and names every value that is not what the events say.

By SQL inside ClickHouse and by the stream's own rules alike.
"""

import json
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtrail.all_settings import Settings
from fixtrail.recompute import by_python, by_sql
from fixtrail.recompute.by_python import verify_by_python
from fixtrail.recompute.by_sql import verify_by_sql
from fixtrail.recompute.comparison import ReportProgress, VerifyReport
from fixtrail.recompute.derived_facts import DerivedFacts, VehicleRange
from fixtrail.recompute.verify import run_verify
from sinks.clickhouse.dead_letter_rows import DEAD_LETTER_TABLE, DeadLetterRows
from sinks.clickhouse.event_rows import EVENTS, EventRows
from sinks.clickhouse.fact_rows import CENTER_HOURS, JOURNEYS, FactRows
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.keyed_hash import KeyedHash
from streams.journey.batch import journey_facts
from streams.journey.center_hours import center_hour, contributions_of
from tests import feed
from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all
from tests.compare import order_differences, part_differences, stage_differences, voice_differences
from tests.histories import endings, histories
from tests.rows_by_hand import letter, record
from tests.stack import rows_of
from tests.truth import Truth
from tests.workshop import (
    approved,
    called_off,
    checked_in,
    complained,
    diagnosed,
    event_of,
    handed_off,
    part,
    quoted,
    repair,
    repaired_visit,
    surveyed,
)

__all__ = ["clickhouse", "clickhouse_for_all"]

KEYED = KeyedHash(b"a secret of these tests, long enough")
KEY = ("center_id", "order_id", "vehicle_key")
LISTS = ("`paused_for`", "`fault_groups`", "`survey_reasons`", "`anomalies`")
VERIFIERS = {"sql": verify_by_sql, "python": verify_by_python}


@pytest.fixture(params=VERIFIERS)
def rules(request: pytest.FixtureRequest) -> str:
    """By which rules it is verified."""
    name: str = request.param
    return name


@pytest.fixture
def stored(clickhouse: ClickHouseNode, rules: str) -> "Stored":
    """A ClickHouse that holds a feed of 1,500 events with duplicates, and what the rules make of it."""
    return Stored(clickhouse, feed.clean_feed(5, 1500), rules)


class Stored:
    """Events and what was made of them, as the writer would have stored it."""

    def __init__(
        self, node: ClickHouseNode, events: list[dict[str, Any]], rules: str, *, keep_free_text: bool = False
    ) -> None:
        self.node, self.inserter, self.rules = node, Inserter(node.server()), rules
        self.facts = list(journey_facts(map(event_of, events)))
        rows, events_rows = FactRows(KEYED), EventRows(KEYED, keep_free_text=keep_free_text)
        records = [record(event, offset) for offset, event in enumerate(events + events[::20])]
        self.inserter.insert(EVENTS, [events_rows.row(record) for record in records])
        self.inserter.insert(JOURNEYS, [rows.journey_row(fact) for fact in self.facts])
        hours: dict[tuple[str, int], list[Any]] = defaultdict(list)
        for fact in self.facts:
            for key, contribution in contributions_of(fact).items():
                hours[key].append(contribution)
        # Two partitions know of every hour.
        parts = [
            center_hour(*key, partition, 1, rows[partition::2]) for key, rows in hours.items() for partition in (0, 1)
        ]
        self.inserter.insert(CENTER_HOURS, [rows.hour_row(part) for part in parts])

    def plant(self, columns: list[str]) -> dict[str, tuple[str, str]]:
        """Another value in each column of some order; which order that is. Of one version the last row counts."""
        kinds = dict(
            json.loads(
                self.node.ask(
                    "SELECT groupArray((name, type)) FROM system.columns WHERE database = 'fixtrail_raw' "
                    "AND table = 'journeys' FORMAT JSONCompactEachRow"
                )
            )[0]
        )
        firsts = ", ".join(
            f"minIf((center_id, order_id), {f'notEmpty(`{name}`)' if '.' in name else 'isNotNull(closed_at)'})"
            for name in columns
        )
        answer = self.node.ask(f"SELECT {firsts} FROM fixtrail_raw.journeys FINAL FORMAT JSONCompactEachRow")
        orders = {name: (center, order) for name, (center, order) in zip(columns, json.loads(answer), strict=True)}
        for center, order in set(orders.values()):
            values = ", ".join(
                changed_id(kinds[name], f"`{name}`") if orders.get(name) == (center, order) else f"`{name}`"
                for name in JOURNEYS.columns
            )
            self.node.ask(
                f"INSERT INTO fixtrail_raw.journeys ({', '.join(f'`{name}`' for name in JOURNEYS.columns)}) "
                f"SELECT {values} FROM fixtrail_raw.journeys FINAL "
                f"WHERE center_id = {literal(center)} AND order_id = {literal(order)}"
            )
        return orders

    def write(self, fact: dict[str, Any]) -> None:
        self.inserter.insert(JOURNEYS, [FactRows(KEYED).journey_row({**fact, "version": fact["version"] + 1})])

    def differences(self) -> list[str]:
        return [str(difference) for difference in self.verify().differences]

    def verify(self, moved: ReportProgress = lambda done, total: None) -> VerifyReport:
        return VERIFIERS[self.rules](self.node.client(), moved)


def literal(text: str) -> str:
    """The text as an SQL literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def changed_id(kind: str, value: str) -> str:
    """SQL for another value of the same type."""
    if kind.startswith("Array("):
        item = kind.removeprefix("Array(").removesuffix(")")
        return f"arrayPushBack({value}, CAST('other', 'String'))" if value in LISTS else mapped(item, value)
    plain = kind.replace("LowCardinality(", "").replace("Nullable(", "").rstrip(")")
    if plain.startswith("String"):
        return f"concat(ifNull({value}, ''), 'x')"
    if plain.startswith("DateTime64"):
        return f"addMilliseconds(ifNull({value}, toDateTime64('2026-01-01 00:00:00', 3, 'UTC')), 1)"
    return f"NOT ifNull({value}, 0)" if plain == "Bool" else f"ifNull({value}, 0) + 1"


def mapped(kind: str, value: str) -> str:
    """SQL for a list of as many other values."""
    inner = "arrayPushBack(v, v[1])" if kind.startswith("Array(") else changed_id(kind, "v")
    if "reasons" in value:
        inner = "arrayPushBack(v, 'x')"
    return f"arrayMap(v -> {inner}, {value})"


def test_where_all_is_well_nothing_differs(stored: Stored) -> None:
    messages: list[tuple[int, int]] = []
    report = stored.verify(lambda done, total: messages.append((done, total)))

    assert (report.count, report.events, report.orders) == (0, 1500, len(stored.facts))
    assert report.hours > 100
    assert messages == [(1, 1)]


def test_many_events_are_compared_slice_by_slice(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_python, "EVENTS_AT_ONCE", 500)
    monkeypatch.setattr(by_sql, "EVENTS_AT_ONCE", 500)
    messages: list[tuple[int, int]] = []
    report = stored.verify(lambda done, total: messages.append((done, total)))

    assert (report.count, report.events, report.orders) == (0, 1500, len(stored.facts))
    assert messages[-1] == ((4, 4) if stored.rules == "sql" else (16, 16))


def test_a_wrong_value_in_any_column_is_named_and_nothing_else(stored: Stored) -> None:
    planted = stored.plant([column for column in JOURNEYS.columns if column not in KEY])
    report = stored.verify()

    named = {(difference.key[:2], difference.column) for difference in report.differences}
    assert named == {(order, column) for column, order in planted.items()}
    assert report.by_column == {f"order {column}": 1 for column in planted}


def test_an_order_that_was_never_stored_and_one_without_events_are_named(stored: Stored) -> None:
    center, lost, invented = stored.facts[0]["center_id"], stored.facts[0]["order_id"], "R-invented"
    of_lost = f"order_id = '{lost}' AND center_id = '{center}'"
    stored.write({**stored.facts[0], "order_id": invented})
    stored.node.ask(f"ALTER TABLE fixtrail_raw.journeys DELETE WHERE {of_lost} SETTINGS mutations_sync = 2")
    differences = stored.differences()

    assert any(line.startswith(f"order {center} {lost} ") and line.endswith("not stored") for line in differences)
    assert any(line.startswith(f"order {center} {invented} ") and "no event tells" in line for line in differences)
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
        f"order {fact['center_id']} {fact['order_id']} " in line and "event_count is" in line for line in differences
    )
    assert any(line.startswith("center hour ") for line in differences)


def test_a_wrong_hour_is_named(stored: Stored) -> None:
    stored.node.ask(
        "INSERT INTO fixtrail_raw.center_hours (center_id, hour, kafka_partition, revision, handed_off) "
        "VALUES ('C-nowhere', '2026-03-02 08:00:00', 0, 1, 7)"
    )

    assert stored.differences() == ["center hour C-nowhere 2026-03-02T08:00:00+00:00: handed_off is 7, computed 0"]


def test_diverted_events_are_not_counted(clickhouse: ClickHouseNode, rules: str) -> None:
    """An event that the worker let go is in no journey, so it may not be in the comparison either."""
    visit = repaired_visit("brakes")
    stored = Stored(clickhouse, visit, rules)
    late = record(repair("started", "09:00", job_id="J2"), 100)
    stored.inserter.insert(EVENTS, [EventRows(KEYED).row(late)])
    assert stored.differences()

    stored.inserter.insert(DEAD_LETTER_TABLE, [DeadLetterRows(EventRows(KEYED)).row(letter(late))])
    assert not stored.differences()


def test_an_order_that_was_not_written_again_for_its_vehicle_s_other_events_is_well(
    clickhouse: ClickHouseNode, rules: str
) -> None:
    stored = Stored(clickhouse, [*repaired_visit("brakes"), checked_in("12:00", 3, order_id="R2")], rules)
    older = next(fact for fact in stored.facts if fact["order_id"] == "R1")
    stored.node.ask("TRUNCATE TABLE fixtrail_raw.journeys")
    for fact in stored.facts:
        stored.write({**fact, "version": fact["version"] - 1 - (fact is older)})

    assert not stored.differences()


def test_the_command_s_exit_code_says_whether_something_differs(
    stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = Settings(clickhouse=stored.node.url, clickhouse_password=stored.node.passwords["app"])
    assert run_verify(connection) == 0
    assert capsys.readouterr().out.endswith(": 0 differences\n")

    stored.write({**stored.facts[0], "event_count": 99})
    assert run_verify(connection) == 1
    assert "order event_count" in capsys.readouterr().out

    assert run_verify(connection, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["by_column"]["order event_count"] == 1


def test_dirty_feeds_come_out_alike_by_both_readings(clickhouse: ClickHouseNode) -> None:
    """Late, lost, tied and contradicting events of many seeds, each with vehicles of its own."""
    stored = Stored(clickhouse, [event for seed in range(40, 52) for event in dirty_feed(seed)], "sql")

    assert stored.differences() == []


@settings(max_examples=2, deadline=None)
@given(visits=st.lists(st.one_of(histories(orders=3), endings()), min_size=60, max_size=120))
def test_histories_that_no_workshop_would_plan_come_out_alike(
    clickhouse_for_all: ClickHouseNode, visits: list[list[dict[str, Any]]]
) -> None:
    clickhouse_for_all.empty()
    events = [{**event, "vehicle_id": f"V{n}"} for n, visit in enumerate(visits) for event in visit]

    assert Stored(clickhouse_for_all, events, "sql").differences() == []


def test_what_feeds_seldom_hold_comes_out_alike(clickhouse: ClickHouseNode) -> None:
    """A wrong vehicle, fractions, times before 1970 and to the microsecond, free text where codes belong, credits."""
    odd = {"occurred_at": "1969-12-31T23:59:59.999999Z"}
    quote = {"labour_hours": "0.3333", "labour_rate": "1e2", "currency": "CNY", "parts": []}
    line = {"part_no": "P", "quantity": "0.00005", "unit_price": "123456789.12345"}
    visits = [
        [*repaired_visit("brakes"), called_off("10:00", reason="vehicle_corrected")],
        [called_off("07:00", reason="vehicle_corrected"), *repaired_visit("brakes")],
        [*repaired_visit("brakes"), checked_in("12:00", 3, order_id="R2", odometer_km=5000.1)],
        [checked_in("08:00", **odd, promised_at="1901-02-03T04:05:06.789999-03:30"), surveyed("09:00")],
        [checked_in("08:00"), quoted("08:10", quote={**quote, "parts": [line, line]}), approved("08:20")],
        [checked_in("08:00"), diagnosed("08:10", 0, "brakes", "call 138 1234 5678", "a@b.cn", "x" * 65)],
        [checked_in("08:00"), part("requested", "08:10", quantity="0.00015", unit_price="0.00025")],
        [checked_in("08:00"), handed_off("09:00", amount="-0.00025"), complained("09:10", category="me@home.example")],
    ]
    events = [{**event, "vehicle_id": f"V{n}"} for n, visit in enumerate(visits) for event in visit]
    stored = Stored(clickhouse, events, "sql", keep_free_text=True)

    assert stored.differences() == []


def test_what_sql_derives_is_what_the_other_computation_of_the_contract_gives(clickhouse: ClickHouseNode) -> None:
    """Column by column, the facts of dirty feeds beside tests/oracle.py, which shares nothing with either."""
    truth = Truth(dirty_feed(61, events=4000))
    write_events_of(clickhouse, truth.events)
    facts = DerivedFacts(clickhouse.client())
    try:
        facts.create()
        facts.derive(VehicleRange("", "g"))
        names = ", ".join(f"`{column}`" for column in JOURNEYS.columns)
        clickhouse.ask(f"INSERT INTO fixtrail_raw.journeys ({names}) SELECT {names} FROM fixtrail_raw.{facts.orders}")
    finally:
        facts.drop()

    def ask(query: str) -> list[dict[str, Any]]:
        client = clickhouse.client("reader")
        client.database = "fixtrail"
        return rows_of(client.raw_query(query, fmt="JSONEachRow").decode())

    comparisons = (order_differences, stage_differences, part_differences, voice_differences)
    assert [difference for compare in comparisons for difference in compare(ask, truth)] == []


def dirty_feed(seed: int, events: int = 800) -> list[dict[str, Any]]:
    """Events in order of arrival, of vehicles that no other seed has."""
    arrivals = feed.dirty(feed.clean_feed(seed, events), seed, duplicates=0.1, late=0.1, conflicts=0.3)
    return [{**event, "vehicle_id": f"{seed}-{event['vehicle_id']}"} for event in arrivals]


def write_events_of(node: ClickHouseNode, events: list[dict[str, Any]]) -> None:
    """Put events into ClickHouse as the writer would."""
    rows = EventRows(KEYED)
    assert Inserter(node.server()).insert(EVENTS, [rows.row(record(event, n)) for n, event in enumerate(events)]) == []
