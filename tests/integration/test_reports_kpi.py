"""Every figure of `report kpi`, whole and by cut, held against another computation: tests/oracle.py and scipy."""

import math
from collections.abc import Callable
from datetime import date, timedelta

import pandas as pd
import pytest

from fixtrail.reports.forms.document import as_json
from fixtrail.reports.kpi import report as kpi
from fixtrail.reports.options import CUTS
from fixtrail.reports.queries import Ask
from fixtrail.reports.targets import targets_of
from tests.kpi_oracle import (
    NOW,
    Order,
    close_days,
    closed_or_open,
    complaint_days,
    dated,
    days_of,
    differences,
    expected,
    opened,
    span_days,
)
from tests.report_feed import CENTERS, START, ask, clickhouse_for_all, events, filled, options, orders

__all__ = ["ask", "clickhouse_for_all", "events", "filled", "orders"]

Chosen = tuple[list[Order], int, int]
ONE_DAY = timedelta(days=1)


def test_every_kpi_of_all_orders_is_what_another_computation_gives(ask: Ask, orders: list[Order]) -> None:
    figures = as_json(kpi.build(ask, options()))["figures"]

    assert len(figures) == 31
    assert differences(figures, expected(orders, days_of(*span_days(orders)))) == []


def test_the_feed_is_dirty_enough_to_tell_wrong_figures_from_right_ones(orders: list[Order]) -> None:
    assert {order["status"] for order in orders} == {"open", "handed_off", "cancelled"}
    assert {order["ftf"] for order in orders} == {True, False, None}
    assert any(order["score"] is not None and order["status"] != "handed_off" for order in orders)
    assert any(order["status"] == "handed_off" and order["checked_in_at"] is None for order in orders)
    assert any(order["complaints"] and order["status"] != "handed_off" for order in orders)
    young = [o for o in orders if o["ftf"] is not None and o["closed_at"] > NOW - timedelta(days=30)]
    assert 50 < len(young) < sum(order["ftf"] is not None for order in orders) - 50


def test_days_and_centers_of_a_period_select_its_handoffs(ask: Ask, orders: list[Order]) -> None:
    first, last = span_days(orders)
    since, until = first + timedelta(days=9), first + timedelta(days=24)
    document = {
        "period": [
            {"name": "early", "to": until},
            {"name": "two-centers", "from": since, "centers": ["C01", "C15", "no-such"]},
            {"name": "wave", "waves": [1, 3]},
            {"name": "nobody", "waves": [77]},
            {"name": "recent", "last_days": 14},
            {"name": "before", "rollout": "before"},
            {"name": "after", "rollout": "after", "waves": [2]},
        ]
    }
    figures = as_json(kpi.build(ask, options(targets=targets_of(document))))["figures"]
    waves = {center: number % 4 for number, center in enumerate(CENTERS[:-1])}
    starts = {wave: (START + timedelta(days=10 * wave)).date() for wave in (1, 2, 3)}

    def start_of(order: Order) -> date | None:
        return starts.get(waves.get(order["center_id"], 0))

    def closed(order: Order) -> date:
        return order["closed_at"].date()

    ever = date(1970, 1, 1), date(2100, 1, 1)
    last_close = close_days(orders)[1]
    recent = last_close - timedelta(days=13)

    def of(days: tuple[date, date], centers: Callable[[str], bool] = lambda center: True) -> Chosen:
        mine = [order for order in orders if centers(order["center_id"])]
        return closed_or_open(mine, *days), days_of(max(first, days[0]), min(last, days[1])), dated(mine, *days)

    def beside(after: bool, mine: list[Order]) -> Chosen:
        """Orders, days and complaints on one side of their own center's change."""
        checked_in = [order for order in mine if start_of(order) is not None]
        on = [o for o in checked_in if ((closed(o) if o["closed_at"] else opened(o)) >= start_of(o)) == after]
        voices = sum(sum((day >= start_of(o)) == after for day in complaint_days([o])) for o in checked_in)
        ends = (max(first, min(map(start_of, checked_in))), last) if after else (first, max(starts.values()) - ONE_DAY)
        return on, days_of(*ends), voices

    selections: dict[str, Chosen] = {
        "early": of((ever[0], until)),
        "two-centers": of((since, ever[1]), lambda center: center in ("C01", "C15")),
        "wave": of(ever, lambda center: waves.get(center) in (1, 3)),
        "recent": of((recent, ever[1])),
        "before": beside(False, orders),
        "after": beside(True, [order for order in orders if waves.get(order["center_id"]) == 2]),
    }
    for name, (mine, days, voices) in selections.items():
        figures_of_period = [figure for figure in figures if figure["period"] == name]
        assert differences(figures_of_period, expected(mine, days, voices)) == [], name
    figures_of_nobody = [figure for figure in figures if figure["period"] == "nobody"]
    assert {(figure["value"] or None, figure["n"]) for figure in figures_of_nobody} == {(None, 0)}


