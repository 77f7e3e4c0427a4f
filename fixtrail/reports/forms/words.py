"""Formats values for people, and the texts that all reports share."""

import math
from collections.abc import Mapping
from typing import Any

from fixtrail.reports.beside import LEFT_OUT, NO_INTERVAL_WORDS
from fixtrail.reports.report import Bilingual, Column, Definition, Figure, Kind, Locale

NOTHING = "–"
STATUS = {
    "met": Bilingual("达标", "met"),
    "missed": Bilingual("未达标", "missed"),
    "not_distinguishable": Bilingual("无法区分", "not distinguishable"),
}
COMMON = {
    "all": Bilingual("全部", "all"),
    "figure": Bilingual("指标", "figure"),
    "target": Bilingual("目标", "target"),
    "of": Bilingual("共", "of"),
    "definition": Bilingual("定义", "Definitions"),
    "method": Bilingual("计算方法", "How it was computed"),
    "interval": Bilingual("95% 区间", "95 % interval"),
    "version": Bilingual("版本", "version"),
    "scope": Bilingual("范围", "Scope"),
    "from": Bilingual("自", "from"),
    "to": Bilingual("至", "to"),
    "by": Bilingual("按", "by"),
    "time_zone": Bilingual("时区", "time zone"),
    "computed_at": Bilingual("计算于", "computed at"),
    "center": Bilingual("服务中心", "center"),
    "region": Bilingual("区域", "region"),
    "wave": Bilingual("批次", "wave"),
    "lane": Bilingual("通道", "lane"),
    "origin": Bilingual("故障来源", "fault origin"),
    "group": Bilingual("故障组", "fault group"),
    "day": Bilingual("日", "day"),
    "week": Bilingual("周", "week"),
    "month": Bilingual("月", "month"),
    "more": Bilingual("行已显示；CSV 与 JSON 含全部：", "rows shown; CSV and JSON have all of"),
    "empty": Bilingual("没有数据", "no data"),
    "unknown": Bilingual("（未知）", "(unknown)"),
    "not_closed": Bilingual("（未结束）", "(still open)"),
    "source": Bilingual("来源", "source"),
    "orders": Bilingual("工单", "orders"),
    "scored": Bilingual("有评分", "with a score"),
    "usable": Bilingual("可用", "usable"),
    "detractors": Bilingual("贬损者", "detractors"),
    "one_vehicle_in": Bilingual("抽样：每几辆车取一辆", "sample: one vehicle in"),
    "origin_day": Bilingual("起点", "origin"),
    "horizon_days": Bilingual("预测天数", "days ahead"),
    "definition_version": Bilingual("定义版本", "definition version"),
    "technicians_one_vehicle_in": Bilingual("技师抽样：每几辆车取一辆", "technicians, sample: one vehicle in"),
    "no_check_in": Bilingual("无到店记录，未计入", "without a check-in, not counted"),
    "not_estimable": Bilingual("无法估计的原因", "not estimable because"),
    "pilot_wave": Bilingual("试点批次", "pilot wave"),
    "pilot_from": Bilingual("试点自", "pilot from"),
    "pilot_to": Bilingual("试点至", "pilot to"),
    "effect": Bilingual("有效果", "effect shown"),
    "decision": Bilingual("结论", "decision"),
    "currency": Bilingual("货币", "currency"),
    "runs": Bilingual("模拟次数", "runs"),
    "seed": Bilingual("随机种子", "seed"),
    "days_with_shifts": Bilingual("有计划班次的天数", "days with planned shifts"),
    "refused": Bilingual("不作答", "refused"),
    "round": Bilingual("轮次", "round"),
    "months": Bilingual("月数", "months"),
    "orders_a_month": Bilingual("每月工单", "orders a month"),
    "without_effect": Bilingual("效果无法估计的", "without an effect that can be told"),
    "cost": Bilingual("总成本", "cost in all"),
    "share_of_draws_paid_back": Bilingual("回本的抽样占比", "share of draws that paid back"),
    "ftfr_ripe_until": Bilingual("一次修复率已定至", "first-time fix ripe up to"),
    "voices_ripe_until": Bilingual("评分与投诉已定至", "scores and complaints ripe up to"),
}


POINTS = Bilingual("个百分点", "pp")
MINUTES = Bilingual("分钟", "min")
# Values of a report's scope that are codes.
SCOPE_VALUES: Mapping[str, Mapping[str, Bilingual]] = {
    "by": {
        name: COMMON[name] for name in ("center", "region", "wave", "lane", "origin", "group", "day", "week", "month")
    },
    "decision": {
        "go": Bilingual("推广", "go"),
        "no_go": Bilingual("不推广", "no go"),
        "not_decided": Bilingual("未定", "not decided"),
    },
    "refused": {
        "too_little": Bilingual("历史太少", "too little history"),
        "no_technicians": Bilingual("技师未知", "technicians not named"),
        "together": Bilingual("两人同修一车", "two at one car"),
        "does_not_fit": Bilingual("模型不符", "the model does not fit"),
        "too_vague": Bilingual("模型说得太宽", "the model says too little"),
        "overload": Bilingual("作业多于时间", "more work than time"),
        "no_stockouts": Bilingual("缺货太少", "too few stock-outs"),
        "no_quick_lane": Bilingual("没有快修通道", "no quick lane"),
    },
    "not_estimable": {
        "no_pilot_wave": Bilingual("没有试点批次", "there is no such wave"),
        "no_pilots": Bilingual("试点中心没有数据", "no data of pilot centers"),
        "no_controls": Bilingual("没有可对照的中心", "no center had not changed over"),
        "nothing_before": Bilingual("起始前没有数据", "no data before the start"),
        "nothing_after": Bilingual("起始后没有数据", "no data after the start"),
        "few_data": Bilingual("数据太少", "too few data"),
        "separation": Bilingual("完全分离", "separation"),
        "not_converged": Bilingual("未收敛", "not converged"),
        "constant": Bilingual("恒定", "constant"),
        "collinear": Bilingual("共线", "collinear"),
    },
}


