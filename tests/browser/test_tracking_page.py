"""The customer's page in a real browser, on a phone: what a person sees while the workshop works."""

import re
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from runtime.store import open_store
from schemas.order_key import OrderKey
from sinks.push.ledger import recipients
from tests.browser.conftest import Phones, keep_screenshot, keep_side_by_side
from tests.browser.workshop_floor import Floor, clock
from tests.stack import Stack, wait_for


def headline(page: Page, text: str) -> None:
    expect(page.locator("#headline")).to_have_text(text)


def step(page: Page, name: str, state: str) -> None:
    """The step is done, now or ahead, and has a time unless it is ahead."""
    line = page.locator("#s-steps li", has=page.get_by_text(name, exact=True))
    expect(line).to_have_class(state)
    expect(line.locator("time")).to_have_count(0 if state == "ahead" else 1)


def assert_accessible(page: Page) -> None:
    """No violation of WCAG A and AA that axe-core finds, in light and dark."""
    rules = {
        "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    }
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        result = Axe().run(page, options=rules)
        assert result.violations_count == 0, result.generate_report()
    page.emulate_media(color_scheme="light")


def test_a_customer_follows_the_whole_visit_in_chinese_and_english(phones: Phones, floor: Floor, stack: Stack):
    car = floor.order("R-1001")
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=3)
    car.check_in(promised_at=clock(hour), ago=timedelta(minutes=50))
    link = floor.link("R-1001")
    wait_for(lambda: is_there(link), 120, "the order is known")
    chinese, english = phones.open(link, "zh-CN"), phones.open(link, "en-US")

    headline(chinese, "已登记，等待接车检查")
    headline(english, "Checked in, waiting for the inspection")
    expect(english.locator("#s-waits")).to_contain_text(re.compile(r"5\d min"))
    step(english, "Inspection", "ahead")
    assert_accessible(chinese)

    car.now("diagnosis", phase="started", ago=timedelta(minutes=40))
    headline(chinese, "正在检查您的车")
    step(english, "Inspection", "now")

    car.quote(ago=timedelta(minutes=30))
    headline(english, "Waiting for your answer to the quote")
    expect(chinese.locator("#s-quote")).to_contain_text("¥769.90")
    assert_accessible(english)
    keep_screenshot(chinese, "tracking-quote-zh")
    chinese.get_by_role("button", name="同意报价").click()
    chinese.get_by_role("button", name="确认同意 ¥769.90").click()
    expect(chinese.get_by_text("谢谢，已收到您的同意。")).to_be_visible()
    expect(english.get_by_text("You approved this quote.")).to_be_visible()
    headline(english, "Waiting for a free bay")

    car.part("requested", ago=timedelta(minutes=0))
    car.part("backordered", expected_at=clock(hour - timedelta(hours=1)))
    headline(chinese, "正在等待配件")
    expect(english.locator("#s-now")).to_contain_text("expected")
    car.check_in(promised_at=clock(hour + timedelta(hours=2)))
    expect(english.locator("#s-promise")).to_contain_text("changed from")
    assert_accessible(chinese)
    keep_screenshot(english, "tracking-parts-en")
    keep_side_by_side([chinese, english], "tracking-page")

    english.context.set_offline(True)
    expect(english.locator("#offline")).to_be_visible()
    car.part("fulfilled")
    car.repair("started")
    headline(chinese, "正在维修")
    headline(english, "Waiting for parts")
    english.context.set_offline(False)
    headline(english, "Your car is being repaired")
    expect(english.locator("#offline")).to_be_hidden()
    step(chinese, "维修", "now")
    keep_screenshot(chinese, "tracking-repair-zh")

    car.repair("completed")
    headline(english, "Work done, final check")
    headline(chinese, "维修完成，正在做最后检查")
    car.now("quality_check", phase="started")
    headline(english, "Checking it before we hand it over")
    car.now("quality_check", phase="completed", passed=False)
    headline(chinese, "交车前再多检查一次")
    for page in (chinese, english):
        assert not re.search("fail|defect|不合格|失败|返工", page.locator("body").inner_text(), re.IGNORECASE)
    car.repair("started")
    car.repair("completed")
    car.now("quality_check", phase="completed", passed=True)
    headline(chinese, "可以取车了")
    expect(english.locator("#s-promise")).to_contain_text("as promised")
    assert_accessible(english)

    car.now("handoff", amount=789.9)
    headline(chinese, "已交车，感谢您的信任")
    expect(english.locator("#s-price")).to_contain_text("more than quoted")
    assert_accessible(chinese)
    chinese.get_by_role("radio", name="9").check()
    chinese.get_by_label("随时知道进度").check()
    chinese.get_by_label("还想说什么？").fill("很好 <b>谢谢</b>")
    keep_screenshot(chinese, "tracking-survey-zh")
    chinese.get_by_role("button", name="提交").click()
    expect(chinese.get_by_text("您打了 9 分")).to_be_visible()
    expect(english.get_by_text("You gave 9.")).to_be_visible()
    assert_accessible(english)
    stack.wait_idle()
    (row,) = stack.ask("SELECT score, approved_amount, status FROM orders WHERE order_id = 'R-1001'")
    assert (row["score"], float(row["approved_amount"]), row["status"]) == (9, 769.9, "handed_off")


