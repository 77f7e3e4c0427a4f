"""What reports need, grades, experts, procedures and staff ask of ClickHouse, beside the same from the events.

The feed is a dirty one (late, doubled events, orders without check-in, open ones), on one server for the module.
"""

import json
import math
import statistics
import time
from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fixtrail.reports.experts import report as experts
from fixtrail.reports.options import Options
from fixtrail.reports.procedures import report as procedures
from fixtrail.reports.queries import Ask, query_runner
from fixtrail.reports.staff import report as staff
from fixtrail.reports.targets import targets_of
from fixtrail.whatif.records import shifts_of
from sinks.clickhouse.insert import Inserter
from tests import feed, oracle
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.kafka_record import KafkaRecord
from tests.oracle_terms import ms_of
from tests.people_feed import START, Event, answers, bookings, with_people
from tests.rows_by_hand import KEYED, write_events
from tests.warehouse import EVERYTHING, fill, settings_of

__all__ = ["clickhouse_for_all"]

Key = tuple[str, str]
NOW = START + timedelta(days=60)
WORK = frozenset(
    ("check_in", "diagnosis", "quote_decision", "part_request", "repair", "quality_check", "ready", "expert", "handoff")
)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    clean = feed.clean_events(7, orders=300, vehicles=120, days=30, start=START)
    return feed.dirty([*with_people(clean, 7), *bookings()], 7)


@pytest.fixture(scope="module")
def orders(events: list[Event]) -> oracle.Orders:
    return oracle.orders_of(events, NOW)


@pytest.fixture(scope="module")
def histories(events: list[Event]) -> dict[Key, list[Event]]:
    """Each order's events, each once, by time and then by event id."""
    ids: set[tuple[Key, str]] = set()
    by_order: dict[Key, list[Event]] = defaultdict(list)
    for event in events:
        key = event["center_id"], event["order_id"]
        if (key, event["event_id"]) not in ids:
            ids.add((key, event["event_id"]))
            by_order[key].append({**event, "ms": ms_of(event["occurred_at"])})
    return {key: sorted(history, key=lambda e: (e["ms"], e["event_id"])) for key, history in by_order.items()}


@pytest.fixture(scope="module")
def ask(clickhouse_for_all: ClickHouseNode, events: list[Event]) -> Ask:
    node = clickhouse_for_all
    node.empty()
    fill(node, feed.lines(events))
    inserter = Inserter(node.server())
    records = [KafkaRecord(json.dumps(answer).encode(), b"C01", topic="reference-events") for answer in answers()]
    write_events(lambda table, block: inserter.insert(table, block), *records)
    inserter.close()
    return query_runner(settings_of(node))


def options(**about: Any) -> Options:
    return Options(NOW, targets=targets_of({}), **about)


def key_of(row: Any) -> Key:
    return row.center_id, row.order_id


def handed_off(orders: oracle.Orders) -> dict[Key, dict[str, Any]]:
    return {key: order for key, order in orders.items() if order["status"] == "handed_off"}


# Grades


def test_who_worked_on_which_judged_order(ask: Ask, orders: oracle.Orders, histories: dict[Key, list[Event]]) -> None:
    expected = {}
    for key, order in orders.items():
        if order["ftf"] is None:
            continue
        first: dict[str, int] = {}
        for event in histories[key]:
            if event["type"] == "repair" and event.get("technician_id"):
                first.setdefault(event["technician_id"], event["ms"])
        closed = ms_of(order["closed_at"])
        expected |= {(*key, technician): (order["ftf"], at) for technician, at in first.items() if at <= closed}
    comebacks = {(o["comeback_center_id"], o["comeback_order_id"]) for o in orders.values() if o["comeback_order_id"]}

    rows = list(ask("grades", **EVERYTHING).itertuples())
    assert {(*key_of(row), row.technician): (bool(row.ftf), row.worked_ms) for row in rows} == expected
    assert len(rows) == len(expected) > 150
    assert {key_of(row) for row in rows if row.is_comeback} == comebacks & {key_of(row) for row in rows}
    for row in rows:
        order = orders[key_of(row)]
        assert sorted(row.fault_groups) == sorted(order["fault_groups"])
        assert (row.fault_origin or None, row.lane or None) == (order["fault_origin"], order["lane"])