KEYS: dict[str, Callable[[Order], list[str | None]]] = {
    "center": lambda order: [order["center_id"]],
    "region": lambda order: [f"R{CENTERS.index(c) % 3}" if (c := order["center_id"]) in CENTERS[:-1] else None],
    "wave": lambda order: [str(CENTERS.index(c) % 4) if (c := order["center_id"]) in CENTERS[:-1] else None],
    "lane": lambda order: [order["lane"]],
    "origin": lambda order: [order["fault_origin"]],
    "group": lambda order: order["fault_groups"] or [None],
    "day": lambda order: [str(at.date()) if (at := order["closed_at"]) else None],
    "week": lambda order: [str(at.date() - timedelta(days=at.weekday())) if (at := order["closed_at"]) else None],
    "month": lambda order: [f"{at:%Y-%m}" if (at := order["closed_at"]) else None],
}


@pytest.mark.parametrize("by", CUTS)
def test_every_cut_holds_the_figures_of_its_own_orders(ask: Ask, orders: list[Order], by: str) -> None:
    figures = as_json(kpi.build(ask, options(by)))["figures"]
    over_time = by in ("day", "week", "month")
    first, last = span_days(orders)
    mine: dict[str | None, list[Order]] = {}
    voices: dict[str | None, int] = {}
    for order in orders:
        for key in KEYS[by](order):
            mine.setdefault(key, []).append(order)
        for complaint in order["complaint_list"]:
            for key in KEYS[by]({**order, "closed_at": complaint["occurred_at"]}):
                voices[key] = voices.get(key, 0) + 1

    assert {figure["key"] for figure in figures} == mine.keys() | voices.keys()
    for key in mine.keys() | voices.keys():
        days = days_of(first, last)
        if over_time:
            days = sum(KEYS[by]({"closed_at": at}) == [key] for at in pd.date_range(first, last)) if key else 0
        figures_of_key = [figure for figure in figures if figure["key"] == key]
        assert differences(figures_of_key, expected(mine.get(key, []), days, voices.get(key, 0))) == [], key


def test_days_are_those_of_the_time_zone_asked_for(ask: Ask, orders: list[Order]) -> None:
    figures = as_json(kpi.build(ask, options("day", targets_of({"time_zone": "Asia/Shanghai"}))))["figures"]
    closes = [o["closed_at"] for o in orders if o["closed_at"]]
    local = pd.Series([pd.Timestamp(at).tz_convert("Asia/Shanghai") for at in closes])

    counts = {figure["key"]: figure["n_all"] for figure in figures if figure["figure"] == "wait_mean_s"}
    assert counts.pop(None) == len(orders) - len(closes)
    assert {key: n for key, n in counts.items() if n} == local.dt.strftime("%Y-%m-%d").value_counts().to_dict()


def test_with_from_and_to_nothing_else_counts(ask: Ask, orders: list[Order]) -> None:
    day = close_days(orders)[0] + timedelta(days=5)
    mine = closed_or_open(orders, day, day)

    figures = as_json(kpi.build(ask, options(since=day, until=day)))["figures"]
    assert differences(figures, expected(mine, 1, dated(orders, day, day))) == []


def test_a_range_that_holds_everything_changes_nothing(ask: Ask, orders: list[Order]) -> None:
    """Not even where it ends with the last close: orders opened later are still open, not gone."""
    unranged = as_json(kpi.build(ask, options()))["figures"]
    first, last = span_days(orders)

    ranged = as_json(kpi.build(ask, options(since=first, until=last)))["figures"]
    running = {figure["figure"] for figure in unranged if figure["figure"].startswith("open_")}
    assert [figure for figure in ranged if figure["figure"] not in running] == [
        figure for figure in unranged if figure["figure"] not in running
    ]
    assert [figure["n"] for figure in ranged] == [figure["n"] for figure in unranged]


@pytest.mark.parametrize("by", [None, "center", "week"])
def test_what_is_left_out_is_told_by_reason_and_adds_up_to_all(ask: Ask, by: str | None) -> None:
    for figure in as_json(kpi.build(ask, options(by)))["figures"]:
        assert figure["n"] + sum(figure["left_out"].values()) == figure["n_all"], figure
        bounds = [end for end in (figure["low"], figure["high"]) if end is not None]
        assert len(bounds) == 2 or figure["no_interval"], figure
        limits = {"share": (0, 1), "nps": (-100, 100)}.get(figure["unit"], (0, math.inf))
        assert all(limits[0] <= end <= limits[1] for end in bounds), figure
        if bounds and figure["figure"].startswith(("nps", "complaints")):
            assert bounds[0] < bounds[-1] and bounds[0] <= figure["value"] <= bounds[-1], figure
