"""Drivers, Pareto and pilot through ClickHouse, held against scipy and counting by hand over the oracle's orders."""

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from fixtrail.cli.main import app
from fixtrail.reports.drivers import report as drivers
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.need.holidays import NO_HOLIDAYS
from fixtrail.reports.options import Options
from fixtrail.reports.pareto import report as pareto
from fixtrail.reports.pilot import report as pilot
from fixtrail.reports.queries import Ask, query_runner
from fixtrail.reports.targets import Targets, targets_of
from fixtrail.whatif.records import read_center
from runtime.failure import UNPROVEN, ExitError
from tests import feed, oracle, oracle_terms
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.warehouse import fill, settings_of, write_centers

__all__ = ["clickhouse_for_all"]

NOW = datetime.now(UTC)
# The last ones are too young for their first-time fix to be certain.
START = (NOW - timedelta(days=95)).replace(hour=0, minute=0, second=0, microsecond=0)
CENTERS = [f"C{n:02d}" if n % 4 != 2 else f"深圳-{n:02d}" for n in range(1, 16)]
WAVE_DAYS = {1: 25, 2: 55}
WAITS = ("reception", "approval", "parts", "bay")


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return feed.dirty(feed.clean_events(11, orders=900, vehicles=300, days=80, start=START), 11)


@pytest.fixture(scope="module")
def visits(events: list[dict[str, Any]]) -> pd.DataFrame:
    """The oracle's handed-off orders, with the drivers worked out anew."""
    check_ins: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for event in events:
        if event["type"] == "check_in":
            check_ins[event["center_id"], event["order_id"]].add((event["vehicle_id"], event["event_id"]))
    # Not the time of import: orders that settled since then would be missing.
    now, rows = datetime.now(UTC), []
    for key, order in oracle.orders_of(events, now).items():
        if order["status"] != "handed_off":
            continue
        approved, final = order["approved_amount"], order["final_amount"]
        both = order["ready_at"] and order["promised_at"]
        settled = order["ftf"] is not None and order["closed_at"] < now - timedelta(days=30)
        rows.append(
            {
                "center": order["center_id"],
                "checked_in_at": order["checked_in_at"],
                "ftf": order["ftf"] if settled else None,
                "complaints": order["complaints"],
                "score": order["score"],
                "wait": None if order["wait_s"] is None else order["wait_s"] / 60,
                **{
                    f"wait_{cause}": None if order["wait_s"] is None else order[f"wait_{cause}_s"] / 60
                    for cause in oracle_terms.WAITS
                },
                "not_fixed": 1.0 - order["ftf"] if settled else None,
                "stockout": float(order["stockouts"] > 0),
                "updates": len(check_ins[key]) - 1 if check_ins[key] else None,
                "promise_broken": float(order["ready_at"] > order["promised_at"]) if both else None,
                "price_over_quote": round(float(final / approved - 1), 9) if approved and final is not None else None,
            }
        )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def filled(clickhouse_for_all: ClickHouseNode, events: list[dict[str, Any]], tmp_path_factory: Any) -> ClickHouseNode:
    node = clickhouse_for_all
    node.empty()
    # The last center is one that no reference data names.
    waves = {center: (wave_of(center) or 0, start_of(center)) for center in CENTERS[:-1]}
    fill(node, feed.lines(events), write_centers(tmp_path_factory.mktemp("centers") / "centers.toml", waves))
    return node


@pytest.fixture(scope="module")
def ask(filled: ClickHouseNode) -> Ask:
    return query_runner(settings_of(filled))


def wave_of(center: str) -> int | None:
    """Wave 1: the first three; wave 2: the next four; the others never."""
    index = CENTERS.index(center)
    return 1 if index < 3 else 2 if index < 7 else None


def start_of(center: str) -> date | None:
    wave = wave_of(center)
    return None if wave is None else (START + timedelta(days=WAVE_DAYS[wave])).date()


def options(targets: Targets | None = None, by: str | None = None) -> Options:
    return Options(datetime.now(UTC), by=by, targets=targets or targets_of({}))


def test_every_correlation_and_slope_is_that_of_scipy_and_nothing_missing_is_hidden(
    ask: Ask, visits: pd.DataFrame
) -> None:
    rows = as_json(drivers.build(ask, options()))["tables"]["correlations"]

    assert len(rows) == 10
    for row in rows:
        usable = visits[["score", row["driver"]]].astype(float).dropna()
        x, y = usable[row["driver"]], usable["score"]
        assert (row["n"], row["n_all"]) == (len(usable), len(visits)), row["driver"]
        assert row["no_score"] == visits["score"].isna().sum()
        assert row["n"] + row["no_score"] + row["score_but_no_driver"] == row["n_all"]
        if x.nunique() < 2:
            assert row["not_estimable"] == "constant"
            continue
        textbook = stats.pearsonr(x, y).confidence_interval(0.95)
        assert row["pearson"] == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9), row["driver"]
        assert row["spearman"] == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9), row["driver"]
        assert (row["pearson_textbook_low"], row["pearson_textbook_high"]) == pytest.approx(
            (textbook.low, textbook.high)
        )
        step = 10 if row["driver"].startswith("wait") else 0.1 if row["driver"] == "price_over_quote" else 1
        assert row["change"] == pytest.approx(step * stats.linregress(x, y).slope, abs=1e-9), row["driver"]
        assert row["pearson_low"] <= row["pearson"] <= row["pearson_high"]