def test_how_long_each_technician_worked_on_an_order(
    ask: Ask, orders: oracle.Orders, histories: dict[Key, list[Event]]
) -> None:
    expected: dict[tuple[str, str, str], float] = defaultdict(float)
    for key, order in orders.items():
        if order["ftf"] is None:
            continue
        jobs: dict[str, list[Event]] = defaultdict(list)
        for event in histories[key]:
            if event["type"] == "repair":
                jobs[event["job_id"]].append(event)
        closed = ms_of(order["closed_at"])
        for events in jobs.values():
            technician = None
            for event, after in pairwise(events):
                technician = event.get("technician_id") or technician
                end = min(after["ms"], closed)
                if event["phase"] in ("started", "resumed") and technician and end > event["ms"]:
                    expected[*key, technician] += (end - event["ms"]) / 1000

    rows = {(*key_of(row), row.technician): row.touch_s for row in ask("grades_touch", **EVERYTHING).itertuples()}
    assert rows == pytest.approx(dict(expected))


def test_the_grade_of_each_employee(ask: Ask) -> None:
    rows = {(row.staff_key, row.grade, row.from_ms) for row in ask("grades_staff").itertuples()}

    since = ms_of("2026-03-05T00:00:00+00:00")
    grades = {"T0": "junior", "T1": "senior", "T2": "senior"}
    assert rows == {(KEYED.staff("C01", technician), grade, since) for technician, grade in grades.items()}


# Experts


def sessions_of(history: list[Event]) -> dict[str, dict[str, int]]:
    sessions: dict[str, dict[str, int]] = defaultdict(dict)
    for event in history:
        if event["type"] == "expert":
            sessions[event["session_id"]].setdefault(event["phase"], event["ms"])
    return sessions


def test_how_each_session_with_an_expert_went(
    ask: Ask, orders: oracle.Orders, histories: dict[Key, list[Event]]
) -> None:
    expected = {}
    for key in orders:
        for session, at in sessions_of(histories[key]).items():
            expected[*key, session] = tuple(at.get(phase) for phase in ("requested", "joined", "resolved"))
    frame = ask("experts", **EVERYTHING)
    rows = {
        (*key_of(row), row.session_id): tuple(
            None if pd.isna(at) else int(at) for at in (row.requested_ms, row.joined_ms, row.resolved_ms)
        )
        for row in frame.itertuples()
        if row.session_id
    }
    assert rows == expected
    assert len(expected) > 15
    assert {key_of(row) for row in frame.itertuples()} == set(orders)


def arrivals_of(history: list[Event]) -> list[int]:
    """When the parts of an order came, also after the car was gone; what was withdrawn first never came."""
    settled: dict[str, Event] = {}
    for event in history:
        if event["type"] == "part_request" and event["phase"] in ("fulfilled", "cancelled"):
            settled.setdefault(event["request_id"], event)
    return [event["ms"] for event in settled.values() if event["phase"] == "fulfilled"]


def test_the_time_to_an_expert_and_what_is_resolved_without_a_part(ask: Ask, histories: dict[Key, list[Event]]) -> None:
    waits, resolved = [], []
    for history in histories.values():
        arrived = arrivals_of(history)
        for at in sessions_of(history).values():
            if "requested" in at and at.get("joined", -1) >= at["requested"]:
                waits.append((at["joined"] - at["requested"]) / 1000)
            if "resolved" in at and ("requested" in at or "joined" in at):
                begin = at.get("requested", at.get("joined", 0))
                resolved.append(not arrived or max(arrived) <= begin)

    figures = {figure.figure: figure for figure in experts.build(ask, options()).figures}
    assert figures["expert_wait_median_s"].value == pytest.approx(statistics.median(waits))
    assert figures["expert_in_time"].value == pytest.approx(sum(wait <= 600 for wait in waits) / len(waits))
    assert figures["expert_without_part"].value == pytest.approx(sum(resolved) / len(resolved))
    assert 0 < figures["expert_without_part"].value < 1


# Procedures


