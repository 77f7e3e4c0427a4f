"""The customer's page by other means than a finger on a phone: keyboard, no scripts, paper, a second car."""

import re
import urllib.error
import urllib.request

from playwright.sync_api import Page, expect

from runtime.store import open_store
from schemas.order_key import OrderKey
from sinks.push.ledger import recipients
from tests.browser.conftest import Phones
from tests.browser.workshop_floor import Floor
from tests.stack import Stack, wait_for

# The makers' push services are far away: the browser's own part is played, on every page of it.
PLAYED = """
    const said = { endpoint: "https://push.example.com/hands", keys: { p256dh: "k", auth: "a" } };
    const subscription = { toJSON: () => said, unsubscribe: async () => true };
    let made = localStorage.getItem("made");
    PushManager.prototype.subscribe = async () => { localStorage.setItem("made", made = "1"); return subscription; };
    PushManager.prototype.getSubscription = async () => made ? subscription : null;
"""


def wait_for_text(link: str, text: str) -> None:
    """Wait until the page has the text, as anybody gets it."""

    def has() -> bool:
        try:
            with urllib.request.urlopen(link, timeout=60) as answer:
                return text in answer.read().decode()
        except urllib.error.HTTPError:
            return False

    wait_for(has, 120, f"the page says {text}")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this name has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        # The body has all texts of the page; it has the focus while a page loads.
        if name in page.evaluate(
            "document.activeElement === document.body ? '' "
            ": document.activeElement.innerText || document.activeElement.value || ''"
        ):
            return
    raise AssertionError(f"Tab never came to {name}")


def test_a_quote_is_approved_by_keyboard_and_told_to_a_screen_reader(phones: Phones, floor: Floor):
    car = floor.order("K-1")
    car.check_in()
    car.quote()
    link = floor.link("K-1")
    wait_for_text(link, "769.90")
    page = phones.open(link, "en")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to what is going on")).to_be_focused()
    tab_to(page, "Approve the quote")
    # Seen by who does not hear it: where the focus is.
    assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") != "0px"
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Yes, approve CN¥769.90")).to_be_visible()
    tab_to(page, "Yes, approve CN¥769.90")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").filter(has_text="we have your approval")).to_be_visible()
    expect(page.get_by_role("button", name="Approve the quote")).to_have_count(0)
    car.repair("started")
    expect(page.get_by_role("status").filter(has_text="Updated: Your car is being repaired")).to_have_count(1)
    expect(page.get_by_role("listitem").filter(has=page.locator("[aria-current=step]"))).to_have_count(0)
    expect(page.locator("[aria-current=step]")).to_contain_text("Repair")
    assert page.locator("h1").count() == 1
    assert page.get_by_role("main").count() == 1


def test_a_score_is_chosen_by_keyboard(phones: Phones, floor: Floor):
    car = floor.order("K-2")
    car.check_in()
    car.now("handoff")
    link = floor.link("K-2")
    wait_for_text(link, 'name="score"')
    page = phones.open(link, "en")

    page.get_by_role("radio", name="0", exact=True).focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    tab_to(page, "Send")
    page.keyboard.press("Enter")

    expect(page.get_by_text("You gave 8.")).to_be_visible()


def test_without_javascript_the_survey_is_answered_too(phones: Phones, floor: Floor):
    car = floor.order("K-3")
    car.check_in()
    car.now("handoff", amount=10)
    link = floor.link("K-3")
    wait_for_text(link, 'name="score"')
    page = phones.open(link, "en", java_script_enabled=False)

    page.locator("label", has=page.get_by_role("radio", name="7", exact=True)).click()
    page.get_by_label("It was quick").check()
    page.get_by_label("Anything else? (optional)").fill("fine")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_text("Thank you for your answer!")).to_be_visible()
    wait_for(
        lambda: page.get_by_text("You gave 7.").count() == 1 or not page.reload(), 120, "the answer is on the page"
    )
    # What only scripts can do is not offered.
    assert page.get_by_text("Tell me when something happens").is_hidden()


