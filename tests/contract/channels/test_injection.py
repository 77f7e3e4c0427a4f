"""What upstream writes into an order reaches a provider as text, and starts nothing there, whatever the channel."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest

from sinks.push.channel import Accepted
from tests.contract.channels.setups import Ready, mail, webhook, webpush, wechat
from tests.providers.hostile import HOSTILE, elements, starts_something
from tests.providers.mail import MailServer
from tests.providers.messages import HOUR, a_message, now_ms
from tests.providers.push_service import PushService
from tests.providers.sms_gateway import ChatServer, SmsGateway
from tests.providers.webhooks import Webhooks
from tests.providers.wechat import WechatServer

LINK = "https://go.example.com/t/abcdefghijklmnopqrstuv"
AT = 1_772_442_000_000  # no digits of a time that a template could have made


def read(provider: Any, answer: Any) -> list[str]:
    """What of a message that was taken is for a person to read."""
    match provider:
        case Webhooks():
            return [answer[1]["data"]["title"], answer[1]["data"]["text"]]
        case PushService():
            return [answer["title"], answer["body"]]
        case WechatServer():
            return [field["value"] for field in answer["data"].values()]
        case SmsGateway() | ChatServer():
            return [answer[1]]
        case MailServer():
            return [answer[1]["Subject"]]
    # The console masks the end of our own link.
    return [answer.replace(f"{LINK.rpartition('/')[0]}/…", LINK)]


async def deliver(ready: Ready, **values: str) -> Any:
    """What the provider took of a message with these values; None where the channel refused to send it."""
    before, style = ready.accepted, ready.channel.traits.style
    fields = {"at": AT, "expires_at": now_ms() + HOUR, "locale": "en", **values}
    message = a_message(style, ready.address, "part_delayed", **fields)
    answer = await ready.channel.send(replace(message, id=f"{message.id}-{before}"))
    if not isinstance(answer, Accepted):
        assert ready.accepted == before
        return None
    assert ready.accepted == before + 1
    return ready.provider.accepted[-1]


@pytest.mark.parametrize("field", ["part_no", "order_id"])
async def test_whatever_a_value_holds_is_read_as_text(ready: Ready, field: str):
    for value in HOSTILE:
        answer = await deliver(ready, **{field: value})
        for text in read(ready.provider, answer) if answer is not None else []:
            assert text.isprintable(), text
            assert not starts_something(text, LINK), text
    await ready.channel.close()


@pytest.mark.parametrize("setup", [webhook, webpush, wechat])
async def test_a_value_adds_no_field_to_what_machines_read(setup: Callable[[], AbstractContextManager[Ready]]):
    with setup() as ready:
        plain = await deliver(ready, part_no="P-1")

        for value in HOSTILE:
            assert _keys(await deliver(ready, part_no=value)) == _keys(plain)
        await ready.channel.close()


async def test_a_value_adds_no_header_no_recipient_and_no_tag_to_a_mail():
    with mail() as ready:
        recipients, plain = await deliver(ready, part_no="P-1")

        for value in HOSTILE:
            to, message = await deliver(ready, part_no=value, order_id=value)
            assert to == recipients
            assert message.keys() == plain.keys()
            assert [part.get_content_type() for part in message.walk()] == [
                plain_part.get_content_type() for plain_part in plain.walk()
            ]
            assert elements(_html(message)) == elements(_html(plain))
        await ready.channel.close()


def _html(mail: EmailMessage) -> str:
    (page,) = [part for part in mail.walk() if part.get_content_type() == "text/html"]
    return str(page.get_content())


def _keys(value: Any) -> Any:
    """The shape of something made of dicts and lists."""
    if isinstance(value, dict):
        return {name: _keys(item) for name, item in value.items() if name != "_headers"}
    return [_keys(item) for item in value] if isinstance(value, list | tuple) else None
