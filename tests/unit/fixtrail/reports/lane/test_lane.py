"""Which items belong in the quick lane: decided by intervals, told with what they spill over for."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from fixtrail.reports.forms.page import render_page
from fixtrail.reports.forms.pictures import as_svg
from fixtrail.reports.lane.report import build, report_of
from fixtrail.reports.options import Options
from fixtrail.reports.report import Report
from fixtrail.reports.stats import intervals
from fixtrail.reports.targets import targets_of
from fixtrail.web.analysis.answers import answer
from runtime.failure import ExitError

NOW = datetime(2026, 7, 6, tzinfo=UTC)


def cell(item: str, quick: int, in_time: int, standard: int = 0, fits: int = 0, **more: Any) -> dict[str, Any]:
    """A row of lane.sql; all quick-lane orders became ready, those late 10 minutes after the limit for a part."""
    over = quick - in_time
    return {
        **{"item": item, "is_item": not item.startswith("("), "center_id": "C1"},
        **{"orders": quick + standard + 3, "closed": quick + standard, "quick": quick, "quick_ready": quick},
        **{"in_time": in_time, "over": over, "over_s": 600.0 * over, "standard": standard, "fits": fits},
        **{"touch_s": 500.0 * over, "reception_s": 60.0 * over, "approval_s": 0.0},
        **{"parts_s": 900.0 * over, "bay_s": 40.0 * over},
        **more,
    }


def report(*cells: dict[str, Any], **targets: float) -> Report:
    return report_of(pd.DataFrame(cells), Options(NOW, targets=targets_of({"targets": targets} if targets else {})))


LANE = (
    cell("wipers", 200, 196),
    cell("brakes", 200, 120, standard=50, fits=10),
    cell("oil", 40, 36),
    cell("bulb", 4, 4, standard=100, fits=98),
    cell("engine", 0, 0, standard=100, fits=5),
    cell("horn", 2, 2, standard=3, fits=3),
    cell("(several)", 100, 20),
)


def test_an_item_is_judged_where_its_whole_interval_is_on_one_side_of_the_target():
    rows = {row["item"]: row for row in report(*LANE).sheet("items").rows}

    assert {item: row["verdict"] for item, row in rows.items()} == {
        "wipers": "belongs",
        "bulb": "candidate",
        "oil": "not_distinguishable",
        "brakes": "breaks",
        "engine": "standard",
        "horn": "too_few",
        "(several)": "not_judged",
    }
    assert list(rows)[:3] == ["wipers", "bulb", "oil"]
    wipers, interval = rows["wipers"], intervals.share(196, 200)
    assert (wipers["n"], wipers["n_all"], wipers["spill_over"]) == (200, 203, 4)
    assert (wipers["low"], wipers["high"]) == pytest.approx((interval.low, interval.high))
    assert rows["brakes"]["share_of_spill_over"] == pytest.approx(80 / 168)
    assert (rows["brakes"]["cause"], rows["brakes"]["over_mean_s"]) == ("parts_s", 600.0)
    assert rows["bulb"]["cause"] is None


def test_the_target_of_the_file_is_the_one_that_counts():
    rows = {row["item"]: row["verdict"] for row in report(*LANE, quick_lane_in_time=0.5).sheet("items").rows}

    assert (rows["brakes"], rows["oil"], rows["engine"]) == ("belongs", "belongs", "standard")


def test_the_figures_count_against_all_orders_and_say_why_others_are_left_out():
    in_time, over, beyond = report(*LANE).figures

    assert (in_time.count, in_time.n, in_time.n_all) == (378, 546, 820)
    assert (over.count, over.n) == (168, 546)
    assert in_time.left_out == {"open": 21, "other_lane": 253}
    assert in_time.n + sum(in_time.left_out.values()) == in_time.n_all
    assert (beyond.value, beyond.n) == (600.0, 168)
    assert beyond.n + sum(beyond.left_out.values()) == beyond.n_all


def test_a_center_tells_which_item_spills_over_most_there():
    two = report(*LANE, cell("oil", 50, 10, center_id="C2"))
    rows = {row["center_id"]: row for row in two.sheet("centers").rows}

    assert (rows["C1"]["worst_item"], rows["C2"]["worst_item"]) == ("brakes", "oil")
    assert (rows["C2"]["n"], rows["C2"]["spill_over"]) == (50, 40)
    assert two.figures[0].centers == 2


def test_page_and_picture_come_in_both_languages():
    for locale, belongs in (("zh-CN", "适合快修"), ("en", "belongs")):
        assert belongs in render_page(report(*LANE), locale)
        assert "wipers" in as_svg(report(*LANE).charts[0], locale)
    assert answer(report(*LANE), "en") == "belong: wipers; break the limit: brakes"


def test_no_order_at_all_is_a_report_without_values():
    nothing = report_of(pd.DataFrame([cell("x", 0, 0)]).iloc[:0], Options(NOW))

    assert [figure.value for figure in nothing.figures] == [None, None, None]
    assert not nothing.charts and not nothing.sheet("items").rows


def test_it_cannot_be_cut():
    with pytest.raises(ExitError, match="cannot be cut"):
        build(None, Options(NOW, by="center"))
