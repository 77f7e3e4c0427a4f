"""Report eta: what is read of ClickHouse's answers, and figures beside others worked out by hand."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from fixtrail.estimates.cells import CenterRecord
from fixtrail.estimates.visits import DecisionPoint
from fixtrail.reports.eta.figures import figures_of
from fixtrail.reports.eta.report import build
from fixtrail.reports.eta.sheets import verdict_of
from fixtrail.reports.eta.visits import centers_of, midnight, visits_of
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.options import Options

DAY = 86_400_000
CENTER = {
    "center_id": "C1",
    "name": "一",
    "name_en": "",
    "region": "r",
    "wave": 1,
    "wave_start": "2026-03-02",
    "time_zone": "Asia/Shanghai",
    "opens": "08:30",
    "closes": "18:00",
    "weekdays": [1, 2, 3],
    "closed_on": ["2026-10-01"],
    "open_on": [],
}


def points(**columns: object) -> pd.DataFrame:
    """Two points of one visit and one of another; the last has no promise."""
    frame = {
        "visit": [1, 1, 2],
        "is_estimated": [True, True, True],
        "is_seldom_ready": [False, False, False],
        "is_inside": [True, False, True],
        "error": [60.0, -120.0, 0.0],
        "promise_error": [600.0, -60.0, np.nan],
        "to_ready": [3600.0, 600.0, 1800.0],
        "width": [1200.0, 600.0, 900.0],
        "high_at": [0.0, 60.0, 0.0],
        "promise_at": [0.0, 0.0, np.nan],
    }
    return pd.DataFrame({**frame, **columns})


def test_the_figures_are_those_worked_out_by_hand():
    values = {figure.figure: figure.value for figure in figures_of(points())}

    assert values["eta_inside"] == pytest.approx(2 / 3)
    assert values["eta_mae_s"] == 60.0
    assert values["promise_mae_s"] == 330.0
    assert values["constant_mae_s"] == pytest.approx((1800 + 1200 + 0) / 3)
    assert values["eta_bias_s"] == 0.0
    assert values["eta_width_s"] == 900.0
    assert values["promise_late"] == 0.5


def test_what_cannot_be_used_is_told_by_reason():
    frame = points(is_estimated=[False, False, True], is_seldom_ready=[True, False, False])
    figures = {figure.figure: figure for figure in figures_of(frame)}

    inside, promise = figures["eta_inside"], figures["promise_mae_s"]
    assert (inside.n, inside.n_all, inside.left_out) == (1, 3, {"few_visits": 1, "seldom_ready": 1})
    assert (promise.n, promise.n_all, promise.left_out) == (0, 3, {"few_visits": 1, "seldom_ready": 1, "no_promise": 1})


def test_a_time_that_moves_three_times_is_a_promise_given_again_and_again():
    moves = [0.0, 1000.0, 2000.0, 3000.0]
    frame = pd.DataFrame({name: [*column] * 4 for name, column in points().iloc[:1].to_dict("list").items()}).assign(
        high_at=moves, promise_at=[0.0, 1000.0, 2000.0, 2000.0]
    )

    values = {figure.figure: figure.value for figure in figures_of(frame)}

    assert (values["eta_repromised"], values["promise_repromised"]) == (1.0, 0.0)


def test_visits_are_read_with_the_promises_that_were_new():
    visits = pd.DataFrame(
        [
            {
                "center_id": "C1",
                "order_id": "R1",
                "vehicle_key": "v",
                "lane": "quick",
                "ready_ms": np.nan,
                "closed_ms": np.nan,
            }
        ]
    )
    stages = pd.DataFrame(
        [{"center_id": "C1", "order_id": "R1", "vehicle_key": "v", "runs": [["reception", 10, 20], ["repair", 20, 0]]}]
    )
    promises = pd.DataFrame(
        [{"center_id": "C1", "order_id": "R1", "vehicle_key": "v", "promises": [[10, 90], [15, 90], [30, 95]]}]
    )

    (visit,) = visits_of(visits, stages, promises)

    assert visit.ready_at is None
    assert visit.points == (
        DecisionPoint(10, "reception", 90),
        DecisionPoint(20, "repair", 90),
        DecisionPoint(30, "repair", 95),
    )


def test_a_center_changes_over_at_its_own_midnight():
    centers, changed_at = centers_of(pd.DataFrame([CENTER]))

    assert centers["C1"].weekdays == (1, 2, 3)
    assert changed_at == {"C1": midnight(date(2026, 3, 2), "Asia/Shanghai")}


@pytest.mark.parametrize(
    ("verdict", "record"),
    [
        ("few", None),
        ("shown", CenterRecord("", 90, 30, 0.8, 1.0, 1.0, 2.0, 3.0, 0.0)),
        ("coverage", CenterRecord("", 90, 30, 0.95, 1.0, 1.0, 2.0, 3.0, 0.0)),
        ("promise", CenterRecord("", 90, 30, 0.8, 1.0, 2.0, 2.0, 3.0, 0.0)),
        ("constant", CenterRecord("", 90, 30, 0.8, 3.0, 1.0, None, 3.0, 0.0)),
    ],
)
def test_a_center_is_told_why_nothing_is_shown(verdict, record):
    assert verdict_of(record) == verdict


def test_without_a_single_visit_the_report_says_so_in_both_languages():
    def ask(query, **_):
        empty = {
            "eta_visits": ["center_id", "order_id", "vehicle_key", "lane", "ready_ms", "closed_ms"],
            "eta_stages": ["center_id", "order_id", "vehicle_key", "runs"],
            "eta_promises": ["center_id", "order_id", "vehicle_key", "promises"],
            "centers": list(CENTER),
        }
        rows = {"span": [{"last_close": None}], "eta_size": [{"visits": 0}]}
        return pd.DataFrame(rows[query]) if query in rows else pd.DataFrame(columns=empty[query])

    document = as_json(build(ask, Options(datetime(2026, 3, 9, tzinfo=UTC))))

    assert document["scope"]["to"] == "2026-03-09"
    assert all(figure["n"] == 0 for figure in document["figures"])
    assert set(document["title"]) == {"zh-CN", "en"}
