"""WeChat's own ways: tokens that end early, forms with limits, one consent a message."""

import asyncio
from collections.abc import Iterator

import pytest

from sinks.push.channel import Accepted, Answer, ConsentNeeded, NotSent, Rejected
from sinks.push.channels.wechat import fit
from tests.contract.channels.setups import Ready, wechat
from tests.providers.messages import a_message


@pytest.fixture
def ready() -> Iterator[Ready]:
    with wechat() as setup:
        yield setup


def send(ready: Ready, number: int = 1, *, between=lambda: None, milestone: str = "repair_started") -> list[Answer]:
    async def one_by_one() -> list[Answer]:
        answers = []
        for _ in range(number):
            answers.append(await ready.channel.send(a_message("fields", ready.address, milestone)))
            between()
        await ready.channel.close()
        return answers

    return asyncio.run(one_by_one())


def test_one_token_serves_many_messages(ready: Ready):
    assert all(isinstance(answer, Accepted) for answer in send(ready, 5))
    assert ready.provider.tokens == 1


def test_a_token_that_ends_early_is_renewed_and_the_message_goes_once(ready: Ready):
    answers = send(ready, 3, between=ready.provider.forget_token)

    assert all(isinstance(answer, Accepted) for answer in answers)
    assert (ready.accepted, ready.provider.tokens) == (3, 3)


def test_a_token_that_wechat_calls_expired_is_renewed(ready: Ready):
    def expire() -> None:
        ready.provider.good_until = 0.0

    assert isinstance(send(ready, 2, between=expire)[1], Accepted)


def test_a_token_that_stays_refused_is_forced_once_and_then_left_alone(ready: Ready):
    """A forced renewal is rationed by WeChat: it must not be asked for at every message."""

    def refuse_all() -> None:
        ready.provider.token, ready.provider.good_until = "token-1", float("inf")
        ready.provider._send = lambda token, request: {"errcode": 40001, "errmsg": "invalid credential"}

    answers = send(ready, 4, between=refuse_all)

    assert isinstance(answers[0], Accepted)
    assert all(isinstance(answer, NotSent) for answer in answers[1:])
    assert ready.provider.forced == 1


def test_a_customer_who_has_not_agreed_gets_nothing(ready: Ready):
    ready.provider.consents.clear()

    assert send(ready) == [Rejected("WeChat: 43101, the customer has not agreed", no_consent=True)]


def test_a_form_that_wechat_does_not_know_is_refused_for_good(ready: Ready):
    ready.provider.templates.clear()

    assert send(ready) == [Rejected("WeChat: 40037")]


def test_a_field_that_breaks_a_rule_is_named(ready: Ready):
    ready.provider._send = lambda token, request: {
        "errcode": 47003,
        "errmsg": "argument invalid! data.thing1.value invalid rid: 65f0",
    }

    assert send(ready) == [Rejected("WeChat: 47003, field thing1 breaks a rule")]


def test_when_the_day_is_used_up_it_waits(ready: Ready):
    ready.provider._send = lambda token, request: {"errcode": 45009, "errmsg": "reach max api daily quota limit"}

    assert send(ready) == [NotSent("WeChat: 45009", 3600.0)]


def test_without_a_token_surely_nothing_was_sent(ready: Ready):
    ready.provider._stable_token = lambda request: {"errcode": 40125, "errmsg": "invalid appsecret"}

    assert send(ready) == [NotSent("no access token: 40125", 60.0)]


def test_only_milestones_with_a_form_need_a_consent(ready: Ready):
    assert ready.channel.consent("repair_started") == ConsentNeeded("tmpl-progress", 0)
    assert ready.channel.consent("checked_in") is None


@pytest.mark.parametrize(
    ("field", "value", "fitted"),
    [
        ("thing1", "车辆已接收", "车辆已接收"),
        ("thing1", "很" * 30, "很" * 19 + "…"),
        ("phrase2", "维修中 (R1)", "维修中"),
        ("phrase2", "正在为您检查车辆", "正在为您检"),
        ("character_string3", "R-1001 甲", "R-1001"),
        ("character_string3", "x" * 64, "x" * 32),
        ("amount4", "¥769.90", "¥769.90"),
        ("amount4", "€769.90", "€769.90"),
        ("time5", "2026年3月2日 15:30", "2026年3月2日 15:30"),
    ],
)
def test_values_are_made_to_fit_their_fields(field: str, value: str, fitted: str):
    assert fit(field, value) == fitted


@pytest.mark.parametrize(
    ("field", "value"),
    [("thing1", ""), ("phrase2", "ready"), ("amount4", "¥99999999999"), ("amount4", "1e5"), ("time5", "soon")],
)
def test_a_value_that_no_cut_makes_fit_is_not_sent(field: str, value: str):
    with pytest.raises(ValueError):
        fit(field, value)