def test_the_work_of_each_visit_in_order(ask: Ask, orders: oracle.Orders, histories: dict[Key, list[Event]]) -> None:
    rows = {key_of(row): row for row in ask("procedures", **EVERYTHING).itertuples()}

    assert set(rows) == set(handed_off(orders))
    for key, row in rows.items():
        expected = [(e["ms"], name_of(e), e.get("step", "")) for e in histories[key] if e["type"] in WORK]
        assert [tuple(event) for event in row.work_events] == expected
        quotes = [e["quote"]["labour_hours"] for e in histories[key] if e["type"] == "diagnosis" and e.get("quote")]
        assert row.planned_hours == pytest.approx(float(quotes[-1]) if quotes else 0.0)


def name_of(event: Event) -> str:
    phase = event.get("phase") or ("completed" if event["type"] == "quality_check" else None)
    return f"{event['type']}.{phase}" if phase else str(event["type"])


def test_the_share_of_orders_without_the_check_that_a_procedure_needs(
    ask: Ask, orders: oracle.Orders, histories: dict[Key, list[Event]], tmp_path: Path
) -> None:
    file = tmp_path / "procedures.toml"
    step = 'name = "check"\nevent = "quality_check.completed"\nrepeatable = true\n'
    file.write_text(f'[[procedure]]\nname = "any"\n\n[[procedure.step]]\n{step}')
    checked_in = {key: order for key, order in handed_off(orders).items() if order["checked_in_at"]}
    checked = 0
    for key, order in checked_in.items():
        visit = (ms_of(order["checked_in_at"]), ms_of(order["closed_at"]))
        checked += any(
            name_of(event) == "quality_check.completed" and visit[0] <= event["ms"] <= visit[1]
            for event in histories[key]
        )

    figures = {f.figure: f for f in procedures.build(ask, options(procedures=file)).figures}
    share = figures["procedure_check_missing"]
    assert (share.count, share.n) == (len(checked_in) - checked, len(checked_in))
    assert 0 < checked < len(checked_in)


# Need


def test_when_cars_came_and_which_had_no_check_in(ask: Ask, orders: oracle.Orders) -> None:
    rows = {
        key_of(row): row
        for row in ask("need_check_ins", since=START.date() - timedelta(days=30), centers=[]).itertuples()
    }

    expected = {k for k, o in orders.items() if o["checked_in_at"] or "missing_check_in" in o["anomalies"]}
    assert set(rows) == expected
    for key, row in rows.items():
        order = orders[key]
        assert (None if math.isnan(row.checked_in_ms) else row.checked_in_ms) == (
            ms_of(order["checked_in_at"]) if order["checked_in_at"] else None
        )
        assert row.last_event_ms == ms_of(order["last_event_at"])


def test_the_work_of_each_visit_and_since_when_the_car_had_waited_for_it(ask: Ask, orders: oracle.Orders) -> None:
    """Of a car of which nothing was heard for 30 days nobody says that it waits."""
    expected, given_up = set(), 0
    for key, order in orders.items():
        stages = [stage for stage in order["stages"] if stage[1] != stage[2]]
        for before, (activity, start, end) in zip([None, *stages], stages, strict=False):
            silent = end is None and ms_of(order["last_event_at"]) < 1000 * time.time() - 30 * 86_400_000
            given_up += silent
            if activity in ("diagnosis", "repair", "quality", "reception", "bay") and not silent:
                waited = before is not None and before[0] in ("reception", "bay")
                begin = before[1] if before is not None and waited else start
                expected.add((*key, activity, ms_of(start), ms_of(end) if end else 0, ms_of(begin)))

    frame = ask("need_work", since=START.date() - timedelta(days=30), centers=[])
    rows = {
        (*key_of(row), row.activity, row.started_ms, row.ended_ms, row.requested_ms)
        for row in frame.itertuples()
        if row.started_ms != row.ended_ms
    }
    assert rows == expected
    assert len(rows) > 500
    assert given_up > 0


def test_who_was_at_work_on_which_car(ask: Ask, histories: dict[Key, list[Event]]) -> None:
    expected = []
    for key, history in histories.items():
        jobs: dict[tuple[str, str | None], list[Event]] = defaultdict(list)
        for event in history:
            if event["type"] in ("diagnosis", "repair"):
                jobs[event["type"], event.get("job_id")].append(event)
        for events in jobs.values():
            technician = None
            for event, after in zip(events, [*events[1:], None], strict=True):
                technician = event.get("technician_id") or technician
                if event["phase"] in ("started", "resumed") and technician and after and after["ms"] > event["ms"]:
                    expected.append((key[0], technician, event["ms"], after["ms"]))

    frame = ask("need_technicians", since=START.date(), until=NOW.date(), centers=[])
    rows = [(row.center_id, row.technician, row.started_ms, row.ended_ms) for row in frame.itertuples()]
    assert sorted(rows) == sorted(expected)


