"""How often a password may be tried, and that nobody can use it against the owner of an account."""

import pytest

from fixtrail.web.accounts.devices import Devices, device_name
from fixtrail.web.accounts.throttle import Attempt, Throttle
from tests.staff import staff

STRANGER, OWNER = "198.51.100.66", "203.0.113.7"


class Clock:
    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock)


def test_passwords_are_tried_five_times_a_minute_whoever_the_account_is(throttle):
    for name in ("lin", "nobody"):
        attempt = Attempt(name, STRANGER)
        assert [throttle.admit(attempt) for _ in range(5)] == [0] * 5
        assert 0 < throttle.admit(attempt) <= 60
    # Somebody elsewhere is not kept out by it.
    assert throttle.admit(Attempt("lin", OWNER)) == 0


def test_many_accounts_do_not_get_around_the_limit_of_an_address(throttle):
    assert sum(throttle.admit(Attempt(f"guess{n}", STRANGER)) == 0 for n in range(300)) == 30


def test_whoever_got_in_may_mistype_again(throttle):
    attempt = Attempt("lin", OWNER)
    for _ in range(4):
        assert throttle.admit(attempt) == 0
    throttle.succeeded(attempt)
    assert [throttle.admit(attempt) for _ in range(5)] == [0] * 5


@pytest.mark.parametrize("strangers", [1, 50], ids=["one stranger", "fifty strangers"])
def test_strangers_who_try_every_two_seconds_for_hours_never_keep_the_owner_out(throttle, clock, strangers):
    admitted = 0
    for number in range(3 * 3600 // 2):
        clock.at += 2
        address = f"198.51.100.{number % strangers}"
        admitted += throttle.admit(Attempt("lin", address)) == 0
        if number % 450 == 449:
            # Every quarter of an hour, from an address where nobody has ever signed in.
            assert throttle.admit(Attempt("lin", f"203.0.113.{number // 450}")) == 0
    # Once the account is attacked each stranger has one attempt in five minutes.
    assert admitted <= 60 * 3 + strangers * 12 * 3


def test_an_attacked_account_gives_strangers_one_attempt_in_five_minutes_and_its_owner_as_many_as_ever(throttle, clock):
    throttle.admit(Attempt("lin", OWNER))
    throttle.succeeded(Attempt("lin", OWNER))
    for number in range(60):
        throttle.admit(Attempt("lin", f"198.51.100.{number}"))
    assert throttle.admit(Attempt("lin", "192.0.2.1")) == 0
    assert 0 < throttle.admit(Attempt("lin", "192.0.2.1")) <= 300
    assert [throttle.admit(Attempt("lin", OWNER)) for _ in range(5)] == [0] * 5
    assert [throttle.admit(Attempt("lin", "192.0.2.1", device="owner's phone")) for _ in range(10)] == [0] * 10
    assert throttle.admit(Attempt("lin", "192.0.2.1", device="owner's phone")) > 0


def test_a_stranger_in_the_owners_own_office_does_not_keep_the_owners_browser_out(throttle):
    for number in range(40):
        throttle.admit(Attempt(f"guess{number}", OWNER))
    assert throttle.admit(Attempt("lin", OWNER)) > 0
    assert throttle.admit(Attempt("lin", OWNER, device="owner's phone")) == 0


def test_a_browser_that_others_use_too_gives_them_no_endless_attempts(throttle, clock):
    attempt = Attempt("lin", OWNER, device="the workshop's computer")
    admitted = 0
    for _ in range(3 * 3600 // 2):
        clock.at += 2
        admitted += throttle.admit(attempt) == 0
    assert admitted <= 3 * (60 + 60 + 12)


def test_codes_cannot_be_guessed_from_many_addresses(throttle):
    answers = [throttle.admit(Attempt("lin", f"10.0.0.{number}", is_code=True)) for number in range(100)]
    assert answers.count(0) == 20
    assert throttle.admit(Attempt("lin", OWNER, device="owner's phone", is_code=True)) == 0


def test_a_device_is_known_for_the_accounts_that_signed_in_with_it_and_cannot_be_made_up():
    devices = Devices(b"secret")
    cookie = devices.remember(None, "lin")
    assert devices.id_for(cookie, "lin") == devices.read(cookie).id
    assert devices.id_for(cookie, "wang") is None
    both = devices.remember(cookie, "wang")
    assert devices.id_for(both, "lin") == devices.id_for(both, "wang") == devices.read(cookie).id
    assert Devices(b"other").id_for(cookie, "lin") is None
    assert Devices(b"next key", b"secret").id_for(cookie, "lin") == devices.read(cookie).id
    for forged in (None, "", cookie[:-1], cookie + "x", "e30.x.y"):
        assert devices.id_for(forged, "lin") is None


def test_a_device_has_the_name_its_owner_knows_it_by():
    firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"
    assert [device_name(agent) for agent in (firefox, phone, "curl/8", None)] == [
        "Firefox, Windows",
        "Safari, iPhone",
        "",
        "",
    ]


async def test_the_owners_browser_is_let_in_while_the_account_is_attacked(tmp_path):
    board = staff(tmp_path, [("lin", "viewer", ("C1",))])
    with board.browser(address=OWNER) as owner:
        await owner.sign_in("lin")
        await owner.send("/ops", "/logout")
        owner.client.cookies.delete("fixtrail_session")
        for number in range(60):
            with board.browser(address=f"198.51.100.{number}") as stranger:
                assert (await stranger.sign_in("lin", "wrong password")).status_code == 401
        with board.browser(address="198.51.100.1") as stranger:
            assert (await stranger.sign_in("lin", "wrong password")).status_code == 429
        assert (await owner.sign_in("lin", "mistyped it")).status_code == 401
        assert (await owner.sign_in("lin")).status_code == 303
