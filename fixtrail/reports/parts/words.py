"""The words of the parts report beyond its first tables: definitions, methods and the meaning of codes."""

from typing import Literal

from fixtrail.parts.plan import DEFINITION_VERSION, SERVICE_LEVELS
from fixtrail.reports.report import Bilingual, Definition

NO_STOCK_LEVELS = Bilingual("没有库存数据（stock_level 事件）", "no stock levels: no event stock_level was sent")
LEVELS = " / ".join(f"{name} {share:.0%}" for name, share in SERVICE_LEVELS.items())
TYPE_WORDS = {
    "smooth": Bilingual("平稳", "smooth"),
    "intermittent": Bilingual("间歇", "intermittent"),
    "erratic": Bilingual("波动", "erratic"),
    "lumpy": Bilingual("块状", "lumpy"),
}
METHOD_WORDS = {
    "mean_365": Bilingual("365 天均值", "mean of 365 days"),
    "mean_90": Bilingual("90 天均值", "mean of 90 days"),
    "tsb": Bilingual("TSB", "TSB"),
    "adida": Bilingual("ADIDA", "ADIDA"),
}
STATUS_WORDS = {
    "forecast": Bilingual("有预测", "forecast"),
    "too_young": Bilingual("数据不足 90 天", "too young: less than 90 days"),
}
LEAD_WORDS = {
    "part": Bilingual("本配件", "the part"),
    "center": Bilingual("本中心", "the center"),
    "all": Bilingual("全部", "all"),
    "assumed": Bilingual("假设", "assumed"),
}
BASIS_WORDS = {"published": Bilingual("已发布", "published"), "replayed": Bilingual("回放", "replayed")}


def _about(
    title: Bilingual,
    text: Bilingual,
    unit: str = "share",
    better: Literal["higher", "lower"] | None = None,
    version: int = 1,
) -> Definition:
    return Definition(title, text, unit, better, version)


