"""What each report answers in one sentence, and the headline figures of the dashboard. Of computed reports; no I/O."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fixtrail.reports.forms.words import STATUS, format_value, interval, scope_value, usable
from fixtrail.reports.report import Bilingual, Figure, Locale, Report
from fixtrail.web.analysis.further_answers import FURTHER
from fixtrail.web.report_cache.rows import COLON, figures_of_all, first_row, listed, phrase, sheet, text

HEADLINES = ("wait_median_s", "wait_p90_s", "nps", "ftfr", "promise_kept", "complaints_per_100")
MOST_BARS = 40


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure in a reader's words, with its values month by month."""

    name: str
    title: str
    value: str
    interval: str
    n: str
    target: str | None
    status: str | None
    status_text: str | None
    trend: tuple[float | None, ...]
    target_value: float | None


@dataclass(frozen=True, slots=True)
class Bar:
    """One key of a cut: its value in words, and how long its bar is (0 to 100)."""

    key: str
    value: str
    interval: str
    n: str
    length: float


def headlines(report: Report, by_month: Report | None, locale: Locale) -> list[Headline]:
    """The headline figures of report `kpi` over its last period, in the order of HEADLINES."""
    figures = figures_of_all(report)
    return [
        _headline(figures[name], report, _trend(by_month, name), locale)
        for name in HEADLINES
        if name in figures and figures[name].value is not None
    ]


def _headline(figure: Figure, report: Report, trend: tuple[float | None, ...], locale: Locale) -> Headline:
    about = report.definitions[figure.figure]
    return Headline(
        name=figure.figure,
        title=about.title.in_locale(locale),
        value=format_value(figure.value, about.kind, locale),
        interval=interval(figure, about, locale),
        n=usable(figure, locale),
        target=None if figure.target is None else format_value(figure.target, about.kind, locale),
        status=figure.status,
        status_text=STATUS[figure.status].in_locale(locale) if figure.status in STATUS else None,
        trend=trend,
        target_value=figure.target,
    )


def _trend(by_month: Report | None, name: str) -> tuple[float | None, ...]:
    if by_month is None:
        return ()
    months = {figure.key: figure.value for figure in by_month.figures if figure.figure == name and figure.key}
    return tuple(months[key] for key in sorted(months))


def bars(report: Report, name: str, locale: Locale) -> list[Bar]:
    """The keys of a cut report by one figure, the largest value first."""
    about = report.definitions.get(name)
    figures = [f for f in report.figures if f.figure == name and f.key is not None and f.value is not None]
    if about is None or not figures:
        return []
    period = figures[-1].period
    figures = sorted((f for f in figures if f.period == period), key=lambda f: -(f.value or 0.0))
    largest = max(abs(f.value or 0.0) for f in figures) or 1.0
    return [
        Bar(
            str(f.key),
            format_value(f.value, about.kind, locale),
            interval(f, about, locale),
            usable(f, locale),
            100 * abs(f.value or 0.0) / largest,
        )
        for f in figures[:MOST_BARS]
    ]


def answer(report: Report, locale: Locale) -> str:
    """The report's answer in one sentence; its main figures where it has no sentence of its own."""
    sentence = _ANSWERS[report.name](report, locale) if report.name in _ANSWERS else ""
    return sentence or _main_figures(report, locale)


def _main_figures(report: Report, locale: Locale) -> str:
    parts = []
    for figure in list(figures_of_all(report).values())[:3]:
        about = report.definitions[figure.figure]
        parts.append(
            f"{about.title.in_locale(locale)}{COLON.in_locale(locale)}{format_value(figure.value, about.kind, locale)}"
        )
    return Bilingual("；", "; ").in_locale(locale).join(parts) or Bilingual("没有数据", "no data").in_locale(locale)


def _kpi(report: Report, locale: Locale) -> str:
    counts = Counter(figure.status for figure in figures_of_all(report).values() if figure.status)
    if not counts:
        return ""
    missed = [
        report.definitions[figure.figure].title.in_locale(locale)
        for figure in figures_of_all(report).values()
        if figure.status == "missed"
    ]
    words = Bilingual(
        "{n} 个目标中达标 {met} 个，未达标 {missed} 个，{open} 个尚无法区分",
        "of {n} targets {met} are met, {missed} missed, {open} not distinguishable",
    ).in_locale(locale)
    sentence = words.format(
        n=counts.total(), met=counts["met"], missed=counts["missed"], open=counts["not_distinguishable"]
    )
    return sentence + listed(missed, locale)