def test_without_javascript_the_page_works_by_reloading(phones: Phones, floor: Floor):
    car = floor.order("R-2002")
    car.check_in()
    car.quote()
    link = floor.link("R-2002")
    wait_for(lambda: b"769.90" in content_of(link), 120, "the quote is there")
    page = phones.open(link, "en", java_script_enabled=False)

    headline(page, "Waiting for your answer to the quote")
    page.get_by_role("button", name="Decline").click()
    page.get_by_role("button", name="Yes, decline").click()
    expect(page.get_by_text("You declined this quote.")).to_be_visible()
    headline(page, "You declined the quote. Please agree with us what happens next.")
    page.get_by_role("link", name="中文").click()
    headline(page, "您没有同意报价，请与服务中心商量下一步")


def test_a_revoked_link_closes_the_page_that_is_open(phones: Phones, floor: Floor, stack: Stack):
    car = floor.order("R-3003")
    car.check_in()
    link = floor.link("R-3003")
    wait_for(lambda: is_there(link), 120, "the order is known")
    page = phones.open(link)
    headline(page, "已登记，等待接车检查")

    stack.run("tracking", "revoke", "R-3003")

    expect(page.get_by_role("heading", name="找不到页面")).to_be_visible()
    assert_accessible(page)
    assert is_there(floor.link("R-3003"))


def test_notifications_of_this_browser_are_asked_of_the_push_sink(phones: Phones, floor: Floor, stack: Stack):
    car = floor.order("R-4004")
    car.check_in()
    link = floor.link("R-4004")
    wait_for(lambda: is_there(link), 120, "the order is known")
    page = phones.open(link, "en", permissions=["notifications"])
    # The makers' push services are far away: the browser's own part is played.
    page.evaluate(
        """() => {
            const said = { endpoint: "https://push.example.com/abc", keys: { p256dh: "k", auth: "a" } };
            const subscription = { toJSON: () => said, unsubscribe: async () => true };
            PushManager.prototype.subscribe = async () => subscription;
            PushManager.prototype.getSubscription = async () => subscription;
        }"""
    )

    page.get_by_role("button", name="Turn notifications on").click()
    expect(page.get_by_text("This device is notified.")).to_be_visible()
    assert addresses(stack, "R-4004") == [
        'webpush:{"endpoint":"https://push.example.com/abc","keys":{"auth":"a","p256dh":"k"}}'
    ]

    page.get_by_role("button", name="Turn notifications off").click()
    expect(page.get_by_role("button", name="Turn notifications on")).to_be_visible()
    assert addresses(stack, "R-4004") == []


def test_what_was_sent_can_be_looked_up(phones: Phones, floor: Floor):
    car = floor.order("R-5005")
    car.check_in(contact=["mailto:someone@example.com"])
    link = floor.link("R-5005")
    wait_for(lambda: is_there(link), 120, "the order is known")
    page = phones.open(link, "en")

    page.get_by_role("link", name="Messages we sent you").click()

    expect(page.get_by_role("heading", name="Messages we sent you")).to_be_visible()
    assert "someone@example.com" not in page.content()
    assert_accessible(page)


@pytest.mark.parametrize("wrong", ["t/", "t/abc", "t/" + "A" * 300])
def test_links_that_open_nothing_look_the_same(stack: Stack, wrong: str):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{stack.facts['web']}/{wrong}", timeout=60)

    assert refused.value.code == 404


def addresses(stack: Stack, order_id: str) -> list[str]:
    """Where else the order's notices go, as the ledger has it."""
    store = open_store(f"sqlite:///{stack.folder / 'push.sqlite3'}")
    try:
        order = OrderKey("C1", order_id)
        return recipients.subscriptions_of(store, [order]).get(order, [])
    finally:
        store.close()


def content_of(link: str) -> bytes:
    try:
        with urllib.request.urlopen(link, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError:
        return b""


def is_there(link: str) -> bool:
    return bool(content_of(link))
