"""One stack and one Chromium for all browser tests. FIXTRAIL_SCREENSHOTS=1 writes docs/screenshots anew.

Without Chromium the tests are skipped and say so; with FIXTRAIL_REQUIRE_BROWSER=1 that is a failure.
"""

import io
import os
import shutil
from collections.abc import Iterator, Sequence

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from sinks.push.channels.webpush import new_private_key
from tests.browser.workshop_floor import Floor
from tests.stack import ROOT, Stack

CENTERS = """
[[center]]
id = "C1"
name = "上海浦东服务中心"
name_en = "Shanghai Pudong"
region = "East"
wave = 1
wave_start = 2026-01-05
opens = 00:00:00
closes = 23:59:59
phone = "+86 21 5555 0100"
address = "上海市浦东新区示范路 1 号"
address_en = "1 Example Road, Pudong, Shanghai"

[[center]]
id = "C2"
name = "北京朝阳服务中心"
name_en = "Beijing Chaoyang"
region = "North"
opens = 00:00:00
closes = 23:59:59
"""
PUSH = """
also = ["console:"]

[console]

[webpush]
private_key = "env:VAPID_KEY"
contact = "mailto:service@example.com"
allow_private = true
"""
SCREENSHOTS = ROOT / "docs" / "screenshots"
# What a page shows within a second takes longer on a busy machine.
SLOW_MS = 60_000
expect.set_options(timeout=SLOW_MS)
PHONE = {"width": 390, "height": 844}


def chromium() -> str | None:
    """Where Debian's Chromium is, or another one that is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def skip_without_chromium() -> None:
    if chromium() is None and os.environ.get("FIXTRAIL_REQUIRE_BROWSER") != "1":
        pytest.skip("there is no Chromium here: apt-get install chromium fonts-noto-cjk")


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`fixtrail up` with two centers, and Web Push set up."""
    skip_without_chromium()
    folder = tmp_path_factory.mktemp("browser")
    (folder / "centers.toml").write_text(CENTERS)
    (folder / "push.toml").write_text(PUSH)
    environment = {
        "FIXTRAIL_CENTERS": str(folder / "centers.toml"),
        "FIXTRAIL_PUSH": str(folder / "push.toml"),
        "VAPID_KEY": new_private_key(),
    }
    with Stack(folder / "stack", environment=environment) as running:
        yield running


@pytest.fixture(scope="package")
def floor(stack: Stack) -> Iterator[Floor]:
    """The workshop that sends its events at once."""
    with Floor(stack) as working:
        yield working


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    skip_without_chromium()
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])


@pytest.fixture
def phones(browser: Browser, stack: Stack) -> "Iterator[Phones]":
    """Opens pages as a customer's phone does; fails the test where a page complains or loads something foreign."""
    phones = Phones(browser, stack.facts["web"])
    yield phones
    phones.close()
    assert phones.troubles == []


class Phones:
    """Telephones in customers' hands."""

    def __init__(self, browser: Browser, home: str) -> None:
        self._browser, self._home = browser, home
        self._contexts: list = []
        self.troubles: list[str] = []

    def open(self, url: str, locale: str = "zh-CN", **options) -> Page:
        """The page at the address, in a browser of its own."""
        context = self._browser.new_context(viewport=PHONE, locale=locale, **options)
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SLOW_MS)
        page.on("console", lambda message: message.type == "error" and self._complain(message.text))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", lambda request: request.url.startswith(self._home) or self.troubles.append(request.url))
        page.goto(url)
        return page

    def _complain(self, text: str) -> None:
        # What the browser itself says while it has no network, or when a page is not there.
        if "net::ERR_" not in text and "status of 404" not in text:
            self.troubles.append(text)

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def keep_screenshot(page: Page, name: str) -> None:
    """docs/screenshots/NAME.png, where the run was asked for it."""
    if os.environ.get("FIXTRAIL_SCREENSHOTS") == "1":
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def keep_side_by_side(pages: Sequence[Page], name: str) -> None:
    """What several telephones show at first sight, in one picture."""
    if os.environ.get("FIXTRAIL_SCREENSHOTS") != "1":
        return
    images = [Image.open(io.BytesIO(page.screenshot())) for page in pages]
    picture = Image.new(
        "RGB", (sum(image.width for image in images) + 24 * (len(images) - 1), images[0].height), "white"
    )
    for number, image in enumerate(images):
        picture.paste(image, (number * (image.width + 24), 0))
    picture.save(SCREENSHOTS / f"{name}.png", optimize=True)
