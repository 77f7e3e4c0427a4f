"""Report procedures: which orders can be judged, and figures beside others counted by hand."""

import tomllib
from datetime import UTC, datetime

import pandas as pd
import pytest

from fixtrail.procedures.file import Procedures
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.options import Options
from fixtrail.reports.procedures.judged import judge_orders
from fixtrail.reports.procedures.report import build, report_of
from runtime.failure import ExitError

NOW = datetime(2026, 3, 9, tzinfo=UTC)
PROCEDURES = Procedures.model_validate(
    tomllib.loads("""
[[procedure]]
name = "brakes"
groups = ["brakes"]
step = [
  {name = "repair", event = "repair.started"}, {name = "done", event = "repair.completed"},
  {name = "check", event = "quality_check.completed"},
]
""")
)
REPAIR = [(10, "repair.started", ""), (20, "repair.completed", "")]
CHECKED = [*REPAIR, (30, "quality_check.completed", "")]


def order(number: int, center: str, events: list, ftf: bool | None, groups=("brakes",), checked_in: float | None = 0):
    return {
        "order_id": str(number),
        "center_id": center,
        "fault_groups": list(groups),
        "ftf": ftf,
        "checked_in_ms": checked_in,
        "closed_ms": 100,
        "work_events": events,
        "planned_hours": 0.0,
    }


ORDERS = [
    *(order(n, "A", CHECKED, ftf=n != 0) for n in range(8)),
    *(order(n, "A", REPAIR, ftf=n % 2 == 0) for n in range(10, 16)),
    *(order(n, "B", CHECKED, ftf=True) for n in range(20, 24)),
    order(30, "B", [*CHECKED[:2], CHECKED[2], (200, "repair.started", "")], None),
    order(31, "B", CHECKED, ftf=True, groups=("lamp",)),
    order(32, "B", CHECKED, ftf=True, checked_in=None),
]


def document() -> dict:
    return as_json(report_of(judge_orders(pd.DataFrame(ORDERS), PROCEDURES), Options(NOW)))


def test_the_figures_are_those_counted_by_hand():
    figures = {figure["figure"]: figure for figure in document()["figures"]}

    followed = figures["procedure_conforming"]
    assert (followed["count"], followed["n"], followed["n_all"]) == (13, 19, 21)
    assert followed["left_out"] == {"no_check_in": 1, "no_procedure": 1}
    assert followed["low"] < 13 / 19 < followed["high"]
    assert (figures["procedure_check_missing"]["count"], figures["procedure_check_missing"]["n"]) == (6, 19)
    assert (figures["ftfr_conforming"]["count"], figures["ftfr_conforming"]["n"]) == (11, 12)
    assert (figures["ftfr_deviating"]["count"], figures["ftfr_deviating"]["n"]) == (3, 6)
    # Only center A has both: 7 of 8 less 3 of 6.
    assert figures["procedure_ftfr_difference"]["value"] == pytest.approx(7 / 8 - 0.5)
    assert figures["procedure_ftfr_difference"]["n"] == 14


def test_what_happened_after_the_close_is_no_step():
    assert "30" not in {row["order_id"] for row in document()["tables"]["orders"]}


def test_tables_say_where_it_went_otherwise():
    tables = document()["tables"]

    assert tables["steps"] == [
        {"procedure": "brakes", "step": "check", "kind": "check_missing", "count": 6, "share": pytest.approx(6 / 19)}
    ]
    assert [(row["center_id"], row["orders"], row["check_missing"]) for row in tables["centers"]] == [
        ("A", 14, 6),
        ("B", 5, 0),
    ]
    assert tables["orders"][0]["deviations"] == ["check_missing: check"]


def test_without_a_file_the_report_says_what_it_needs():
    with pytest.raises(ExitError, match="--procedures FILE"):
        build(lambda query, **_: pd.DataFrame(), Options(NOW))
