"""Report `journey`: where the time of finished visits goes, what those say who waited long there, and what follows."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.journey.charts import draw_flow, draw_time
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.periods import ask_scope
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Chart, Column, Definition, Figure, Interval, Report, plain, sheet_of
from fixtrail.reports.stats import intervals
from schemas.facts import WAITS

TITLE = Bilingual("客户旅程", "Journey map")
# In the order in which a visit mostly meets them, and as the queries list them.
ACTIVITIES = ("reception", "diagnosis", "approval", "parts", "bay", "repair", "quality", "pickup")
NAMES = {
    "reception": Bilingual("等接待", "wait for reception"),
    "diagnosis": Bilingual("诊断", "diagnosis"),
    "approval": Bilingual("等确认", "wait for approval"),
    "parts": Bilingual("等配件", "wait for parts"),
    "bay": Bilingual("等工位", "wait for a bay"),
    "repair": Bilingual("维修", "repair"),
    "quality": Bilingual("质检", "quality check"),
    "pickup": Bilingual("等取车", "pickup"),
    "end": Bilingual("离开", "end"),
}
MOST_FOLLOWED = 200_000
DEFINITIONS = {
    "lead_mean_s": Definition(
        Bilingual("总时长（平均）", "Lead, mean"),
        Bilingual(
            "已交车且有到店记录的工单从到店到交车的平均时长", "mean time from check-in to handoff of handed-off orders"
        ),
        "s",
        "lower",
    ),
    "wait_share": Definition(
        Bilingual("等待占比", "Share of waiting"),
        Bilingual("四种等待占总时长的比例", "the four waits' share of all lead time"),
        "share",
        "lower",
    ),
}
METHODS = (
    Bilingual(
        "仅计已交车且有到店记录的工单。中位数与 90 分位只计在该环节停留过的工单，在名次间线性插值",
        "Of handed-off orders with a check-in. Median and 90th percentile are over the orders that spent any time "
        "there, linear between ranks",
    ),
    Bilingual(
        "“久等”：在该环节的时间属于停留过的工单中最长的四分之一。"
        "NPS 损失：若久等者的评分与其他人相同，整体 NPS 会高多少；这是对比，不是因果",
        "Long: among the longest quarter of the orders that spent any time there. NPS lost: by how much the whole NPS "
        "would be higher if they scored as all others do; a comparison, not a cause: see report drivers",
    ),
)
_COLUMNS = (
    Column("activity", Bilingual("环节", "activity"), words=NAMES),
    Column("is_wait", Bilingual("等待", "wait")),
    Column("orders", Bilingual("工单", "orders"), "count"),
    Column("share_of_orders", Bilingual("工单占比", "share of orders"), "share"),
    Column("median_s", Bilingual("中位数", "median"), "minutes"),
    Column("p90_s", Bilingual("90 分位", "p90"), "minutes"),
    Column("mean_s", Bilingual("每单平均", "mean over all orders"), "minutes"),
    Column("share_of_lead", Bilingual("占总时长", "share of lead"), "share"),
)
_PAIN = (
    Column("rank", Bilingual("名次", "rank"), "count"),
    Column("activity", Bilingual("环节", "activity"), words=NAMES),
    Column("long_from_s", Bilingual("久等自", "long from"), "minutes"),
    Column("orders_long", Bilingual("久等工单", "orders"), "count"),
    Column("scores_long", Bilingual("其中评分", "with a score"), "count"),
    Column("nps_long", Bilingual("久等者 NPS", "NPS, long"), "nps"),
    Column("nps_others", Bilingual("未久等者 NPS", "NPS, not long"), "nps"),
    Column("nps_lost", Bilingual("NPS 损失", "NPS lost"), "nps"),
    Column("nps_lost_low", Bilingual("下限", "low"), "nps"),
    Column("nps_lost_high", Bilingual("上限", "high"), "nps"),
    Column("complaints_per_100_long", Bilingual("久等者每百单投诉", "complaints per 100, long"), "number"),
    Column("complaints_per_100_others", Bilingual("其他人每百单投诉", "complaints per 100, others"), "number"),
)
_FLOW = (
    Column("step", Bilingual("步", "step"), "count"),
    Column("activity", Bilingual("环节", "activity"), words=NAMES),
    Column("next", Bilingual("下一环节", "next"), words=NAMES),
    Column("orders", Bilingual("工单", "orders"), "count"),
)


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    refuse_cut("journey", options)
    parameters, handed_off = ask_scope(ask, options)
    times = ask_times(ask, parameters)
    activities = activity_frame(times)
    limits = [0.0 if math.isnan(limit) else limit for limit in activities["long_from_s"]]
    voices = ask("journey_voices", limits=limits, **parameters).iloc[0].to_dict()
    one_in = max(1, math.ceil(handed_off / MOST_FOLLOWED))
    flow = ask("journey_transitions", one_in=one_in, **parameters)
    return report_of(times, activities, pain_frame(activities, voices), flow, one_in, options)


def ask_times(ask: Ask, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Orders, their lead time, and lists by activity: how many had it, their seconds and three quantiles."""
    totals = ask("journey", **parameters).iloc[0].to_dict()
    rows = [
        ask("journey_activity", seconds=f"{'wait_' * (name in WAITS)}{name}_s", **parameters).iloc[0]
        for name in ACTIVITIES
    ]
    lists = {"had": "had", "seconds": "total_s", "quantiles": "quantiles"}
    return {**totals, **{name: [row[column] for row in rows] for name, column in lists.items()}}


