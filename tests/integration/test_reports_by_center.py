"""Leagues and the change of figures, held against orders counted by hand from the events."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from fixtrail.cli.main import app
from fixtrail.reports.change import report as change
from fixtrail.reports.kpi import report as kpi
from fixtrail.reports.lane import report as lane
from fixtrail.reports.league import report as league
from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask, query_runner
from runtime.failure import USAGE, ExitError
from tests import feed, oracle
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.warehouse import fill, settings_of

__all__ = ["clickhouse_for_all"]

NOW = datetime.now(UTC)
START = (NOW - timedelta(days=50)).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return feed.dirty(feed.clean_events(23, orders=700, vehicles=250, days=45, start=START), 23)


@pytest.fixture(scope="module")
def visits(events: list[dict[str, Any]]) -> pd.DataFrame:
    """Closed orders with what each adds to a figure: x to its numerator, d to its denominator."""
    rows = []
    for order in oracle.orders_of(events, NOW).values():
        if order["status"] == "open":
            continue
        handed_off = order["status"] == "handed_off"
        score, wait = order["score"], order["wait_s"]
        rows.append(
            {
                "center": order["center_id"],
                "lane": order["lane"] or "",
                "day": order["closed_at"].date(),
                "ftfr": None if order["ftf"] is None else float(order["ftf"]),
                "wait_mean_s": wait if handed_off else None,
                "nps": None if score is None else 100.0 * ((score >= 9) - (score <= 6)),
                "complaints_x": 100.0 * order["complaints"],
                "handed_off": float(handed_off),
            }
        )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def ask(clickhouse_for_all: ClickHouseNode, events: list[dict[str, Any]]) -> Ask:
    clickhouse_for_all.empty()
    fill(clickhouse_for_all, feed.lines(events))
    return query_runner(settings_of(clickhouse_for_all))


@pytest.mark.parametrize(
    ("name", "figure", "x"), [("ftfr", "ftfr", "ftfr"), ("wait", "wait_mean_s", "wait_mean_s"), ("nps", "nps", "nps")]
)
def test_a_league_is_what_welch_and_bonferroni_make_of_orders_and_days(
    ask: Ask, visits: pd.DataFrame, name: str, figure: str, x: str
) -> None:
    """The same statement worked out from single orders, with pandas and scipy."""
    (sheet,) = league.build(ask, Options(NOW, figure=name)).sheets
    own = visits.dropna(subset=[x]).assign(value=lambda rows: rows[x].astype(float))
    centers = own.groupby("center")["value"]
    size, mean = centers.size(), centers.mean()
    residual = own["value"] - own["center"].map(mean)
    by_day = residual.groupby([own["center"], own["day"]]).sum()
    squares, day_squares = (residual**2).groupby(own["center"]).sum(), (by_day**2).groupby(level=0).sum()
    days = by_day.groupby(level=0).size()
    common = squares.sum() / (size.sum() - len(size)) * max(1.0, day_squares.sum() / squares.sum())
    sampled = np.maximum(squares * size / (size - 1), day_squares * days / (days - 1))
    variance = np.maximum(sampled, common * size) / size**2
    judged = [str(center) for center in size.index if size[center] >= 10 and days[center] >= 2]
    shown = {row["center_id"]: row for row in sheet.rows}

    assert set(size.index) <= set(shown) and len(judged) > 5
    for center in judged:
        others = size.index != center
        gap = mean[center] - np.average(mean[others], weights=size[others])
        error = np.sqrt(variance[center] + (variance[others] * size[others] ** 2).sum() / size[others].sum() ** 2)
        half = stats.t.ppf(1 - 0.05 / (2 * len(judged)), days[center] - 1) * error
        row = shown[center]
        assert (row["difference"], row["difference_high"]) == pytest.approx((gap, gap + half))
        good = gap > 0 if figure != "wait_mean_s" else gap < 0
        expected = "not_distinguishable" if abs(gap) <= half else "above" if good else "below"
        assert row["group"] == expected, center


def test_the_figure_of_a_center_is_that_of_report_kpi(ask: Ask) -> None:
    leagues = league.build(ask, Options(NOW))
    by_center = {(f.figure, f.key): f for f in kpi.build(ask, Options(NOW, by="center")).figures}

    for sheet in leagues.sheets:
        for row in sheet.rows:
            figure = by_center[league.LEAGUES[sheet.name], row["center_id"]]
            assert (row["value"], row["low"], row["n"], row["n_all"]) == (
                *(figure.value, figure.interval.low),
                *(figure.n, figure.n_all),
            )
    assert [sheet.name for sheet in leagues.sheets] == ["ftfr", "wait", "nps", "complaints"]


def test_the_pieces_of_a_change_add_up_to_the_difference_of_both_periods(ask: Ask, visits: pd.DataFrame) -> None:
    middle = (START + timedelta(days=22)).date()
    options = Options(NOW, since=middle, until=middle + timedelta(days=21))
    report = change.build(ask, options)
    before = visits[(visits["day"] >= middle - timedelta(days=22)) & (visits["day"] < middle)]
    after = visits[(visits["day"] >= middle) & (visits["day"] <= middle + timedelta(days=21))]

    for row in report.sheet("changes").rows:
        if row["figure"] in ("ftfr", "wait_mean_s", "nps"):
            ends = [float(side[row["figure"]].dropna().astype(float).mean()) for side in (before, after)]
        elif row["figure"] == "complaints_per_100":
            ends = [side["complaints_x"].sum() / side["handed_off"].sum() for side in (before, after)]
        else:
            continue
        assert (row["before"], row["after"]) == pytest.approx(ends, abs=1e-9), row["figure"]
        for dimension in ("center", "lane", "group"):
            pieces = [
                p for p in report.sheet("pieces").rows if (p["figure"], p["dimension"]) == (row["figure"], dimension)
            ]
            assert sum(p["total"] for p in pieces) == pytest.approx(ends[1] - ends[0], abs=1e-9)


def test_a_league_comes_as_json_table_page_and_picture(
    ask: Ask, clickhouse_for_all: ClickHouseNode, tmp_path: Path
) -> None:
    variables = {
        "FIXTRAIL_CLICKHOUSE": clickhouse_for_all.url,
        "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": clickhouse_for_all.passwords["reader"],
    }
    forms = [f"--{form}={tmp_path / 'league'}.{form}" for form in ("html", "csv", "svg", "png")]
    outcome = CliRunner().invoke(app, ["report", "league", "--figure", "FTFR", "--json", *forms], env=variables)

    assert outcome.exit_code == 0, outcome.output
    rows = json.loads(outcome.stdout)["tables"]["ftfr"]
    assert (tmp_path / "league.csv").read_text(encoding="utf-8-sig").count("\n") == len(rows) + 1
    assert all((tmp_path / f"league.{form}").stat().st_size > 5000 for form in ("html", "svg", "png"))
    refused = CliRunner().invoke(app, ["report", "league", "--figure", "speed"], env=variables)
    assert isinstance(refused.exception, ExitError) and refused.exception.exit_code == USAGE


def test_the_items_of_the_quick_lane_are_counted_as_by_hand(ask: Ask, events: list[dict[str, Any]]) -> None:
    report = lane.build(ask, Options(NOW))
    orders = list(oracle.orders_of(events, NOW).values())
    total = {figure.figure: figure for figure in kpi.build(ask, Options(NOW)).figures}["quick_lane_in_time"]
    rows = report.sheet("items").rows

    assert (report.figures[0].value, report.figures[0].interval) == (total.value, total.interval)
    assert report.figures[0].left_out == total.left_out
    assert sum(row["n_all"] for row in rows) == len(orders) and len(rows) > 3
    for row in rows:
        groups = {"(several)": lambda n: n > 1, "(none)": lambda n: n == 0}.get(row["item"], lambda n: n == 1)
        own = [
            order
            for order in orders
            if groups(len(order["fault_groups"])) and (row["item"][0] == "(" or row["item"] in order["fault_groups"])
        ]
        quick = [o for o in own if o["status"] != "open" and o["lane"] == "quick" and o["ready_at"]]
        durations = [(o["ready_at"] - o["checked_in_at"]).total_seconds() for o in quick if o["checked_in_at"]]
        late = [seconds for seconds in durations if seconds > 900]
        work = [o for o in own if o["status"] == "handed_off" and o["lane"] == "standard" and o["touch_s"] is not None]
        assert (row["n_all"], row["n"], row["standard"]) == (len(own), len(quick), len(work)), row["item"]
        assert row["spill_over"] == len(late)
        assert row["over_mean_s"] == (pytest.approx(sum(late) / len(late) - 900) if late else None)
        fitting = sum(o["touch_s"] <= 900 and not o["stockouts"] for o in work)
        assert row["fits"] == (pytest.approx(fitting / len(work)) if work else None)
