"""The reports as pages: /analysis, /analysis/NAME, and each table and picture as a file."""

import asyncio
from dataclasses import replace
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Depends, HTTPException
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from fixtrail.web.accounts.access import Viewer, audit
from fixtrail.web.accounts.users import Person
from fixtrail.web.analysis.key_names import key_names
from fixtrail.web.board.boards import name_of
from fixtrail.web.context import web_of
from fixtrail.web.report_cache.badges import CentersBadge
from fixtrail.web.report_cache.cache import Computed, Computing, ReportRefusal, ReportRequest
from fixtrail.web.staff import charts
from fixtrail.web.staff.page_frame import StaffRoute, locale_of, page, words
from runtime.failure import ExitError
from schemas.locales import Locale

if TYPE_CHECKING:
    from fixtrail.reports.report import Report

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
ASK_AGAIN_S = 5
LONGEST_NAME = 200
# What a table about single employees has as a column.
TECHNICIAN = "technician"


def sees_all(person: Viewer) -> Person:
    """Whoever may see all centers: a report is about all of them. Others get 403."""
    if person.centers is not None:
        raise HTTPException(403)
    return person


def report_for(report: "Report", person: Person) -> "Report":
    """The report as this person may read it: what is told of single technicians is for role quality, and noted."""
    about_staff = {sheet.name for sheet in report.sheets if TECHNICIAN in {column.name for column in sheet.columns}}
    if not about_staff:
        return report
    if person.has("quality"):
        audit.info("report about staff", extra={"account": person.identity, "report": report.name})
        return report
    sheets = tuple(sheet for sheet in report.sheets if sheet.name not in about_staff)
    return replace(report, sheets=sheets, charts=tuple(c for c in report.charts if c.sheet not in about_staff))


Analyst = Annotated[Person, Depends(sees_all)]


@router.get("/analysis")
async def overview(request: Request, person: Analyst) -> Response:
    """The dashboard: headline figures, waits by center, and of each report its answer in one sentence."""
    from fixtrail.reports.catalogue import REPORTS
    from fixtrail.web.analysis import answers

    locale, reports = locale_of(request), web_of(request).ops.reports
    kpi, by_month, by_center = [await reports.glance(ReportRequest("kpi", by=by)) for by in (None, "month", "center")]
    outcomes = {name: await reports.glance(ReportRequest(name)) for name in sorted(REPORTS, key=_pilot_first)}
    monthly = by_month.report if isinstance(by_month, Computed) else None
    names = key_names(web_of(request).config.centers.all())
    response = page(
        request,
        "analysis.html",
        badge=_badge(request),
        headlines=answers.headlines(kpi.report, monthly, locale) if isinstance(kpi, Computed) else [],
        as_of=kpi.at if isinstance(kpi, Computed) else None,
        refused=kpi.reason if isinstance(kpi, ReportRefusal) else None,
        bars=answers.bars(by_center.report, "wait_median_s", locale) if isinstance(by_center, Computed) else [],
        center_names={
            center.id: name_of(center.id, web_of(request).config.centers.all(), locale)
            for center in web_of(request).config.centers.all().values()
        },
        reports=[
            {
                "name": name,
                "question": REPORTS[name].in_locale(locale),
                "answer": answers.answer(names.in_tables(outcome.report), locale)
                if isinstance(outcome, Computed)
                else None,
                "at": outcome.at if isinstance(outcome, Computed) else None,
                "refused": outcome.reason if isinstance(outcome, ReportRefusal) else None,
            }
            for name, outcome in outcomes.items()
        ],
        charts=charts,
    )
    if any(isinstance(outcome, Computing) for outcome in (kpi, by_month, by_center, *outcomes.values())):
        response.headers["Refresh"] = str(ASK_AGAIN_S)
    return response


def _badge(request: Request) -> CentersBadge:
    """The badge of all centers' data."""
    web = web_of(request)
    return web.ops.data_badges.current().of_all(web.config.centers.all())


def _pilot_first(name: str) -> tuple[bool, str]:
    """Go or no-go comes first."""
    return name != "pilot", name


@router.get("/analysis/report.css")
async def style_sheet(person: Analyst) -> Response:
    """The look of reports, the same as in their HTML files; read without loading the code of the reports."""
    sheet = (files("fixtrail.reports.forms") / "report.css").read_text(encoding="utf-8")
    return Response(sheet, media_type="text/css", headers={"Cache-Control": "private, max-age=300"})