def test_the_models_say_what_they_used_and_why_a_driver_has_no_figure(ask: Ask, visits: pd.DataFrame) -> None:
    report = as_json(drivers.build(ask, options()))

    for row in report["tables"]["model"]:
        assert (row["log_odds"] is None) == (row["not_estimable"] is not None)
        assert 0 < row["n"] <= row["n_scored"] == visits["score"].notna().sum()
    assert report["methods"] and report["tables"]["definitions"]


def test_the_pareto_adds_up_and_its_segments_are_the_nps(ask: Ask, visits: pd.DataFrame) -> None:
    report = as_json(pareto.build(ask, options()))
    shares = [row["share"] for row in report["tables"]["pareto"] if row["share"] is not None]
    score = visits["score"].dropna()
    nps = 100 * ((score >= 9).mean() - (score <= 6).mean())

    assert report["scope"]["not_estimable"] is None
    assert sum(shares) == pytest.approx(1.0)
    for row in report["tables"]["identity"]:
        assert row["sum"] == pytest.approx(nps)
    by_center = {row["segment"]: row for row in report["tables"]["segments"] if row["cut"] == "center_id"}
    for center, answers in visits.dropna(subset=["score"]).groupby("center"):
        assert by_center[center]["n"] == len(answers)
        assert by_center[center]["nps"] == pytest.approx(
            100 * ((answers["score"] >= 9).mean() - (answers["score"] <= 6).mean())
        )


def test_the_pilots_effect_and_its_p_are_those_of_counting_by_hand(ask: Ask, visits: pd.DataFrame) -> None:
    start = START + timedelta(days=WAVE_DAYS[1])
    until = START + timedelta(days=WAVE_DAYS[2])
    checked_in = visits[visits["checked_in_at"].notna()]

    def figure(rows: pd.DataFrame, name: str) -> float:
        score = rows["score"].dropna()
        return {
            "wait_mean_s": lambda: 60 * rows["wait"].astype(float).mean(),
            "ftfr_confirmed": lambda: rows["ftf"].dropna().astype(float).mean(),
            "nps": lambda: 100 * ((score >= 9).mean() - (score <= 6).mean()) if len(score) else np.nan,
            "complaints_per_100": lambda: 100 * rows["complaints"].mean(),
        }[name]()

    figures = {figure["figure"]: figure for figure in as_json(pilot.build(ask, options()))["figures"]}
    table = {row["figure"]: row for row in as_json(pilot.build(ask, options()))["tables"]["effects"]}
    for name, row in table.items():
        change = {}
        for center, group in checked_in.groupby("center"):
            before = figure(group[group["checked_in_at"] < start], name)
            after = figure(group[(group["checked_in_at"] >= start) & (group["checked_in_at"] < until)], name)
            if np.isfinite(after - before):
                change[center] = after - before
        pilots = [center for center in change if wave_of(center) == 1]
        values = np.array([change[center] for center in change])
        index = {center: number for number, center in enumerate(change)}

        def gap(members: tuple[int, ...], values: Any = values) -> float:
            return float(values[list(members)].mean() - np.delete(values, list(members)).mean())

        observed = gap(tuple(index[center] for center in pilots))
        times = {"wait_mean_s": 1 / 60, "ftfr_confirmed": 100.0}.get(name, 1.0)
        assert row["effect_each_once"] == pytest.approx(times * observed), name
        assert row["effect"] == pytest.approx(times * figures[f"effect_{name}"]["value"]), name
        ways = len(list(combinations(range(len(values)), len(pilots))))
        assert row["assignments"] == ways and row["p"] * ways == pytest.approx(round(row["p"] * ways)), name
        assert sum(row["sizes"].values()) == row["n"] and row["sizes"].keys() == change.keys(), name
        assert sorted(row["pilot_centers"]) == sorted(pilots)
        assert len(row["control_centers"]) == len(change) - len(pilots)


def test_the_gate_reads_its_thresholds_from_the_targets(ask: Ask) -> None:
    declared = START.date()
    document = {"pilot": {"declared": declared, "gate": [{"figure": "wait_mean_s", "at_most": 1e9}]}}
    report = as_json(pilot.build(ask, options(targets_of(document))))
    gate = {row["criterion"]: row["decision"] for row in report["tables"]["gate"]}

    assert gate["wait_mean_s_at_most"] == gate["declared_before_start"] == "go"
    assert gate["decision"] == report["scope"]["decision"]


