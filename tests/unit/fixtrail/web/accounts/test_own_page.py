"""One's own account: password, second factor and sessions, as a browser does it."""

import re
import secrets
import time

import httpx
import pyotp
import pytest

from fixtrail.web.accounts.passwords import WeakPasswordError, hash_password
from fixtrail.web.accounts.second_factor import SecondFactors, new_recovery_codes, recovery_hash
from fixtrail.web.accounts.users import Account, read_users
from tests.staff import HASHED, PASSWORD, Browser, Staff, staff, token_of

ANOTHER = "seven green bicycles"
PAGE, FACTOR = "/ops/account", "/ops/account/second-factor"
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def board(tmp_path) -> Staff:
    return staff(tmp_path, [("lin", "manager", ("C1",)), ("boss", "admin", ("*",))])


async def enrol(browser: Browser) -> tuple[pyotp.TOTP, list[str], httpx.Response]:
    """Set up a second factor as a person does it; its codes, the recovery codes, and the page that shows those."""
    page = await browser.get(FACTOR)
    match = re.search(r"<code>([A-Z2-7]+)</code>", page.text)
    sealed = re.search(r'name="sealed" value="([^"]+)"', page.text)
    assert match and sealed, page.text
    codes = pyotp.TOTP(match[1])
    form = {"form_token": token_of(page), "sealed": sealed[1], "code": codes.now(), "password": PASSWORD}
    response = await browser.client.post(FACTOR, data=form)
    return codes, re.findall(r"<li><code>([^<]+)</code>", response.text), response


async def enter_code(browser: Browser, code: str) -> httpx.Response:
    page = await browser.sign_in("lin")
    assert page.status_code == 200
    return await browser.client.post("/login/code", data={"form_token": token_of(page), "code": code})


async def test_another_password_ends_all_sessions_but_this_one(board):
    with board.browser() as mine, board.browser() as elsewhere:
        await mine.sign_in("lin")
        await elsewhere.sign_in("lin")
        form = {"password": PASSWORD, "new": ANOTHER, "again": ANOTHER}
        assert (await mine.send(PAGE, f"{PAGE}/password", **form)).headers["location"].endswith("password_changed")
        assert (await mine.get(PAGE)).status_code == 200
        assert (await elsewhere.get(PAGE)).status_code == 303
        assert (await elsewhere.sign_in("lin")).status_code == 401
        assert (await elsewhere.sign_in("lin", ANOTHER)).status_code == 303


@pytest.mark.parametrize(
    ("form", "status", "text"),
    [
        ({"password": "wrong", "new": ANOTHER, "again": ANOTHER}, 403, "is not right"),
        ({"password": PASSWORD, "new": ANOTHER, "again": ANOTHER + "x"}, 400, "not the same"),
        ({"password": PASSWORD, "new": "1234567890", "again": "1234567890"}, 400, "easily guessed"),
        ({"password": PASSWORD, "new": "short", "again": "short"}, 400, "too short"),
    ],
)
async def test_a_password_is_not_changed_without_the_old_one_nor_to_a_weak_one(board, form, status, text):
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("lin")
        answer = await browser.send(PAGE, f"{PAGE}/password", **form)
        assert answer.status_code == status
        assert text in answer.text
        assert (await browser.get(PAGE)).status_code == 200
    with board.browser() as again:
        assert (await again.sign_in("lin")).status_code == 303


async def test_the_old_password_cannot_be_guessed_on_an_open_screen(board):
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("lin")
        form = {"password": "wrong", "new": ANOTHER, "again": ANOTHER}
        answers = [(await browser.send(PAGE, f"{PAGE}/password", **form)).status_code for _ in range(17)]
        assert answers[0] == 403
        assert answers[-1] == 429


@pytest.mark.parametrize(
    "password", ["1234567890", "password12", "qwertyuiop", "Passw0rd123!", "woaini1314", "aaaaaaaaaaaa", "lin.fixtrail"]
)
def test_common_passwords_are_refused(password):
    with pytest.raises(WeakPasswordError, match="easily guessed"):
        hash_password(password, "lin")


