"""What a new center's file may have wrong without a line being refused; and files without a flaw, which stay quiet."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import orjson
import pandas as pd
import pytest

from fixtrail.reports.data.identities import alike
from fixtrail.reports.data.profile import FileProfile
from fixtrail.reports.data.volume import with_usual
from fixtrail.reports.report import Report
from fixtrail.simulator.command import write_events
from schemas.decode import decode_event

Event = dict[str, Any]
START, NOW = datetime(2026, 9, 7, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)
MIDDLE = "2026-09-21"


@pytest.fixture(scope="module")
def feed(tmp_path_factory) -> list[Event]:
    out = tmp_path_factory.mktemp("good") / "events.ndjson"
    write_events(out, "owners-story", 5, 21, 1, START, None, None, lambda *_: None)
    return [orjson.loads(line) for line in out.read_bytes().splitlines()]


def flaws(events: list[Event]) -> dict[str, str]:
    """Grade of each flaw of center east-01."""
    return {str(row["flaw"]): str(row["grade"]) for row in report(events).sheet("flaws").rows if is_own(dict(row))}


def report(events: list[Event]) -> Report:
    profile = FileProfile(NOW)
    for event in events:
        profile.add(decode_event(orjson.dumps(event)))
    return profile.report()


def is_own(row: Event) -> bool:
    return bool(row["center_id"] == "east-01")


def shifted(event: Event, **by: int) -> Event:
    return {**event, "occurred_at": (datetime.fromisoformat(event["occurred_at"]) + timedelta(**by)).isoformat()}


def is_third(event: Event) -> bool:
    return int("".join(sign for sign in event["order_id"] if sign.isdigit())) % 3 == 0


def test_a_feed_without_a_planted_flaw_is_quiet(feed):
    assert flaws(feed) == {}


PLANTED: dict[str, tuple[str, Callable[[Event], Event]]] = {
    "repair_without_start": (
        "stop",
        lambda e: (
            {**e, "phase": {"started": "completed", "completed": "started"}.get(e["phase"], e["phase"])}
            if e["type"] == "repair"
            else e
        ),
    ),
    "visit_long": ("note", lambda e: shifted(e, days=-3650) if e["type"] == "repair" and is_third(e) else e),
    "score_scale": ("stop", lambda e: {**e, "score": e["score"] // 2} if e["type"] == "survey" else e),
    "vehicle_often": ("stop", lambda e: {**e, "vehicle_id": "UNKNOWN"} if is_third(e) else e),
    "vehicle_of_order": ("stop", lambda e: {**e, "vehicle_id": e["order_id"]}),
    "vehicle_spelling": ("note", lambda e: {**e, "vehicle_id": e["vehicle_id"].lower()} if is_third(e) else e),
    "technician_spelling": (
        "stop",
        lambda e: (
            {**e, "technician_id": f" {e['technician_id'].lower()}"} if e.get("technician_id") and is_third(e) else e
        ),
    ),
    "promise_early": (
        "stop",
        lambda e: {**e, "promised_at": shifted(e, hours=-1)["occurred_at"]} if e["type"] == "check_in" else e,
    ),
    "amount_odd": ("note", lambda e: {**e, "amount": float(e["amount"]) * 100} if "amount" in e and is_third(e) else e),
    "odd_hours": ("note", lambda e: shifted(e, hours=-8) if e["type"] == "check_in" else e),
    "field_lost": (
        "note",
        lambda e: {name: value for name, value in e.items() if name != "odometer_km" or e["occurred_at"] < MIDDLE},
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_flaw_is_named(feed, name):
    grade, spoil = PLANTED[name]
    spoiled = [spoil(event) if is_own(event) else event for event in feed]

    graded = flaws(spoiled)

    assert name in graded
    assert grade in (graded[name], "note")


def test_the_week_since_which_a_field_is_lost_is_told(feed):
    spoiled = [
        {name: value for name, value in event.items() if name != "odometer_km" or event["occurred_at"] < MIDDLE}
        for event in feed
    ]

    lost = [row for row in report(spoiled).sheet("fields").rows if row["lost_since"]]

    assert {row["field"] for row in lost} == {"odometer_km"}
    assert {row["lost_since"] for row in lost} == {MIDDLE}


def test_a_center_whose_zone_is_another_than_that_of_three_others_is_named(feed):
    own = [event for event in feed if is_own(event)]
    others = [
        {**event, "center_id": f"c-{n}", "vehicle_id": f"{n}-{event['vehicle_id']}"} for n in range(3) for event in own
    ]
    spoiled = [shifted(event, hours=8) for event in own]

    assert flaws(others + own) == {}
    assert flaws(others + spoiled)["odd_hours"] == "stop"


def test_ids_are_alike_but_for_case_width_signs_zeros_and_letters_that_look_like_digits():
    assert alike(["T7", "t-07", "T8", "Ｔ９", "T 9"]) == 4
    assert alike(["LSVAA4182E2100001", "LSVAA4182E21OO0O1", "LSVAA4182E2100002"]) == 2
    assert alike(["T10", "T1", "T100"]) == 0


def volumes(weeks: int, visits_a_day: int, gap: range = range(0), seed: int = 1) -> list[str]:
    """States of a center's days; it is closed on Sundays, and each visit brings some ten events."""
    chance, rows = Random(seed), []
    for number in range(7 * weeks):
        day = date(2026, 3, 2) + timedelta(days=number)
        visits = (
            0 if day.weekday() == 6 or number in gap else sum(chance.random() < 0.1 for _ in range(10 * visits_a_day))
        )
        events = sum(chance.randint(8, 15) for _ in range(visits))
        rows += [{"center_id": "c", "day": day.isoformat(), "events": events}] if events else []
    return list(with_usual(pd.DataFrame(rows))["state"])


def test_days_of_a_feed_in_which_nothing_is_wrong_are_usual():
    states = [state for seed in range(40) for state in volumes(6, 8, seed=seed) if state != "unknown"]

    assert len(states) > 900
    assert sum(state != "usual" for state in states) / len(states) < 0.04


def test_days_in_a_row_without_events_are_judged_together():
    """Eight visits a day: a single empty day may be chance within so few weeks, four of them are not."""
    states = volumes(6, 8, gap=range(29, 33))

    assert states[29:33] == ["silent"] * 4


def test_a_date_of_another_decade_hides_no_silent_day():
    days = [{"center_id": "c", "day": f"2026-03-{day:02}", "events": 100 + day % 3} for day in range(1, 29)]
    days[27]["events"] = 10

    frame = with_usual(pd.DataFrame([{"center_id": "c", "day": "2016-03-05", "events": 1}, *days]))

    judged = frame[frame["state"] != "unknown"]
    assert len(judged) == 14
    assert list(judged["state"])[-1] == "silent"
