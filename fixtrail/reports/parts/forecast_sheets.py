"""The tables of the forecast: by part and center, stock, totals, record, service by class, and how methods did."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from fixtrail.parts.forecast import Forecast
from fixtrail.parts.rates import METHODS
from fixtrail.parts.types import TYPES
from fixtrail.reports.parts.record import by_class, by_origin
from fixtrail.reports.parts.window_sheets import BY_HITS, BY_VALUE, CENTER, PART, TYPE
from fixtrail.reports.parts.words import BASIS_WORDS, LEAD_WORDS, METHOD_WORDS, NO_STOCK_LEVELS, STATUS_WORDS
from fixtrail.reports.report import Bilingual, Column, Sheet, sheet_of

_REGION = Column("region", Bilingual("区域", "region"))
_MEAN = Column("mean", Bilingual("均值", "mean"), "number")
_K = Column("k", Bilingual("k（方差/均值）", "k (variance / mean)"), "number")
_Q50, _Q95 = (
    Column("q50", Bilingual("中位数", "median"), "count"),
    Column("q95", Bilingual("95% 分位", "95th percentile"), "count"),
)
_METHOD = Column("method", Bilingual("方法", "method"), words=METHOD_WORDS)
_SHELF = Column("shelf", Bilingual("建议库存 S", "shelf level S"), "count")
_SERVICE_LEVEL = Column("service_level", Bilingual("服务水平", "service level"), "share")
_SERVICE = Column("service", Bilingual("达成", "service reached"), "share")
_LOW, _HIGH = Column("low", Bilingual("下限", "low"), "share"), Column("high", Bilingual("上限", "high"), "share")
FORECAST_COLUMNS = (
    PART, CENTER, _REGION, Column("status", Bilingual("状态", "status"), words=STATUS_WORDS), TYPE,
    Column("adi", Bilingual("ADI", "ADI"), "number"), Column("cv2", Bilingual("CV²", "CV²"), "number"),
    Column("days", Bilingual("历史天数", "days of history"), "count"),
    _METHOD, _MEAN, _K, _Q50, _Q95,
)  # fmt: skip
_STOCK = (
    PART, CENTER, BY_HITS, BY_VALUE,
    Column("review_days", Bilingual("盘点周期", "review, days"), "count"),
    Column("lead_days", Bilingual("到货天数", "delivery, days"), "number"),
    Column("lead_of", Bilingual("到货来源", "delivery of"), words=LEAD_WORDS),
    Column("cover_days", Bilingual("需覆盖天数", "days to cover"), "count"),
    Column("cover_mean", Bilingual("期间均值", "mean in these"), "number"), _K, _SERVICE_LEVEL, _SHELF,
    Column("on_demand", Bilingual("按需订货", "order on demand")),
    Column("price", Bilingual("单价", "last price"), "money"), Column("money", Bilingual("占用资金", "money"), "money"),
    Column("stockouts_month", Bilingual("现每月缺货", "stock-outs a month now"), "number"),
    Column("short_month", Bilingual("届时每月缺货", "pieces missing a month then"), "number"),
)  # fmt: skip
_LEVELS = (
    Column("on_hand", Bilingual("现有", "on hand"), "number"),
    Column("on_order", Bilingual("在途", "on order"), "number"),
    Column("days_of_cover", Bilingual("可用天数", "days of cover"), "number"),
    Column("stockout_day", Bilingual("预计缺货日", "expected stock-out")),
    Column("order_quantity", Bilingual("订货量", "to order"), "count"),
)  # fmt: skip
_TOTALS = (PART, _REGION, Column("centers", Bilingual("中心", "centers"), "count"), _MEAN, _K, _Q50, _Q95, _SHELF)
_RECORD = (
    Column("origin_day", Bilingual("起点", "origin")), Column("basis", Bilingual("依据", "basis"), words=BASIS_WORDS),
    Column("n", Bilingual("预测数", "forecasts"), "count"),
    Column("demand", Bilingual("实际需求", "demand"), "number"),
    Column("expected", Bilingual("预测", "expected"), "number"),
    Column("inside", Bilingual("不超过 95% 分位", "within q95"), "share"), _LOW, _HIGH,
    Column("pinball", Bilingual("pinball / 需求", "pinball / demand"), "number"), _SERVICE, _SERVICE_LEVEL,
)  # fmt: skip
_SERVICE_BY_CLASS = (
    BY_HITS, Column("n", Bilingual("次数", "n"), "count"), _SERVICE_LEVEL, _SERVICE, _LOW, _HIGH,
    Column("pieces", Bilingual("库存", "pieces kept"), "number"),
    Column("demand", Bilingual("需求", "demand"), "number"),
)  # fmt: skip
_METHODS = (
    TYPE, _REGION, _METHOD, Column("n", Bilingual("预测数", "forecasts"), "count"),
    Column("pinball", Bilingual("pinball / 需求", "pinball / demand"), "number"),
    Column("rmsse", Bilingual("RMSSE", "RMSSE"), "number"), Column("loss", Bilingual("合计", "sum"), "number"),
    Column("is_chosen", Bilingual("选用", "chosen")),
    Column("spread", Bilingual("采信的离散度", "spread believed"), "share"),
)  # fmt: skip
ARITHMETIC = Bilingual(
    "S：期间均值 = 均值 / 预测天数 × 需覆盖天数；负二项（均值、k）在服务水平处的分位数；占用资金 = S × 单价",
    "S: mean in these = mean / days of the forecast × days to cover; quantile of the negative binomial with "
    "that mean and k "
    "at the service level; money = S × last price",
)


def forecast_sheets(
    answer: Forecast, frame: pd.DataFrame, totals: pd.DataFrame, past: pd.DataFrame, published: pd.DataFrame
) -> tuple[Sheet, ...]:
    """The tables of the forecast. `frame` is outlook_frame, with columns of stock levels where these are known."""
    days = answer.plan.horizon
    usable = frame[frame["status"] == "forecast"]
    has_levels = "on_hand" in frame
    note = (
        ARITHMETIC
        if has_levels
        else Bilingual(f"{ARITHMETIC.zh}。{NO_STOCK_LEVELS.zh}", f"{ARITHMETIC.en}. {NO_STOCK_LEVELS.en}")
    )
    titles = Bilingual(f"今后 {days} 天的需求", f"Demand of the next {days} days")
    records = [*by_origin(published, "published"), *by_origin(past, "replayed")]
    return (
        sheet_of("forecast", titles, FORECAST_COLUMNS, frame),
        sheet_of(
            "stock", Bilingual("建议库存", "Suggested stock"), (*_STOCK, *(_LEVELS if has_levels else ())), usable, note
        ),
        sheet_of(
            "totals",
            Bilingual(f"今后 {days} 天的需求，按区域（* 为全部）", "The same by region; * is all"),
            _TOTALS,
            totals,
        ),
        sheet_of("record", Bilingual("预测记录", "Record of the forecast"), _RECORD, records),
        sheet_of(
            "service",
            Bilingual("建议库存的达成率", "Service of the suggested shelf"),
            _SERVICE_BY_CLASS,
            list(by_class(past)),
        ),
        sheet_of("methods", Bilingual("方法的选择", "Choice of methods"), _METHODS, list(_methods(answer))),
    )


def supply_sheet(frame: pd.DataFrame) -> Sheet:
    """Everything of a part at a center in one table."""
    columns = (*FORECAST_COLUMNS, *_STOCK, *(_LEVELS if "on_hand" in frame else ()))
    by_name = {column.name: column for column in columns}
    return sheet_of("supply", Bilingual("预测与建议库存", "Forecast and stock"), tuple(by_name.values()), frame)


def _methods(answer: Forecast) -> Iterator[dict[str, Any]]:
    for loss in answer.judged:
        yield {
            "type": TYPES[loss.kind],
            "region": answer.regions[loss.region],
            "method": METHODS[loss.method],
            "n": loss.n,
            "pinball": loss.pinball,
            "rmsse": loss.rmsse,
            "loss": loss.loss,
            "is_chosen": loss.is_chosen,
            "spread": float(answer.choice.spreads[loss.kind, loss.region]) if loss.is_chosen else None,
        }
