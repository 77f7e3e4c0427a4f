"""The fifteen and the thirty of 3-15-30: one A4 page, and the whole file; HTML from nothing but the pack."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from fixtrail.packs import words
from fixtrail.packs.sections import report_from
from fixtrail.packs.shown import interval_text, text
from fixtrail.packs.words import Pack, Row
from fixtrail.reports.forms.page import render_html
from fixtrail.reports.forms.page import style as report_style
from fixtrail.reports.forms.page_head import FILE_HEAD
from fixtrail.reports.forms.words import SCOPE_VALUES
from fixtrail.reports.report import Bilingual, Locale
from fixtrail.terminal.printable import shown_in_page

FOLDER = Path(__file__).parent
# So much fits on one page with every text as long as it may be.
MOST_FIGURES, MOST_UNKNOWN, MOST_RULES = 10, 6, 4
COLOURS = {"reception": "#e69f00", "approval": "#cc79a7", "parts": "#0072b2", "bay": "#009e73"}
WORDS = {
    "figures": Bilingual("指标", "Figures"),
    "this": Bilingual("本期", "This period"),
    "previous": Bilingual("上期", "The period before"),
    "change": Bilingual("变化", "Change"),
    "target": Bilingual("目标", "Target"),
    "status": Bilingual("判断", "Status"),
    "waits": Bilingual("客户在等什么（每单平均，分钟）", "What customers waited for (mean of an order, minutes)"),
    "causes": Bilingual("NPS 损失的主要原因", "Top causes of NPS loss"),
    "no_causes": Bilingual("无法估计：{}", "cannot be estimated: {}"),
    "few_scores": Bilingual("评分太少", "too few scores"),
    "of_detractors": Bilingual("的批评者", "of detractors"),
    "alerts": Bilingual("告警：按时处理 / 错过", "Alerts: taken up in time / missed"),
    "no_alerts": Bilingual("没有告警", "no alerts"),
    "unknown": Bilingual("尚不清楚", "What is not known"),
    "nothing": Bilingual("无", "nothing"),
    "data": Bilingual("数据质量", "Data quality"),
    "queries": Bilingual("查询", "Queries"),
    "as_of": Bilingual("截至", "as of"),
    "records": Bilingual("条记录", "records"),
    "centers": Bilingual("家中心", "centers"),
}


def render_sheet(pack: Pack, locale: Locale, note: str = "") -> str:
    """One A4 page: figures, one picture of waits, top causes, alerts, and what is not known."""
    return _document(pack, locale, _sheet(pack, locale, note), style())


def render_whole(pack: Pack, locale: Locale) -> str:
    """The page, then every report with its methods and data quality, and the text of every query."""
    reports = [Markup(render_html(report_from(name, section), locale)) for name, section in pack["reports"].items()]
    body = _template("whole.html.j2").render(
        sheet=Markup(_sheet(pack, locale)), reports=reports, queries=pack["queries"], say=_say(locale)
    )
    return _document(pack, locale, body, report_style() + style())


def style() -> str:
    """The style sheet of the page."""
    return (FOLDER / "sheet.css").read_text(encoding="utf-8")


def _document(pack: Pack, locale: Locale, body: str, css: str) -> str:
    title = Markup.escape(words.heading(pack, locale))
    return (
        f'<!doctype html>\n<html lang="{locale}">\n<head>\n{FILE_HEAD}<title>{title}</title>\n'
        f"<style>\n{css}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _sheet(pack: Pack, locale: Locale, note: str = "") -> str:
    grades = pack["data_quality"]["grades"]
    return _template("sheet.html.j2").render(
        pack=pack,
        locale=locale,
        say=_say(locale),
        heading=words.heading(pack, locale),
        note=note,
        lead=[words.targets_sentence(pack, locale), words.changes_sentence(pack, locale)],
        rows=list(_rows(pack, locale)),
        bars=list(_bars(pack, locale)),
        no_causes=_no_causes(pack, locale),
        causes=[_cause(cause, locale) for cause in pack["causes"]["top"]],
        rules=pack["alerts"]["rules"][:MOST_RULES],
        unknown=list(words.unknown_lines(pack, locale))[:MOST_UNKNOWN],
        grades=[(words.grade_text(grade, locale), number) for grade, number in grades.items()],
        foot=words.foot(pack),
    )


def _rows(pack: Pack, locale: Locale) -> Iterator[dict[str, Any]]:
    for name in pack["headlines"][:MOST_FIGURES]:
        row, before = words.figure_of(pack, name), words.figure_of(pack, name, "previous")
        if row is None:
            continue
        change = words.change_row(pack, name)
        yield {
            "title": words.title_of(pack, name, locale),
            "value": words.value_text(pack, row, locale),
            "reason": words.no_interval_text(row, locale),
            "before": text(before["shown"]["value"], words.unit_of(pack, name), locale) if before else "",
            "change": words.change_text(pack, change, locale) if change else "",
            "target": words.target_text(pack, row, locale),
            "status": words.status_text(row, locale),
            "code": row["status"] or "",
        }


def _bars(pack: Pack, locale: Locale) -> Iterator[dict[str, Any]]:
    """A bar of each period, both to one scale: its parts with their widths in percent."""
    sums = {period: sum(row["shown"][period] or 0 for row in pack["waits"]) for period in ("previous", "this")}
    longest = max(sums.values(), default=0)
    if not longest:
        return
    for period in sums:
        parts = [
            {
                "title": row["title"][locale],
                "number": text(row["shown"][period], "s", locale),
                "width": f"{100 * (row['shown'][period] or 0) / longest:.1f}",
                "colour": COLOURS[row["wait"]],
            }
            for row in pack["waits"]
        ]
        yield {"title": WORDS[period].in_locale(locale), "parts": parts}


def _cause(cause: Row, locale: Locale) -> dict[str, str]:
    numbers = cause["shown"]
    share = text(numbers["share"], "share", locale) + interval_text(numbers["low"], numbers["high"], "share", locale)
    return {"title": cause["title"][locale], "share": share}


def _no_causes(pack: Pack, locale: Locale) -> str:
    """Why there are no causes."""
    reason = SCOPE_VALUES["not_estimable"].get(pack["causes"].get("not_estimable") or "", WORDS["few_scores"])
    return WORDS["no_causes"].in_locale(locale).format(reason.in_locale(locale))


def _say(locale: Locale) -> Any:
    return lambda name: WORDS[name].in_locale(locale)


def _template(name: str) -> Template:
    return _templates().get_template(name)


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, finalize=shown_in_page
    )
