"""Values as people read them, and the few words that every report has in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fixtrail.reports.beside import LEFT_OUT, NO_INTERVAL_WORDS
from fixtrail.reports.report import Column, Definition, Figure, Kind, Locale, Words

NOTHING = "–"
STATUS = {
    "met": Words("达标", "met"),
    "missed": Words("未达标", "missed"),
    "not_distinguishable": Words("无法区分", "not distinguishable"),
}
COMMON = {
    "all": Words("全部", "all"),
    "figure": Words("指标", "figure"),
    "target": Words("目标", "target"),
    "of": Words("共", "of"),
    "definition": Words("定义", "Definitions"),
    "method": Words("计算方法", "How it was computed"),
    "interval": Words("95% 区间", "95 % interval"),
    "version": Words("版本", "version"),
    "scope": Words("范围", "Scope"),
    "from": Words("自", "from"),
    "to": Words("至", "to"),
    "by": Words("按", "by"),
    "time_zone": Words("时区", "time zone"),
    "computed_at": Words("计算于", "computed at"),
    "center": Words("服务中心", "center"),
    "region": Words("区域", "region"),
    "wave": Words("批次", "wave"),
    "lane": Words("通道", "lane"),
    "origin": Words("故障来源", "fault origin"),
    "group": Words("故障组", "fault group"),
    "day": Words("日", "day"),
    "week": Words("周", "week"),
    "month": Words("月", "month"),
    "more": Words("行已显示；CSV 与 JSON 含全部：", "rows shown; CSV and JSON have all of"),
    "empty": Words("没有数据", "no data"),
    "unknown": Words("（未知）", "(unknown)"),
    "not_closed": Words("（未结束）", "(still open)"),
    "source": Words("来源", "source"),
    "orders": Words("工单", "orders"),
    "scored": Words("有评分", "with a score"),
    "usable": Words("可用", "usable"),
    "detractors": Words("贬损者", "detractors"),
    "one_vehicle_in": Words("抽样：每几辆车取一辆", "sample: one vehicle in"),
    "technicians_one_vehicle_in": Words("技师抽样：每几辆车取一辆", "technicians, sample: one vehicle in"),
    "not_estimable": Words("无法估计的原因", "not estimable because"),
    "pilot_wave": Words("试点批次", "pilot wave"),
    "pilot_from": Words("试点自", "pilot from"),
    "pilot_to": Words("试点至", "pilot to"),
    "effect": Words("有效果", "effect shown"),
    "decision": Words("结论", "decision"),
    "ftfr_ripe_until": Words("一次修复率已定至", "first-time fix ripe up to"),
    "voices_ripe_until": Words("评分与投诉已定至", "scores and complaints ripe up to"),
}


# Values of a report's scope that are codes.
SCOPE_VALUES: Mapping[str, Mapping[str, Words]] = {
    "by": {
        name: COMMON[name] for name in ("center", "region", "wave", "lane", "origin", "group", "day", "week", "month")
    },
    "decision": {
        "go": Words("推广", "go"),
        "no_go": Words("不推广", "no go"),
        "not_decided": Words("未定", "not decided"),
    },
    "not_estimable": {
        "no_pilot_wave": Words("没有试点批次", "there is no such wave"),
        "no_pilots": Words("试点中心没有数据", "no data of pilot centers"),
        "no_controls": Words("没有可对照的中心", "no center had not changed over"),
        "nothing_before": Words("起始前没有数据", "no data before the start"),
        "nothing_after": Words("起始后没有数据", "no data after the start"),
        "few_data": Words("数据太少", "too few data"),
        "separation": Words("完全分离", "separation"),
        "not_converged": Words("未收敛", "not converged"),
        "constant": Words("恒定", "constant"),
        "collinear": Words("共线", "collinear"),
    },
}


def scope_value(name: str, value: Any, locale: Locale = "en") -> Any:
    """A value of the scope in the reader's words."""
    if isinstance(value, bool):
        return shown(value, "text", locale)
    words = SCOPE_VALUES.get(name, {}).get(str(value))
    return value if words is None else words.said(locale)


def no_key(by: str | None) -> Words:
    """What stands for the key of orders that have none."""
    return COMMON["not_closed" if by in ("day", "week", "month") else "unknown"]


def shown(value: Any, kind: Kind, locale: Locale = "en") -> str:
    """A value as its kind is read: shares in percent, seconds in minutes; a dash where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    if isinstance(value, bool):
        return {True: Words("是", "yes"), False: Words("否", "no")}[value].said(locale)
    if isinstance(value, (list, tuple)):
        return ", ".join(str(each) for each in value)
    if kind == "text" or isinstance(value, str):
        return str(value)
    return _SHOWN[kind](float(value))


def cell(row: Mapping[str, Any], column: Column, locale: Locale = "en") -> str:
    """A row's value of a column as it is read."""
    value = row.get(column.name)
    if column.words and isinstance(value, str) and value in column.words:
        return column.words[value].said(locale)
    return shown(value, column.kind, locale)


_SHOWN = {
    "count": lambda value: f"{value:,.0f}",
    "number": lambda value: f"{value:,.2f}",
    "share": lambda value: f"{100 * value:.1f} %",
    "nps": lambda value: f"{value:.1f}",
    "minutes": lambda value: f"{value / 60:,.1f} min",
    "money": lambda value: f"{value:,.2f}",
    "p": lambda value: f"{value:.3f}" if value >= 0.001 else "< 0.001",
}


def interval(figure: Figure, definition: Definition, locale: Locale = "en") -> str:
    """`low to high`, or nothing where there is no interval."""
    low, high = figure.interval.low, figure.interval.high
    if low is None and high is None:
        return _no_interval(figure, locale)
    ends = [NOTHING if end is None else shown(end, definition.kind, locale).removesuffix(" min") for end in (low, high)]
    return {"zh-CN": "{}～{}", "en": "{} to {}"}[locale].format(*(end.removesuffix(" %") for end in ends))


def _no_interval(figure: Figure, locale: Locale) -> str:
    """Why there is none; nothing where the value is missing, too."""
    reason = NO_INTERVAL_WORDS.get(figure.no_interval or "")
    if reason is None or figure.value is None:
        return ""
    return {"zh-CN": "无区间：{}", "en": "no interval: {}"}[locale].format(reason.said(locale))


def left_out(figure: Figure, locale: Locale = "en") -> str:
    """`without: still open 20, cancelled 10`, or nothing where nothing is left out."""
    reasons = [f"{LEFT_OUT[name].said(locale)} {n:,}" for name, n in figure.left_out.items()]
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
