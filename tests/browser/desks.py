"""Desks of the staff: browsers that are signed in to the board, and what is looked for on it."""

import re
from datetime import timedelta

from axe_playwright_python.sync_playwright import Axe, AxeResults
from playwright.sync_api import Browser, Error, Locator, Page, expect

from tests.browser.conftest import SLOW_MS
from tests.browser.workshop_floor import Car, Floor

PASSWORD = "correct horse battery"
MINUTE = timedelta(minutes=1)
DESK, PHONE, WALL = ({"width": w, "height": h} for w, h in ((1440, 900), (390, 844), (1920, 1080)))


class Desks:
    """Opens pages as the staff does; keeps what a page complains about and what it loads from elsewhere."""

    def __init__(self, browser: Browser, home: str) -> None:
        self._browser, self.home = browser, home
        self._contexts: list = []
        self.troubles: list[str] = []

    def page(self, locale: str = "en-US", viewport: dict[str, int] = DESK, **options: str) -> Page:
        """An empty page in a browser of its own."""
        context = self._browser.new_context(viewport=viewport, locale=locale, base_url=self.home, **options)
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SLOW_MS)
        page.on("console", lambda message: message.type == "error" and self._complain(message.text))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", lambda request: request.url.startswith(self.home) or self.troubles.append(request.url))
        return page

    def signed_in(self, name: str, there: str = "/ops", **options) -> Page:
        """The page, after the form for signing in that leads to it."""
        page = self.page(**options)
        page.goto(there)
        fill_in(page, name, PASSWORD)
        page.wait_for_url(lambda url: "/login" not in url)
        return page

    def _complain(self, text: str) -> None:
        if not re.search(r"net::ERR_|status of 40[134]", text):
            self.troubles.append(text)

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def fill_in(page: Page, name: str, password: str) -> None:
    page.locator("[name=name]").fill(name)
    page.locator("[name=password]").fill(password)
    page.locator("main button").click()


def piece(page: Page, name: str) -> Locator:
    return page.locator(f"[data-piece={name}]")


def queued(page: Page, order_id: str) -> Locator:
    """The order's line among those who wait."""
    return piece(page, "waiting").locator("li", has=page.get_by_role("link", name=order_id, exact=True))


def alerts_of(page: Page, order_id: str) -> Locator:
    """The order's item with its alerts, and those that were taken care of and are folded away."""
    has = page.locator(f'a[href^="/ops/orders/{order_id}?"]')
    return page.locator("[data-piece] li[data-state]", has=has)


def live(page: Page) -> None:
    expect(page.locator("body")).to_have_attribute("data-live", "yes")


def assert_accessible(page: Page) -> None:
    """No violation of WCAG A and AA that axe-core finds, in light and dark."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        result = _axe(page, tags)
        assert result.violations_count == 0, f"{page.url} {scheme}: {result.generate_report()}"
    page.emulate_media(color_scheme="light")


def _axe(page: Page, tags: list[str]) -> AxeResults:
    """What axe-core finds; a page that came anew while it looked (figures were still computed) is looked at again."""
    for _ in range(5):
        try:
            return Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
        except Error as error:
            if "navigation" not in str(error):
                raise
            page.wait_for_load_state()
    raise AssertionError(f"{page.url} comes anew again and again")


def overdue_car(floor: Floor, order_id: str, **fields) -> Car:
    """A quick-lane car of 16 minutes ago with news just now: the watch believes that this is all there is."""
    car = waiting_car(floor, order_id, 16, lane="quick", **fields)
    car.check_in(lane="quick")
    return car


def waiting_car(floor: Floor, order_id: str, minutes: int, **fields) -> Car:
    """A car that came in so long ago and that nobody has looked at."""
    car = floor.order(order_id, **fields)
    car.check_in(ago=minutes * MINUTE, lane=fields.get("lane", "standard"))
    return car
