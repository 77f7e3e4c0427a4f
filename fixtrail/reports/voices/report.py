"""Report `voices`: what customers complain of, who follows it up and how soon, and whether that helps."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.eta.visits import centers_of
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.periods import ask_scope
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Chart, Locale, Picture, Report, Sheet
from fixtrail.reports.target_tables import voice_limits
from fixtrail.reports.voices.figures import complaint_figures, detractor_figures, order_figures
from fixtrail.reports.voices.recovery import with_recovery
from fixtrail.reports.voices.rows import CaseRows, Moments, last_answers
from fixtrail.reports.voices.sheets import sheets_of
from fixtrail.reports.voices.words import DEFINITIONS, METHODS, TITLE
from fixtrail.voices.limits import VoiceLimits
from schemas.times import to_ms

DRAWN = 15


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse. Days are those on which a complaint was opened or a score was given."""
    refuse_cut("voices", options)
    limits = voice_limits(options)
    parameters, _ = ask_scope(ask, options)
    answers = [ask(f"voices_{name}") for name in ("complaints", "surveys", "follow_ups")]
    rows = CaseRows(centers_of(ask("centers"))[0], limits, moments_of(options))
    return report_of(rows.of(*answers), ask("voices_answers"), ask("voices_orders", **parameters), options, limits)


def report_of(
    cases: pd.DataFrame, answers: pd.DataFrame, orders: pd.DataFrame, options: Options, limits: VoiceLimits
) -> Report:
    """The report of all cases opened until its last day, and of the queries voices_answers and voices_orders."""
    in_period = cases[cases["opened_at"] >= _begin_ms(options)]
    opened, bad = (in_period[in_period["kind"] == kind] for kind in ("complaint", "detractor"))
    recovering = with_recovery(bad, last_answers(answers), limits.recovery_days)
    is_open_complaint = cases["is_open"].astype(bool) & (cases["kind"] == "complaint")
    figures = (
        *complaint_figures(opened, int(is_open_complaint.sum()), orders),
        *detractor_figures(bad, recovering),
        *order_figures(orders),
    )
    sheets = sheets_of(opened, bad, cases, recovering, orders)
    charts = _charts(sheets[0]) if sheets[0].rows else ()
    return Report("voices", TITLE, REPORTS["voices"], options.scope(), figures, sheets, charts, METHODS, DEFINITIONS)


def _charts(categories: Sheet) -> tuple[Chart, ...]:
    title = Bilingual("投诉类别", "Complaints by category")
    return (Chart("categories", title, "categories", partial(draw_categories, categories.rows[:DRAWN])),)


def moments_of(options: Options) -> Moments:
    """The end of the last day, or now."""
    now = to_ms(options.now.astimezone(UTC))
    if options.until is None:
        return Moments(now, now)
    return Moments(min(now, _midnight_ms(options.until + timedelta(days=1), options) - 1), now)


def _begin_ms(options: Options) -> int:
    return -(1 << 62) if options.since is None else _midnight_ms(options.since, options)


def _midnight_ms(day: date, options: Options) -> int:
    return to_ms(datetime.combine(day, time(), ZoneInfo(options.targets.time_zone)).astimezone(UTC))


def draw_categories(rows: Sequence[Mapping[str, Any]], locale: Locale) -> Picture:
    """Complaints as bars, the most first, and what share of all each bar and those above it are."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, picture

    drawing, axes = picture(8.0, max(2.5, 0.8 + 0.3 * len(rows)))
    for number, row in enumerate(rows):
        axes.barh(number, row["n"], color=COLOURS[1], height=0.6)
        label = {"zh-CN": f"累计 {100 * row['cumulated']:.0f}%", "en": f"cumulated {100 * row['cumulated']:.0f} %"}
        style: dict[str, Any] = {"textcoords": "offset points", "va": "center", "color": INK, "fontsize": 8}
        axes.annotate(label[locale], (row["n"], number), (5, 0), **style)
    axes.set_yticks(range(len(rows)), [str(row["category"])[:24] for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set_xlabel({"zh-CN": "投诉", "en": "complaints"}[locale])
    return drawing
