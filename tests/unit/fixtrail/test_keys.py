"""Keys: long enough, one for each purpose, and changed without breaking what was signed before."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Receiver

from fixtrail.all_settings import Settings
from fixtrail.configuration import links_of
from fixtrail.customers.keys import webhook_secret
from fixtrail.operations.keys_in_use import keys_in_use
from fixtrail.tracking_links import Links
from fixtrail.web.accounts.sessions import Session, Sessions
from fixtrail.web.accounts.users import Directory, person_of
from runtime.failure import REFUSED, ExitError
from runtime.key_strength import MIN_KEY_BYTES, key_id, new_key
from schemas.order_key import OrderKey
from sinks.push.address import target_secret
from sinks.push.channels.webhook import Webhook, encoded_secret
from sinks.push.config import WebhookSection
from tests.workshop import R1

OLD, NEW, HASH = "old key of some purpose, 32 bytes", "new key of the same purpose, long", "h" * 32
NOW = 1_800_000_000_000


def settings(folder: Path, **values: object) -> Settings:
    return Settings(data=folder, **{"hash_key": HASH, **values})  # type: ignore[arg-type]


# Too short


@pytest.mark.parametrize("short", ["a", "workshop2026", "k" * 31])
@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("hash_key", Settings.secret),
        ("hash_key", Settings.link_keys),
        ("hash_key", Settings.session_keys),
        ("hash_key", Settings.webhook_keys),
        ("link_key", Settings.link_keys),
        ("link_key_old", Settings.link_keys),
        ("session_key", Settings.session_keys),
        ("session_key_old", Settings.session_keys),
        ("webhook_key", Settings.webhook_keys),
        ("webhook_key_old", Settings.webhook_keys),
    ],
)
def test_a_key_that_can_be_guessed_is_refused_with_the_command_that_makes_one(tmp_path, name, use, short):
    with pytest.raises(ExitError) as refused:
        use(settings(tmp_path, **{name: short}))

    text = str(refused.value)
    assert refused.value.exit_code == REFUSED
    assert text.startswith(f"FIXTRAIL_{name.upper()} has {len(short)} bytes, at least {MIN_KEY_BYTES} are needed")
    assert "`fixtrail keys new`" in text
    assert len(short) < 5 or short not in text


def test_a_fresh_key_is_long_enough_and_no_two_are_the_same():
    keys = {new_key() for _ in range(50)}

    assert len(keys) == 50
    assert all(len(key.encode()) >= MIN_KEY_BYTES for key in keys)


def test_an_installation_with_a_short_hash_key_may_keep_its_pseudonyms_and_signs_nothing_with_it(tmp_path: Path):
    short = settings(tmp_path, hash_key="workshop2026", hash_key_short=True)

    assert short.secret() == b"workshop2026"
    for keys in (short.link_keys, short.session_keys, short.webhook_keys):
        with pytest.raises(ExitError, match="FIXTRAIL_HASH_KEY has 12 bytes"):
            keys()
    own = settings(
        tmp_path, hash_key="workshop2026", hash_key_short=True, link_key=NEW, session_key=NEW, webhook_key=NEW
    )
    assert own.link_keys() == own.session_keys() == own.webhook_keys() == (NEW.encode(),)


# One key for each purpose


def opened(links: Links, token: str) -> OrderKey | None:
    link = links.opens(token, NOW)
    return None if link is None or not links.is_of(link, "V1") else link.order


def test_with_the_one_key_of_before_everything_stays_as_it_was(tmp_path: Path):
    """Links, sessions and webhook secrets of before are still good after an update."""
    first = settings(tmp_path)
    token = Links(HASH.encode()).issue(R1, "V1", NOW)

    assert opened(Links(*first.link_keys()), token) == R1
    assert webhook_secret(first, "https://a.example/in") == encoded_secret(
        target_secret(HASH.encode(), "https://a.example:443")
    )
    assert len(first.session_keys()[0]) == 32 and first.session_keys() == settings(tmp_path).session_keys()


def test_an_empty_variable_is_none(tmp_path: Path):
    """docker-compose gives a variable that nobody has set as an empty one."""
    empty = settings(tmp_path, link_key="", link_key_old="", session_key="", webhook_key="", webhook_key_old="")

    assert empty.link_keys() == settings(tmp_path).link_keys() == (HASH.encode(),)
    assert empty.session_keys() == settings(tmp_path).session_keys()


def test_each_purpose_takes_its_own_key_from_the_stack(tmp_path: Path):
    names = ("hash_key", "link_key", "session_key", "webhook_key")
    stack = {name: f"{name} of the embedded stack, long" for name in names}
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    read = Settings(data=tmp_path)

    keys = [read.secret(), *read.link_keys(), *read.session_keys(), *read.webhook_keys()]
    assert keys == [stack[name].encode() for name in names]


def test_the_list_names_keys_by_id_and_shows_none(tmp_path: Path):
    listed = keys_in_use(settings(tmp_path, link_key=NEW, link_key_old=OLD))

    assert listed["links"] == {"current": key_id(NEW.encode()), "previous": key_id(OLD.encode()), "from": "own key"}
    assert listed["webhooks"]["from"] == "of the hash key"
    assert listed["pseudonyms"]["current"] == key_id(HASH.encode())
    assert not any(key in str(listed) for key in (NEW, OLD, HASH))


# Changing a key


def test_links_of_before_the_change_still_open_and_new_ones_are_signed_by_the_new_key(tmp_path: Path):
    before = links_of(settings(tmp_path, link_key=OLD, public_url="https://t.example"))(R1, "V1", NOW)
    changed = settings(tmp_path, link_key=NEW, link_key_old=OLD, public_url="https://t.example")
    after = links_of(changed)(R1, "V1", NOW)
    pages = Links(*changed.link_keys())
    tokens = [link.rpartition("/")[2] for link in (before, after)]

    assert [opened(pages, token) for token in tokens] == [R1, R1]
    assert [opened(Links(NEW.encode()), token) for token in tokens] == [None, R1]
    assert [opened(Links(OLD.encode()), token) for token in tokens] == [R1, None]


def test_a_link_by_a_key_that_is_gone_opens_nothing():
    token = Links(b"a key of two changes ago, 32 bytes").issue(R1, "V1", NOW)

    assert Links(NEW.encode(), OLD.encode()).opens(token, NOW) is None
    assert Links(NEW.encode()).opens(token, NOW) is None


def test_a_new_link_key_takes_over_from_the_hash_key(tmp_path: Path):
    token = Links(*settings(tmp_path).link_keys()).issue(R1, "V1", NOW)

    assert opened(Links(*settings(tmp_path, link_key=NEW, link_key_old=HASH).link_keys()), token) == R1


def test_sessions_of_before_the_change_go_on_and_are_signed_anew(tmp_path: Path):
    (tmp_path / "users.toml").write_text("")
    before = sessions(tmp_path, settings(tmp_path, session_key=OLD))
    changed = sessions(tmp_path, settings(tmp_path, session_key=NEW, session_key_old=OLD))
    after = sessions(tmp_path, settings(tmp_path, session_key=NEW))
    session = provided(before)
    cookie, form = before.seal(session), before.form_token(session)

    assert changed.open(cookie) == session
    assert changed.is_form_token(session, form)
    assert after.open(changed.seal(session)) == session
    assert after.open(cookie) is None
    assert not after.is_form_token(session, form)


async def test_a_receiver_reads_webhooks_with_the_secret_of_before_or_of_after(tmp_path: Path):
    url, body = "https://crm.example.com/in", b'{"type":"ready"}'
    changed = settings(tmp_path, webhook_key=NEW, webhook_key_old=OLD)
    channel = Webhook(WebhookSection(), changed.webhook_keys())
    now = 1_800_000_000
    signed = channel._signatures("https://crm.example.com:443", "id-1", now, body)
    await channel.close()

    old, new = (webhook_secret(settings(tmp_path, webhook_key=key), url) for key in (OLD, NEW))
    assert webhook_secret(changed, url) == new != old
    assert signed.split() == [
        Receiver(secret).sign("id-1", datetime.fromtimestamp(now, UTC), body.decode()) for secret in (new, old)
    ]


def sessions(folder: Path, own_settings: Settings) -> Sessions:
    key, *older = own_settings.session_keys()
    directory = Directory(folder / "users.toml", None)
    return Sessions(key, directory, idle_s=60, absolute_s=60, issuer="https://id.example", older=older)


def provided(of: Sessions) -> Session:
    return of.begin_provided(person_of("somebody", "viewer", ("*",), subject=("https://id.example", "subject-1")))