def _pilot(report: Report, locale: Locale) -> str:
    decision = report.scope.get("decision")
    if reason := report.scope.get("not_estimable"):
        return f"{scope_value('decision', 'not_decided', locale)}{COLON.in_locale(locale)}" + str(
            scope_value("not_estimable", reason, locale)
        )
    return str(scope_value("decision", decision, locale)) if decision else ""


def _pareto(report: Report, locale: Locale) -> str:
    top = first_row(report, "pareto", lambda row: row.get("share") is not None)
    if top is None:
        return ""
    words = Bilingual("{cause}的影响最大：占批评者的 {share}", "{cause} costs the most: {share} of the detractors")
    return words.in_locale(locale).format(cause=text(*top, "driver", locale), share=text(*top, "share", locale))


def _journey(report: Report, locale: Locale) -> str:
    share = figures_of_all(report).get("wait_share")
    top = first_row(report, "pain_points", lambda row: row.get("activity") is not None)
    if share is None or share.value is None or top is None:
        return ""
    words = Bilingual(
        "{share} 的时间在等待；最大的痛点：{pain}", "{share} of the time is waiting; the worst pain: {pain}"
    )
    return words.in_locale(locale).format(
        share=format_value(share.value, "share", locale), pain=text(*top, "activity", locale)
    )


def _roi(report: Report, locale: Locale) -> str:
    months, figure = report.scope.get("months"), figures_of_all(report).get("payback_months")
    if report.scope.get("share_of_draws_paid_back") is None or figure is None:
        return ""
    if figure.value is None or figure.interval.high is None:
        words = Bilingual("{months} 个月内不能肯定回本", "not surely paid back within {months} months")
    else:
        words = Bilingual(
            "{value:.0f} 个月回本（{low:.0f}～{high:.0f}）",
            "paid back after {value:.0f} months ({low:.0f} to {high:.0f})",
        )
    return words.in_locale(locale).format(
        months=months, value=figure.value, low=figure.interval.low, high=figure.interval.high
    )


def _waits(report: Report, locale: Locale) -> str:
    figures = figures_of_all(report)
    values = {name: figures[name].value for name in ("wait_open_s", "workshop_s", "closed_s") if name in figures}
    if None in values.values() or len(values) < 3:
        return ""
    words = Bilingual(
        "营业时间内平均等待 {open}，其中维修站 {workshop}；另有 {closed} 在打烊时",
        "{open} of waiting in opening time, {workshop} of it the workshop's; another {closed} while closed",
    )
    open_, workshop, closed = (format_value(value, "minutes", locale) for value in values.values())
    return words.in_locale(locale).format(open=open_, workshop=workshop, closed=closed)


def _drivers(report: Report, locale: Locale) -> str:
    table = next((table for table in report.sheets if table.name == "correlations"), None)
    rows = [row for row in table.rows if isinstance(row.get("spearman"), (int, float))] if table else []
    if table is None or not rows:
        return ""
    row = max(rows, key=lambda row: abs(row["spearman"]))
    words = Bilingual(
        "与评分关系最强：{driver}（ρ {rho:+.2f}）", "most closely tied to the score: {driver} (rho {rho:+.2f})"
    )
    return words.in_locale(locale).format(driver=text(table, row, "driver", locale), rho=row["spearman"])


def _league(report: Report, locale: Locale) -> str:
    """How many centers differ from the others, of each league."""
    words = Bilingual("{title}：优 {above} 个，差 {below} 个", "{title}: {above} above, {below} below")
    parts = []
    for table in report.sheets:
        groups = Counter(row["group"] for row in table.rows)
        title = table.title.in_locale(locale)
        parts.append(words.in_locale(locale).format(title=title, above=groups["above"], below=groups["below"]))
    return Bilingual("；", "; ").in_locale(locale).join(parts)


def _lane(report: Report, locale: Locale) -> str:
    """Which items belong in the quick lane, and which break its limit."""
    table = sheet(report, "items")
    if table is None:
        return ""
    names = {
        verdict: [text(table, row, "item", locale) for row in table.rows if row["verdict"] == verdict]
        for verdict in ("belongs", "breaks")
    }
    words = Bilingual("适合：{belongs}；超时：{breaks}", "belong: {belongs}; break the limit: {breaks}")
    comma, nothing = Bilingual("、", ", ").in_locale(locale), Bilingual("无", "none").in_locale(locale)
    return phrase(words, locale, **{verdict: comma.join(own) or nothing for verdict, own in names.items()})


_ANSWERS: Mapping[str, Callable[[Report, Locale], str]] = {
    "kpi": _kpi,
    "lane": _lane,
    "league": _league,
    "pilot": _pilot,
    "pareto": _pareto,
    "journey": _journey,
    "roi": _roi,
    "waits": _waits,
    "drivers": _drivers,
    **FURTHER,
}
