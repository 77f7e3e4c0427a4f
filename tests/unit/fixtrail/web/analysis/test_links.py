"""From a bar, a row or a key of a report to the orders behind it."""

from dataclasses import replace
from datetime import date

import pytest

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.forms.page import render_html
from fixtrail.reports.report import Bilingual, Column, Figure, Report, Sheet
from fixtrail.web.analysis.key_names import key_names
from fixtrail.web.analysis.links import OrderLinks
from schemas.centers import Center

NOTHING = Bilingual("x", "x")
LINKS = OrderLinks(date(2026, 3, 1), None)


def address(row: dict[str, object], name: str) -> str | None:
    return LINKS.of_cell(row, Column(name, NOTHING))


@pytest.mark.parametrize(
    ("row", "name", "to"),
    [
        ({"center_id": "C 1"}, "center_id", "/analysis/orders?by=center&key=C+1&from=2026-03-01"),
        ({"fault_group": "brakes"}, "fault_group", "/analysis/orders?by=group&key=brakes&from=2026-03-01"),
        ({"part_no": "A&B"}, "part_no", "/analysis/orders?part=A%26B&from=2026-03-01"),
        ({"order_id": "R/7", "center_id": "C1"}, "order_id", "/ops/orders/R%2F7?center_id=C1"),
        ({"dimension": "center", "key": "C1"}, "key", "/analysis/orders?by=center&key=C1&from=2026-03-01"),
        ({"dimension": "group", "key": "a+b"}, "key", None),
        ({"order_id": "R7"}, "order_id", None),
        ({"center_id": ""}, "center_id", None),
        ({"center_id": None}, "center_id", None),
        ({"technician": "t-1"}, "technician", None),
    ],
)
def test_a_cell_leads_to_the_orders_that_it_is_about(row: dict[str, object], name: str, to: str | None):
    assert address(row, name) == to


def a_report() -> Report:
    figure = Figure("nps", 60.0, 9, 9, by="center", key='C"1')
    rows = ({"center_id": "<C2>", "requests": 3},)
    sheet = Sheet("centers", NOTHING, (Column("center_id", NOTHING), Column("requests", NOTHING, "count")), rows)
    return Report("parts", NOTHING, NOTHING, figures=(figure,), sheets=(sheet,), definitions=DEFINITIONS)


def test_the_page_has_the_links_and_a_report_by_itself_has_none():
    page = render_html(a_report(), "en", LINKS)

    assert '<a href="/analysis/orders?by=center&amp;key=C%221&amp;from=2026-03-01">C&#34;1</a>' in page
    assert '<a href="/analysis/orders?by=center&amp;key=%3CC2%3E&amp;from=2026-03-01">&lt;C2&gt;</a>' in page
    assert "<a " not in render_html(a_report(), "en")


def test_on_a_page_centers_and_lanes_are_called_by_their_names_in_the_readers_language():
    names = key_names({"C2": Center(id="C2", name="朝阳", name_en="Chaoyang", region="North")})
    columns = (Column("center_id", NOTHING), Column("lane", NOTHING), Column("key", NOTHING))
    rows = ({"center_id": "C2", "lane": "quick", "key": "C2"}, {"center_id": "C3", "lane": "?", "key": "standard"})
    report = replace(a_report(), sheets=(Sheet("centers", NOTHING, columns, rows),))

    page = render_html(names.in_tables(report), "zh-CN", OrderLinks())
    assert '?by=center&amp;key=C2">朝阳</a>' in page
    assert '?by=lane&amp;key=quick">快修</a>' in page
    assert ">C3</a>" in page
    assert "<td>标准</td>" in page
    assert (names.of("center", "C2", "en"), names.of("wave", "2", "en")) == ("Chaoyang", "2")