def test_waves_may_be_told_by_the_targets(ask: Ask) -> None:
    wave = {"wave": 5, "from": (START + timedelta(days=25)).date(), "centers": ["C13", "C15"]}
    report = as_json(pilot.build(ask, options(targets_of({"pilot": {"rollout": [wave]}}))))

    assert report["scope"]["pilot_wave"] == 5
    assert report["tables"]["effects"][0]["pilot_centers"] == ["C13", "C15"]


def test_the_command_writes_every_form_of_the_three(filled: ClickHouseNode, tmp_path: Path, monkeypatch: Any) -> None:
    settings = settings_of(filled)
    monkeypatch.setenv("FIXTRAIL_CLICKHOUSE", str(settings.clickhouse))
    monkeypatch.setenv("FIXTRAIL_CLICKHOUSE_READER_PASSWORD", settings.clickhouse_reader_password)
    for name in ("drivers", "pareto", "pilot"):
        files = {form: tmp_path / f"{name}.{form}" for form in ("html", "csv", "svg", "png")}
        arguments = [part for form, file in files.items() for part in (f"--{form}", str(file))]
        result = CliRunner().invoke(app, ["report", name, "--json", *arguments])

        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["report"] == name
        assert all(file.stat().st_size > 500 for file in files.values())


@pytest.mark.parametrize("report", [drivers, pareto, pilot])
def test_a_cut_that_a_report_has_not_is_refused(ask: Ask, report: Any) -> None:
    with pytest.raises(ExitError, match="cannot be cut"):
        report.build(ask, options(by="center"))


@pytest.mark.parametrize("report", [drivers, pareto, pilot])
def test_days_without_orders_give_a_report_that_says_so(ask: Ask, report: Any) -> None:
    nothing = Options(datetime.now(UTC), since=date(2001, 1, 1), until=date(2001, 1, 2))
    document = as_json(report.build(ask, nothing))

    assert document["report"] and document["question"]
    assert all(figure["value"] is None for figure in document["figures"])


def test_what_if_reads_each_visit_with_its_stretches_and_work(ask: Ask):
    """Of the stretches that ClickHouse gives, those that are waits add up to the order's wait."""
    first, last = START.date(), NOW.date()

    records = read_center(ask, CENTERS[0], first, last, NO_HOLIDAYS)

    closed = [visit for visit in records.visits if visit.closed_s is not None]
    assert len(closed) > 20
    for visit in closed:
        waited = sum(part.ends_s - part.starts_s for part in visit.stretches if part.activity in WAITS)
        assert waited == pytest.approx(visit.wait_s, abs=0.01)
    touches = [touch for visit in closed for touch in visit.touches]
    assert touches and all(touch.starts_s < touch.ends_s for touch in touches)
    assert records.shifts == ()


def test_what_if_knows_what_each_visit_asked_for_and_who_comes_for_a_part(ask: Ask, events: list[dict[str, Any]]):
    orders = oracle.orders_of(events, datetime.now(UTC)).values()
    for_part = {
        (order["comeback_center_id"], order["comeback_order_id"])
        for order in orders
        if order["ftf_cause"] == "open_part"
    }

    records = [read_center(ask, center, START.date(), NOW.date(), NO_HOLIDAYS) for center in CENTERS[:5]]

    visits = {(past.center_id, visit.order_id): visit for past in records for visit in past.visits}
    expected = {
        (order["center_id"], order["order_id"]): (
            order["part_requests"],
            order["stockouts"],
            len(order["fault_groups"]),
        )
        for order in orders
    }
    assert {key: (v.requests, v.stockouts, v.faults) for key, v in visits.items()} == {
        key: expected[key] for key in visits
    }
    assert {key for key, visit in visits.items() if visit.comes_for_part} == for_part & visits.keys()
    assert sum(visit.stockouts for visit in visits.values()) > 5


def test_what_if_refuses_a_short_history_with_an_exit_code_of_its_own(filled: ClickHouseNode, monkeypatch: Any):
    settings = settings_of(filled)
    monkeypatch.setenv("FIXTRAIL_CLICKHOUSE", str(settings.clickhouse))
    monkeypatch.setenv("FIXTRAIL_CLICKHOUSE_READER_PASSWORD", settings.clickhouse_reader_password)

    result = CliRunner().invoke(app, ["whatif", "--center", CENTERS[0], "technicians=+1", "--json"])

    assert isinstance(result.exception, ExitError)
    assert result.exception.exit_code == UNPROVEN
    assert json.loads(result.stdout)["scope"]["refused"] == "too_little"
