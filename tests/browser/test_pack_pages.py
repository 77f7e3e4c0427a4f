"""The fifteen of 3-15-30 is one A4 page on paper, with every text as long as it may be."""

import os
import re
from pathlib import Path

import pytest

from fixtrail.packs.files import LOCALES
from fixtrail.packs.pages import render_sheet, render_whole
from fixtrail.packs.pdf import chromium, print_pdf
from fixtrail.reports.report import Locale
from tests.told_packs import full_pack, owners_pack

A4_POINTS = (595, 842)
# On a machine without Chromium that is no failure, unless somebody says that there is one.
pytestmark = pytest.mark.skipif(
    chromium() is None and not os.environ.get("FIXTRAIL_REQUIRE_BROWSER"), reason="Chromium is not installed"
)


def printed(page: str, folder: Path) -> list[tuple[int, int]]:
    """Width and height in points of each page on paper."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    print_pdf(folder / "page.html", folder / "page.pdf")
    pdf = (folder / "page.pdf").read_bytes()
    boxes = re.findall(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)\s*\]", pdf)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == len(boxes)
    return [(round(float(width)), round(float(height))) for width, height in boxes]


@pytest.mark.parametrize("locale", LOCALES)
def test_the_page_is_one_a4_sheet(tmp_path: Path, locale: Locale):
    pack = full_pack(tmp_path)
    rows = [row for row in pack["figures"] if row["period"] == "this"]
    long_title = {"zh-CN": "长" * 99, "en": "long words of titles " * 9}
    for number in range(10):
        name = f"figure-{number}"
        pack["figures"].append({**rows[0], "figure": name})
        pack["changes"].append({**pack["changes"][0], "figure": name})
        pack["definitions"][name] = {**pack["definitions"]["wait_mean_s"], "title": long_title}
    pack["headlines"] = [f"figure-{number}" for number in range(10)]
    for rule in pack["alerts"]["rules"]:
        rule["rule"] = "x" * 63
    reason = "a reason that takes more than one line of the page, " * 3
    pack["unknown"] = [{"what": "no_report", "report": "eta", "reason": reason}] * 7

    page = render_sheet(pack, locale, "Made up for: this was planned for 2026-07-10 17:00.")
    assert printed(page, tmp_path) == [A4_POINTS]


def test_the_owners_table_is_one_sheet_and_the_whole_file_begins_with_it(tmp_path: Path):
    assert printed(render_sheet(owners_pack(), "en"), tmp_path) == [A4_POINTS]
    pages = printed(render_whole(owners_pack(), "en"), tmp_path)

    assert pages[0] == A4_POINTS
    assert len(pages) > 1
