"""Who is to be told by which channel, and the configuration that says so."""

from datetime import time
from pathlib import Path
from typing import Any

import pytest

from runtime.personal.vault import ERASED, RESTRICTED, Unsealed
from schemas.facts import Notice
from schemas.toml_file import TomlFileError
from sinks.push.address import AddressKeys, Recipient, parse_recipient, target_secret
from sinks.push.channels.console import Console
from sinks.push.config import ConsoleSection, PushSettings, read_push_settings
from sinks.push.ledger.ledger import Send
from sinks.push.plan import HEAD_START_MS, Planner, UnusableNoticeError, read_notice
from tests.paths import ROOT
from tests.providers.messages import HOUR, a_notice, now_ms

KEYS = AddressKeys(b"a key for tests")


def planned(
    *recipients: str, also: tuple[str, ...] = (), subscribed: tuple[str, ...] = (), **fields: Any
) -> list[Send]:
    """What a notice to these recipients comes to where only the console is set up."""
    planner = Planner({"console": Console(ConsoleSection())}, KEYS, also)
    notice = Notice.model_validate(a_notice(recipients=list(recipients), **fields))
    return planner.sends(notice, 3, now_ms(), subscribed)


def outcomes(*sends: Send) -> list[tuple[str, str, str]]:
    return [(send.channel, send.state, send.reason) for send in sends]


def test_each_recipient_is_one_send():
    first, two = planned("console:a", "console:b")

    assert (first.state, first.shard, first.lane) == ("PLANNED", 3, "console")
    assert first.id != two.id
    assert first.address == "a"
    assert "recipients" not in (first.notice or "")


def test_the_same_notice_has_the_same_ids_and_a_recipient_counts_once():
    at = now_ms()

    assert [send.id for send in planned("console:a", "console:a", at=at)] == [
        send.id for send in planned("console:a", at=at)
    ]


def test_a_journey_gets_a_head_start():
    at = now_ms()
    (send,) = planned("console:a", at=at)
    (later,) = planned("console:a", at=at, not_before=at + HOUR)

    assert at + HEAD_START_MS <= send.due_at <= at + HEAD_START_MS + 2000
    assert later.due_at == at + HOUR


def test_what_nobody_will_send_is_written_down_without_an_address():
    sends = planned("sms:+8613800000000", "nonsense", "")

    assert outcomes(*sends) == [
        ("sms", "SUPPRESSED", "channel sms is not set up"),
        ("none", "SUPPRESSED", "the address names no channel"),
        ("none", "SUPPRESSED", "the address names no channel"),
    ]
    assert not any(send.address or send.notice for send in sends)


def test_a_number_in_the_place_of_a_channel_is_not_written_down():
    sends = planned("13800138000:sms", "+8613800138000:x", "a13800138000:")

    assert {(send.channel, send.lane, send.reason) for send in sends} == {
        ("none", "none", "the address names no channel")
    }
    assert "13800138000" not in "".join(map(repr, sends))
    (send,) = planned("sms2go-cn:x")
    assert send.reason == "channel sms2go-cn is not set up"


def test_a_notice_for_nobody_is_written_down_too():
    assert outcomes(*planned()) == [("none", "SUPPRESSED", "no address")]


def test_what_is_too_old_when_it_comes_is_final_at_once():
    (send,) = planned("console:a", at=now_ms() - 400 * 24 * HOUR)

    assert outcomes(send) == [("console", "EXPIRED", "already too old when it came")]
    assert send.address is None


def test_others_may_be_told_besides_the_customer():
    assert [send.address for send in planned("console:a", also=("console:", "console:a"))] == ["a", ""]
    assert outcomes(*planned(also=("console:",)))[0] == ("none", "SUPPRESSED", "no address")


def test_who_subscribed_to_an_order_is_told_as_its_customer_is():
    assert [send.address for send in planned("console:a", subscribed=("console:b", "console:a"))] == ["a", "b"]


@pytest.mark.parametrize("value", [None, b"", b"{}", b"[]", b"\xff", b'{"notice_id": 7}'])
def test_what_is_no_notice_is_said_without_its_content(value: bytes | None):
    with pytest.raises(UnusableNoticeError) as refused:
        read_notice(value)

    assert "7" not in str(refused.value)


# Addresses


@pytest.mark.parametrize("number", ["sms:+86 138-0000 0000", "SMS:+8613800000000", " sms: (+86)13800000000 "])
def test_a_telephone_number_is_the_same_however_it_is_written(number: str):
    assert parse_recipient(number) == Recipient("sms", "+8613800000000")


