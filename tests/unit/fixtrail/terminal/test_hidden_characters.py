"""Control and direction characters of senders, as in an event id: no page and no table shows them."""

import re
from pathlib import Path

import pytest

from fixtrail.reports.forms.document import without_formula
from fixtrail.reports.forms.page import render_html
from fixtrail.reports.report import Bilingual, Column, Report, Sheet
from fixtrail.terminal.printable import without_controls
from fixtrail.web.tracking.pages import templates as tracking_templates
from tests.staff import staff
from tests.workshop import checked_in, complained, handed_off, ms, surveyed

HIDDEN = "\x00\x07\x1b\x7f\x85\x9b\u200e\u2028\u202e\u2066"
ODD = f"e{HIDDEN}1"
HERE = {"order_id": "R-1", "vehicle_id": "V1", "center_id": "C1"}
NOTHING = Bilingual("x", "x")


def test_they_are_replaced_and_all_else_stays():
    assert without_controls(ODD) == "e" + "\ufffd" * len(HIDDEN) + "1"
    for text in ("", "沪A··345", "两\u3000格\u00a0", "a\tb\nc", "👨\u200d🔧", "é", "<b>"):
        assert without_controls(text) == text


def test_a_table_has_none_of_them():
    assert without_formula(ODD) == without_controls(ODD)


@pytest.mark.parametrize("of_reader", ["zh-CN", "en"])
def test_a_report_has_none_of_them(of_reader):
    sheet = Sheet("s", NOTHING, (Column("name", NOTHING),), ({"name": ODD},))
    page = render_html(Report("parts", NOTHING, NOTHING, figures=(), sheets=(sheet,), definitions={}), of_reader)

    assert without_controls(ODD) in page
    assert not set(HIDDEN) & set(page)


async def test_no_page_of_the_staff_shows_them_and_a_form_sends_the_id_as_it_is(tmp_path: Path):
    board = staff(tmp_path, [("boss", "admin", ("*",))], now=ms("15:00"))
    board.know(
        checked_in("08:00", **HERE),
        handed_off("11:00", **HERE),
        surveyed("12:00", score=1, event_id=f"s{ODD}", reasons=[ODD], **HERE),
        complained("12:30", event_id=ODD, category=ODD, severity="high", **HERE),
    )
    with board.browser() as browser:
        await browser.sign_in("boss")
        for path in ("/ops", "/ops/voices", "/ops/orders/R-1", "/ops/centers/C1"):
            text = (await browser.get(path)).text
            visible = re.sub(r'<input type="hidden"[^>]*>', "", text)
            assert not set(HIDDEN) & set(visible), path
        voices = (await browser.get("/ops/voices")).text
    assert f'name="case_id" value="{ODD}"' in voices


def test_no_page_of_a_customer_shows_them():
    template = tracking_templates().from_string("{{ text }}|{{ text | exactly }}")

    assert template.render(text=ODD) == f"{without_controls(ODD)}|{ODD}"
