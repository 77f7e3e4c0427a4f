"""Journey, parts and quality held against another computation from the events; all reports as a whole."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fixtrail.cli.main import app
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.journey import report as journey
from fixtrail.reports.kpi import report as kpi
from fixtrail.reports.parts import report as parts
from fixtrail.reports.quality import report as quality
from fixtrail.reports.queries import Ask, parameters_of, query_runner, questions, text_of
from fixtrail.reports.sample import end_key
from tests import oracle
from tests.clickhouse_node import ClickHouseNode
from tests.kpi_oracle import (
    Order,
    handed_off,
    is_same,
)
from tests.report_feed import ask, clickhouse_for_all, events, filled, options, orders
from tests.warehouse import EVERYTHING, KEYED, settings_of

__all__ = ["ask", "clickhouse_for_all", "events", "filled", "orders"]

WAITS = ("wait_reception_s", "wait_approval_s", "wait_parts_s", "wait_bay_s")

# Journey


def test_the_journey_map_is_what_another_computation_gives(ask: Ask, orders: list[Order]) -> None:
    report = as_json(journey.build(ask, options()))
    done = pd.DataFrame([order for order in handed_off(orders) if order["lead_s"] is not None])
    rows = {row["activity"]: row for row in report["tables"]["activities"]}

    assert list(rows) == list(journey.ACTIVITIES)
    for activity, row in rows.items():
        column = f"wait_{activity}_s" if row["is_wait"] else f"{activity}_s"
        spent = done[column]
        there = spent[spent > 0]
        assert row["orders"] == len(there)
        assert is_same(row["median_s"], there.median()) and is_same(row["p90_s"], there.quantile(0.9))
        assert is_same(row["share_of_lead"], spent.sum() / done["lead_s"].sum())
        assert is_same(row["mean_s"], spent.mean())
    assert sum(row["share_of_lead"] for row in rows.values()) == pytest.approx(1)
    figures = {figure["figure"]: figure["value"] for figure in report["figures"]}
    assert is_same(figures["wait_share"], done[list(WAITS)].sum().sum() / done["lead_s"].sum())


def test_pain_points_compare_those_who_spent_long_with_all_others(ask: Ask, orders: list[Order]) -> None:
    report = as_json(journey.build(ask, options()))
    done = pd.DataFrame([order for order in handed_off(orders) if order["lead_s"] is not None])
    voiced = done[done["score"].notna()]

    def nps(scores: Any) -> float:
        return 100 * ((scores >= 9).mean() - (scores <= 6).mean())

    pains = report["tables"]["pain_points"]
    assert [pain["rank"] for pain in pains] == list(range(1, 9))
    losses = [pain["nps_lost"] for pain in pains if pain["nps_lost"] is not None]
    assert losses == sorted(losses, reverse=True)
    for pain in pains:
        name = pain["activity"]
        column = f"wait_{name}_s" if f"wait_{name}_s" in WAITS else f"{name}_s"
        limit = done[column][done[column] > 0].quantile(0.75)
        long = done[column] >= limit
        mine, others = voiced["score"][long[voiced.index]], voiced["score"][~long[voiced.index]]
        assert pain["orders_long"] == long.sum() and pain["scores_long"] == len(mine)
        assert is_same(pain["nps_long"], nps(mine)) and is_same(pain["nps_others"], nps(others))
        assert is_same(pain["nps_lost"], nps(others) - nps(voiced["score"]))
        assert is_same(pain["complaints_per_100_long"], 100 * done["complaints"][long].mean())
        assert pain["nps_lost_low"] < pain["nps_lost"] < pain["nps_lost_high"]


def test_transitions_are_the_steps_that_visits_took(ask: Ask, orders: list[Order]) -> None:
    report = as_json(journey.build(ask, options()))
    steps: dict[tuple[int, str, str], int] = {}
    for order in handed_off(orders):
        path = [stage[0] for stage in order["stages"]]
        if not path:
            continue
        for step, (activity, following) in enumerate(zip(path, [*path[1:], "end"], strict=True), 1):
            steps[step, activity, following] = steps.get((step, activity, following), 0) + 1

    transitions = report["tables"]["transitions"]
    assert {(row["step"], row["activity"], row["next"]): row["orders"] for row in transitions} == steps


# Parts


def test_parts_are_what_another_computation_gives(ask: Ask, events: list[dict[str, Any]]) -> None:
    orders = list(oracle.orders_of(events, datetime.now(UTC)).values())
    report = as_json(parts.build(ask, options()))
    requests = pd.DataFrame(requests_of(orders))
    shown = pd.DataFrame(report["tables"]["parts"]).set_index("part_no")
    right = requests.groupby("part_no").agg(
        requests=("part_no", "size"), stockouts=("stockout", "sum"), pieces=("quantity", "sum"),
        amount=("amount", "sum"), emergencies=("emergency", "sum"), waited_s=("waited_s", "sum"),
    )  # fmt: skip

    assert set(shown.index) == set(right.index)
    for column in right:
        # Open orders have waited a little longer by now.
        slack = 60.0 * len(orders) if column == "waited_s" else 1e-6
        assert np.allclose(shown[column].astype(float), right[column].reindex(shown.index).astype(float), atol=slack)
    assert np.allclose(shown["stockout_rate"], shown["stockouts"] / shown["requests"])
    assert shown["waited_s"].is_monotonic_decreasing
    ranked = right.sort_values(["requests"], ascending=False)
    top = ranked["requests"].cumsum() - ranked["requests"] < 0.8 * ranked["requests"].sum()
    assert (shown["abc_hits"] == "A").sum() == pytest.approx(top.sum(), abs=0)
    waited = sum(order["wait_parts_s"] or 0 for order in orders if order["parts"])
    total = next(figure["value"] for figure in report["figures"] if figure["figure"] == "parts_wait_s")
    running = sum(order["activity"] == "parts" for order in orders)
    assert waited - 1 <= total <= waited + 60 * running + 1


def test_parts_by_center_and_the_emergency_channel(ask: Ask, orders: list[Order]) -> None:
    report = as_json(parts.build(ask, options()))
    requests = pd.DataFrame(requests_of(orders))
    by_center = requests.groupby("center_id", dropna=False).size()
    rows = {row["center_id"]: row for row in report["tables"]["centers"]}

    assert {center: row["requests"] for center, row in rows.items()} == {
        None if pd.isna(center) else center: n for center, n in by_center.items()
    }
    rushed = requests[requests["emergency"]]
    for row in report["tables"]["emergencies"]:
        mine = rushed[
            rushed["center_id"].isna() if row["center_id"] is None else rushed["center_id"] == row["center_id"]
        ]
        seconds = mine["took_s"].dropna()
        assert (row["emergencies"], row["in_time"]) == (len(mine), (seconds <= 7200).sum())
        assert is_same(row["median_s"], seconds.median() if len(seconds) else None)
        assert is_same(row["p90_s"], seconds.quantile(0.9) if len(seconds) else None)


def requests_of(orders: Iterable[Order]) -> Iterator[dict[str, Any]]:
    """One row per part request, with its share of the order's wait; that of orders which still wait is not compared."""
    for order in orders:
        for part in order["parts"]:
            stockout = part["backordered_at"] is not None
            sharing = order["stockouts"] if order["stockouts"] else order["part_requests"]
            shares = stockout or not order["stockouts"]
            times = part["requested_at"], part["fulfilled_at"]
            yield {
                "part_no": part["part_no"],
                "center_id": order["center_id"],
                "stockout": stockout,
                "quantity": float(part["quantity"]),
                "amount": float(part["quantity"] * part["unit_price"]) if part["unit_price"] is not None else 0.0,
                "emergency": part["urgency"] == "emergency",
                "waited_s": (order["wait_parts_s"] or 0) / sharing if shares else 0.0,
                "took_s": None if None in times else (times[1] - times[0]).total_seconds(),
            }


