"""The answers in one sentence of the reports on parts, product quality, people, data and customers' voices."""

from collections import Counter
from collections.abc import Callable, Mapping

from fixtrail.reports.forms.words import format_value
from fixtrail.reports.report import Bilingual, Locale, Report
from fixtrail.web.report_cache.rows import (
    COLON,
    figures_of_all,
    first_row,
    joined,
    listed,
    phrase,
    rows_of,
    sheet,
    text,
    value,
)

MOST_NAMES = 3


def _change(report: Report, locale: Locale) -> str:
    table = sheet(report, "changes")
    counts = Counter(row["verdict"] for row in rows_of(report, "changes") if row.get("verdict"))
    if table is None or not counts:
        return ""
    worse = [text(table, row, "figure", locale) for row in table.rows if row.get("verdict") == "worse"]
    words = Bilingual(
        "{n} 个指标中变好 {better} 个，变差 {worse} 个", "of {n} figures {better} are better, {worse} worse"
    )
    sentence = phrase(words, locale, n=counts.total(), better=counts["better"], worse=counts["worse"])
    return joined([sentence + listed(worse, locale), _largest_piece(report, locale)], locale)


def _largest_piece(report: Report, locale: Locale) -> str:
    piece = first_row(report, "pieces", lambda row: bool(row.get("is_named")))
    if piece is None:
        return ""
    words = Bilingual("最大的来源：{dimension} {key}（{figure}）", "most of it: {dimension} {key} ({figure})")
    names = ("dimension", "key", "figure")
    return phrase(words, locale, **{name: text(*piece, name, locale) for name in names})


def _parts(report: Report, locale: Locale) -> str:
    rate = value(report, "stockout_rate", locale)
    top = first_row(report, "parts", lambda row: bool(row.get("waited_s")))
    if rate is None:
        return ""
    first = phrase(
        Bilingual("{rate} 的配件请求缺货", "{rate} of the part requests met an empty shelf"), locale, rate=rate
    )
    if top is None:
        return first
    words = Bilingual(
        "客户等得最久的是 {part}（占 {share}）", "customers waited most for {part} ({share} of that wait)"
    )
    share = text(*top, "share_of_wait", locale)
    return joined([first, phrase(words, locale, part=text(*top, "part_no", locale), share=share)], locale)


def _data(report: Report, locale: Locale) -> str:
    rows = rows_of(report, "verdicts")
    if not rows:
        return ""
    counts = Counter(row["grade"] for row in rows)
    words = Bilingual(
        "{n} 个中心中可计入 {go} 个，附说明 {note} 个，不可计入 {stop} 个",
        "of {n} centers {go} are counted, {note} with a note, {stop} not counted",
    )
    sentence = phrase(words, locale, n=len(rows), **{name: counts[name] for name in ("go", "note", "stop")})
    if counts["unknown"]:
        sentence += phrase(Bilingual("，未知 {n} 个", ", {n} not known"), locale, n=counts["unknown"])
    return sentence + _first_stopped(report, locale)


def _first_stopped(report: Report, locale: Locale) -> str:
    """The first centers that are not counted, after a colon; nothing where there are none."""
    table = sheet(report, "verdicts")
    rows = [row for row in rows_of(report, "verdicts") if row["grade"] == "stop"]
    if table is None or not rows:
        return ""
    names = ", ".join(text(table, row, "center_id", locale) for row in rows[:MOST_NAMES])
    return f"{COLON.in_locale(locale)}{names}{'…' if len(rows) > MOST_NAMES else ''}"


def _eta(report: Report, locale: Locale) -> str:
    names = ("eta_inside", "eta_mae_s", "promise_mae_s")
    inside, error, promise = (value(report, name, locale) for name in names)
    if inside is None or error is None:
        return ""
    words = Bilingual(
        "{inside} 的预估区间命中；平均偏差 {error}", "{inside} of the intervals held; off by {error} on average"
    )
    beside = Bilingual("，承诺的偏差 {promise}", ", the promise by {promise}")
    sentence = phrase(words, locale, inside=inside, error=error)
    return sentence + (phrase(beside, locale, promise=promise) if promise else "")


def _voices(report: Report, locale: Locale) -> str:
    opened, still_open = (value(report, name, locale) for name in ("complaints_opened", "complaints_open"))
    if opened is None or still_open is None:
        return ""
    words = Bilingual("投诉 {opened} 起，未了结 {still_open} 起", "{opened} complaints, {still_open} open now")
    parts = [phrase(words, locale, opened=opened, still_open=still_open)]
    if (in_time := value(report, "complaint_contact_in_time", locale)) is not None:
        in_time_words = Bilingual("{share} 按时联系了客户", "{share} of the customers were called in time")
        parts.append(phrase(in_time_words, locale, share=in_time))
    if (cases := value(report, "detractor_cases", locale)) is not None:
        parts.append(phrase(Bilingual("低分 {n} 个", "{n} bad scores"), locale, n=cases))
    return joined(parts, locale)


