"""Report need of one small center: rostered and working beside required, and what is not known."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd
import pytest

from fixtrail.reports.forms.document import as_json
from fixtrail.reports.need.arrivals import NEVER
from fixtrail.reports.need.center_need import NeedRecords, NeedRules, center_need
from fixtrail.reports.need.figures import is_foreseen
from fixtrail.reports.need.holidays import NO_HOLIDAYS
from fixtrail.reports.need.report import read_rules, report_of
from fixtrail.reports.need.slots import open_slots
from fixtrail.reports.options import Options
from fixtrail.reports.targets import targets_of
from runtime.failure import ExitError
from schemas.centers import Center
from schemas.times import to_ms

CENTER = Center(id="C1", name="一", region="r", time_zone="UTC", opens=time(9), closes=time(12))
FIRST, WEEKS, PER_DAY = date(2026, 3, 2), 9, 4
LAST = FIRST + timedelta(days=7 * WEEKS - 1)
NOW = to_ms(datetime.combine(LAST + timedelta(days=1), time(), UTC))
MINUTE = 60_000
NO_SHIFTS = pd.DataFrame(
    {"center_id": pd.Series(dtype=str), "staff_key": pd.Series(dtype=str), "role": pd.Series(dtype=str)}
    | {name: pd.Series(dtype="int64") for name in ("starts_ms", "ends_ms")}
)


def visits() -> pd.DataFrame:
    """Four cars a day, each half hour one from nine on; each is mended for twenty minutes after ten of waiting."""
    rows = []
    for day in range(7 * WEEKS):
        opens = to_ms(datetime.combine(FIRST + timedelta(days=day), time(9), UTC))
        rows += [
            {"order_id": f"{day}-{car}", "vehicle_key": "v", "checked_in_ms": opens + car * 30 * MINUTE}
            for car in range(PER_DAY)
        ]
    frame = pd.DataFrame(rows)
    return frame.assign(lane=1, closed_ms=frame["checked_in_ms"] + 40 * MINUTE, booked_ms=NEVER)


def tasks(frame: pd.DataFrame) -> pd.DataFrame:
    waits = frame.assign(activity="bay", started_ms=frame["checked_in_ms"])
    waits = waits.assign(ended_ms=waits["started_ms"] + 10 * MINUTE, requested_ms=waits["started_ms"])
    work = frame.assign(activity="repair", started_ms=frame["checked_in_ms"] + 10 * MINUTE)
    work = work.assign(ended_ms=work["started_ms"] + 20 * MINUTE, requested_ms=work["checked_in_ms"])
    return pd.concat([waits, work], ignore_index=True)


def shifts(people: int, days: int) -> pd.DataFrame:
    """So many technicians from nine to eleven, on the last days."""
    rows = []
    for day in range(days):
        opens = to_ms(datetime.combine(LAST - timedelta(days=day), time(9), UTC))
        rows += [
            {"staff_key": f"T{n}", "role": "technician", "starts_ms": opens, "ends_ms": opens + 120 * MINUTE}
            for n in range(people)
        ]
    return pd.DataFrame(rows)


def document(shift_rows: pd.DataFrame, rules: NeedRules | None = None) -> dict:
    frame = visits()
    touches = tasks(frame).query("activity == 'repair'").assign(technician="T0")
    records = NeedRecords(frame, [], tasks(frame), shift_rows, touches)
    slots = open_slots("C1", CENTER, FIRST, LAST, NO_HOLIDAYS)
    need = center_need(slots, records, rules or NeedRules(), LAST - timedelta(days=6), NOW)
    return as_json(report_of([need], {}))


def figures(doc: dict) -> dict:
    return {figure["figure"]: figure for figure in doc["figures"]}


def test_without_shifts_what_is_rostered_is_not_known_and_not_zero():
    values = figures(document(NO_SHIFTS))

    assert values["need_rostered_h"]["value"] is None and values["need_under_h"]["value"] is None
    assert values["need_below_share"]["left_out"] == {"no_shifts": 42}
    assert values["need_wait_s"]["value"] == 7 * PER_DAY * 600


def test_hours_and_waits_below_need_are_those_worked_out_by_hand():
    doc = document(shifts(1, 7))
    rows = [row for row in doc["tables"]["slots"] if row["role"] == "technician"]
    gap = np.array([row["required"] - row["rostered"] for row in rows])
    waited = np.array([row["waited_s"] for row in rows])
    values = figures(doc)

    assert [row["rostered"] for row in rows[:6]] == [1, 1, 1, 1, 0, 0]
    assert [row["working"] for row in rows[:6]] == [1, 1, 1, 1, 0, 0]
    assert values["need_under_h"]["value"] == pytest.approx(0.5 * gap.clip(min=0).sum())
    assert values["need_over_h"]["value"] == pytest.approx(0.5 * (-gap).clip(min=0).sum())
    assert values["need_wait_below_s"]["value"] == pytest.approx(waited[gap > 0].sum())
    assert values["need_below_share"]["count"] == (gap > 0).sum()
    assert values["need_below_share"]["low"] < values["need_below_share"]["value"] < values["need_below_share"]["high"]


def test_one_car_each_half_hour_is_expected_and_one_came():
    doc = document(NO_SHIFTS)
    rows = [row for row in doc["tables"]["slots"] if row["role"] == "technician"]

    assert [(row["expected"], row["came"]) for row in rows[:5]] == [(pytest.approx(1.0), 1)] * 4 + [(0.0, 0)]
    assert doc["tables"]["content"][1] == {
        "center_id": "C1", "lane": "standard", "group": "repair", "cars": 4 * 56,
        "jobs_per_car": 1.0, "job_s": 1200.0, "car_s": 1200.0,
    }  # fmt: skip


def test_shifts_of_some_days_leave_the_others_unknown():
    values = figures(document(shifts(2, 3)))

    assert values["need_rostered_h"]["n"] == 18 and values["need_rostered_h"]["value"] == 3 * 2 * 2


def test_advisors_are_reckoned_only_where_somebody_said_how_long_reception_takes():
    roles = {row["role"] for row in document(NO_SHIFTS)["tables"]["slots"]}
    with_reception = document(NO_SHIFTS, NeedRules(reception_s=600.0))["tables"]["slots"]

    assert roles == {"technician"}
    assert {row["role"] for row in with_reception} == {"technician", "advisor"}


def test_days_foreseen_are_those_within_the_poisson_interval():
    assert [arrived for arrived in range(30) if is_foreseen(10.0, arrived)] == list(range(4, 18))


def test_rules_that_make_no_sense_are_refused():
    with pytest.raises(ExitError, match=r"need\.share lies between 0 and 1"):
        read_rules(Options(datetime.now(UTC), targets=targets_of({"need": {"share": 1.5}})))
    with pytest.raises(ExitError, match="there is no key shares"):
        read_rules(Options(datetime.now(UTC), targets=targets_of({"need": {"shares": 0.5}})))
