"""Web Push's own ways: what the browser decrypts, one message an order, subscriptions that are gone."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from sinks.push.channel import Accepted, Answer, Rejected
from sinks.push.channels.webpush import new_private_key, public_key, topic_of
from tests.contract.channels.setups import Ready, webpush
from tests.providers.messages import a_message
from tests.workshop import R1, R2


@pytest.fixture
def ready() -> Iterator[Ready]:
    with webpush() as setup:
        yield setup


def send(ready: Ready, *milestones: str, order_id: str = "R1") -> list[Answer]:
    async def one_by_one() -> list[Answer]:
        answers = [
            await ready.channel.send(a_message("line", ready.address, milestone, order_id=order_id))
            for milestone in milestones
        ]
        await ready.channel.close()
        return answers

    return asyncio.run(one_by_one())


def test_the_browser_decrypts_what_we_said(ready: Ready):
    assert send(ready, "ready") == [Accepted()]

    (message,) = ready.provider.accepted
    assert message["title"] == "Your car is ready"
    assert message["body"].startswith("Your car (order R1) is ready for you at Shanghai Pudong.")
    assert message["url"].startswith("https://go.example.com/t/")


def test_a_newer_message_of_an_order_takes_the_place_of_one_that_was_not_fetched(ready: Ready):
    send(ready, "repair_started", "ready")

    assert [message["title"] for message in ready.provider.waiting.values()] == ["Your car is ready"]


def test_an_order_is_not_told_by_its_topic():
    assert len(topic_of(R1)) <= 32
    assert topic_of(R1) != topic_of(R2)
    assert "R1" not in topic_of(R1)


def test_it_lasts_as_long_as_the_message_is_true_and_what_matters_comes_first(ready: Ready):
    send(ready, "ready", "repair_started")

    urgent, calm = (message["_headers"] for message in ready.provider.accepted)
    assert (urgent["Urgency"], calm["Urgency"]) == ("high", "normal")
    assert 23 * 3600 < int(urgent["TTL"]) <= 24 * 3600


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_gone(ready: Ready, status: int):
    ready.provider.then(status)

    assert send(ready, "ready") == [Rejected(f"HTTP {status}", gone=True)]


@pytest.mark.parametrize(
    "address",
    [
        "{}",
        "null",
        "[]",
        "[" * 16_000,
        '{"endpoint": 7, "keys": {"p256dh": "x", "auth": "y"}}',
        '{"endpoint": "https://push.example.com/x", "keys": {"p256dh": "AAAA", "auth": "AAAA"}}',
        '{"endpoint": "https://push.example.com/x", "keys": {"p256dh": "*", "auth": "*"}}',
    ],
)
def test_what_is_no_subscription_is_refused(ready: Ready, address: str):
    ready.address = address

    assert isinstance(send(ready, "ready")[0], Rejected)


def test_a_subscription_may_not_lead_into_our_own_network(ready: Ready):
    subscription = json.loads(ready.address)
    ready.channel._section = ready.channel._section.model_copy(update={"allow_private": False})
    ready.address = json.dumps({**subscription, "endpoint": subscription["endpoint"].replace("http:", "https:")})

    assert send(ready, "ready") == [Rejected("the target is not one that may be called")]


def test_the_pages_key_belongs_to_ours():
    assert len(public_key(new_private_key())) == 87