@router.get("/analysis/{name}")
async def report_page(request: Request, name: str, person: Analyst) -> Response:
    """The last report with the time of its data; where there is none yet, how far it is, on a page that asks again."""
    from fixtrail.reports.forms.page import render_html
    from fixtrail.reports.options import CUTS
    from fixtrail.web.analysis.answers import answer
    from fixtrail.web.analysis.links import OrderLinks

    report_request = request_of(request, name)
    outcome = await web_of(request).ops.reports.get(report_request)
    nothing_yet = {"refused": None, "progress": None, "as_of": None, "answer": None}
    about: dict[str, Any] = {
        **{"name": name, "asked": report_request, "cuts": CUTS, "badge": _badge(request)},
        **nothing_yet,
    }
    if isinstance(outcome, ReportRefusal):
        return page(request, "report.html", status=503, **{**about, "refused": outcome.reason})
    if isinstance(outcome, Computing):
        response = page(request, "report.html", status=202, **{**about, "progress": outcome})
        response.headers["Refresh"] = str(ASK_AGAIN_S)
        return response
    allowed, locale = report_for(outcome.report, person), locale_of(request)
    names = key_names(web_of(request).config.centers.all())
    report, name_of_key = names.in_tables(allowed), partial(names.of, locale=locale)
    links = OrderLinks(report_request.since, report_request.until, name_of_key)
    response = page(
        request,
        "report.html",
        **{
            **about,
            "progress": outcome.newer,
            "as_of": outcome.at,
            "answer": None if report_request.by else answer(report, locale),
        },
        body=Markup(await asyncio.to_thread(render_html, report, locale, links)),
        query=f"?{request.url.query}" if request.url.query else "",
        sheets=_sheets(report, locale),
        charts=[(chart.name, chart.title.in_locale(locale)) for chart in report.charts],
        without_staff=allowed is not outcome.report,
        keys=[(key, name_of_key(report_request.by, key)) for key in _keys(report)],
    )
    if outcome.newer is not None:
        response.headers["Refresh"] = str(ASK_AGAIN_S)
    return response


def _keys(report: "Report") -> list[str]:
    return sorted({figure.key for figure in report.figures if figure.key is not None})


def _sheets(report: "Report", locale: Locale) -> list[tuple[str, str]]:
    """Name and title of each table that there is as a file."""
    from fixtrail.reports.beside import PARTS

    figures = [("figures", PARTS["headline"].in_locale(locale))] if report.figures else []
    return [*figures, *((sheet.name, sheet.title.in_locale(locale)) for sheet in report.sheets)]


@router.get("/analysis/{name}/{file}")
async def report_file(request: Request, name: str, file: str, person: Analyst) -> Response:
    """report.json, a table as TABLE.csv, or a picture as CHART.svg or CHART.png."""
    outcome = await web_of(request).ops.reports.get(request_of(request, name))
    if not isinstance(outcome, Computed):
        return Response(
            words(locale_of(request))("analysis.not_yet"),
            503,
            headers={"Retry-After": str(ASK_AGAIN_S)},
            media_type="text/plain; charset=utf-8",
        )
    stem, _, form = file.rpartition(".")
    content, kind = await asyncio.to_thread(_file, report_for(outcome.report, person), stem, form, locale_of(request))
    # A picture opened by itself is a document of its own, and shall do nothing either.
    headers = {"Content-Disposition": f'attachment; filename="{name}-{stem}.{form}"'}
    return Response(content, media_type=kind, headers=headers)


def _file(report: "Report", stem: str, form: str, locale: Locale) -> tuple[bytes | str, str]:
    """The content and its type. Raises 404 for a table or picture that the report has not."""
    from fixtrail.reports.forms.document import as_csv, as_json, figures_sheet
    from fixtrail.reports.forms.pictures import as_png, as_svg

    if (stem, form) == ("report", "json"):
        return orjson.dumps(as_json(report), option=orjson.OPT_INDENT_2), "application/json"
    if form == "csv":
        sheets = {sheet.name: sheet for sheet in report.sheets}
        if report.figures:
            sheets["figures"] = figures_sheet(report)
        if stem in sheets:
            # With a mark, or Excel takes Chinese for something else.
            return as_csv(sheets[stem]).encode("utf-8-sig"), "text/csv; charset=utf-8"
    chart = next((chart for chart in report.charts if chart.name == stem), None)
    if chart is not None and form == "svg":
        return as_svg(chart, locale), "image/svg+xml"
    if chart is not None and form == "png":
        return as_png(chart, locale), "image/png"
    raise HTTPException(404)


def request_of(request: Request, name: str) -> ReportRequest:
    """The report that an address names. Raises 404 for no report's name, 400 for days or cuts that are none."""
    from fixtrail.reports.catalogue import REPORTS
    from fixtrail.reports.options import check_cut, parse_days

    if name not in REPORTS:
        raise HTTPException(404)
    parameters = request.query_params
    try:
        since, until = parse_days(parameters.get("from") or None, parameters.get("to") or None, ("from", "to"))
        request_of_all = ReportRequest(name, since, until, check_cut(parameters.get("by") or None))
    except ExitError:
        raise HTTPException(400) from None
    if name == "parts":
        return replace(request_of_all, forecast=parameters.get("forecast") == "1")
    if name != "data":
        return request_of_all
    center, source = (parameters.get(key, "")[:LONGEST_NAME] for key in ("center", "source"))
    return replace(request_of_all, center=center, source=source)