WINDOW_DEFINITIONS = {
    "top_hits_share": _about(
        Bilingual("前 50 占请求", "Top 50: share of requests"),
        Bilingual(
            "A 类中请求最多的 50 个配件的请求 / 12 个月的全部请求",
            "requests of the 50 most asked-for parts of class A / all of 12 months",
        ),
    ),
    "top_stockouts_share": _about(
        Bilingual("前 50 占缺货", "Top 50: share of stock-outs"),
        Bilingual("同上，缺货的请求", "the same of the requests that were missing"),
    ),
    "top_wait_share": _about(
        Bilingual("前 50 占等待", "Top 50: share of customers' time"),
        Bilingual("同上，客户等配件的时间", "the same of the time that customers waited for parts"),
        version=2,
    ),
    "emergency_share": _about(
        Bilingual("紧急通道占比", "Emergency channel's share"),
        Bilingual("12 个月的紧急请求 / 全部请求", "emergency requests / all requests of 12 months"),
        better="lower",
    ),
    "open_special_orders": _about(
        Bilingual("在途特殊订货", "Open special orders"),
        Bilingual(
            "缺货、未到货也未取消的请求；交车后到货或取消的也算已了结",
            "requests that are missing, and neither delivered nor withdrawn, be it after the handoff",
        ),
        "orders",
        "lower",
        version=2,
    ),
}  # fmt: skip
FORECAST_DEFINITIONS = {
    "forecast_inside": _about(
        Bilingual("需求不超过 95% 分位", "Demand within the 95th percentile"),
        Bilingual(
            "最近 6 个预测起点，配件×中心的实际需求不超过 95% 分位的占比；目标 95%",
            "part × center forecasts of the last 6 origins whose demand was at most q95 / all; aim 95 %",
        ),
        version=DEFINITION_VERSION,
    ),
    "forecast_bias": _about(
        Bilingual("预测偏差", "Bias of the forecast"),
        Bilingual(
            "预测均值之和 / 实际需求之和 - 1；正数表示预测偏高",
            "sum of forecast means / sum of demand - 1; above 0 too much was expected",
        ),
        version=DEFINITION_VERSION,
    ),
    "shelf_service": _about(
        Bilingual("建议库存的达成率", "Service of the suggested shelf"),
        Bilingual(
            "最近 6 个起点，补货周期内需求不超过建议库存的配件×中心占比；目标为各类服务水平的均值",
            "part × center of the last 6 origins whose demand in the days to be covered was at most the "
            "suggested level / "
            "all that are kept on the shelf; aim: the mean of their service levels",
        ),
        better="higher",
        version=DEFINITION_VERSION,
    ),
    "shelf_money": _about(
        Bilingual("建议库存的金额", "Money on the suggested shelf"),
        Bilingual("建议库存 × 最近单价之和；n 为有单价者", "sum of suggested pieces × last price; n have a price"),
        "money",
        version=DEFINITION_VERSION,
    ),
    "announced_in_time": _about(
        Bilingual("提前告知的需求", "Announced in time"),
        Bilingual(
            "已到货的需求中，包含在至少提前一个到货周期发布的预测（95% 分位以内）中的占比",
            "delivered pieces that lay within the q95 of a forecast published a delivery's time before / "
            "delivered pieces "
            "of the days that published forecasts are of",
        ),
        better="higher",
        version=DEFINITION_VERSION,
    ),
}  # fmt: skip
WINDOW_METHODS = (
    Bilingual(
        "分类、前 50、变化、紧急通道：截至起点的 365 天；上月的分类为一个月前的同样 365 天",
        "Classes, top 50, changes, emergency channel: the 365 days before the origin; last month's classes are "
        "of the 365 "
        "days that ended a month earlier",
    ),
    Bilingual(
        "需求：配件请求的数量，按请求当天（中心时区）；缺货前就取消的不计，缺货后离开的计入",
        "Demand: pieces by the day of the request in the center's time zone; withdrawn before anything was "
        "missing: not "
        "counted, left because it was missing: counted",
    ),
    Bilingual(
        "需求类型：ADI（天数 / 有需求的天数）1.32、CV² 0.49（Syntetos、Boylan、Croston 2005），仅供参考",
        "Demand type by ADI (days / days with demand) 1.32 and CV² 0.49 (Syntetos, Boylan and Croston 2005): "
        "shown, and "
        "used to pool the parts, for nothing else",
    ),
)  # fmt: skip
FORECAST_METHODS = (
    Bilingual(
        "预测：日需求率由 TSB（0.1/0.1）、ADIDA、365 天均值、90 天均值之一给出；同类型、同区域的配件一起选，"
        "取最近 6 个起点 0.5 与 0.95 分位的 pinball 损失（占需求）加 RMSSE 最小者。从不用 MAE、MASE："
        "永远预测零反而最好",
        "Forecast: a daily rate by TSB (.1, .1), ADIDA, the mean of 365 days or that of 90; parts of one type "
        "and region "
        "choose together, by the smallest pinball loss at .5 and .95 (as a share of demand) plus RMSSE over the "
        "last 6 origins. Never by MAE or MASE: forecasting nothing would win",
    ),
    Bilingual(
        "分布：负二项，方差 = k × 均值；k 一半来自配件自身、一半来自同类型（30 天合计），至少为 1（Poisson）；"
        "超出 1 的部分取能在过去 6 个起点达到服务水平的最小比例（0、1/4、1/2、3/4、1）",
        "Distribution: negative binomial, variance = k × mean; k is half the part's own, half its type's (of "
        "sums of 30 days), at least 1 (Poisson); of what it has above 1 the smallest share (0, 1/4, 1/2, 3/4, 1) "
        "with which the service levels were reached at the last 6 origins",
    ),
    Bilingual(
        f"建议库存 S：P(补货周期内需求 ≤ S) ≥ 服务水平（按次数分类：{LEVELS}）的最小整数；周期 = 盘点 7 天 + 到货天数"
        "（缺货请求从请求到到货的中位数：配件、中心、全部，3 次以上），向上取整；金额 C 类且每年不足 2 次：按需订货",
        f"Shelf level S: the smallest whole number with P(demand in the days to be covered ≤ S) ≥ service level "
        f"(class by "
        f"requests: {LEVELS}); days = review of 7 + delivery (median from request to delivery of what was "
        f"missing: of "
        "the part, the center, or all, from 3 on), rounded up. C by value with fewer than 2 requests a year: on "
        "demand",
    ),
    Bilingual(
        "记录：已发布的预测与其后的需求；回放为用当前选定的方法、只用起点之前的数据重新计算",
        "Record: published forecasts beside the demand that came; replayed ones are made of what was before "
        "their origin, "
        "by the method that is chosen now",
    ),
    Bilingual("命中率的区间：Wilson 95%，以配件为群", "Intervals of shares: Wilson, 95 %, parts as clusters"),
)  # fmt: skip