def test_on_paper_there_is_the_order_and_nothing_to_press(phones: Phones, floor: Floor):
    car = floor.order("K-4")
    car.check_in()
    car.quote()
    link = floor.link("K-4")
    wait_for_text(link, "769.90")
    page = phones.open(link, "en")
    page.emulate_media(media="print", color_scheme="dark")

    expect(page.locator("#headline")).to_be_visible()
    expect(page.locator("#s-quote")).to_contain_text("769.90")
    for pressed in ("button", "form", ".switch", ".links", ".skip"):
        assert not [button for button in page.locator(pressed).all() if button.is_visible()], pressed
    ink, paper = (
        page.evaluate(f"getComputedStyle(document.body).{name}").replace(" ", "")
        for name in ("color", "backgroundColor")
    )
    assert (ink, paper) == ("rgb(0,0,0)", "rgb(255,255,255)")


def test_a_browser_that_follows_one_car_follows_the_other_only_when_asked(phones: Phones, floor: Floor, stack: Stack):
    links = {}
    for order_id in ("K-5", "K-6"):
        floor.order(order_id).check_in()
        links[order_id] = floor.link(order_id)
        wait_for_text(links[order_id], order_id)
    page = phones.open(links["K-5"], "en", permissions=["notifications"])
    page.context.add_init_script(PLAYED)
    page.reload()
    on, off = (page.get_by_role("button", name=f"Turn notifications {state}") for state in ("on", "off"))

    on.click()
    expect(page.get_by_text("This device is notified.")).to_be_visible()
    page.goto(links["K-6"])
    expect(on).to_be_visible()
    expect(page.get_by_text("This device is notified.")).to_have_count(0)
    assert (followed(stack, "K-5"), followed(stack, "K-6")) == (1, 0)

    on.click()
    expect(page.get_by_text("This device is notified.")).to_be_visible()
    off.click()
    expect(on).to_be_visible()
    page.goto(links["K-5"])
    expect(off).to_be_visible()
    assert (followed(stack, "K-5"), followed(stack, "K-6")) == (1, 0)


def followed(stack: Stack, order_id: str) -> int:
    """How many browsers the ledger has for an order."""
    store = open_store(f"sqlite:///{stack.folder / 'push.sqlite3'}")
    try:
        order = OrderKey("C1", order_id)
        return len(recipients.subscriptions_of(store, [order]).get(order, []))
    finally:
        store.close()


def test_no_word_of_the_page_is_cut_off_or_needs_scrolling_sideways(phones: Phones, floor: Floor):
    """The longest ids on the narrowest screen, and type of twice the size (WCAG 1.4.10 and 1.4.4)."""
    order_id = "W" * 64
    car = floor.order(order_id, vehicle_id="VIN-W")
    car.check_in(customer_id="K-W")
    car.now("part_request", phase="requested", request_id="Q1", part_no="P" * 128, quantity=1)
    part = {"part_no": "P" * 128, "quantity": "123456.789", "unit_price": "99999.99"}
    quote = {"labour_hours": 1, "labour_rate": 380, "parts": [part], "currency": "CNY"}
    car.now("diagnosis", phase="completed", quote=quote)
    link = floor.link(order_id)
    wait_for_text(link, "PPP")
    page = phones.open(link, "en")

    for width, size in ((320, "100%"), (640, "200%")):
        page.set_viewport_size({"width": width, "height": 640})
        page.evaluate(f"document.documentElement.style.fontSize = '{size}'")
        wide = page.evaluate(
            "width => [...document.querySelectorAll('body *')]"
            ".filter(each => each.getBoundingClientRect().right > width).map(each => each.outerHTML.slice(0, 80))",
            width,
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (size, wide)
    assert not re.search(r"undefined|None|NaN|\{\w*\}", page.locator("body").inner_text())
