"""What the parts report says beyond its first tables: the last 12 months, and with --forecast the next 30 days."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial

import numpy as np
import pandas as pd

from fixtrail.parts.forecast import Forecast
from fixtrail.parts.plan import DEFINITION_VERSION, ForecastPlan
from fixtrail.reports.options import Options
from fixtrail.reports.parts.charts import draw_forecast
from fixtrail.reports.parts.forecast_sheets import forecast_sheets
from fixtrail.reports.parts.outlook import PartHistory, ask_by_zone, forecast_of, outlook_frame, totals_frame
from fixtrail.reports.parts.record import published_frame, record_figures, replayed
from fixtrail.reports.parts.window import WINDOW_DAYS, window_figures, window_frame
from fixtrail.reports.parts.window_sheets import costs_by_part, special_order_frame, window_sheets
from fixtrail.reports.parts.words import FORECAST_DEFINITIONS, FORECAST_METHODS, WINDOW_DEFINITIONS, WINDOW_METHODS
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Chart, Report, plain
from runtime.failure import ExitError

RECORD_DAYS = 400
_UNKNOWN_TABLE = "UNKNOWN_TABLE"


@dataclass(frozen=True, slots=True)
class PartsOutlook:
    """A forecast, its frame by part and center with stock levels where these come, and what was published before."""

    answer: Forecast
    frame: pd.DataFrame
    past: pd.DataFrame
    published: pd.DataFrame

    @property
    def scope(self) -> dict[str, object]:
        """The forecast's scope as a report states it."""
        origin, days = self.answer.demand.origin, self.answer.plan.horizon
        return {"origin_day": origin.isoformat(), "horizon_days": days, "definition_version": DEFINITION_VERSION}


def with_window(report: Report, ask: Ask, options: Options, history: PartHistory) -> Report:
    """The report with the classes, the top 50, their changes, the emergency channel and what is on its way."""
    since = history.origin - timedelta(days=WINDOW_DAYS)
    limits = {"since": since, "until": history.origin}
    shipments = ask("parts_shipments", **limits)
    supply = history.supply
    prices = supply[(supply["level"] == "part") & (supply["priced"] > 0)]
    waits = ask_by_zone(ask, "parts_window", history.centers, options.targets.time_zone, limits)
    frame = window_frame(history.days, history.origin, prices, waits)
    special_orders = special_order_frame(ask("parts_open"), shipments)
    return replace(
        report,
        scope={**report.scope, "origin_day": history.origin.isoformat()},
        figures=(*report.figures, *window_figures(frame, special_orders)),
        sheets=(*report.sheets, *window_sheets(frame, costs_by_part(shipments), special_orders)),
        methods=(*report.methods, *WINDOW_METHODS),
        definitions={**report.definitions, **WINDOW_DEFINITIONS},
    )


def outlook(ask: Ask, history: PartHistory, plan: ForecastPlan) -> PartsOutlook:
    """The forecast with its record and the shelves."""
    answer = forecast_of(history, plan)
    frame = outlook_frame(answer, stockouts_a_month(history, answer))
    frame = with_levels(frame, stock_levels(ask, history.levels_until), history.origin, plan.horizon)
    published = ask("parts_published", since=history.origin - timedelta(days=RECORD_DAYS))
    return PartsOutlook(answer, frame, replayed(answer), published_frame(published, history.days, answer))


def stock_levels(ask: Ask, until: date) -> pd.DataFrame:
    """The shelves as told up to this day; empty where no level comes."""
    try:
        return ask("parts_stock_levels", until=until)
    except ExitError as error:
        # A server that was not migrated yet has no such view.
        if _UNKNOWN_TABLE not in str(error):
            raise
        return pd.DataFrame(columns=["center_id", "part_no", "on_hand", "on_order"])


def stockouts_a_month(history: PartHistory, answer: Forecast) -> Mapping[tuple[str, str], float]:
    """Requests that were missing, by center and part, a month of 30 days of the window or of the row's history."""
    demand, days = answer.demand, history.days
    since = pd.Timestamp(history.origin) - timedelta(days=answer.plan.window)
    inside = days[pd.to_datetime(days["day"]).dt.tz_localize(None) >= since]
    missing = inside.groupby(["center_id", "part_no"])["stockouts"].sum()
    age = {
        (demand.centers[center], demand.parts[part]): max(min(int(span), answer.plan.window), 1)
        for center, part, span in zip(demand.center, demand.part, answer.now.origin.age, strict=True)
    }
    return {pair: float(count) * 30 / age[pair] for pair, count in missing.items() if pair in age}


def with_forecast(report: Report, ahead: PartsOutlook) -> Report:
    """The report with the forecast, the suggested stock and the record."""
    totals = totals_frame(ahead.answer, ahead.frame)
    sheets = forecast_sheets(ahead.answer, ahead.frame, totals, ahead.past, ahead.published)
    return replace(
        report,
        scope={**report.scope, **ahead.scope},
        figures=(*report.figures, *record_figures(ahead.past, ahead.published, ahead.frame)),
        sheets=(*report.sheets, *sheets),
        charts=(*report.charts, *forecast_charts(totals)),
        methods=(*report.methods, *FORECAST_METHODS),
        definitions={**report.definitions, **FORECAST_DEFINITIONS},
    )


def forecast_charts(totals: pd.DataFrame) -> tuple[Chart, ...]:
    """The parts that will be asked for most, over all centers."""
    everywhere = totals[totals["region"] == "*"].head(20)
    if not len(everywhere):
        return ()
    rows = [{str(name): plain(value) for name, value in row.items()} for row in everywhere.to_dict("records")]
    title = Bilingual("需求最多的配件", "Parts that will be asked for most")
    return (Chart("forecast", title, "totals", partial(draw_forecast, rows)),)


LONGEST_DAYS = 3650


def with_levels(frame: pd.DataFrame, levels: pd.DataFrame, origin: date, horizon: int) -> pd.DataFrame:
    """outlook_frame with what is on hand and on order, by center and part; the frame itself where there is no level.

    Days of cover are what is on hand by the daily mean; beyond ten years there is no day. What is on order and not told
    counts as nothing.
    """
    if not len(levels):
        return frame
    rows = frame.merge(levels[["center_id", "part_no", "on_hand", "on_order"]], on=["center_id", "part_no"], how="left")
    with np.errstate(divide="ignore", invalid="ignore"):
        cover = rows["on_hand"] / (rows["mean"] / horizon)
    days = cover.where((cover >= 0) & (cover <= LONGEST_DAYS))
    missing = rows["shelf"] - rows["on_hand"] - rows["on_order"].fillna(0.0)
    return rows.assign(
        days_of_cover=days,
        stockout_day=[None if pd.isna(value) else origin + timedelta(days=int(value)) for value in days],
        order_quantity=np.ceil(missing.clip(lower=0.0)),
    )
