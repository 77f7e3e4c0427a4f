"""Report `journey`: where the time of finished visits goes, what those say who waited long there, and what follows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from fixtrail.reports.ask import Ask
from fixtrail.reports.journey.charts import draw_flow, draw_time
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.periods import ask_scope
from fixtrail.reports.report import Chart, Column, Definition, Figure, Interval, Report, Words, plain, sheet_of
from fixtrail.reports.stats import intervals
from schemas.facts import WAITS

TITLE = Words("客户旅程", "Journey map")
QUESTION = Words("客户的时间花在哪里，痛点在哪里？", "Where does the customers' time go, and what hurts them?")
# In the order in which a visit mostly meets them, and as the queries list them.
ACTIVITIES = ("reception", "diagnosis", "approval", "parts", "bay", "repair", "quality", "pickup")
NAMES = {
    "reception": Words("等接待", "wait for reception"),
    "diagnosis": Words("诊断", "diagnosis"),
    "approval": Words("等确认", "wait for approval"),
    "parts": Words("等配件", "wait for parts"),
    "bay": Words("等工位", "wait for a bay"),
    "repair": Words("维修", "repair"),
    "quality": Words("质检", "quality check"),
    "pickup": Words("等取车", "pickup"),
    "end": Words("离开", "end"),
}
MOST_FOLLOWED = 200_000
DEFINITIONS = {
    "lead_mean_s": Definition(
        Words("总时长（平均）", "Lead, mean"),
        Words(
            "已交车且有到店记录的工单从到店到交车的平均时长", "mean time from check-in to handoff of handed-off orders"
        ),
        "s",
        "lower",
    ),
    "wait_share": Definition(
        Words("等待占比", "Share of waiting"),
        Words("四种等待占总时长的比例", "the four waits' share of all lead time"),
        "share",
        "lower",
    ),
}
METHODS = (
    Words(
        "仅计已交车且有到店记录的工单。中位数与 90 分位只计在该环节停留过的工单，在名次间线性插值",
        "Of handed-off orders with a check-in. Median and 90th percentile are over the orders that spent any time "
        "there, linear between ranks",
    ),
    Words(
        "“久等”：在该环节的时间属于停留过的工单中最长的四分之一。"
        "NPS 损失：若久等者的评分与其他人相同，整体 NPS 会高多少；这是对比，不是因果",
        "Long: among the longest quarter of the orders that spent any time there. NPS lost: by how much the whole NPS "
        "would be higher if they scored as all others do; a comparison, not a cause: see report drivers",
    ),
)
_COLUMNS = (
    Column("activity", Words("环节", "activity"), words=NAMES),
    Column("is_wait", Words("等待", "wait")),
    Column("orders", Words("工单", "orders"), "count"),
    Column("share_of_orders", Words("工单占比", "share of orders"), "share"),
    Column("median_s", Words("中位数", "median"), "minutes"),
    Column("p90_s", Words("90 分位", "p90"), "minutes"),
    Column("mean_s", Words("每单平均", "mean over all orders"), "minutes"),
    Column("share_of_lead", Words("占总时长", "share of lead"), "share"),
)
_PAIN = (
    Column("rank", Words("名次", "rank"), "count"),
    Column("activity", Words("环节", "activity"), words=NAMES),
    Column("long_from_s", Words("久等自", "long from"), "minutes"),
    Column("orders_long", Words("久等工单", "orders"), "count"),
    Column("scores_long", Words("其中评分", "with a score"), "count"),
    Column("nps_long", Words("久等者 NPS", "NPS, long"), "nps"),
    Column("nps_others", Words("其他人 NPS", "NPS, others"), "nps"),
    Column("nps_lost", Words("NPS 损失", "NPS lost"), "nps"),
    Column("nps_lost_low", Words("下限", "low"), "nps"),
    Column("nps_lost_high", Words("上限", "high"), "nps"),
    Column("complaints_per_100_long", Words("久等者每百单投诉", "complaints per 100, long"), "number"),
    Column("complaints_per_100_others", Words("其他人每百单投诉", "complaints per 100, others"), "number"),
)
_FLOW = (
    Column("step", Words("步", "step"), "count"),
    Column("activity", Words("环节", "activity"), words=NAMES),
    Column("next", Words("下一环节", "next"), words=NAMES),
    Column("orders", Words("工单", "orders"), "count"),
)


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    refuse_cut("journey", options)
    parameters, handed_off = ask_scope(ask, options)
    times = ask("journey", **parameters).iloc[0].to_dict()
    activities = activity_frame(times)
    limits = [0.0 if math.isnan(limit) else limit for limit in activities["long_from_s"]]
    voices = ask("journey_voices", limits=limits, **parameters).iloc[0].to_dict()
    one_in = max(1, math.ceil(handed_off / MOST_FOLLOWED))
    flow = ask("journey_transitions", one_in=one_in, **parameters)
    return report_of(times, activities, pain_frame(activities, voices), flow, one_in, options)


def activity_frame(times: Mapping[str, Any]) -> pd.DataFrame:
    """One row per activity from the answer of query journey."""
    orders, total = int(times["orders"]), float(times["total_s"] or 0)
    found = pd.DataFrame({"activity": ACTIVITIES, "orders": times["had"], "seconds": times["seconds"]})
    found["seconds"] = found["seconds"].astype("float64").fillna(0.0)
    quantiles = pd.DataFrame(list(times["quantiles"]), columns=["median_s", "long_from_s", "p90_s"], dtype="float64")
    found = pd.concat([found, quantiles], axis=1)
    found["is_wait"] = found["activity"].isin(WAITS)
    found["share_of_orders"] = found["orders"] / orders if orders else math.nan
    found["mean_s"] = found["seconds"] / orders if orders else math.nan
    found["share_of_lead"] = found["seconds"] / total if total else math.nan
    return found


def pain_frame(activities: pd.DataFrame, voices: Mapping[str, Any]) -> pd.DataFrame:
    """The activities by the NPS that those lose who spent long there, the most painful first."""
    rows = []
    if not int(voices["orders"]):
        # Over no orders at all, sums of arrays have no elements.
        voices = {name: [0] * len(ACTIVITIES) if name.endswith("_long") else 0 for name in voices}
    for place, (activity, limit) in enumerate(zip(activities["activity"], activities["long_from_s"], strict=True)):
        long = {
            name: int(voices[f"{name}_long"][place]) for name in ("scores", "promoters", "detractors", "complaints")
        }
        others = {name: int(voices[name]) - long[name] for name in ("scores", "promoters", "detractors")}
        lost, between = nps_lost(long, others)
        orders_long = int(voices["orders_long"][place])
        orders_others = int(voices["orders"]) - orders_long
        rows.append(
            {
                "activity": activity,
                "long_from_s": limit,
                "orders_long": orders_long,
                "scores_long": long["scores"],
                "nps_long": _nps(long),
                "nps_others": _nps(others),
                "nps_lost": lost,
                "nps_lost_low": between.low,
                "nps_lost_high": between.high,
                "complaints_per_100_long": _per_100(long["complaints"], orders_long),
                "complaints_per_100_others": _per_100(
                    int(voices["complaints_all"]) - long["complaints"], orders_others
                ),
            }
        )
    found = pd.DataFrame(rows).sort_values("nps_lost", ascending=False, na_position="last", kind="stable")
    found.insert(0, "rank", range(1, len(found) + 1))
    return found


def nps_lost(long: Mapping[str, int], others: Mapping[str, int]) -> tuple[float | None, Interval]:
    """By how much the NPS of all is lower than that of the others, and the interval of it.

    NPS = s · long + (1 - s) · others, so others - NPS = s · (others - long), where s is the long ones' share of scores.
    """
    there, rest = _nps(long), _nps(others)
    if there is None or rest is None:
        return None, Interval(None, None)
    share = long["scores"] / (long["scores"] + others["scores"])
    variance = _variance(long) / long["scores"] + _variance(others) / others["scores"]
    half = 100 * share * intervals.Z * math.sqrt(variance)
    lost = share * (rest - there)
    return lost, Interval(lost - half, lost + half)


def _nps(voices: Mapping[str, int]) -> float | None:
    n = voices["scores"]
    return 100 * (voices["promoters"] - voices["detractors"]) / n if n else None


def _variance(voices: Mapping[str, int]) -> float:
    """Variance of the values +1, 0, -1."""
    up, down = voices["promoters"] / voices["scores"], voices["detractors"] / voices["scores"]
    return up + down - (up - down) ** 2


def _per_100(complaints: int, orders: int) -> float | None:
    return 100 * complaints / orders if orders else None


def report_of(
    times: Mapping[str, Any],
    activities: pd.DataFrame,
    pain: pd.DataFrame,
    flow: pd.DataFrame,
    one_in: int,
    options: Options,
) -> Report:
    """The report of frames that are known."""
    orders, total = int(times["orders"]), float(times["total_s"] or 0)
    waited = float(activities.loc[activities["is_wait"], "seconds"].sum())
    figures = (
        Figure("lead_mean_s", total / orders if orders else None, orders, orders),
        Figure("wait_share", waited / total if total else None, orders, orders),
    )
    note = None
    if one_in > 1:
        note = Words(f"每 {one_in} 个工单跟踪一个", f"one order in {one_in} is followed, chosen by its id")
    sheets = (
        sheet_of("activities", Words("各环节的时间", "Time by activity"), _COLUMNS, activities),
        sheet_of("pain_points", Words("痛点排名", "Pain points, ranked"), _PAIN, pain),
        sheet_of("transitions", Words("流转", "What follows what"), _FLOW, flow, note, shown=20),
    )
    charts = charts_of(activities, flow) if orders else ()
    return Report("journey", TITLE, QUESTION, options.scope(), figures, sheets, charts, METHODS, DEFINITIONS)


def charts_of(activities: pd.DataFrame, flow: pd.DataFrame) -> tuple[Chart, ...]:
    """Time by activity, and the flow of the visits through them."""
    bars = [{str(name): plain(value) for name, value in row.items()} for row in activities.to_dict("records")]
    steps = [(int(r["step"]), str(r["activity"]), str(r["next"]), int(r["orders"])) for r in flow.to_dict("records")]
    return (
        Chart("time", Words("各环节的时间", "Time by activity"), "activities", partial(draw_time, bars, NAMES)),
        Chart("flow", Words("工单的流转", "How visits flow"), "transitions", partial(draw_flow, steps, NAMES)),
    )
