"""Simulated complaints and bad scores: each contact that came too late opens an alert, none that was in time does."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import orjson
import pytest

from fixtrail.simulator.command import write_events
from fixtrail.watch.config import ComplaintAgeRule, DetractorRule
from fixtrail.watch.voices import voice_dues
from schemas.centers import Center
from tests import voices_oracle as oracle
from tests.workshop import facts_after

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
NOW = BEGIN + timedelta(days=60)
RULES = (ComplaintAgeRule(name="contact", kind="complaint_age"), DetractorRule(name="score", kind="detractor"))


@pytest.fixture(scope="module")
def orders(tmp_path_factory: Any) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The orders with a complaint or a bad score, of three weeks at two centers."""
    out = tmp_path_factory.mktemp("simulated") / "events.ndjson"
    write_events(out, "owners-story", 5, 21, 2, BEGIN, None, None, lambda *_: None)
    orders = oracle.by_order(map(orjson.loads, out.read_bytes().splitlines()))
    return {key: history for key, history in orders.items() if {"complaint", "survey"} & {e["type"] for e in history}}


def first_due(history: list[dict[str, Any]], until: datetime, rule: str) -> datetime | None:
    """When the first level of that rule is reached, of what was known at that time; None where nothing will be due."""
    center = Center(id=history[0]["center_id"], name="-", region="-", opens=time(8, 30), closes=time(18))
    (fact,) = facts_after(*(event for event in history if oracle.at(event) <= until)).values()
    dues = [due.due_at for due in voice_dues(fact, RULES, {center.id: center}) if due.rule.name == rule]
    return datetime.fromtimestamp(min(dues) / 1000, UTC) if dues else None


def test_each_late_first_contact_of_a_complaint_is_found_and_none_in_time(
    orders: dict[tuple[str, str], list[dict[str, Any]]],
):
    verdicts = []
    for history in orders.values():
        for complaint in oracle.complaints_of(history, NOW):
            due_at = first_due(history, complaint["opened"], "contact")
            contact_at = next(
                (oracle.at(e) for e in history if e["type"] == "complaint" and e["phase"] in ("contacted", "resolved")),
                None,
            )
            is_alert = due_at is not None and (contact_at is None or contact_at > due_at)
            verdicts.append((is_alert, not oracle.in_time(complaint)))
    assert {is_alert for is_alert, _ in verdicts} >= {True}
    assert all(is_alert == is_late for is_alert, is_late in verdicts), verdicts


def test_each_bad_score_without_a_call_within_48_hours_is_found_and_no_other(
    orders: dict[tuple[str, str], list[dict[str, Any]]],
):
    verdicts = []
    for key, history in orders.items():
        for bad in oracle.bad_scores_of(history):
            due_at = first_due(history, bad["at"], "score")
            is_alert = due_at is not None and (bad["called"] is None or bad["called"] > due_at)
            is_late = bad["called"] is None or bad["called"] - bad["at"] > timedelta(hours=48)
            verdicts.append((key, is_alert, is_late))
    assert {is_alert for _, is_alert, _ in verdicts} == {True, False}
    assert all(is_alert == is_late for _, is_alert, is_late in verdicts), verdicts