def activity_frame(times: Mapping[str, Any]) -> pd.DataFrame:
    """One row per activity from the answer of `ask_times`."""
    orders, total = int(times["orders"]), float(times["total_s"] or 0)
    activities = pd.DataFrame({"activity": ACTIVITIES, "orders": times["had"], "seconds": times["seconds"]})
    activities["seconds"] = activities["seconds"].astype("float64").fillna(0.0)
    quantiles = pd.DataFrame(list(times["quantiles"]), columns=["median_s", "long_from_s", "p90_s"], dtype="float64")
    activities = pd.concat([activities, quantiles], axis=1)
    activities["is_wait"] = activities["activity"].isin(WAITS)
    activities["share_of_orders"] = activities["orders"] / orders if orders else math.nan
    activities["mean_s"] = activities["seconds"] / orders if orders else math.nan
    activities["share_of_lead"] = activities["seconds"] / total if total else math.nan
    return activities


def pain_frame(activities: pd.DataFrame, voices: Mapping[str, Any]) -> pd.DataFrame:
    """The activities by the NPS that those lose who spent long there, the most painful first."""
    rows = []
    if not int(voices["orders"]):
        # Over no orders at all, sums of arrays have no elements.
        voices = {name: [0] * len(ACTIVITIES) if name.endswith("_long") else 0 for name in voices}
    for index, (activity, limit) in enumerate(zip(activities["activity"], activities["long_from_s"], strict=True)):
        long = {
            name: int(voices[f"{name}_long"][index]) for name in ("scores", "promoters", "detractors", "complaints")
        }
        rest = {name: int(voices[name]) - long[name] for name in ("scores", "promoters", "detractors")}
        loss, interval = nps_lost(long, rest)
        orders_long = int(voices["orders_long"][index])
        orders_others = int(voices["orders"]) - orders_long
        rows.append(
            {
                "activity": activity,
                "long_from_s": limit,
                "orders_long": orders_long,
                "scores_long": long["scores"],
                "nps_long": _nps(long),
                "nps_others": _nps(rest),
                "nps_lost": loss,
                "nps_lost_low": interval.low,
                "nps_lost_high": interval.high,
                "complaints_per_100_long": _per_100(long["complaints"], orders_long),
                "complaints_per_100_others": _per_100(
                    int(voices["complaints_all"]) - long["complaints"], orders_others
                ),
            }
        )
    pain = pd.DataFrame(rows).sort_values("nps_lost", ascending=False, na_position="last", kind="stable")
    pain.insert(0, "rank", range(1, len(pain) + 1))
    return pain


def nps_lost(long: Mapping[str, int], others: Mapping[str, int]) -> tuple[float | None, Interval]:
    """By how much the NPS of all is lower than that of the others, and the interval of it.

    NPS = s · long + (1 - s) · others, so others - NPS = s · (others - long), where s is the long ones' share of scores.
    """
    nps_long, nps_others = _nps(long), _nps(others)
    if nps_long is None or nps_others is None:
        return None, Interval(None, None)
    share = long["scores"] / (long["scores"] + others["scores"])
    variance = _variance(long) / long["scores"] + _variance(others) / others["scores"]
    half = 100 * share * intervals.Z * math.sqrt(variance)
    loss = share * (nps_others - nps_long)
    return loss, Interval(loss - half, loss + half)


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
        Figure("lead_mean_s", total / orders if orders else None, orders, orders, no_interval="descriptive"),
        Figure("wait_share", waited / total if total else None, orders, orders, no_interval="descriptive"),
    )
    note = None
    if one_in > 1:
        note = Bilingual(f"每 {one_in} 个工单跟踪一个", f"one order in {one_in} is followed, chosen by its id")
    sheets = (
        sheet_of("activities", Bilingual("各环节的时间", "Time by activity"), _COLUMNS, activities),
        sheet_of("pain_points", Bilingual("痛点排名", "Pain points, ranked"), _PAIN, pain),
        sheet_of("transitions", Bilingual("流转", "What follows what"), _FLOW, flow, note, shown=20),
    )
    charts = charts_of(activities, flow) if orders else ()
    return Report("journey", TITLE, REPORTS["journey"], options.scope(), figures, sheets, charts, METHODS, DEFINITIONS)


def charts_of(activities: pd.DataFrame, flow: pd.DataFrame) -> tuple[Chart, ...]:
    """Time by activity, and the flow of the visits through them."""
    bars = [{str(name): plain(value) for name, value in row.items()} for row in activities.to_dict("records")]
    steps = [(int(r["step"]), str(r["activity"]), str(r["next"]), int(r["orders"])) for r in flow.to_dict("records")]
    return (
        Chart("time", Bilingual("各环节的时间", "Time by activity"), "activities", partial(draw_time, bars, NAMES)),
        Chart("flow", Bilingual("工单的流转", "How visits flow"), "transitions", partial(draw_flow, steps, NAMES)),
    )