def test_a_very_long_password_is_rated_quickly():
    began = time.perf_counter()
    hash_password(secrets.token_hex(128))
    assert time.perf_counter() - began < 5


async def test_with_a_second_factor_the_password_alone_opens_nothing(board):
    with board.browser() as browser, board.browser() as thief:
        await browser.sign_in("lin")
        codes, recovery, page = await enrol(browser)
        assert page.status_code == 200
        assert len(set(recovery)) == 10
        assert (await browser.get(PAGE)).status_code == 200
        assert (await thief.sign_in("lin")).status_code == 200
        assert (await thief.get("/ops")).status_code == 303
        assert (await enter_code(thief, "000000")).status_code == 401
        # Nor is the code good that was entered to set it up.
        assert (await enter_code(thief, codes.now())).status_code == 401
        later = codes.at(time.time() + 30)
        assert (await enter_code(thief, later)).status_code == 303
        assert (await thief.get("/ops")).status_code == 200
    with board.browser() as onlooker:
        # A code that somebody has read over the shoulder is used up.
        assert (await enter_code(onlooker, later)).status_code == 401


async def test_the_page_with_the_recovery_codes_has_a_way_to_sign_out(board):
    with board.browser() as browser:
        await browser.sign_in("lin")
        _, _, page = await enrol(browser)
        assert (await browser.client.post("/logout", data={"form_token": token_of(page)})).status_code == 303
        assert (await browser.get("/ops")).status_code == 303


async def test_setting_up_a_second_factor_ends_sessions_that_had_none(board):
    with board.browser() as browser, board.browser() as earlier:
        await browser.sign_in("lin")
        await earlier.sign_in("lin")
        await enrol(browser)
        assert (await earlier.get("/ops")).status_code == 303


async def test_a_recovery_code_opens_once(board, tmp_path):
    with board.browser() as browser, board.browser() as second:
        await browser.sign_in("lin")
        _, recovery, _ = await enrol(browser)
        typed = recovery[3].upper().replace("-", " ")
        assert (await enter_code(second, typed)).status_code == 303
        assert len(read_users(tmp_path / "users.toml")["lin"].recovery) == 9
        assert recovery[3] not in (tmp_path / "users.toml").read_text()
        with board.browser() as again:
            assert (await enter_code(again, typed)).status_code == 401


async def test_a_code_belongs_to_the_browser_that_gave_the_password(board):
    with board.browser() as browser, board.browser() as second:
        await browser.sign_in("lin")
        codes, _, _ = await enrol(browser)
        page = await second.get("/login")
        sent = {"form_token": token_of(page), "code": codes.at(time.time() + 30)}
        assert (await second.client.post("/login/code", data=sent)).status_code == 400
        assert (await second.get("/ops")).status_code == 303


async def test_roles_that_must_have_a_second_factor_see_nothing_else_before(tmp_path):
    board = staff(tmp_path, [("lin", "manager", ("C1",)), ("boss", "viewer", ("*",))], second_factor=["manager"])
    with board.browser() as browser:
        await browser.sign_in("lin")
        for path in ("/ops", "/ops/orders/R1", "/ops/account"):
            assert (await browser.get(path)).headers["location"] == FACTOR
        assert (await browser.get("/ops/stream")).status_code == 401
        await enrol(browser)
        assert (await browser.get("/ops")).status_code == 200
        assert (await browser.send(PAGE, f"{FACTOR}/off", password=PASSWORD)).status_code == 403
    with board.browser() as viewer:
        await viewer.sign_in("boss")
        assert (await viewer.get("/ops")).status_code == 200


