"""What the push sink relies on, whatever the channel: an honest answer, and nothing personal in it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from sinks.push.channel import Accepted, Answer, Message, NotSent, Rejected, Unclear
from sinks.push.channels.registry import CHANNELS
from tests.contract.channels.setups import SETUPS, TIMEOUT_S, Ready
from tests.providers.messages import a_message


def send(ready: Ready, *, milestone: str = "repair_started", **fields: str) -> Answer:
    """One attempt to deliver a message."""
    return send_all(ready, a_message(ready.channel.traits.style, ready.address, milestone, **fields))[0]


def send_all(ready: Ready, *messages: Message) -> list[Answer]:
    """One attempt for each of the messages, one after the other."""

    async def one_by_one() -> list[Answer]:
        answers = [await ready.channel.send(message) for message in messages]
        await ready.channel.close()
        return answers

    return asyncio.run(one_by_one())


def test_every_channel_takes_part():
    assert SETUPS.keys() == CHANNELS.keys()


def test_a_message_is_taken_once(ready: Ready):
    assert isinstance(send(ready), Accepted)
    assert ready.accepted == 1


def test_a_provider_that_is_busy_has_taken_nothing(remote: Ready):
    remote.provider.then(remote.mood("later"))

    assert isinstance(send(remote), NotSent)
    assert remote.accepted == 0


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_receiver_that_asks_for_a_pause_gets_it(remote: Ready, status: int, form: str):
    if remote.mood("later") != 429:
        pytest.skip("this channel is no HTTP")
    remote.provider.retry_after[status] = "25" if form == "seconds" else formatdate(time.time() + 25, usegmt=True)
    remote.provider.then(status)

    answer = send(remote)

    assert isinstance(answer, NotSent | Unclear)
    assert answer.retry_after_s == pytest.approx(25, abs=3)
    assert remote.accepted == 0


def test_a_message_that_is_refused_is_not_sent_again(remote: Ready):
    remote.provider.then(remote.mood("never"))

    assert not isinstance(send(remote), Accepted | NotSent)
    assert remote.accepted == 0


def test_when_the_answer_is_lost_the_outcome_is_unclear(remote: Ready):
    remote.provider.then("lose")

    assert isinstance(send(remote), Unclear)
    assert remote.accepted == 1


def test_a_provider_that_does_not_answer_holds_nobody_up_for_long(remote: Ready):
    remote.provider.then("hang")
    began = time.monotonic()

    assert isinstance(send(remote), Unclear)
    assert time.monotonic() - began < TIMEOUT_S + 2.5


def test_where_nobody_listens_surely_nothing_was_sent(remote: Ready):
    remote.provider.stop()

    assert isinstance(send(remote), NotSent)


def test_the_address_is_in_no_answer_and_no_log(remote: Ready):
    remote.provider.then(*(remote.mood(name) for name in ("ok", "never", "later", "lose")))
    message = a_message(remote.channel.traits.style, remote.address)

    with logged() as lines:
        answers = repr(send_all(remote, *[message] * 4))

    assert "77" not in answers.replace(message.id, "")
    assert [line for line in lines if "77" in line] == []


@contextlib.contextmanager
def logged() -> Iterator[list[str]]:
    """What reaches the log of the process, the providers' own chatter aside."""
    lines: list[str] = []

    class Log(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith(("mail", "aiohttp.server")):
                lines.append(record.getMessage())

    log, root = Log(), logging.getLogger()
    level = root.level
    root.addHandler(log)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(log)
        root.setLevel(level)


def test_one_id_is_one_message_where_the_channel_says_so(remote: Ready):
    if not remote.channel.traits.idempotent:
        pytest.skip("this channel does not know messages by their id: none of them is sent twice")
    message = a_message(remote.channel.traits.style, remote.address)

    assert all(isinstance(answer, Accepted) for answer in send_all(remote, message, message))
    assert (remote.accepted, remote.provider.deliveries[message.id]) == (1, 2)


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
@pytest.mark.parametrize("milestone", ["repair_started", "ready"])
def test_the_provider_takes_what_each_language_says(remote: Ready, milestone: str, locale: str):
    assert isinstance(send(remote, milestone=milestone, locale=locale), Accepted)


@pytest.mark.parametrize("address", ["", "\r\nBcc: x@example.com", "a@example.com,b@example.com", "x" * 600, "{{7*7}}"])
def test_an_address_that_is_none_stops_nothing(remote: Ready, address: str):
    remote.address = address

    assert isinstance(send(remote), Rejected | NotSent | Accepted)
    assert remote.accepted <= 1
