"""Signing in and out as a browser does it, and what an outsider cannot do."""

import statistics
import time

import pytest
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY

from fixtrail.web.accounts import pages, passwords, throttle
from fixtrail.web.staff.page_frame import catalogue, local_path
from tests.staff import PASSWORD, Staff, staff

ACCOUNTS = [("lin", "viewer", ("C1",)), ("boss", "admin", ("*",))]


@pytest.fixture
def board(tmp_path) -> Staff:
    return staff(tmp_path, ACCOUNTS)


async def test_whoever_is_not_signed_in_is_led_to_the_form_and_back_to_where_they_were_going(board):
    with board.browser() as browser:
        sent = await browser.get("/ops?region=East&lane=quick")
        assert sent.status_code == 303
        assert sent.headers["location"] == "/login?next=%2Fops%3Fregion%3DEast%26lane%3Dquick"
        assert 'value="/ops?region=East&amp;lane=quick"' in (await browser.get(sent.headers["location"])).text
        landed = await browser.sign_in("lin", then="/ops?region=East")
        assert (landed.status_code, landed.headers["location"]) == (303, "/ops?region=East")
        assert (await browser.get("/ops")).status_code == 200
        assert (await browser.get("/login")).status_code == 303


@pytest.mark.parametrize(
    "path", ["/ops", "/ops/orders/R1", "/ops/centers/C1", "/ops/accounts", "/analysis", "/analysis/kpi"]
)
async def test_no_page_is_shown_without_a_session(board, path):
    with board.browser() as browser:
        assert (await browser.get(path)).status_code == 303
        assert (await browser.get("/ops/stream")).status_code == 401


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(board):
    with board.browser() as browser:
        cookies = (await browser.sign_in("lin")).headers.get_list("set-cookie")
        session = next(cookie for cookie in cookies if cookie.startswith("fixtrail_session="))
        assert "HttpOnly" in session
        assert "SameSite=lax" in session
        assert "Path=/" in session
        assert "Secure" not in session
    with board.browser(home="https://board.test") as browser:
        cookies = (await browser.sign_in("lin")).headers.get_list("set-cookie")
        session = next(cookie for cookie in cookies if cookie.startswith("__Host-fixtrail_session="))
        assert "Secure" in session


async def test_every_failure_reads_the_same(board):
    answers = []
    for name, password in (("lin", "wrong password"), ("nobody", PASSWORD), ("lin", ""), ("", ""), ("LIN ", "x" * 300)):
        with board.browser() as browser:
            answer = await browser.sign_in(name, password)
            answers.append((answer.status_code, answer.text.split("<main")[1].split("form_token")[0]))
    assert len(set(answers)) == 1
    assert answers[0][0] == 401


async def test_an_unknown_account_takes_as_long_as_a_wrong_password(monkeypatch):
    """Both cost one check at full price; without one, an unknown account would be told in a thousandth of the time."""

    monkeypatch.setattr(passwords, "_hasher", PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY))
    checker, hashed = passwords.Checker(), passwords.hash_password(PASSWORD)
    seconds: dict[str, list[float]] = {"lin": [], "nobody": []}
    for name in ("lin", "nobody") * 7:
        began = time.perf_counter()
        assert not await checker.matches(hashed if name == "lin" else None, "wrong password")
        seconds[name].append(time.perf_counter() - began)
    known_s, unknown = map(statistics.median, seconds.values())
    assert known_s / 2 < unknown < known_s * 2


async def test_after_five_failures_even_the_right_password_waits(board):
    with board.browser() as browser:
        for _ in range(5):
            assert (await browser.sign_in("lin", "wrong password")).status_code == 401
        refused = await browser.sign_in("lin")
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 60
    with board.browser(address="192.0.2.8") as browser:
        assert (await browser.sign_in("lin")).status_code == 303


async def test_whoever_has_an_ipv6_network_has_one_address(board):
    for number in range(6):
        with board.browser(address=f"2001:db8:0:1::{number}") as browser:
            assert (await browser.sign_in("lin", "wrong password")).status_code == (401 if number < 5 else 429)
    with board.browser(address="2001:db8:0:2::1") as browser:
        assert (await browser.sign_in("lin")).status_code == 303


async def test_a_form_from_elsewhere_signs_nobody_in_or_out(board):
    with board.browser() as browser:
        await browser.get("/login")
        forged = await browser.client.post("/login", data={"name": "lin", "password": PASSWORD, "form_token": "0" * 64})
        assert forged.status_code == 403
        await browser.sign_in("lin")
        assert (await browser.client.post("/logout", data={"back": "/ops"})).status_code == 403
        assert (await browser.client.post("/logout", data={"form_token": "0" * 64})).status_code == 403
        assert (await browser.get("/ops")).status_code == 200