def test_which_appointments_and_shifts_there_were(ask: Ask) -> None:
    booked = {
        key_of(row): [tuple(pair) for pair in row.phases]
        for row in ask("need_bookings", since=START, centers=[]).itertuples()
    }
    expected: dict[Key, list[tuple[int, int]]] = defaultdict(list)
    for event in bookings():
        starts = 0 if event["phase"] == "cancelled" else ms_of(event["starts_at"])
        expected[event["center_id"], event["order_id"]].append((ms_of(event["occurred_at"]), starts))
    assert {key: booking for key, booking in booked.items() if key[1].startswith("AP-")} == expected

    shifts = ask("need_shifts", since=START.date(), until=NOW.date())
    assert {(row.staff_key, row.starts_ms) for row in shifts.itertuples()} == {
        (KEYED.staff("C01", f"T{number}"), ms_of(START + timedelta(days=number, hours=8))) for number in (0, 2)
    }
    of_center = shifts_of(ask("whatif_shifts", center="C01", since=START.date(), until=NOW.date()))
    assert {(shift.technician, 1000 * shift.starts_s, shift.ends_s - shift.starts_s) for shift in of_center} == {
        (row.staff_key, row.starts_ms, 8 * 3600.0) for row in shifts.itertuples()
    }
    assert not len(ask("whatif_shifts", center="C02", since=START.date(), until=NOW.date()))


# Staff


def latest_answers() -> dict[tuple[str, str], Event]:
    latest: dict[tuple[str, str], Event] = {}
    for answer in answers():
        if answer["type"] == "staff_survey":
            latest[answer["round"], answer["respondent_key"]] = answer
    return latest


def test_the_staffs_answers_by_round_and_role(ask: Ask) -> None:
    groups: dict[tuple[str, str | None], list[float]] = defaultdict(list)
    for answer in latest_answers().values():
        for role in (None, answer["role"]):
            groups[answer["round"], role].append(answer["score"])

    rows = ask("staff_surveys", since="", until="", time_zone="UTC")
    rows_by_round = {(row.round, row.role if isinstance(row.role, str) else None): row for row in rows.itertuples()}
    assert set(rows_by_round) == set(groups)
    for key, scores in groups.items():
        assert (rows_by_round[key].n, rows_by_round[key].mean) == (len(scores), pytest.approx(statistics.fmean(scores)))
        assert rows_by_round[key].deviation == pytest.approx(statistics.stdev(scores))
    newest = {f.figure: f for f in staff.build(ask, options()).figures}["staff_score"]
    assert newest.value == pytest.approx(statistics.fmean(groups["2026Q2", None]))


def test_what_became_of_each_suggestion(ask: Ask) -> None:
    phases = {answer["suggestion_id"]: answer["phase"] for answer in answers() if answer["type"] == "suggestion"}
    days = [3 for phase in phases.values() if phase != "submitted"]

    rows = ask("staff_suggestions", since="", until="", time_zone="UTC")
    assert {row.suggestion_id: row.phase for row in rows.itertuples()} == phases
    figures = {f.figure: f for f in staff.build(ask, options()).figures}
    assert figures["suggestions_answered"].value == pytest.approx(len(days) / len(phases))
    assert figures["suggestion_days"].value == pytest.approx(statistics.median(days))


def test_what_customers_score_by_subject(ask: Ask, orders: oracle.Orders, histories: dict[Key, list[Event]]) -> None:
    expected: dict[tuple[str, str], list[float]] = defaultdict(list)
    for key, order in orders.items():
        surveys = [event for event in histories[key] if event["type"] == "survey"]
        if order["status"] != "open" and surveys:
            for subject, score in surveys[-1]["scores"].items():
                expected[subject, key[0]].append(score)

    rows = {(row.subject, row.center_id): row for row in ask("staff_subscores", **EVERYTHING).itertuples()}
    assert set(rows) == set(expected)
    for key, scores in expected.items():
        row = rows[key]
        assert (row.n, row.total, row.squares) == (len(scores), sum(scores), sum(score**2 for score in scores))