def _warning(report: Report, locale: Locale) -> str:
    alarms = figures_of_all(report).get("alarms")
    if alarms is None or alarms.n is None:
        return ""
    top = first_row(report, "cells", lambda row: row.get("state") == "alarm")
    if not alarms.value or top is None:
        words = Bilingual("没有报警；监测 {n} 个单元", "no alarm; {n} cells are watched")
        return phrase(words, locale, n=f"{alarms.n:,}")
    words = Bilingual(
        "报警 {n} 个；最前：{value}，{fault_group}，{cases} 例（预期 {expected}）",
        "alarms: {n}; first {value}, {fault_group}: {cases} cases, {expected} expected",
    )
    names = ("value", "fault_group", "cases", "expected")
    return phrase(words, locale, n=f"{alarms.value:,.0f}", **{name: text(*top, name, locale) for name in names})


def _staff(report: Report, locale: Locale) -> str:
    score, answered = value(report, "staff_score", locale), value(report, "suggestions_answered", locale)
    parts = []
    if score is not None:
        words = Bilingual("最近一轮员工评分 {score}（满分 100）", "the staff scores {score} of 100 in the newest round")
        parts.append(phrase(words, locale, score=score))
    if answered is not None:
        parts.append(
            phrase(Bilingual("{share} 的建议有回音", "{share} of the suggestions are answered"), locale, share=answered)
        )
    return joined(parts, locale)


def _need(report: Report, locale: Locale) -> str:
    share, waited = (figures_of_all(report).get(name) for name in ("need_below_share", "need_wait_below_s"))
    if share is None or share.value is None:
        return ""
    words = Bilingual("{share} 的半小时人手不足", "too few people in {share} of the half hours")
    parts = [phrase(words, locale, share=format_value(share.value, "share", locale))]
    if waited is not None and waited.value is not None:
        waited_words = Bilingual("客户在其中等待 {hours:,.0f} 小时", "customers waited {hours:,.0f} h in these")
        parts.append(phrase(waited_words, locale, hours=waited.value / 3600))
    return joined([*parts, _shortest_of_people(report, locale)], locale)


def _shortest_of_people(report: Report, locale: Locale) -> str:
    table, rows = sheet(report, "centers"), [row for row in rows_of(report, "centers") if row.get("under_h")]
    if table is None or not rows:
        return ""
    worst = max(rows, key=lambda row: float(row["under_h"]))
    words = Bilingual("缺得最多：{center}，{hours:,.0f} 人时", "most at {center}: {hours:,.0f} h")
    return phrase(words, locale, center=text(table, worst, "center_id", locale), hours=float(worst["under_h"]))


def _procedures(report: Report, locale: Locale) -> str:
    share = value(report, "procedure_conforming", locale)
    if share is None:
        return ""
    words = Bilingual("{share} 的工单按流程作业", "{share} of the orders followed their procedure")
    table, rows = sheet(report, "steps"), rows_of(report, "steps")
    if table is None or not rows:
        return phrase(words, locale, share=share)
    row = max(rows, key=lambda row: int(row["count"]))
    most = Bilingual("最常见的偏差：{step}，{kind}（{count}）", "most often: {step}, {kind} ({count})")
    details = {name: text(table, row, name, locale) for name in ("step", "kind", "count")}
    return joined([phrase(words, locale, share=share), phrase(most, locale, **details)], locale)


def _experts(report: Report, locale: Locale) -> str:
    names = ("expert_wait_median_s", "expert_in_time", "expert_without_part")
    median, in_time, without = (value(report, name, locale) for name in names)
    if median is None:
        return ""
    words = Bilingual(
        "专家加入的中位时间 {median}，{in_time} 在 10 分钟内",
        "an expert joins after {median} (median), {in_time} within 10 min",
    )
    parts = [phrase(words, locale, median=median, in_time=in_time)]
    if without is not None:
        parts.append(
            phrase(Bilingual("{share} 未换件即解决", "{share} resolved without a part"), locale, share=without)
        )
    return joined(parts, locale)


def _grades(report: Report, locale: Locale) -> str:
    apart = figures_of_all(report).get("technicians_apart")
    if apart is None or not apart.n:
        return ""
    words = Bilingual(
        "{n} 名技师中 {count} 名与其工单应有的水平不同",
        "{count} of {n} technicians differ from what their cases let expect",
    )
    parts = [phrase(words, locale, n=apart.n, count=apart.count)]
    if (below := value(report, "jobs_below_grade", locale)) is not None:
        parts.append(
            phrase(Bilingual("{share} 的作业低于等级", "{share} of the jobs below grade"), locale, share=below)
        )
    return joined(parts, locale)


def _quality(report: Report, locale: Locale) -> str:
    ftfr = value(report, "ftfr", locale)
    if ftfr is None:
        return ""
    words = Bilingual("{ftfr} 一次修复", "{ftfr} fixed the first time")
    worst = first_row(report, "faults", lambda row: bool(row.get("enough")))
    if worst is None:
        return phrase(words, locale, ftfr=ftfr)
    least = Bilingual("最低的故障组：{group}（{share}）", "least often: {group} ({share})")
    details = {"group": text(*worst, "fault_group", locale), "share": text(*worst, "ftfr", locale)}
    return joined([phrase(words, locale, ftfr=ftfr), phrase(least, locale, **details)], locale)


FURTHER: Mapping[str, Callable[[Report, Locale], str]] = {
    "change": _change,
    "parts": _parts,
    "data": _data,
    "eta": _eta,
    "voices": _voices,
    "warning": _warning,
    "staff": _staff,
    "need": _need,
    "procedures": _procedures,
    "experts": _experts,
    "grades": _grades,
    "quality": _quality,
}