# Quality


def test_first_time_fix_by_technician_is_what_another_computation_gives(
    ask: Ask, orders: list[Order], events: list[dict[str, Any]]
) -> None:
    report = as_json(quality.build(ask, options()))
    worked: dict[tuple[str, str], set[tuple[str, str]]] = {}
    closed = {(order["center_id"], order["order_id"]): order["closed_at"] for order in orders}
    named = {(order["center_id"], order["order_id"]): order for order in orders}
    judged = {key: order["ftf"] for key, order in named.items() if order["ftf"] is not None}
    lengths = set()
    for event in events:
        order = event["center_id"], event["order_id"]
        if (identity := (*order, event["event_id"])) in lengths:
            continue
        lengths.add(identity)
        if event["type"] == "repair" and event.get("technician_id") and order in judged:
            at = datetime.fromisoformat(event["occurred_at"])
            if at.replace(microsecond=at.microsecond // 1000 * 1000) <= closed[order]:
                worked.setdefault((event["center_id"], event["technician_id"]), set()).add(order)

    rows = {(row["center_id"], row["technician"]): row for row in report["tables"]["technicians"]}
    assert rows.keys() == worked.keys()
    for key, row in rows.items():
        assert (row["judged"], row["fixed"]) == (len(worked[key]), sum(judged[order] for order in worked[key]))
        assert row["enough"] == (row["judged"] >= 20)
        assert min(row["ftfr"], 0.5) <= row["shrunk"] <= 1
        assert row["rework"] + row["open_part"] + row["reopened"] + row["comeback"] == row["judged"] - row["fixed"]


def test_a_sample_holds_all_orders_of_some_vehicles(ask: Ask, filled: ClickHouseNode, orders: list[Order]) -> None:
    """One in four: those whose keys begin with the first quarter of the digits."""
    sampled = [order for order in handed_off(orders) if KEYED.vehicle(order["vehicle_id"])[0] in "0123"]
    sampled_keys = {(order["center_id"], order["order_id"]) for order in sampled}
    parameters, days = (
        {"since": "", "until": "", "time_zone": "UTC"},
        {"open_until": "", "rollout": "", "centers": [], "by": ""},
    )

    visits = ask("drivers", end_key=end_key(4), **parameters)
    assert 0 < len(sampled_keys) < len(handed_off(orders)) / 2
    assert set(zip(visits["center_id"], visits["order_id"], strict=True)) == sampled_keys
    assert visits["check_ins"].sum() > 0
    all_rows, sample = (ask("quality_technicians", end_key=end_key(n), **parameters, **days) for n in (1, 4))
    assert 0 < sample["judged"].sum() < all_rows["judged"].sum() / 2


def test_faults_by_origin_are_what_another_computation_gives(ask: Ask, orders: list[Order]) -> None:
    report = as_json(quality.build(ask, options()))
    done = pd.DataFrame(handed_off(orders))
    origins = {row["fault_origin"]: row for row in report["tables"]["origins"]}
    for origin, row in origins.items():
        mine = done[done["fault_origin"].isna() if origin is None else done["fault_origin"] == origin]
        assert (row["orders"], row["judged"]) == (len(mine), mine["ftf"].notna().sum())
        assert is_same(row["share_of_orders"], len(mine) / len(done))
    faults = {(row["fault_origin"], row["fault_group"]): row for row in report["tables"]["faults"]}
    exploded = done.assign(group=done["fault_groups"].map(lambda groups: groups or [None])).explode("group")
    sizes = exploded.groupby(["fault_origin", "group"], dropna=False).size()
    assert {key: row["orders"] for key, row in faults.items()} == {
        tuple(None if pd.isna(part) else part for part in key): n for key, n in sizes.items()
    }
    for (origin, group), row in faults.items():
        mine = exploded[
            (exploded["fault_origin"].isna() if origin is None else exploded["fault_origin"] == origin)
            & (exploded["group"].isna() if group is None else exploded["group"] == group)
        ]
        waits = mine["wait_s"].astype(float)
        assert is_same(row["wait_mean_s"], waits.mean() if waits.notna().any() else None)


# Whole


def test_a_shop_without_any_order_has_reports_too(clickhouse_for_all: ClickHouseNode, tmp_path: Path) -> None:
    """A period in which nothing was handed off is the same as an empty shop."""
    ask = query_runner(settings_of(clickhouse_for_all))
    never = options(since=date(1999, 1, 1), until=date(1999, 1, 2))
    for report in (
        kpi.build(ask, never),
        journey.build(ask, never),
        parts.build(ask, never),
        quality.build(ask, never),
    ):
        document = as_json(report)
        assert all(
            figure["value"] in (None, 0) or figure["figure"].startswith("open_") for figure in document["figures"]
        )
        json.dumps(document, allow_nan=False)


def test_every_query_tells_its_question_and_runs_as_the_reader(ask: Ask) -> None:
    parameters = EVERYTHING | {
        "ranks": {"": [1, 2, 3, 4]}, "limits": [60.0] * 8, "one_in": 1, "slices": 1, "slice": 0,
        "names": [""], "medians": [60.0], "p90s": [90.0],
    }  # fmt: skip
    for name, question in questions().items():
        assert question.endswith("?"), name
        if parameters_of(text_of(name)) <= parameters.keys():
            ask(name, **parameters)


def test_the_command_prints_json_and_writes_files(filled: ClickHouseNode, tmp_path: Path, monkeypatch: Any) -> None:
    settings = settings_of(filled)
    monkeypatch.setenv("FIXTRAIL_CLICKHOUSE", str(settings.clickhouse))
    monkeypatch.setenv("FIXTRAIL_CLICKHOUSE_READER_PASSWORD", settings.clickhouse_reader_password)
    run = CliRunner().invoke

    done = run(app, ["report", "kpi", "--json", "--by", "lane"])
    assert done.exit_code == 0 and {figure["key"] for figure in json.loads(done.output)["figures"]} >= {"quick"}
    files = {name: tmp_path / f"journey.{name}" for name in ("html", "csv", "svg", "png")}
    done = run(app, ["report", "journey", *(part for name, file in files.items() for part in (f"--{name}", str(file)))])
    assert done.exit_code == 0, done.output
    assert "<h1>客户旅程</h1>" in files["html"].read_text()
    assert files["svg"].read_text().startswith("<svg") and files["png"].read_bytes()[:4] == b"\x89PNG"
    assert {file.name for file in tmp_path.glob("*.csv")} == {
        "journey.csv", "journey-activities.csv", "journey-pain_points.csv", "journey-transitions.csv"
    }  # fmt: skip
