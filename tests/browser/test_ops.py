"""The staff's pages in a real browser: signing in, the live board, filters, an order's evidence, alerts, roles."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pyotp
import pytest
from playwright.sync_api import Browser, expect

from fixtrail.all_settings import Settings
from fixtrail.web.accounts.passwords import hash_password
from fixtrail.web.accounts.users import Account, write_users
from fixtrail.web.board.figures import ask_figures, sum_of
from fixtrail.web.clickhouse import query_runner
from tests.browser.desks import (
    DESK,
    MINUTE,
    PASSWORD,
    PHONE,
    WALL,
    Desks,
    alerts_of,
    assert_accessible,
    fill_in,
    live,
    overdue_car,
    piece,
    queued,
    waiting_car,
)
from tests.browser.workshop_floor import Floor
from tests.stack import Stack, wait_for

ACCOUNTS = {
    "boss": {"role": "admin", "centers": ["*"]},
    "lin": {"role": "manager", "centers": ["*"]},
    "north": {"role": "viewer", "centers": ["C2"]},
}


@pytest.fixture(scope="module", autouse=True)
def accounts(stack: Stack) -> None:
    hashed = hash_password(PASSWORD)
    accounts = {name: Account(name=name, password=hashed, **about) for name, about in ACCOUNTS.items()}
    write_users(stack.folder / "users.toml", accounts)


@pytest.fixture
def desks(browser: Browser, stack: Stack) -> Iterator[Desks]:
    desks = Desks(browser, stack.facts["web"])
    yield desks
    desks.close()
    assert desks.troubles == []


def test_somebody_signs_in_and_out_and_a_wrong_password_is_refused(desks: Desks):
    page = desks.page()
    page.goto("/ops?center=C1")
    expect(page).to_have_url(re.compile(r"/login\?next="))
    assert_accessible(page)
    fill_in(page, "lin", "a wrong password")
    expect(page.get_by_role("alert")).to_have_text("Account or password is not right.")
    fill_in(page, "lin", PASSWORD)
    expect(page).to_have_url(f"{desks.home}/ops?center=C1")
    expect(page.locator(".me")).to_have_text("lin (manager)")
    page.get_by_role("button", name="Sign out").click()
    page.goto("/ops")
    expect(page).to_have_url(re.compile("/login"))


def test_who_waits_is_shown_with_a_running_clock_and_goes_when_work_begins_without_a_reload(desks: Desks, floor: Floor):
    page = desks.signed_in("lin")
    live(page)
    page.evaluate("window.stillTheSame = true")
    car = waiting_car(floor, "OPS-LIVE", 12)
    line = queued(page, "OPS-LIVE")
    expect(line.locator(".time")).to_have_text(re.compile(r"^1[2-5]:\d\d$"))
    clock = line.locator(".time").inner_text()
    expect(line.locator(".time")).not_to_have_text(clock)
    expect(line).to_contain_text("for reception")
    car.now("diagnosis", phase="started")
    expect(queued(page, "OPS-LIVE")).to_have_count(0)
    expect(piece(page, "totals")).to_contain_text("diagnosis 1")
    assert page.evaluate("window.stillTheSame") is True
    car.now("handoff")


def test_a_filter_is_an_address_that_can_be_passed_on(desks: Desks, floor: Floor):
    waiting_car(floor, "OPS-EAST", 5)
    waiting_car(floor, "OPS-NORTH", 6, center_id="C2", lane="quick")
    page = desks.signed_in("lin")
    live(page)
    expect(queued(page, "OPS-EAST")).to_have_count(1)
    expect(queued(page, "OPS-NORTH")).to_have_count(1)
    page.get_by_label("Region").select_option("North")
    page.wait_for_url("**region=North*")
    page.get_by_label("Lane").select_option("quick")
    expect(page).to_have_url(re.compile(r"region=North.*lane=quick"))
    expect(queued(page, "OPS-NORTH")).to_have_count(1)
    expect(queued(page, "OPS-EAST")).to_have_count(0)
    expect(piece(page, "centers").locator("tbody tr")).to_have_count(1)
    passed_on = desks.signed_in("boss", page.url.removeprefix(desks.home), locale="zh-CN")
    expect(queued(passed_on, "OPS-NORTH")).to_have_count(1)
    expect(queued(passed_on, "OPS-EAST")).to_have_count(0)
    expect(piece(passed_on, "centers")).to_contain_text("北京朝阳服务中心")
    live(passed_on)


def test_one_click_leads_to_an_orders_evidence_and_another_to_its_centers_day(desks: Desks, floor: Floor, stack: Stack):
    car = waiting_car(floor, "OPS-WAY", 70)
    car.now("diagnosis", phase="started", ago=60 * MINUTE)
    car.quote(ago=45 * MINUTE)
    done = waiting_car(floor, "OPS-DONE", 200)
    done.repair("started", ago=150 * MINUTE)
    done.repair("completed", ago=100 * MINUTE)
    done.now("handoff", ago=90 * MINUTE)
    stack.wait_idle()
    page = desks.signed_in("lin")
    queued(page, "OPS-WAY").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Order OPS-WAY")
    events = page.locator("section", has=page.get_by_role("heading", name="Events")).locator("tbody tr")
    expect(events).to_have_count(3)
    expect(events.nth(2)).to_contain_text("quote ready")
    expect(events.nth(0).locator("code")).to_have_text(re.compile("^floor-OPS-WAY-"))
    way = page.locator("section", has=page.get_by_role("heading", name="Its way")).locator("tbody tr")
    expect(way).to_have_count(3)
    expect(way.nth(2)).to_contain_text("for approval")
    expect(way.nth(2)).to_contain_text("running")
    messages = page.locator("section", has=page.get_by_role("heading", name="What the customer was told"))
    expect(messages).to_contain_text("quote ready")
    assert_accessible(page)
    page.get_by_role("link", name="Shanghai Pudong").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Shanghai Pudong")
    assert_accessible(page)
    expect(page.locator("main")).to_contain_text("OPS-WAY")


def test_an_alert_opens_by_itself_and_closes_when_its_cause_is_gone(desks: Desks, floor: Floor):
    page = desks.signed_in("lin")
    live(page)
    car = waiting_car(floor, "OPS-ALERT", 14, lane="quick")
    car_alerts = alerts_of(page, "OPS-ALERT")
    late = overdue_car(floor, "OPS-ALERT-2")
    alert = alerts_of(page, "OPS-ALERT-2")
    expect(alert.first).to_have_attribute("data-state", "open")
    expect(alert.first).to_contain_text("quick lane late by")
    expect(car_alerts).to_have_count(0)
    for order_page in (late, car):
        order_page.repair("started", ago=MINUTE / 2)
        order_page.repair("completed", ago=MINUTE / 4)
        order_page.now("ready")
    expect(alert.first).to_have_attribute("data-state", "closed")


def test_a_manager_acknowledges_an_alert_and_everybody_sees_who_takes_care(desks: Desks, floor: Floor):
    overdue_car(floor, "OPS-ACK", center_id="C2")
    manager, viewer = desks.signed_in("lin"), desks.signed_in("north")
    alert, viewers_alert = alerts_of(manager, "OPS-ACK").first, alerts_of(viewer, "OPS-ACK").first
    expect(viewers_alert).to_have_attribute("data-state", "open")
    expect(viewers_alert.get_by_role("checkbox")).to_have_count(0)
    expect(alert).to_have_attribute("data-state", "open")
    alert.get_by_role("checkbox").check()
    manager.get_by_label("Note").fill("on my way")
    manager.get_by_role("button", name="Acknowledge selected").click()
    manager.get_by_text("Lately taken care of").click()
    alert = piece(manager, "alerts").locator("li", has_text="OPS-ACK").first
    expect(alert).to_contain_text("acknowledged by lin")
    expect(viewers_alert).to_have_attribute("data-state", "acknowledged")
    viewer.get_by_text("Lately taken care of").click()
    viewers_alert = piece(viewer, "alerts").locator("li", has_text="OPS-ACK").first
    expect(viewers_alert).to_contain_text("acknowledged by lin: on my way")


def test_a_manager_records_that_a_complaining_customer_was_called(desks: Desks, floor: Floor, stack: Stack):
    car = waiting_car(floor, "OPS-VOICE", 200)
    car.now("handoff", ago=150 * MINUTE)
    car.now("complaint", ago=100 * MINUTE, category="waiting_time", severity="high", complaint_id="KC-1")
    stack.wait_idle()
    page = desks.signed_in("lin", "/ops/voices")
    line = page.locator("ol.voices > li", has=page.get_by_role("link", name="OPS-VOICE"))
    expect(line).to_contain_text("high severity")
    assert_accessible(page)
    line.get_by_role("link", name="Complaint: waiting time").click()
    expect(page.locator("main")).to_contain_text("What waited, and why")
    assert_accessible(page)
    page.get_by_role("button", name="Contacted").click()
    expect(page.get_by_text("Recorded.")).to_be_visible()
    expect(page.locator("main")).to_contain_text("contacted")
    page.get_by_role("link", name="Back to the voices").click()
    expect(line).to_contain_text("first contact")


def test_a_viewer_of_one_center_sees_nothing_of_the_others(desks: Desks, floor: Floor):
    waiting_car(floor, "OPS-SECRET", 9)
    page = desks.signed_in("north")
    live(page)
    boss = desks.signed_in("boss")
    live(boss)
    expect(queued(boss, "OPS-SECRET")).to_have_count(1)
    expect(page.locator("body")).not_to_contain_text("OPS-SECRET")
    expect(page.locator("body")).not_to_contain_text("Shanghai Pudong")
    for path, status in (
        ("/ops/orders/OPS-SECRET", 404),
        ("/ops/centers/C1", 404),
        ("/analysis", 403),
        ("/ops/accounts", 403),
    ):
        answer = page.goto(path)
        assert answer is not None and answer.status == status, path
    expect(boss.get_by_role("link", name="Accounts")).to_have_count(1)
    boss.goto("/ops/accounts")
    expect(boss.get_by_role("row")).to_have_count(1 + len(ACCOUNTS))
    assert_accessible(boss)
    page.goto("/ops")
    live(page)
    boss.get_by_role("button", name="End the sessions of north").click()
    expect(boss.get_by_text("The sessions are over.")).to_be_visible()
    expect(page.locator("#connection")).to_contain_text("Your session is over.")
    page.get_by_role("link", name="Sign in again").click()
    expect(page).to_have_url(re.compile("/login"))


def test_whoever_sets_up_a_second_factor_signs_in_with_its_code(desks: Desks, stack: Stack):
    page = desks.signed_in("north")
    page.get_by_role("link", name="north (viewer)").click()
    assert_accessible(page)
    page.get_by_role("link", name="Set it up").click()
    assert_accessible(page)
    codes = pyotp.TOTP(page.locator("code").inner_text())
    page.locator("[name=code]").fill(codes.now())
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert_accessible(page)
    recovery_code = page.locator("li code").first.inner_text()
    page.get_by_role("button", name="Sign out").click()
    fill_in(page, "north", PASSWORD)
    expect(page.get_by_role("heading", name="Enter the code")).to_be_visible()
    assert_accessible(page)
    page.locator("[name=code]").fill(recovery_code)
    page.locator("main button").click()
    page.wait_for_url("**/ops")
    page.goto("/ops/account")
    expect(page.locator("main")).to_contain_text("Recovery codes left: 9")
    page.locator("[name=password]").first.fill(PASSWORD)
    page.get_by_role("button", name="Turn it off").click()
    expect(page.get_by_text("The second factor is off")).to_be_visible()


def test_a_report_is_a_page_with_its_tables_as_files(desks: Desks, stack: Stack):
    page = desks.signed_in("lin", "/analysis")
    assert_accessible(page)
    page.get_by_role("link", name=re.compile("How good are we")).click()
    page.wait_for_url(re.compile("/analysis/kpi"))
    wait_for(lambda: page.locator("article.report").count() == 1 or bool(page.reload()), 180, "the report is computed")
    assert_accessible(page)
    with page.expect_download() as started:
        page.get_by_role("link", name="figures").click()
    assert "nps" in started.value.path().read_text("utf-8-sig")


def test_the_board_is_accessible_fits_a_phone_and_is_read_from_afar_on_a_wall(desks: Desks, floor: Floor):
    waiting_car(floor, "OPS-LOOK", 33)
    page = desks.signed_in("lin", locale="zh-CN")
    live(page)
    expect(queued(page, "OPS-LOOK")).to_have_count(1)
    assert_accessible(page)
    page.get_by_role("searchbox").fill("ops-look")
    page.get_by_role("button", name="查找").click()
    page.wait_for_url("**q=ops-look*")
    expect(piece(page, "waiting").locator("[data-order]")).to_have_count(1)
    page.get_by_role("button", name="对我静音工单 OPS-LOOK 一小时").click()
    expect(queued(page, "OPS-LOOK")).to_be_hidden()
    page.get_by_role("button", name="重新显示").click()
    expect(queued(page, "OPS-LOOK")).to_be_visible()
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert_accessible(page)
    page.set_viewport_size(WALL)
    page.goto("/ops?wall=1")
    live(page)
    assert_accessible(page)
    # 28 of 1080 lines are 18 mm on a screen of 55 inches, 1/280 of five metres.
    smallest = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll("main *")].filter((each) =>
            each.checkVisibility({opacityProperty: true}) && each.getBoundingClientRect().right > 0
            && [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
            .map((each) => parseFloat(getComputedStyle(each).fontSize)))"""
    )
    assert smallest >= 28
    # Nothing is clipped: the last line of the centers ends above the alerts, and no word of a tile is cut.
    clipped = page.evaluate(
        """() => [...document.querySelectorAll(".centers tbody tr, [data-piece=centers] > section > p, .tile .label")]
            .filter((each) => each.getBoundingClientRect().bottom
                > document.querySelector("[data-piece=alerts]").getBoundingClientRect().top
                || each.scrollWidth > each.clientWidth + 1)
            .map((each) => each.textContent)"""
    )
    assert clipped == []
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto("/analysis")
    assert_accessible(page)
    # The badge of many centers with all grades.
    page.evaluate(
        """() => { document.querySelector(".data-badge").textContent =
            "Data: not counted · 9 not counted, 3 with notes, 2 to go, 1 unknown" }"""
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_without_scripts_the_board_is_complete_as_of_its_loading(browser: Browser, stack: Stack, floor: Floor):
    waiting_car(floor, "OPS-PLAIN", 8)
    context = browser.new_context(base_url=stack.facts["web"], java_script_enabled=False, locale="en-US", viewport=DESK)
    try:
        page = context.new_page()
        page.goto("/ops")
        fill_in(page, "lin", PASSWORD)
        # Asked to load again while it still follows the redirect, the browser may refuse.
        page.wait_for_url("**/ops")
        wait_for(
            lambda: bool(page.reload()) and queued(page, "OPS-PLAIN").count() == 1, 120, "the order is on the board"
        )
        expect(queued(page, "OPS-PLAIN").locator(".time")).to_have_text(re.compile(r"^(8|9|1[0-2]):\d\d$"))
        page.locator(".filters > summary").click()
        page.locator("[name=center]").select_option("C2")
        page.get_by_role("button", name="Apply").click()
        expect(queued(page, "OPS-PLAIN")).to_have_count(0)
    finally:
        context.close()


def test_the_days_figures_are_the_same_by_hours_and_by_the_orders_of_both_lanes(stack: Stack, floor: Floor):
    """Center hours know no lane: with one chosen the figures come from the orders, in the same classes of waits."""
    for number, (lane, minutes) in enumerate((("quick", 12), ("quick", 20), ("standard", 50), ("standard", 90))):
        car = waiting_car(floor, f"OPS-SUM-{number}", minutes, lane=lane, center_id="C2")
        car.repair("started", ago=minutes * MINUTE / 2)
        car.repair("completed", ago=MINUTE)
        car.now("handoff")
        car.now("survey", score=9 - number)
    stack.wait_idle()
    ask, now = query_runner(Settings(data=stack.folder)), int(time.time() * 1000)
    zones = {"C1": "Asia/Shanghai", "C2": "Asia/Shanghai"}
    by_hours, quick, standard = (ask_figures(ask, zones, "UTC", lane, now) for lane in (None, "quick", "standard"))
    for center in ("C1", "C2"):
        lanes = [by_center[center] for by_center in (quick, standard) if center in by_center]
        for days in ("today", "weeks"):
            together, expected = sum_of(getattr(lane, days) for lane in lanes), getattr(by_hours[center], days)
            assert together == replace(expected, wait_s=pytest.approx(expected.wait_s)), (center, days)
    assert by_hours["C2"].weeks.handed_off >= 4
    assert by_hours["C2"].weeks.surveys >= 4


@pytest.mark.parametrize(("child", "source"), [("worker", "worker"), ("clickhouse", "clickhouse"), ("broker", "kafka")])
def test_every_screen_says_within_seconds_what_stands_still_and_when_it_is_well_again(
    desks: Desks, floor: Floor, stack: Stack, child: str, source: str
):
    waiting_car(floor, "OPS-FROZEN", 3)
    board = desks.signed_in("lin", "/ops?wall=1")
    screens = [board]
    for path in ("/ops/centers/C1", "/analysis"):
        screens.append(board.context.new_page())
        screens[-1].goto(path)
    for screen in screens:
        expect(screen.locator(".age:visible")).to_have_count(0, timeout=40_000)
    customers = board.context.new_page()
    customers.goto(floor.link("OPS-FROZEN"))
    expect(customers.locator("#behind")).to_be_hidden()
    pid = next(about["pid"] for name, about in stack.facts["children"].items() if name.startswith(child))
    os.kill(pid, signal.SIGSTOP)
    try:
        for screen in screens:
            expect(screen.locator(f".age[data-source={source}]")).to_be_visible(timeout=20_000)
        if source != "clickhouse":  # which the customer's page does not read
            expect(customers.locator("#behind")).to_be_visible(timeout=10_000)
    finally:
        # One that stood still for too long may have been started anew meanwhile.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    for screen in screens:
        expect(screen.locator(".age:visible")).to_have_count(0, timeout=20_000)
    expect(customers.locator("#behind")).to_be_hidden(timeout=10_000)
