"""What is told of single technicians is for the role made for it, and it is noted who looked."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.report import Bilingual, Chart, Column, Figure, Report, Sheet
from fixtrail.web.accounts.users import ROLES, person_of
from fixtrail.web.report_cache.cache import ReportRequest, Reports
from tests.staff import Staff, staff

X = Bilingual("x", "x")
ACCOUNTS = [(role, role, ("*",)) for role in ROLES]


def a_report(name: str = "quality") -> Report:
    technicians = Sheet(
        "technicians", X, (Column("center_id", X), Column("technician", X)), ({"technician": "T-CANARY"},)
    )
    faults = Sheet("faults", X, (Column("fault_group", X),), ({"fault_group": "brakes"},))
    charts = (Chart("people", X, "technicians", _never), Chart("faults", X, "faults", _draw))
    figures = (Figure("ftfr", 0.9, 100, 100),)
    return Report(name, X, X, figures=figures, sheets=(technicians, faults), charts=charts, definitions=DEFINITIONS)


def _never(*_: Any) -> Any:
    raise AssertionError("a picture of employees was drawn for somebody who may not see it")


def _draw(*_: Any) -> Any:
    from matplotlib.figure import Figure as Picture

    return Picture()


@pytest.fixture
def desks(tmp_path) -> Staff:
    board = staff(tmp_path, ACCOUNTS, now=1)

    def compute(request: ReportRequest, ask: Any) -> Report:
        report = a_report(request.name)
        return replace(report, charts=report.charts[1:])

    return Staff(replace(board.web, ops=replace(board.web.ops, reports=Reports(compute))))


@pytest.mark.parametrize("role", ROLES)
async def test_only_the_role_quality_reads_of_single_technicians(desks, caplog, role):
    caplog.set_level(logging.INFO, logger="fixtrail.audit")
    with desks.browser(headers={"accept-language": "en"}) as browser:
        await browser.sign_in(role)
        caplog.clear()
        page = await browser.get("/analysis/quality")
        document = await browser.get("/analysis/quality/report.json")
        table = await browser.get("/analysis/quality/technicians.csv")

    assert page.status_code == 200
    is_quality = role == "quality"
    assert ("T-CANARY" in page.text, "T-CANARY" in document.text) == (is_quality, is_quality)
    assert table.status_code == (200 if is_quality else 404)
    assert ("for role quality" in page.text) == (not is_quality)
    assert "brakes" in page.text
    notes = [(note.account, note.report) for note in caplog.records if note.message == "report about staff"]
    assert notes == ([(role, "quality")] * 3 if is_quality else [])


def test_pictures_of_employees_are_drawn_for_the_role_alone():
    from fixtrail.web.analysis.pages import report_for

    reports = {role: report_for(a_report(), person_of("x", role, ("*",))) for role in ROLES}

    assert [chart.name for chart in reports["quality"].charts] == ["people", "faults"]
    for role in ("viewer", "manager", "admin"):
        assert [chart.name for chart in reports[role].charts] == ["faults"]
        assert [sheet.name for sheet in reports[role].sheets] == ["faults"]


def test_a_report_about_nobody_is_not_noted(caplog):
    from fixtrail.web.analysis.pages import report_for

    caplog.set_level(logging.INFO, logger="fixtrail.audit")
    report = replace(a_report("kpi"), sheets=(), charts=())
    assert report_for(report, person_of("x", "quality", ("*",))) is report
    assert caplog.records == []
