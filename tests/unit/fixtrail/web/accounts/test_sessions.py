"""Sessions live in a signed cookie, and end when they should."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.web.accounts import session_records
from fixtrail.web.accounts.sessions import SCREEN_S, Sessions
from fixtrail.web.accounts.users import Account, Directory, person_of, write_users
from fixtrail.web.events import NotAcknowledgedError
from tests.staff import HASHED

IDLE_S, WHOLE_S = 600, 3600


class Clock:
    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


def an_account(**changed: object) -> Account:
    return Account.model_validate({"name": "lin", "password": HASHED, "centers": ["C1"], "role": "manager", **changed})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(tmp_path: Path) -> Path:
    write_users(tmp_path / "users.toml", {"lin": an_account()})
    return tmp_path / "users.toml"


@pytest.fixture
def sessions(users: Path, clock: Clock) -> Sessions:
    return Sessions(b"secret", Directory(users), idle_s=IDLE_S, absolute_s=WHOLE_S, clock=clock)


def test_a_session_is_read_again_by_any_process_that_knows_the_key(sessions, users, clock):
    cookie = sessions.seal(sessions.begin(an_account()))
    another = Sessions(b"secret", Directory(users), idle_s=IDLE_S, absolute_s=WHOLE_S, clock=clock)
    opened = another.open(cookie)
    assert opened is not None
    assert opened.person == person_of("lin", "manager", ["C1"])
    stranger = Sessions(b"other", Directory(users), idle_s=IDLE_S, absolute_s=WHOLE_S, clock=clock)
    assert stranger.open(cookie) is None


@given(st.data())
def test_no_cookie_with_another_byte_is_honoured(data):
    directory = Directory(None, f'[[user]]\nname = "lin"\ncenters = ["C1"]\npassword = "{HASHED}"')
    sessions = Sessions(b"secret", directory, idle_s=IDLE_S, absolute_s=WHOLE_S)
    cookie = sessions.seal(sessions.begin(an_account()))
    assert sessions.open(cookie) is not None
    at = data.draw(st.integers(0, 2**20)) % len(cookie)
    sign = data.draw(st.characters(codec="ascii"))
    forged = cookie[:at] + sign + cookie[at + 1 :]
    opened = sessions.open(forged)
    if forged == cookie:
        return
    # The last letter of a base64 signature carries bits that do not count.
    assert opened is None or (at == len(cookie) - 1 and opened.account == "lin")


@pytest.mark.parametrize("cookie", [None, "", "x", "e30.x", "." * 50, "W10.AAAA"])
def test_rubbish_is_no_session(sessions, cookie):
    assert sessions.open(cookie) is None


def test_an_unused_session_ends_and_a_used_one_lasts_until_its_whole_time_is_over(sessions, clock):
    session = sessions.begin(an_account())
    clock.at += IDLE_S - 1
    assert sessions.open(sessions.seal(session)) is not None
    clock.at += 1
    assert sessions.open(sessions.seal(session)) is None
    session, began = sessions.begin(an_account()), clock.at
    while clock.at - began < WHOLE_S:
        opened = sessions.open(sessions.seal(session))
        assert opened is not None
        session = sessions.used(opened) or opened
        clock.at += 120
    assert sessions.open(sessions.seal(session)) is None


def test_a_screen_on_a_wall_stays_signed_in_for_thirty_days(tmp_path, clock):
    screen = an_account(name="wall", role="viewer", screen=True)
    write_users(tmp_path / "u.toml", {"wall": screen})
    sessions = Sessions(b"secret", Directory(tmp_path / "u.toml"), idle_s=IDLE_S, absolute_s=WHOLE_S, clock=clock)
    cookie = sessions.seal(sessions.begin(screen))
    clock.at += SCREEN_S - 1
    assert sessions.open(cookie) is not None
    clock.at += 1
    assert sessions.open(cookie) is None


def test_signing_out_ends_every_copy_of_the_cookie(sessions):
    session = sessions.begin(an_account())
    copy = sessions.seal(session)
    sessions.end(session)
    assert sessions.open(copy) is None


def test_an_administrator_ends_all_sessions_begun_so_far_and_none_begun_later(sessions, clock):
    cookie = sessions.seal(sessions.begin(an_account()))
    sessions.end_all("lin")
    assert sessions.open(cookie) is None
    clock.at += 1
    assert sessions.open(sessions.seal(sessions.begin(an_account()))) is not None


def test_a_session_has_the_role_of_today_and_ends_with_its_account_or_password(sessions, users):
    cookie = sessions.seal(sessions.begin(an_account()))
    write_users(users, {"lin": an_account(role="viewer", centers=["C2"])})
    opened = sessions.open(cookie)
    assert opened is not None
    assert opened.person == person_of("lin", "viewer", ["C2"])
    write_users(users, {"lin": an_account(password=HASHED + "x")})
    assert sessions.open(cookie) is None
    write_users(users, {})
    assert sessions.open(cookie) is None


def test_a_providers_sessions_end_when_another_provider_is_set(users, clock):
    def with_issuer(issuer: str | None) -> Sessions:
        return Sessions(b"secret", Directory(users), idle_s=IDLE_S, absolute_s=WHOLE_S, issuer=issuer, clock=clock)

    before = with_issuer("https://one.example")
    wei = person_of("wei", "viewer", ["*"], ("https://one.example", "0815"))
    cookie = before.seal(before.begin_provided(wei))
    opened = before.open(cookie)
    assert opened is not None
    assert opened.person == wei
    assert with_issuer("https://two.example").open(cookie) is None
    assert with_issuer(None).open(cookie) is None


def test_a_forms_token_belongs_to_one_session(sessions):
    mine, second = sessions.begin(an_account()), sessions.begin(an_account())
    assert sessions.is_form_token(mine, sessions.form_token(mine))
    assert not sessions.is_form_token(mine, sessions.form_token(second))
    assert not sessions.is_form_token(mine, "")
    assert not sessions.is_form_token(mine, "é")


def restarted(sessions: Sessions, users: Path, clock: Clock) -> Sessions:
    """Another process, or the same one after a restart, that has read the topic."""
    another = Sessions(b"secret", Directory(users), idle_s=IDLE_S, absolute_s=WHOLE_S, clock=clock)
    another.records.apply(
        SimpleNamespace(headers=(), key=key.encode(), value=record.model_dump_json().encode(), partition=0, offset=0)
        for key, record in sessions.records.items()
    )
    return another


def test_a_session_that_was_ended_is_over_after_a_restart_and_in_other_replicas(sessions, users, clock):
    session, second = sessions.begin(an_account()), sessions.begin(an_account())
    sessions.end(session)
    assert restarted(sessions, users, clock).open(sessions.seal(session)) is None
    assert restarted(sessions, users, clock).open(sessions.seal(second)) is not None
    sessions.end_all("lin")
    assert restarted(sessions, users, clock).open(sessions.seal(second)) is None


def test_a_record_of_the_beginning_that_comes_late_begins_nothing_again(sessions, users, clock):
    session = sessions.begin(an_account())
    began = dict(sessions.records)
    sessions.end(session)
    for key, record in began.items():
        value = record.model_dump_json().encode()
        sessions.records.apply([SimpleNamespace(headers=(), key=key.encode(), value=value, partition=0, offset=0)])
    assert sessions.open(sessions.seal(session)) is None


def test_two_people_of_one_name_at_the_provider_are_two(users, clock):
    sessions = Sessions(
        b"s", Directory(users), idle_s=IDLE_S, absolute_s=WHOLE_S, issuer="https://id.example", clock=clock
    )
    lin, wei = (person_of("lin", "viewer", ["*"], ("https://id.example", sub)) for sub in ("1", "2"))
    cookies = [sessions.seal(sessions.begin_provided(person)) for person in (lin, wei)]
    local = sessions.seal(sessions.begin(an_account()))
    sessions.end_all(lin.identity)
    assert [sessions.open(cookie) is None for cookie in (*cookies, local)] == [True, False, False]
    assert lin.label == "lin (id.example)"


def test_ones_own_sessions_are_listed_until_they_end(sessions, clock):
    first = sessions.begin(an_account(), "Firefox, Windows")
    clock.at += 10
    second = sessions.begin(an_account(), "Safari, iPhone")
    sessions.begin(an_account(name="wang"))
    assert [record.device for record in sessions.open_sessions("lin").values()] == [
        "Safari, iPhone",
        "Firefox, Windows",
    ]
    sessions.end(first)
    assert list(sessions.open_sessions("lin")) == [second.id]
    clock.at += WHOLE_S
    assert sessions.open_sessions("lin") == {}


async def test_what_was_ended_while_kafka_was_away_is_sent_when_it_is_back(sessions, monkeypatch):
    monkeypatch.setattr(session_records, "AGAIN_S", 0.01)
    sent: list[tuple[bytes, str]] = []

    async def write(value: bytes, key: bytes, topic: str) -> None:
        if len(sent) < 2:
            sent.append((b"", "away"))
            raise NotAcknowledgedError("Kafka is away")
        sent.append((key, topic))

    session = sessions.begin(an_account())
    sessions.end(session)
    sending = asyncio.create_task(sessions.records.send(write))
    await asyncio.sleep(0)
    assert await sessions.records.flush()
    assert sent[2:] == [(f"session {session.id}".encode(), "staff-sessions")]
    sending.cancel()