async def test_signing_out_ends_the_session_for_a_stolen_cookie_too(board):
    with board.browser() as browser, board.browser() as thief:
        await browser.sign_in("lin")
        thief.client.cookies.update(dict(browser.client.cookies.items()))
        assert (await thief.get("/ops")).status_code == 200
        assert (await browser.send("/ops", "/logout")).headers["location"] == "/login"
        assert (await browser.get("/ops")).status_code == 303
        assert (await thief.get("/ops")).status_code == 303


async def test_a_posted_body_is_a_small_form_or_nothing(board):
    with board.browser() as browser:
        await browser.get("/login")
        for body, kind in ((b"x" * 20_000, "application/x-www-form-urlencoded"), (b"{}", "application/json")):
            answer = await browser.client.post("/login", content=body, headers={"content-type": kind})
            assert answer.status_code == 400


@pytest.mark.parametrize(
    "there",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "/a\nb", "", None],
)
def test_nobody_is_led_to_another_site(there):
    assert local_path(there) == "/ops"


def test_a_page_of_ours_is_gone_back_to():
    assert local_path("/ops?region=East") == "/ops?region=East"


async def test_what_was_typed_is_not_in_the_log_unless_it_is_an_account(board, caplog):
    with caplog.at_level("INFO", "fixtrail.audit"), board.browser() as browser:
        await browser.sign_in("my secret password", "x")
        await browser.sign_in("lin", "wrong password")
        await browser.sign_in("lin")
    lines = [vars(record) for record in caplog.records if record.name == "fixtrail.audit"]
    logins = [(line["msg"], line["outcome"], line["account"]) for line in lines if line["msg"] == "login"]
    assert logins == [("login", "refused", None), ("login", "refused", "lin"), ("login", "ok", "lin")]
    assert "secret" not in str(lines)
    assert "192.0.2" not in str(lines)


async def test_pages_carry_a_strict_policy_and_no_inline_code(board):
    with board.browser() as browser:
        await browser.sign_in("boss")
        for path in ("/login", "/ops", "/ops?wall=1", "/ops/accounts", "/analysis"):
            page = await browser.get(path, follow_redirects=True)
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert " style=" not in page.text
            assert "<style" not in page.text
            assert "onclick" not in page.text
            assert page.headers["cache-control"] == "no-store"


async def test_an_administrator_sees_the_accounts_without_hashes_and_ends_sessions(board):
    with board.browser() as admin, board.browser() as lin:
        await admin.sign_in("boss")
        await lin.sign_in("lin")
        page = await admin.get("/ops/accounts")
        assert "argon2" not in page.text
        assert (await lin.get("/ops/accounts")).status_code == 403
        assert (await lin.send("/ops", "/ops/accounts/sign-out", name="boss")).status_code == 403
        assert (await admin.send("/ops/accounts", "/ops/accounts/sign-out", name="lin")).status_code == 303
        assert (await lin.get("/ops")).status_code == 303
        assert (await admin.get("/ops")).status_code == 200


async def test_the_language_is_the_browsers_until_another_one_is_chosen(board):
    with board.browser(headers={"accept-language": "de,en;q=0.8,zh;q=0.5"}) as browser:
        assert "Sign in" in (await browser.get("/login")).text
        assert "登录" in (await browser.get("/login?lang=zh-CN")).text
        assert "登录" in (await browser.get("/login")).text
    with board.browser(headers={"accept-language": "fr"}) as browser:
        assert "登录" in (await browser.get("/login")).text


def test_every_text_is_there_in_both_languages():
    chinese, english = catalogue()["zh-CN"], catalogue()["en"]
    assert chinese.keys() == english.keys()
    import re

    for key, text in english.items():
        assert text
        assert chinese[key]
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", chinese[key])), key


def test_the_limits_are_those_that_the_docs_tell():
    assert (throttle.PER_PAIR, throttle.PER_ADDRESS, throttle.PER_DEVICE, throttle.STRANGERS_PER_HOUR) == (
        5,
        30,
        10,
        60,
    )
    assert (throttle.MINUTE_S, throttle.SLOW_S, throttle.HOUR_S) == (60, 300, 3600)
    assert pages.FORM_S == 3600


async def test_before_the_ended_sessions_are_known_no_page_is_open(board):
    with board.browser() as browser:
        await browser.sign_in("lin")
        board.web.ops.access.sessions.records.read.clear()
        page = await browser.get("/ops", headers={"accept-language": "en"})
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert "being prepared" in page.text
