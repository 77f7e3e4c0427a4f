"""What counts as a case of which cell, and what is exposed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from fixtrail.reports.options import Options
from fixtrail.reports.targets import Targets
from fixtrail.reports.warning.cells import Exposure, WarningCase, WarningCell, cells_of, weeks_between
from fixtrail.reports.warning.sources import cases_of, exposure_of, last_week, resets_of

MONDAY = date(2026, 3, 2)
WEEKS = weeks_between(MONDAY, MONDAY + timedelta(weeks=19))
VISITS = dict.fromkeys(WEEKS, 50)


def case(day: int, vehicle: str = "V1", **fields: Any) -> WarningCase:
    at = datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(days=day)
    about: dict[str, Any] = {"groups": ("battery",), "model": "A5", "software": "4.2", "built": "2026-01"}
    return WarningCase(f"R{day}{vehicle}", "C1", vehicle, at, at.date(), **{**about, "batches": ("B17",), **fields})


def test_an_order_counts_once_in_each_of_its_cells():
    cells = cells_of([case(3, parts=("CELL", "CELL"))], Exposure(VISITS), WEEKS)

    assert cells.cells == (
        WarningCell("batch", "B17", "battery"),
        WarningCell("built", "A5 2026-01", "battery"),
        WarningCell("part", "CELL", "battery"),
        WarningCell("software", "A5 4.2", "battery"),
    )
    assert cells.cases[:, 0].tolist() == [1, 1, 1, 1]
    assert cells.cases.sum() == 4


@pytest.mark.parametrize(("days", "counted"), [((0, 59), 1), ((0, 60), 2), ((0, 30, 59, 65), 2), ((0, 30, 61, 121), 3)])
def test_a_car_counts_once_in_sixty_days(days: tuple[int, ...], counted: int):
    cells = cells_of([case(day) for day in days], Exposure(VISITS), WEEKS)

    assert cells.cases[cells.cells.index(WarningCell("batch", "B17", "battery"))].sum() == counted


def test_another_car_and_another_fault_count_for_themselves():
    cases = [case(0), case(1, "V2"), case(2, groups=("battery", "brakes"))]

    cells = cells_of(cases, Exposure(VISITS), WEEKS)

    counts = dict(zip(cells.cells, cells.cases.sum(axis=1), strict=True))
    assert counts[WarningCell("batch", "B17", "battery")] == 2
    assert counts[WarningCell("batch", "B17", "brakes")] == 1


def test_builds_are_exposed_by_their_own_visits_and_batches_by_all_since_they_were_first_named():
    exposure = Exposure(VISITS, {("built", "A5 2026-01"): {MONDAY: 7}}, {("batch", "B17"): MONDAY + timedelta(weeks=2)})
    cells = cells_of([case(15)], exposure, WEEKS)

    rows = dict(zip(cells.cells, cells.exposure.tolist(), strict=True))
    assert rows[WarningCell("batch", "B17", "battery")][:4] == [0, 0, 50, 50]
    assert rows[WarningCell("built", "A5 2026-01", "battery")][:4] == [7, 0, 1, 0]  # its case at least


def test_a_build_without_a_fault_is_one_of_the_others():
    exposure = Exposure(VISITS, {("built", "A5 2026-01"): VISITS, ("built", "A5 2026-02"): VISITS})

    cells = cells_of([case(0)], exposure, WEEKS)

    quiet = cells.cells.index(WarningCell("built", "A5 2026-02", "battery"))
    assert (cells.cases[quiet].sum(), cells.exposure[quiet].sum()) == (0, 50 * len(WEEKS))


def test_batches_are_those_taken_out_and_only_where_nobody_tells_them_those_asked_for():
    row = {
        "order_id": "R1", "center_id": "C1", "vehicle_key": "v", "checked_in_at": pd.Timestamp(MONDAY, tz="UTC"),
        "day": pd.Timestamp(MONDAY), "fault_groups": ["battery"], "score": 9.0, "model": "A5", "software": "",
        "built": "", "requested": ["NEW"], "parts": ["CELL"],
    }  # fmt: skip

    (with_removed, without) = cases_of(pd.DataFrame([{**row, "removed": ["OLD"]}, {**row, "removed": []}]))
    (only_requested,) = cases_of(pd.DataFrame([{**row, "removed": []}]))

    assert (with_removed.batches, without.batches, only_requested.batches) == (("OLD",), (), ("NEW",))
    assert with_removed.score == 9


def test_visits_are_read_by_value_and_week():
    visits = pd.DataFrame(
        [
            {"dimension": "all", "value": "", "week": pd.Timestamp(MONDAY), "visits": 50},
            {"dimension": "built", "value": "A5 2026-01", "week": pd.Timestamp(MONDAY), "visits": 7},
        ]
    )
    batches = pd.DataFrame([{"dimension": "batch", "value": "B17", "week": pd.Timestamp(MONDAY)}])

    exposure = exposure_of(visits, batches)

    assert exposure == Exposure({MONDAY: 50}, {("built", "A5 2026-01"): {MONDAY: 7}}, {("batch", "B17"): MONDAY})


@pytest.mark.parametrize(
    ("now", "until", "expected"),
    [
        ("2026-03-08T15:59:00Z", None, "2026-02-23"),  # Sunday, shortly before midnight in Shanghai
        ("2026-03-08T16:00:00Z", None, "2026-03-02"),
        ("2026-06-01T00:00:00Z", "2026-03-08", "2026-03-02"),
        ("2026-06-01T00:00:00Z", "2026-03-07", "2026-02-23"),
    ],
)
def test_only_weeks_that_are_over_are_judged(now: str, until: str | None, expected: str):
    day = None if until is None else date.fromisoformat(until)
    options = Options(datetime.fromisoformat(now), until=day, targets=Targets(time_zone="Asia/Shanghai"))

    assert last_week(options) == date.fromisoformat(expected)


def test_a_cell_counts_again_from_the_week_after_the_one_in_which_somebody_took_care_of_it():
    resets = pd.DataFrame([{"subject": "batch/B17/battery", "acknowledged_at": pd.Timestamp("2026-03-08T17:00:00Z")}])

    assert resets_of(resets, "UTC") == {"batch/B17/battery": [MONDAY + timedelta(weeks=1)]}
    assert resets_of(resets, "Asia/Shanghai") == {"batch/B17/battery": [MONDAY + timedelta(weeks=2)]}
