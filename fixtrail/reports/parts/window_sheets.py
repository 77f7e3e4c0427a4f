"""The tables of the last 12 months: classes, top 50, changes, emergency channel by part, open special orders."""

import pandas as pd

from fixtrail.reports.parts.window import changes_of, channel_of, top_of
from fixtrail.reports.parts.words import TYPE_WORDS
from fixtrail.reports.report import Bilingual, Column, Sheet, sheet_of
from schemas.times import DAY_S

PART = Column("part_no", Bilingual("配件号", "part"))
CENTER = Column("center_id", Bilingual("服务中心", "center"))
TYPE = Column("type", Bilingual("需求类型", "demand type"), words=TYPE_WORDS)
BY_HITS = Column("class_hits", Bilingual("ABC（次数）", "ABC by hits"))
BY_VALUE = Column("class_value", Bilingual("ABC（金额）", "ABC by value"))
_HITS = Column("hits", Bilingual("请求", "requests"), "count")
_SHARE_OF_HITS = Column("share_of_hits", Bilingual("占请求", "share of requests"), "share")
_STOCKOUTS = Column("stockouts", Bilingual("缺货", "stock-outs"), "count")
_WAITED = Column("waited_s", Bilingual("客户等待", "customers waited"), "minutes")
_EMERGENCIES = Column("emergencies", Bilingual("紧急", "emergencies"), "count")
_LOW, _HIGH = Column("low", Bilingual("下限", "low"), "share"), Column("high", Bilingual("上限", "high"), "share")
_CLASSES = (
    PART, BY_HITS, BY_VALUE, TYPE, _HITS, _SHARE_OF_HITS,
    Column("pieces", Bilingual("数量", "pieces"), "number"),
    Column("amount", Bilingual("金额", "value"), "money"),
    _STOCKOUTS, _WAITED, _EMERGENCIES,
    Column("left_without", Bilingual("缺货离开", "left without"), "count"),
)  # fmt: skip
_TOP = (
    Column("rank", Bilingual("名次", "rank"), "count"), PART, BY_VALUE, _HITS, _SHARE_OF_HITS, _STOCKOUTS,
    Column("share_of_stockouts", Bilingual("占缺货", "share of stock-outs"), "share"),
    _WAITED,
    Column("share_of_wait", Bilingual("占等待", "share of wait"), "share"),
)  # fmt: skip
_CHANGES = (
    PART,
    Column("class_hits_before", Bilingual("上月（次数）", "by hits, a month ago")), BY_HITS,
    Column("class_value_before", Bilingual("上月（金额）", "by value, a month ago")), BY_VALUE,
    _HITS, Column("amount", Bilingual("金额", "value"), "money"),
)  # fmt: skip
_CHANNEL = (
    PART, BY_HITS, _HITS, _EMERGENCIES,
    Column("emergency_share", Bilingual("紧急占比", "share"), "share"), _LOW, _HIGH,
    Column("in_time_rate", Bilingual("2 小时内", "within 2 h"), "share"),
    Column("emergencies_month", Bilingual("每月", "a month"), "number"),
    Column("cost", Bilingual("已知成本", "cost told"), "money"),
    Column("costed", Bilingual("有成本的请求", "requests with a cost"), "count"),
    Column("to_shelf", Bilingual("应备库存", "should be on the shelf")),
)  # fmt: skip
_OPEN = (
    CENTER, Column("order_id", Bilingual("工单", "order")), Column("request_id", Bilingual("请求", "request")), PART,
    Column("quantity", Bilingual("数量", "pieces"), "number"),
    Column("emergency", Bilingual("紧急", "emergency")),
    Column("age_days", Bilingual("已等天数", "days open"), "number"),
    Column("backordered_at", Bilingual("缺货于", "missing since")),
    Column("expected_at", Bilingual("预计到货", "expected")),
    Column("is_overdue", Bilingual("已逾期", "overdue")),
    Column("carrier", Bilingual("承运商", "carrier")),
    Column("tracking_no", Bilingual("运单号", "tracking number")),
)  # fmt: skip


def window_sheets(frame: pd.DataFrame, costs: pd.DataFrame, special_orders: pd.DataFrame) -> tuple[Sheet, ...]:
    """The tables of the window. `frame` is window_frame, `costs` by part."""
    to_shelf = Bilingual(
        "每月用紧急通道超过 3 次且非 A 类：应备库存",
        "more than 3 emergencies a month and not of class A: should be on the shelf",
    )
    return (
        sheet_of("classes", Bilingual("分类（12 个月）", "Classes, 12 months"), _CLASSES, frame),
        sheet_of("top", Bilingual("A 类前 50", "Top 50 of class A"), _TOP, top_of(frame)),
        sheet_of(
            "changes",
            Bilingual("与上月相比的分类变化", "Classes that changed since last month"),
            _CHANGES,
            changes_of(frame),
        ),
        sheet_of(
            "channel",
            Bilingual("紧急通道按配件", "Emergency channel by part"),
            _CHANNEL,
            channel_of(frame, costs),
            to_shelf,
        ),
        sheet_of(
            "special_orders", Bilingual("在途特殊订货", "Open special orders, the oldest first"), _OPEN, special_orders
        ),
    )


def special_order_frame(orders: pd.DataFrame, shipments: pd.DataFrame) -> pd.DataFrame:
    """Query parts_open with carrier and number of query parts_shipments, the oldest first."""
    keys = ["center_id", "order_id", "vehicle_key", "request_id"]
    rows = orders.merge(shipments[[*keys, "carrier", "tracking_no"]], on=keys, how="left")
    for name in ("carrier", "tracking_no"):
        rows[name] = rows[name].where(rows[name].fillna("") != "", None)
    rows = rows.assign(age_days=rows["age_s"] / DAY_S, is_overdue=rows["is_overdue"] == 1)
    return rows.sort_values(["backordered_at", *keys], kind="stable", ignore_index=True)


def costs_by_part(shipments: pd.DataFrame) -> pd.DataFrame:
    """What emergency requests cost, by part, and of how many that was told."""
    rows = shipments[shipments["emergency"].astype(bool) & shipments["cost"].notna()]
    return rows.groupby("part_no")["cost"].agg(cost="sum", costed="count").reset_index()