def test_a_mailbox_is_the_same_person_in_capitals():
    assert KEYS.person(parse_recipient("mailto:A@B.example")) == KEYS.person(parse_recipient("mailto:a@b.example"))


def test_keys_tell_nothing_and_differ_by_secret_and_purpose():
    someone, other_keys = Recipient("sms", "+861"), AddressKeys(b"another key")

    assert "861" not in KEYS.person(someone)
    assert KEYS.person(someone) != other_keys.person(someone)
    assert KEYS.send_id("n1", someone) != KEYS.send_id("n2", someone)
    assert (
        len({target_secret(key, origin) for key in (b"1", b"2") for origin in ("https://a:443", "https://b:443")}) == 4
    )
    assert "host" not in KEYS.lane("webhook", "https://host:443")


def test_an_address_shows_in_no_repr():
    assert "13800000000" not in repr(Recipient("sms", "+8613800000000"))
    assert "13800000000" not in repr(planned("console:+8613800000000"))


@pytest.mark.parametrize("text", ["", ":", "nothing", "a b:c", "ключ:x", "a:b".replace("a", "")])
def test_what_is_no_address_is_refused_without_saying_it(text: str):
    with pytest.raises(ValueError, match="no scheme:address"):
        parse_recipient(text)


# Configuration


def test_without_a_file_nobody_is_messaged_and_the_log_is_told():
    settings = read_push_settings(None)

    assert settings.also == ("console:",)
    assert (settings.webhook, settings.wechat, settings.webpush, settings.apprise) == (None, None, None, {})


def test_the_documented_example_is_a_valid_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = (ROOT / "docs" / "notices.md").read_text(encoding="utf-8")
    example = text.split("```toml\n", 1)[1].split("```", 1)[0]
    for name in ("VAPID_KEY", "WECHAT_SECRET", "SMS_URL", "MAIL_URL", "WECOM_URL"):
        monkeypatch.setenv(name, "json://host/{address}")
    (tmp_path / "push.toml").write_text(example, encoding="utf-8")

    settings = read_push_settings(tmp_path / "push.toml")

    assert settings.policy().quiet_from == time(21)
    assert set(settings.apprise) == {"sms", "mailto", "wecom"}


def test_docker_compose_messages_nobody_until_it_is_told_to():
    settings = read_push_settings(ROOT / "compose" / "push" / "push.toml")

    assert settings == read_push_settings(None)


@pytest.mark.parametrize(
    ("text", "error_text"),
    [
        ("x = [", "Invalid value"),
        ("colour = 1", "colour: unknown key"),
        ('[webpush]\nprivate_key = "s3cret"\ncontact = "mailto:a@b"', "not written down here"),
        ('[wechat]\napp_id = "a"\nsecret = "env:NOT_THERE"', "the environment has no NOT_THERE"),
        ('[wechat]\napp_id = "a"\nsecret = "file:/not/there"', "/not/there cannot be read"),
        ('time_zone = "Mars/Olympus"', "no time zone"),
        ('[apprise.sms]\nurl = "env:PATH"', "says nowhere {address}"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong_and_no_secret(text: str, error_text: str, tmp_path: Path):
    (tmp_path / "push.toml").write_text(text)

    with pytest.raises(TomlFileError) as refused:
        read_push_settings(tmp_path / "push.toml")

    assert error_text in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_secrets_show_in_no_repr(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WECHAT_SECRET", "s3cret")
    settings = PushSettings.model_validate({"wechat": {"app_id": "a", "secret": "env:WECHAT_SECRET"}})

    assert settings.wechat is not None
    assert settings.wechat.secret == "s3cret"
    assert "s3cret" not in repr(settings)


def test_a_sealed_address_is_sent_to_as_if_it_stood_there_in_clear():
    planner = Planner({"console": Console(ConsoleSection())}, KEYS)
    notice = Notice.model_validate(a_notice(recipients=["sealed:key.text"]))
    (sealed,) = planner.sends(notice, 3, now_ms(), unsealed={"sealed:key.text": Unsealed("console:a")})
    (clear,) = planned("console:a")

    assert (sealed.id, sealed.person, sealed.address) == (clear.id, clear.person, "a")


@pytest.mark.parametrize("why", [ERASED, RESTRICTED])
def test_nobody_is_told_by_an_address_that_is_erased_or_restricted(why: Unsealed):
    planner = Planner({"console": Console(ConsoleSection())}, KEYS)
    notice = Notice.model_validate(a_notice(recipients=["sealed:key.text"]))
    sends = planner.sends(notice, 3, now_ms(), unsealed={"sealed:key.text": why})

    assert outcomes(*sends) == [("sealed", "SUPPRESSED", f"the address is {why.reason}")]
    assert sends[0].address is None
