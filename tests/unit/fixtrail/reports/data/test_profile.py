"""Data quality of a file before it is sent: planted flaws come back, by name and by how grave they are."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest
from scipy.stats import binom

from fixtrail.reports.data.profile import FileProfile
from fixtrail.reports.data.volume import with_usual
from fixtrail.reports.report import Report
from schemas.centers import Center
from schemas.decode import decode_event
from tests.paths import ROOT

NOW = datetime(2026, 4, 1, tzinfo=UTC)
START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def visit(number: int) -> list[dict[str, Any]]:
    """A whole visit without a flaw, two hours long."""
    steps = (
        ("check_in", 0, {"customer_id": f"K{number}", "lane": "standard", "promised_at": at(number, 200)}),
        ("diagnosis", 10, {"phase": "started"}),
        ("diagnosis", 20, {"phase": "completed", "fault_groups": ["brakes"]}),
        ("repair", 30, {"phase": "started", "job_id": "1"}),
        ("repair", 90, {"phase": "completed", "job_id": "1"}),
        ("ready", 100, {}),
        ("handoff", 120, {"amount": 100}),
        ("survey", 1440, {"score": 9}),
    )
    return [
        {
            **{"event_id": f"{number}-{step}", "type": type_, "order_id": f"R{number}", "vehicle_id": f"V{number}"},
            **{"center_id": "new-01", "occurred_at": at(number, minute), **fields},
        }
        for step, (type_, minute, fields) in enumerate(steps)
    ]


def at(number: int, minute: int) -> str:
    return (START + timedelta(minutes=7 * number + minute)).isoformat()


def profiled(events: list[dict[str, Any]], centers: Mapping[str, Center] | None = None) -> Report:
    profile = FileProfile(NOW, centers)
    for event in events:
        profile.add(decode_event(orjson.dumps(event)))
    return profile.report()


def rows(report: Report, sheet: str) -> list[dict[str, Any]]:
    return [dict(row) for row in report.sheet(sheet).rows]


def test_a_file_without_a_flaw_is_counted():
    report = profiled([event for number in range(100) for event in visit(number)])

    assert rows(report, "flaws") == []
    (verdict,) = rows(report, "verdicts")
    # Nothing of a quote: that figure alone is not to be had.
    assert (verdict["grade"], verdict["stops"], verdict["notes"]) == ("note", "", "usable: quote_kept")


def flaw(report: Report, name: str) -> tuple[str, int, int]:
    """Grade, count and total of a flaw of the only center."""
    (row,) = [row for row in rows(report, "all_rules") if row["flaw"] == name]
    return row["grade"], row["count"], row["of"]


def test_a_file_of_a_few_orders_without_a_flaw_is_not_called_good():
    (verdict,) = rows(profiled([event for number in range(19) for event in visit(number)]), "verdicts")

    assert (verdict["grade"], verdict["orders"]) == ("unknown", 19)


def test_odometers_that_fall_or_race_are_counted_against_the_reading_before():
    """V1 loses a digit at its handoff, V2 is stamped 5,000 km further after two hours, V3 is plausible."""
    events = [event for number in range(4) for event in visit(number)]
    readings = {("R1", 0): 20_000, ("R1", 6): 2_000, ("R2", 0): 100, ("R2", 6): 5_100, ("R3", 0): 80, ("R3", 6): 95}
    for event in events:
        km = readings.get((event["order_id"], int(event["event_id"].split("-")[1])))
        if km is not None:
            event["odometer_km"] = km

    report = profiled(events)

    assert flaw(report, "odometer_falling") == ("stop", 1, 3)
    assert flaw(report, "odometer_racing") == ("stop", 1, 3)


def test_events_outside_the_opening_hours_are_told_where_these_are_known():
    """The visits begin at 8 UTC, which is 16 h in Shanghai: most of the later ones go on after 18 h."""
    events = [event for number in range(30) for event in visit(number)]
    shanghai = Center(id="new-01", name="new", region="north", opens=time(8))
    in_utc = shanghai.model_copy(update={"time_zone": "UTC"})

    assert flaw(profiled(events, {"new-01": shanghai}), "outside_hours")[0] == "note"
    assert flaw(profiled(events, {"new-01": in_utc}), "outside_hours") == ("go", 0, 210)
    assert [row for row in rows(profiled(events), "all_rules") if row["flaw"] == "outside_hours"] == []


def test_an_open_weekday_without_events_is_a_gap():
    """Visits on two Mondays; the center is open on Mondays and Wednesdays, and on Wednesday nothing came."""
    events = [event for number in range(30) for event in visit(number)]
    week = timedelta(days=7)
    later = [
        {
            **event,
            "order_id": f"L{event['order_id']}",
            "occurred_at": (datetime.fromisoformat(event["occurred_at"]) + week).isoformat(),
        }
        for event in events
        if event["type"] != "survey"
    ]
    center = Center(id="new-01", name="new", region="north", weekdays=(1, 3))

    assert flaw(profiled(events[:-1] + later, {"new-01": center}), "weekday_gap") == ("note", 1, 3)


def test_a_diagnosis_that_never_ended_is_told():
    events = [event for number in range(20) for event in visit(number) if event["event_id"] != "7-2"]

    assert flaw(profiled(events), "diagnosis_without_end") == ("go", 1, 20)


def test_phases_are_missed_job_by_job_and_part_by_part():
    """Job 1 was never completed and job 2 never started: one of each makes no pair. The same of parts."""
    events = [event for number in range(20) for event in visit(number)]
    events[4]["job_id"] = "2"
    part = {**events[3], "type": "part_request", "part_no": "P", "quantity": 1}
    for phase, request_id in (("requested", "A"), ("fulfilled", "B")):
        events.append({**part, "event_id": f"part-{phase}", "phase": phase, "request_id": request_id})

    report = profiled(events)

    assert flaw(report, "repair_without_start")[1:] == (1, 20)
    assert flaw(report, "repair_without_end")[1:] == (1, 20)
    assert flaw(report, "part_without_request")[1:] == (1, 20)


def test_five_planted_flaws_of_a_new_center_are_named_the_gravest_first():
    events = [event for number in range(100) for event in visit(number)]
    spoiled = [
        event
        for event in events
        # 1: thirty orders lose their check-in; 2: ten repairs have no start.
        if not (event["type"] == "check_in" and int(event["order_id"][1:]) < 30)
        and not (event["event_id"].endswith("-3") and 30 <= int(event["order_id"][1:]) < 40)
    ]
    # 3: every fifth event comes twice; 4: an id tells two stories; 5: nobody sends fault groups.
    spoiled += spoiled[::5]
    spoiled.append({**visit(99)[6], "amount": 999})
    for event in spoiled:
        event.pop("fault_groups", None)

    report = profiled(spoiled)

    flaws = [(row["grade"], row["flaw"]) for row in rows(report, "flaws")]
    assert flaws == [
        ("stop", "no_check_in"),
        ("note", "repair_without_start"),
        ("note", "duplicates"),
        ("note", "conflicts"),
    ]
    (verdict,) = rows(report, "verdicts")
    assert verdict["grade"] == "stop"
    assert "usable: comebacks" in verdict["notes"]
    (lost,) = [row for row in rows(report, "usable") if row["figure"] == "comebacks"]
    assert (lost["grade"], lost["n"], lost["n_all"], lost["lost"]) == ("stop", 0, 100, 100)
    (unfilled,) = [row for row in rows(report, "fields") if row["field"] == "fault_groups"]
    assert (unfilled["filled"], unfilled["events"]) == (0, 100)


def test_a_day_with_half_of_the_usual_events_is_told():
    days = [{"center_id": "c", "day": f"2026-03-{day:02}", "events": 100 + day % 3} for day in range(1, 29)]
    days[27]["events"] = 40

    days_with_usual = with_usual(pd.DataFrame(days))

    assert list(days_with_usual["state"])[:14] == ["unknown"] * 14
    assert list(days_with_usual["state"])[14:27] == ["usual"] * 13
    assert list(days_with_usual["state"])[27] == "silent"


@pytest.fixture(scope="module")
def rough(tmp_path_factory) -> Report:
    """The report of a simulated feed with planted anomalies."""
    from fixtrail.simulator.command import write_events

    out: Path = tmp_path_factory.mktemp("rough") / "events.ndjson"
    scenario = str(ROOT / "examples" / "scenarios" / "rough-feed.toml")
    write_events(out, scenario, 5, 8, None, datetime(2026, 3, 2, tzinfo=UTC), None, None, lambda *_: None)
    profile = FileProfile(NOW)
    for line in out.read_bytes().splitlines():
        profile.add(decode_event(line))
    return profile.report()


@pytest.mark.parametrize(
    ("flaw", "planted"),
    [
        ("duplicates", 0.05 / 1.05),
        ("no_check_in", 0.01),
        ("negative_gap", 0.02),
        ("activity_after_close", 0.02),
    ],
)
def test_the_shares_that_a_simulated_feed_plants_come_back(rough, flaw, planted):
    (figure,) = [figure for figure in rough.figures if figure.figure == flaw]

    assert binom.ppf(0.0005, figure.n, planted) <= figure.count <= binom.ppf(0.9995, figure.n, planted)