def scope_name(name: str, locale: Locale = "en") -> str:
    """What a value of the scope is called."""
    return COMMON[name].in_locale(locale) if name in COMMON else name


def scope_value(name: str, value: Any, locale: Locale = "en") -> Any:
    """A value of the scope in the reader's words."""
    if isinstance(value, bool):
        return format_value(value, "text", locale)
    words = SCOPE_VALUES.get(name, {}).get(str(value))
    return value if words is None else words.in_locale(locale)


def no_key(by: str | None) -> Bilingual:
    """What stands for the key of orders that have none."""
    return COMMON["not_closed" if by in ("day", "week", "month") else "unknown"]


def format_value(value: Any, kind: Kind, locale: Locale = "en") -> str:
    """A value in the form of its kind: shares in percent, seconds in minutes; a dash where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    if isinstance(value, bool):
        return {True: Bilingual("是", "yes"), False: Bilingual("否", "no")}[value].in_locale(locale)
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    if kind == "text" or isinstance(value, str):
        return str(value)
    if kind == "points":
        return f"{100 * float(value):+.1f} {POINTS.in_locale(locale)}"
    if kind == "minutes":
        return f"{float(value) / 60:,.1f} {MINUTES.in_locale(locale)}"
    return _FORMATTERS[kind](float(value))


def cell(row: Mapping[str, Any], column: Column, locale: Locale = "en") -> str:
    """A row's value of a column as it is read."""
    value = row.get(column.name)
    if column.words and isinstance(value, str):
        return _codes(value, column.words, locale)
    return format_value(value, column.kind, locale)


def _codes(value: str, words: Mapping[str, Bilingual], locale: Locale) -> str:
    """A code, or several with commas between them, in the reader's words; what is no code stands as it is."""
    codes = [value] if value in words else value.split(", ")
    if not any(code in words for code in codes):
        return value
    texts = (words[code].in_locale(locale) if code in words else code for code in codes)
    return Bilingual("；", "; ").in_locale(locale).join(texts)


_FORMATTERS = {
    "count": lambda value: f"{value:,.0f}",
    "number": lambda value: f"{value:,.2f}",
    "share": lambda value: f"{100 * value:.1f} %",
    "nps": lambda value: f"{value:.1f}",
    "money": lambda value: f"{value:,.2f}",
    "p": lambda value: f"{value:.3f}" if value >= 0.001 else "< 0.001",
}


def interval(figure: Figure, definition: Definition, locale: Locale = "en") -> str:
    """`low to high`, or nothing where there is no interval."""
    low, high = figure.interval.low, figure.interval.high
    if low is None and high is None:
        return _no_interval(figure, locale)
    ends = [NOTHING if end is None else format_value(end, definition.kind, locale) for end in (low, high)]
    units = (" %", f" {POINTS.in_locale(locale)}", f" {MINUTES.in_locale(locale)}")
    for unit in units:
        ends = [end.removesuffix(unit) for end in ends]
    return {"zh-CN": "{}～{}", "en": "{} to {}"}[locale].format(*ends)


def _no_interval(figure: Figure, locale: Locale) -> str:
    """Why there is none; nothing where the value is missing, too."""
    reason = NO_INTERVAL_WORDS.get(figure.no_interval or "")
    if reason is None or figure.value is None:
        return ""
    return {"zh-CN": "无区间：{}", "en": "no interval: {}"}[locale].format(reason.in_locale(locale))


def left_out(figure: Figure, locale: Locale = "en") -> str:
    """`without: still open 20, cancelled 10`, or nothing where nothing is left out."""
    reasons = [f"{LEFT_OUT[name].in_locale(locale)} {n:,}" for name, n in figure.left_out.items()]
    if not reasons:
        return ""
    return {"zh-CN": "未计：", "en": "without: "}[locale] + {"zh-CN": "，", "en": ", "}[locale].join(reasons)


def ripe(figure: Figure, locale: Locale = "en") -> str:
    """Up to which day the figure is settled and how many orders are younger, where there are any."""
    if figure.ripe_until is None or not figure.unripe:
        return ""
    text = {"zh-CN": "{} 及以前已定；未定 {:,}", "en": "ripe up to {}; {:,} not yet"}[locale]
    return text.format(figure.ripe_until.isoformat(), figure.unripe)


def judged_on(figure: Figure, locale: Locale = "en") -> str:
    """On which other figure a status was decided, in brackets."""
    if figure.judged_on is None:
        return ""
    return {"zh-CN": "（按已确认的工单）", "en": " (on confirmed orders)"}[locale]


def usable(figure: Figure, locale: Locale = "en") -> str:
    """`n of n_all`, or nothing where the number is not known."""
    if figure.n is None:
        return ""
    if figure.n_all is None or figure.n_all == figure.n:
        return f"n {figure.n:,}"
    return {"zh-CN": f"n {figure.n:,} / {figure.n_all:,}", "en": f"n {figure.n:,} of {figure.n_all:,}"}[locale]
