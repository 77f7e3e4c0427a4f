"""The pictures of docs/ops-board.md: the board of fifteen simulated centers in the middle of their afternoon."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from fixtrail.demo.run import afternoon_zone
from fixtrail.web.accounts.passwords import hash_password
from fixtrail.web.accounts.users import Account, write_users
from tests.browser.desks import DESK, PASSWORD, PHONE, WALL, Desks, live
from tests.stack import ROOT, Stack, wait_for

pytestmark = pytest.mark.skipif(
    os.environ.get("FIXTRAIL_SCREENSHOTS") != "1", reason="pictures are made anew with FIXTRAIL_SCREENSHOTS=1"
)
DAYS = 30
TARGETS = "[targets]\nwait_median_s = 900\nwait_p90_s = 2700\nwait_mean_s = 900\nnps = 90\nftfr = 0.95\n"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with the owner's story up to now."""
    folder: Path = tmp_path_factory.mktemp("story")
    now = datetime.now(UTC)
    built_in = (ROOT / "fixtrail" / "simulator" / "scenarios" / "owners-story.toml").read_text()
    zoned = built_in.replace("[[center]]\n", f'[[center]]\ntime_zone = "{afternoon_zone(now).key}"\n')
    (folder / "story.toml").write_text(zoned)
    (folder / "targets.toml").write_text(TARGETS)
    environment = {"FIXTRAIL_TARGETS": str(folder / "targets.toml")}
    with Stack(folder / "stack", environment=environment) as stack:
        hashed = hash_password(PASSWORD)
        lin = Account(name="lin", role="manager", centers=("*",), password=hashed)
        write_users(stack.folder / "users.toml", {"lin": lin})
        begin = (now - timedelta(days=DAYS)).isoformat(timespec="seconds")
        run = ("--scenario", str(folder / "story.toml"), "--days", str(DAYS), "--start", begin, "--seed", "7")
        stack.run("simulate", *run, "--centers-out", str(stack.folder / "centers.toml"))
        stack.run("centers", "load", str(stack.folder / "centers.toml"))
        stack.wait_idle()
        yield stack


def test_pictures_of_the_board(story: Stack, browser: Browser):
    desks = Desks(browser, story.facts["web"])

    def keep(name: str, there: str, locale: str, viewport: dict[str, int], *, whole: bool = False, dark: bool = False):
        page = desks.signed_in("lin", "/ops", locale=locale, viewport=viewport)
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.goto(there)
        if there.startswith("/ops?") or there == "/ops":
            live(page)
            wait_for(lambda: page.locator(".notice").count() == 0 or bool(page.reload()), 120, "figures are there")
        page.screenshot(path=ROOT / "docs" / "screenshots" / f"{name}.png", full_page=whole)
        return page

    page = keep("ops-board-en", "/ops", "en-US", DESK, whole=True)
    order = page.locator("[data-piece=waiting] li a").first.get_attribute("href") or ""
    center = page.locator(".centers tbody a").first.get_attribute("href") or ""
    keep("ops-board-zh-dark", "/ops", "zh-CN", DESK, whole=True, dark=True)
    keep("ops-wall-zh", "/ops?wall=1", "zh-CN", WALL, dark=True)
    keep("ops-phone-zh", "/ops", "zh-CN", PHONE)
    keep("ops-order-en", order, "en-US", DESK, whole=True)
    keep("ops-center-en", center, "en-US", DESK, whole=True)
    report = desks.signed_in("lin", "/analysis/kpi")
    wait_for(lambda: report.locator("article.report").count() == 1 or bool(report.reload()), 180, "it is computed")
    expect(report.locator(".report-figures")).to_be_visible()
    report.screenshot(path=ROOT / "docs" / "screenshots" / "ops-analysis-en.png")
    desks.close()
    assert desks.troubles == []
