"""What an outsider tries on pages and interface by odd addresses."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.event_api import Api, problem_of
from tests.staff import staff

ODD = ("R%0A1", "R1%0A", "%0A", "R%0D%0A1", "R%E2%80%A81")


@pytest.mark.parametrize("order_id", ODD)
async def test_an_id_with_a_line_break_gets_the_answer_of_any_unknown_id(tmp_path: Path, order_id: str):
    board = staff(tmp_path, [("lin", "viewer", ("*",))])
    with board.browser(headers={"accept-language": "en"}) as browser:
        assert (await browser.get(f"/ops/orders/{order_id}")).status_code == 303
        await browser.sign_in("lin")
        for path in (f"/ops/orders/{order_id}", f"/ops/centers/{order_id}"):
            answer = await browser.get(path)
            assert answer.status_code == 404
            assert "does not see it" in answer.text


@pytest.mark.parametrize("order_id", ODD)
async def test_the_interface_tells_it_as_a_problem(tmp_path: Path, order_id: str):
    api = Api(tmp_path)
    api.journeys.read.set()
    answer = await api.get(f"/orders/{order_id}")
    assert (answer.status_code, problem_of(answer)) == (404, "not-found")


async def test_the_whole_application_tells_it_as_a_problem_too(tmp_path: Path):
    board = staff(tmp_path)
    with board.browser() as browser:
        answer = await browser.get("/v1/orders/R%0A1")
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


async def test_the_look_of_reports_is_for_who_may_see_reports(tmp_path: Path):
    board = staff(tmp_path, [("lin", "viewer", ("C1",)), ("boss", "admin", ("*",))])
    with board.browser() as stranger, board.browser() as lin, board.browser() as boss:
        await lin.sign_in("lin")
        await boss.sign_in("boss")
        answers = [await browser.get("/analysis/report.css") for browser in (stranger, lin, boss)]
        assert [answer.status_code for answer in answers] == [303, 403, 200]
        assert ".report" in answers[-1].text


@pytest.mark.parametrize(
    "path", ["//evil.example/x", "///evil.example", "/%5Cevil.example/x", "/%2Fevil.example", "/\\/evil"]
)
async def test_a_page_that_there_is_not_links_to_no_other_host(tmp_path: Path, path: str):
    with staff(tmp_path).browser() as browser:
        answer = await browser.get(f"http://board.test{path}")
        assert answer.status_code == 404
        links = re.findall(r'href="([^"]*)"', answer.text)
        assert links and not [link for link in links if link.startswith(("//", "/\\")) or "://" in link]


def test_a_stranger_makes_the_server_load_no_report_code(tmp_path: Path):
    program = f"""
import asyncio, pathlib, sys
from tests.staff import staff
async def main():
    with staff(pathlib.Path({str(tmp_path)!r})).browser() as browser:
        for path in ("/analysis", "/analysis/report.css", "/analysis/kpi", "/analysis/kpi/report.json"):
            assert (await browser.get(path)).status_code == 303
asyncio.run(main())
assert not [name for name in ("fixtrail.reports.forms.page", "matplotlib", "statsmodels") if name in sys.modules]
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[4], timeout=120)
