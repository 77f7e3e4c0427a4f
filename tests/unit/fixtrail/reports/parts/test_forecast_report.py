"""Forecast of parts, from ClickHouse's answers to the tables, the record and what is published."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fixtrail.reports.forms.document import as_csv, as_json
from fixtrail.reports.forms.page import render_page
from fixtrail.reports.options import Options
from fixtrail.reports.parts import report as parts
from fixtrail.reports.parts.command import ForecastRequest, computed, records_of
from runtime.failure import USAGE, ExitError
from sinks.clickhouse.part_forecast_rows import PART_FORECASTS, part_forecast_row
from sinks.clickhouse.tables import UnusableRecordError

NOW = datetime(2026, 7, 1, 3, tzinfo=UTC)
ORIGIN = date(2026, 7, 1)
OPTIONS = Options(NOW)
CENTERS = pd.DataFrame({"center_id": ["C1", "C2"], "region": ["north", "south"], "time_zone": ["UTC", "Asia/Shanghai"]})
NO_CELLS = [
    "level",
    "part_no",
    "center_id",
    "requests",
    "stockouts",
    "pieces",
    "amount",
    "without_price",
    "emergencies",
]
NO_EMERGENCIES = ["center_id", "is_total", "emergencies", "fulfilled", "cancelled", "in_time", "timed", "quantiles_s"]
PUBLISHED = ["origin_day", "horizon_days", "center_id", "part_no", "mean", "k", "q50", "q95", "method", "class_hits"]
PUBLISHED += ["shelf", "cover_days", "service_level", "definition_version", "published_at"]


def days_frame(center: str, seed: int) -> pd.DataFrame:
    """300 days: PAD daily, OIL every third day, NEW since two weeks; one in ten requests finds nothing."""
    draw = np.random.default_rng(seed)
    rows = []
    for back in range(1, 301):
        for part, rate in (("PAD", 1.0), ("OIL", 0.33), ("NEW", 0.5 if back <= 14 else 0.0)):
            if hits := draw.poisson(rate):
                rows.append((center, part, pd.Timestamp(ORIGIN - timedelta(days=back), tz="UTC"), float(hits), hits))
    frame = pd.DataFrame(rows, columns=["center_id", "part_no", "day", "pieces", "hits"])
    missing = (frame.index % 10 == 0).astype(int)
    return frame.assign(
        delivered=frame["pieces"], stockouts=missing, emergencies=missing, in_time=missing, left_without=0
    )


class Answers:
    """The answers of ClickHouse; what was asked of parts_days is limited as the query limits it."""

    def __init__(self, **frames: pd.DataFrame) -> None:
        self.parameters: dict[str, dict[str, Any]] = {}
        self.days = pd.concat([days_frame("C1", 1), days_frame("C2", 2)], ignore_index=True)
        self.frames = {
            "centers": CENTERS,
            "parts_last_day": pd.DataFrame({"last_day": [pd.Timestamp("2026-06-30", tz="UTC")], "requests": [1]}),
            "parts_supply": pd.DataFrame(
                {
                    "level": ["part", "part", "center", "all"], "part_no": ["PAD", "OIL", "", ""],
                    "center_id": ["", "", "C1", ""], "price": [100.0, 20.0, 0.0, 0.0], "priced": [9, 9, 0, 0],
                    "deliveries": [9, 1, 5, 14], "lead_days": [2.2, 9.0, 4.0, 3.0],
                }
            ),
            "parts_stock_levels": pd.DataFrame(columns=["center_id", "part_no", "on_hand", "on_order"]),
            "parts_published": pd.DataFrame(columns=PUBLISHED),
            "parts_window": pd.DataFrame({"part_no": ["PAD", "OIL"], "waited_s": [7200.0, 600.0]}),
            "parts_shipments": pd.DataFrame(
                {
                    "center_id": ["C1", "C2"], "order_id": ["R1", "R9"], "vehicle_key": ["v1", "v9"],
                    "request_id": ["p1", "p9"],
                    "carrier": ["SF", ""], "tracking_no": ["SF123", ""], "cost": [np.nan, 30.0],
                    "part_no": ["PAD", "PAD"], "emergency": [False, True],
                }
            ),
            "parts_open": pd.DataFrame(
                {
                    "center_id": ["C2", "C1"], "order_id": ["R2", "R1"], "vehicle_key": ["v2", "v1"],
                    "request_id": ["p2", "p1"],
                    "part_no": ["OIL", "PAD"], "quantity": [1.0, 2.0], "emergency": [False, True],
                    "backordered_at": pd.to_datetime(["2026-06-30", "2026-06-20"], utc=True),
                    "expected_at": pd.to_datetime(["2026-07-09", "2026-06-25"], utc=True),
                    "age_s": [86400.0, 950400.0], "is_overdue": [0.0, 1.0],
                }
            ),
            "span": pd.DataFrame({"first_day": [None], "last_day": [None], "last_close": [None], "handed_off": [0]}),
            "parts": pd.DataFrame(columns=[*NO_CELLS, "emergencies_in_time", "waited_s"]),
            "parts_emergencies": pd.DataFrame(columns=NO_EMERGENCIES),
            "kpi_emergencies": pd.DataFrame(columns=["center_id", "emergencies_all", "emergencies", "in_time"]),
            "kpi_sums": pd.DataFrame(columns=["center_id", "requests_all", "requests", "backordered"]),
            **frames,
        }  # fmt: skip

    def __call__(self, query: str, /, **parameters: Any) -> pd.DataFrame:
        self.parameters[query] = parameters
        if query != "parts_days":
            return self.frames[query]
        day, days = self.days["day"].dt.date, self.days
        inside = (day >= parameters["since"]) & (day < parameters["until"])
        centers = days["center_id"].isin(parameters["centers"]) if parameters["centers"] else True
        return days[inside & centers & ~days["center_id"].isin(parameters["without"])]


def table(answers: Answers, name: str, **request: Any) -> pd.DataFrame:
    forecast = computed(answers, OPTIONS, ForecastRequest(**{"horizon": 30, **request}), NOW)
    return pd.DataFrame(forecast.report.sheet(name).rows)


def test_a_part_is_forecast_at_each_center_and_a_new_one_has_no_number():
    rows = table(Answers(), "forecast").set_index(["part_no", "center_id"])

    assert len(rows) == 6
    assert rows.loc[("PAD", "C1"), "mean"] == pytest.approx(30, rel=0.2)
    assert rows.loc[("OIL", "C2"), "mean"] == pytest.approx(10, rel=0.35)
    assert (rows["q50"].dropna() <= rows["q95"].dropna()).all()
    young = rows.loc["NEW"]
    assert set(young["status"]) == {"too_young"} and young[["mean", "q50", "q95"]].isna().all(axis=None)


def test_a_forecast_of_a_week_is_a_quarter_of_that_of_a_month():
    month, week = (
        table(Answers(), "forecast", horizon=days).set_index(["part_no", "center_id"])["mean"] for days in (28, 7)
    )

    assert week["PAD"].sum() == pytest.approx(month["PAD"].sum() / 4, rel=0.25)


def test_the_delivery_is_the_parts_else_the_centers_else_that_of_all():
    stock = table(Answers(), "stock").set_index(["part_no", "center_id"])

    assert stock["lead_of"].to_dict() == {
        ("PAD", "C1"): "part", ("PAD", "C2"): "part", ("OIL", "C1"): "center", ("OIL", "C2"): "all",
    }  # fmt: skip
    assert stock.loc[("PAD", "C1"), "cover_days"] == 10 and stock.loc[("OIL", "C1"), "cover_days"] == 11
    assert stock["money"].equals(stock["shelf"] * stock["price"])
    assert stock["cover_mean"].tolist() == pytest.approx(
        (table(Answers(), "forecast").dropna()["mean"] / 30 * stock["cover_days"].to_numpy()).tolist()
    )


def test_with_stock_levels_it_says_when_a_shelf_runs_out_and_what_to_order():
    levels = pd.DataFrame(
        {"center_id": ["C1", "C1"], "part_no": ["PAD", "OIL"], "on_hand": [3.0, 90.0], "on_order": [np.nan, 2.0]}
    )
    stock = table(Answers(parts_stock_levels=levels), "stock").set_index(["part_no", "center_id"])
    pad, oil, elsewhere = stock.loc[("PAD", "C1")], stock.loc[("OIL", "C1")], stock.loc[("PAD", "C2")]

    assert pad["days_of_cover"] == pytest.approx(3 / (pad["cover_mean"] / pad["cover_days"]))
    assert pad["stockout_day"] == (ORIGIN + timedelta(days=int(pad["days_of_cover"]))).isoformat()
    assert pad["order_quantity"] == pad["shelf"] - 3 and oil["order_quantity"] == 0
    assert pd.isna(elsewhere["order_quantity"])


def test_todays_shelves_count_after_days_without_a_request_but_not_for_a_past_day():
    """The last request was on 30 June: the forecast begins the day after."""
    later = NOW + timedelta(days=3)
    for options, until in (
        (Options(later), later.date()),
        (Options(later, until=date(2026, 6, 20)), date(2026, 6, 21)),
    ):
        answers = Answers()
        computed(answers, options, ForecastRequest(30), later)
        assert answers.parameters["parts_stock_levels"]["until"] == until


def test_without_stock_levels_it_says_so():
    sheet = computed(Answers(), OPTIONS, ForecastRequest(30), NOW).report.sheet("stock")

    assert sheet.note is not None and "no stock levels" in sheet.note.en
    assert "on_hand" not in {column.name for column in sheet.columns}


def test_only_one_center_is_shown_and_one_that_nobody_knows_is_refused():
    assert set(table(Answers(), "forecast", center="C2")["center_id"]) == {"C2"}
    assert set(table(Answers(), "totals", center="C2")["region"]) == {"south", "*"}

    with pytest.raises(ExitError, match="no center 'C9'") as refusal:
        table(Answers(), "forecast", center="C9")
    assert refusal.value.exit_code == USAGE


@pytest.mark.parametrize("request_", [{"horizon": 0}, {"horizon": 91}, {"horizon": 30, "day": date(2027, 1, 1)}])
def test_a_forecast_of_no_days_or_from_a_day_to_come_is_refused(request_: dict[str, Any]):
    with pytest.raises(ExitError):
        ForecastRequest(**request_).checked(NOW.date())


def test_what_was_published_is_published_once():
    first = computed(Answers(), OPTIONS, ForecastRequest(30), NOW)
    rows = pd.DataFrame(first.rows).assign(origin_day=pd.Timestamp(ORIGIN, tz="UTC"), published_at=NOW)

    assert len(first.rows) == len(first.unpublished) == 4
    assert computed(Answers(parts_published=rows), OPTIONS, ForecastRequest(30), NOW).unpublished == []
    changed = rows.assign(q95=[99, *rows["q95"][1:]])
    (again,) = computed(Answers(parts_published=changed), OPTIONS, ForecastRequest(30), NOW).unpublished
    assert again == first.rows[0]


def test_a_published_record_is_a_row_of_clickhouse():
    record, *_ = records_of(computed(Answers(), OPTIONS, ForecastRequest(30), NOW).rows)
    value = json.loads(record.value)

    assert record.key == f"2026-07-01|30|{value['center_id']}|{value['part_no']}".encode()
    row = dict(zip(PART_FORECASTS.columns, part_forecast_row(record), strict=True))  # type: ignore[arg-type]
    assert row["origin_day"] == ORIGIN and row["published_at"] == NOW.timestamp() * 1000
    assert {name: row[name] for name in value if name != "origin_day"} == {
        k: v for k, v in value.items() if k != "origin_day"
    }


@pytest.mark.parametrize("value", [b"", b"{}", b"[1]", b'{"origin_day": 5}'])
def test_what_is_no_forecast_is_no_row(value: bytes):
    with pytest.raises(UnusableRecordError):
        part_forecast_row(type("Record", (), {"value": value})())


def test_the_record_counts_what_was_announced_a_delivery_before_it_was_needed():
    """Published on the morning of 1 June; PAD takes 2.2 days, so what was needed from the 3rd on was announced."""
    published = pd.DataFrame(
        [["2026-06-01", 30, "C1", "PAD", 30.0, 1.0, 30, 1000, "mean_365", "A", 15, 10, 0.98, 1, "2026-06-01T06:00"]],
        columns=PUBLISHED,
    )
    published = published.assign(
        origin_day=pd.to_datetime(published["origin_day"], utc=True),
        published_at=pd.to_datetime(published["published_at"], utc=True),
    )
    answers = Answers(parts_published=published)
    report = computed(answers, OPTIONS, ForecastRequest(30), NOW).report
    pads = answers.days[(answers.days["part_no"] == "PAD") & (answers.days["center_id"] == "C1")]
    june, warned = (float(pads.loc[pads["day"] >= day, "pieces"].sum()) for day in ("2026-06-01", "2026-06-03"))

    record = pd.DataFrame(report.sheet("record").rows).set_index("basis")
    assert record.loc["published", ["n", "demand", "expected"]].tolist() == [1, june, 30]
    figure = next(figure for figure in report.figures if figure.figure == "announced_in_time")
    assert figure.value == pytest.approx(warned / june) and figure.n == 1


def test_the_report_has_figures_tables_and_a_page_in_both_languages():
    report = parts.build(Answers(), Options(NOW, forecast=True))
    document = as_json(report)

    assert {
        "classes",
        "top",
        "changes",
        "channel",
        "special_orders",
        "forecast",
        "stock",
        "record",
        "service",
        "methods",
    } <= document["tables"].keys()
    assert {figure["figure"] for figure in document["figures"]} <= report.definitions.keys()
    assert all(as_csv(sheet) for sheet in report.sheets)
    json.dumps(document, allow_nan=False)
    assert "建议库存" in render_page(report, "zh-CN") and "Suggested stock" in render_page(report, "en")
    assert "forecast" not in as_json(parts.build(Answers(), OPTIONS))["tables"]
