"""The sentences of a pack, in both languages, from nothing but the pack.

A change is called good or bad only by its verdict, which report `change` gives where the interval does not hold 0.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fixtrail.packs.shown import interval_text, text
from fixtrail.reports.beside import NO_INTERVAL_WORDS
from fixtrail.reports.change.report import VERDICTS
from fixtrail.reports.data.words import GRADES
from fixtrail.reports.forms.words import SCOPE_VALUES, STATUS
from fixtrail.reports.report import Bilingual, Locale

# A Chinese sign is as wide as two Latin letters.
LONGEST_TITLE = {"zh-CN": 20, "en": 40}
LONGEST_LINE = {"zh-CN": 60, "en": 120}
NO_DATA = Bilingual("无数据", "no data")
UNRIPE = Bilingual("尚未定案", "not settled yet")
_PERIODS = {"week": Bilingual("周报", "Week"), "month": Bilingual("月报", "Month")}
_UNKNOWN = {
    "not_told_apart": Bilingual(
        "{title}：n {n}，区间跨越目标，无法判断", "{title}: n {n}, the interval holds the target"
    ),
    "no_data": Bilingual("{title}：没有数据", "{title}: no data"),
    "unripe": Bilingual(
        "一次修复率：{of} 单中 {n} 单交车未满 30 天，仍可能返修",
        "first-time fix: of {of} orders {n} were handed off less than 30 days ago and may still come back",
    ),
    "no_score": Bilingual("{of} 单中 {n} 单没有评分", "of {of} orders {n} have no score"),
    "open": Bilingual("{of} 单中 {n} 单尚未结束，不在各指标之内", "of {of} orders {n} are still open and in no figure"),
    "no_report": Bilingual("报告 {report} 未能计算：{reason}", "report {report} could not be computed: {reason}"),
    "not_estimable": Bilingual("报告 {report} 无法估计：{reason}", "report {report} cannot be estimated: {reason}"),
    "no_n": Bilingual("{title}：未给出 n，按其本身判断", "{title}: told without n, taken at its word"),
}
Pack = Mapping[str, Any]
Row = Mapping[str, Any]


def title_of(pack: Pack, name: str, locale: Locale) -> str:
    """A figure's title, cut where somebody gave it a very long one."""
    title = str(pack["definitions"][name]["title"][locale])
    return clipped(title, LONGEST_TITLE[locale])


def clipped(text_of_any_length: str, most: int) -> str:
    """The text in at most so many signs."""
    return text_of_any_length if len(text_of_any_length) <= most else f"{text_of_any_length[: most - 1]}…"


def unit_of(pack: Pack, name: str) -> str:
    """The stored unit of a figure."""
    return str(pack["definitions"][name]["unit"])


def heading(pack: Pack, locale: Locale) -> str:
    """`Week 2026-07-06 to 2026-07-12`."""
    period = pack["period"]
    kind = _PERIODS[period["kind"]].in_locale(locale)
    return {"zh-CN": "{} {} 至 {}", "en": "{} {} to {}"}[locale].format(kind, period["since"], period["until"])


def figure_of(pack: Pack, name: str, period: str = "this") -> Row | None:
    """The figure of a period, uncut."""
    rows = (row for row in pack["figures"] if row["figure"] == name and row["period"] == period)
    return next((row for row in rows if row["key"] is None), None)


def change_row(pack: Pack, name: str) -> Row | None:
    """The change of a figure against the period before."""
    return next((row for row in pack["changes"] if row["figure"] == name), None)


def value_text(pack: Pack, row: Row, locale: Locale) -> str:
    """`74.3 (70.1 to 78.5), n 210`."""
    unit, numbers = unit_of(pack, row["figure"]), row["shown"]
    size = {"zh-CN": "，n {}", "en": ", n {}"}[locale].format(row["n"]) if row["n"] is not None else ""
    ends = interval_text(numbers["low"], numbers["high"], unit, locale)
    return f"{text(numbers['value'], unit, locale)}{ends}{size}"


def target_text(pack: Pack, row: Row, locale: Locale) -> str:
    """`90`, or nothing without a target."""
    target = row["shown"]["target"]
    return "" if target is None else text(target, unit_of(pack, row["figure"]), locale)


def status_text(row: Row, locale: Locale) -> str:
    """`met`, or nothing without a target."""
    if row["status"] is None:
        if row["value"] is not None and row["target"] is not None and row.get("unripe"):
            return UNRIPE.in_locale(locale)
        return NO_DATA.in_locale(locale) if row["target"] is not None or row["value"] is None else ""
    return STATUS[row["status"]].in_locale(locale)