@pytest.mark.parametrize("code", ["１２３４５６", "٠١٢٣٤٥", "x" * 5000, "\x00", ""])
async def test_a_code_that_is_none_is_a_wrong_one(board, code):
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("lin")
        page = await browser.get(FACTOR)
        sealed = re.search(r'name="sealed" value="([^"]+)"', page.text)
        assert sealed
        form = {"form_token": token_of(page), "sealed": sealed[1], "code": code, "password": PASSWORD}
        assert (await browser.client.post(FACTOR, data=form)).status_code == 400


async def test_a_second_factor_is_turned_off_by_the_password(board, tmp_path):
    with board.browser() as browser:
        await browser.sign_in("lin")
        await enrol(browser)
        assert (await browser.send(PAGE, f"{FACTOR}/off", password="wrong")).status_code == 403
        assert (await browser.send(PAGE, f"{FACTOR}/off", password=PASSWORD)).status_code == 303
        assert read_users(tmp_path / "users.toml")["lin"].totp is None
        assert (await browser.get("/ops")).status_code == 200


async def test_another_sessions_secret_is_not_taken(board):
    with board.browser() as browser, board.browser() as second:
        await browser.sign_in("lin")
        await second.sign_in("boss")
        page = await second.get(FACTOR)
        opened, sealed = (
            re.search(r"<code>([A-Z2-7]+)</code>", page.text),
            re.search(r'"sealed" value="([^"]+)', page.text),
        )
        assert opened and sealed
        form = {"sealed": sealed[1], "code": pyotp.TOTP(opened[1]).now(), "password": PASSWORD}
        assert (await browser.send(PAGE, FACTOR, **form)).status_code == 400


async def test_ones_own_sessions_are_seen_and_ended_and_nobody_elses(board):
    with board.browser(headers=ENGLISH) as mine, board.browser(headers={"user-agent": "Firefox Windows"}) as second:
        await mine.sign_in("lin")
        await second.sign_in("lin")
        with board.browser() as boss:
            await boss.sign_in("boss")
            page = (await mine.get(PAGE)).text
            match = re.search(r'name="session" value="([^"]+)"', page)
            assert "Firefox, Windows" in page
            assert match
            assert page.count('name="session"') == 1
            assert (await boss.send(PAGE, f"{PAGE}/sessions", session=match[1])).status_code == 404
            assert (await second.get("/ops")).status_code == 200
            assert (await mine.send(PAGE, f"{PAGE}/sessions", session=match[1])).status_code == 303
            assert (await second.get("/ops")).status_code == 303
            await second.sign_in("lin")
            assert (await mine.send(PAGE, f"{PAGE}/sessions")).status_code == 303
            assert (await second.get("/ops")).status_code == 303
            assert [(await browser.get("/ops")).status_code for browser in (mine, boss)] == [200, 200]


async def test_an_account_of_the_environment_is_changed_by_its_administrator_only(tmp_path):
    text = f'[[user]]\nname = "env"\nrole = "viewer"\ncenters = ["*"]\npassword = "{HASHED}"'
    board = staff(tmp_path, users_toml=text)
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("env")
        assert "An administrator sets the password" in (await browser.get(PAGE)).text
        form = {"password": PASSWORD, "new": ANOTHER, "again": ANOTHER}
        assert (await browser.send(PAGE, f"{PAGE}/password", **form)).status_code == 403


def test_the_clock_of_a_phone_may_be_half_a_minute_off_and_no_more():
    secret, now = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 1_700_000_010.0
    account = Account(name="lin", centers=("*",), password=HASHED, totp=secret)
    totp = pyotp.TOTP(secret)

    def accepts(offset_s: int) -> bool:
        return SecondFactors(None, lambda: now).accepts(account, totp.at(now + offset_s))  # type: ignore[arg-type]

    assert [accepts(offset) for offset in (-90, -30, 0, 30, 90)] == [False, True, True, True, False]


def test_recovery_codes_are_long_and_however_typed():
    codes = new_recovery_codes()
    assert all(len(code.replace("-", "")) == 16 for code in codes)
    assert recovery_hash(codes[0]) == recovery_hash(f" {codes[0].upper().replace('-', '')} ")