def change_text(pack: Pack, row: Row, locale: Locale) -> str:
    """`-3.2 min (-4.1 to -2.3) better`; without an interval, or where it holds 0, `not distinguishable`."""
    if row["change"] is None:
        return ""
    unit, numbers = unit_of(pack, row["figure"]), row["shown"]
    ends = interval_text(numbers["low"], numbers["high"], unit, locale, signed=True)
    return f"{text(numbers['change'], unit, locale, signed=True)}{ends} {verdict_text(row, locale)}"


def verdict_text(row: Row, locale: Locale) -> str:
    """`better`, `worse` or `not distinguishable`."""
    return VERDICTS[row["verdict"] or "not_distinguishable"].in_locale(locale)


def targets_sentence(pack: Pack, locale: Locale) -> str:
    """`3 of 5 targets met, 1 missed, 1 not distinguishable.`"""
    counts = pack["verdicts"]
    if not counts["of"]:
        return {"zh-CN": "没有设定目标。", "en": "No targets are set."}[locale]
    unit = {"zh-CN": "项", "en": ""}[locale]
    words = {name: STATUS[name] for name in ("missed", "not_distinguishable")} | {"unripe": UNRIPE, "no_data": NO_DATA}
    other_counts = [
        f"{counts[name]} {unit}{word.in_locale(locale)}" for name, word in words.items() if counts.get(name)
    ]
    first = {"zh-CN": "{of} 项目标中 {met} 项达标", "en": "{met} of {of} targets met"}[locale].format(**counts)
    return _joined([first, *other_counts], locale) + _stop(locale)


def changes_sentence(pack: Pack, locale: Locale) -> str:
    """What changed beyond chance since the period before, or that nothing did; nothing where nothing is known."""
    rows = [row for name in pack["headlines"] if (row := change_row(pack, name)) and row["change"] is not None]
    if not rows:
        return ""
    start = {"zh-CN": "与上期相比：", "en": "Against the period before: "}[locale]
    certain = [row for row in rows if row["verdict"] in ("better", "worse")]
    if not certain:
        return start + {"zh-CN": "没有超出偶然的变化", "en": "no change beyond chance"}[locale] + _stop(locale)
    parts = [f"{title_of(pack, row['figure'], locale)} {change_text(pack, row, locale)}" for row in certain[:3]]
    return start + {"zh-CN": "；", "en": "; "}[locale].join(parts) + _stop(locale)


def doubts_sentence(pack: Pack, locale: Locale) -> str:
    """The most important thing that is not known; nothing where all is."""
    lines = list(unknown_lines(pack, locale))
    grades = pack["data_quality"]["grades"]
    if stopped := grades.get("stop", 0):
        centers = pack["data_quality"]["centers"]
        words = {
            "zh-CN": f"{centers} 家中心中 {stopped} 家的数据不可计入",
            "en": f"the data of {stopped} of {centers} centers must not be counted",
        }
        lines.insert(0, words[locale])
    if not lines:
        return ""
    return {"zh-CN": "尚不清楚：", "en": "Not known: "}[locale] + lines[0] + _stop(locale)


def unknown_lines(pack: Pack, locale: Locale) -> Iterator[str]:
    """What the pack cannot tell, one line each."""
    reasons = SCOPE_VALUES["not_estimable"]
    for row in pack["unknown"]:
        about = {**row, "title": title_of(pack, row["figure"], locale) if "figure" in row else ""}
        if row.get("reason") in reasons:
            about["reason"] = reasons[row["reason"]].in_locale(locale)
        yield clipped(_UNKNOWN[row["what"]].in_locale(locale).format(**about), LONGEST_LINE[locale])


def grade_text(grade: str, locale: Locale) -> str:
    """A grade of a center's data."""
    return GRADES[grade].in_locale(locale)


def no_interval_text(row: Row, locale: Locale) -> str:
    """Why a figure has no interval."""
    reason = NO_INTERVAL_WORDS.get(row["no_interval"] or "")
    return reason.in_locale(locale) if reason and row["value"] is not None else ""


def foot(pack: Pack) -> str:
    """The first digits of the hash, and what tells whether the numbers still hold."""
    return f"sha256 {pack['sha256'][:12]} · fixtrail pack verify pack.json"


def _joined(parts: list[str], locale: Locale) -> str:
    return {"zh-CN": "，", "en": ", "}[locale].join(parts)


def _stop(locale: Locale) -> str:
    return {"zh-CN": "。", "en": "."}[locale]
