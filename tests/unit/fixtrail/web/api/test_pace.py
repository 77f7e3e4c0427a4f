"""What a key may send comes back evenly, and a sender that waits as it was told is let in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.web.api.pace import WRONG_KEYS_PER_MINUTE, KeyQuotas
from fixtrail.web.api.problems import ApiError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def wait_of(error: pytest.ExceptionInfo[ApiError]) -> int:
    assert error.value.headers is not None
    return int(error.value.headers["Retry-After"])


def test_no_two_quotas_fit_around_the_border_of_a_minute():
    clock = Clock()
    quotas = KeyQuotas(clock)
    quotas.consume("k", 600, 600)
    clock.now += 1

    quotas.consume("k", 600, 10)
    with pytest.raises(ApiError) as error:
        quotas.consume("k", 600, 590)
    assert wait_of(error) == 59


@given(
    quota=st.integers(1, 100_000),
    steps=st.lists(st.tuples(st.floats(0, 90), st.integers(1, 100_000)), min_size=1, max_size=20),
)
def test_whoever_waits_as_told_is_let_in_and_nobody_sends_more_than_the_quota(quota, steps):
    clock = Clock()
    quotas, began, sent = KeyQuotas(clock), clock.now, 0
    for pause_s, events in steps:
        clock.now += pause_s
        events = min(events, quota)
        try:
            quotas.consume("k", quota, events)
        except ApiError as error:
            assert error.headers is not None
            clock.now += int(error.headers["Retry-After"])
            quotas.consume("k", quota, events)
        sent += events
        assert sent <= quota + (clock.now - began) * quota / 60 + 1e-3


def test_a_refused_request_uses_up_nothing_and_a_refused_body_its_bytes():
    clock = Clock()
    quotas = KeyQuotas(clock)
    with pytest.raises(ApiError):
        quotas.consume("k", 10, 11)
    assert quotas.consume("k", 10, 1).remaining == 9

    quotas.charge("k", 10, 1024 * 1024)
    with pytest.raises(ApiError) as error:
        quotas.check("k", 10)
    assert wait_of(error) == 66
    quotas.check("another", 10)


def test_the_headers_say_what_is_left_and_when_it_is_whole_again():
    state = KeyQuotas(Clock()).consume("k", 60, 45)

    assert state.headers() == {"RateLimit-Policy": '"events";q=60;w=60', "RateLimit": '"events";r=15;t=45'}


def test_wrong_keys_of_an_address_wait_until_the_oldest_is_a_minute_ago():
    clock = Clock()
    quotas = KeyQuotas(clock)
    for _ in range(WRONG_KEYS_PER_MINUTE):
        quotas.may_try("192.0.2.1")
        quotas.note_wrong("192.0.2.1")
        clock.now += 0.5

    with pytest.raises(ApiError) as error:
        quotas.may_try("192.0.2.1")
    clock.now += wait_of(error)
    quotas.may_try("192.0.2.1")
    quotas.may_try("192.0.2.2")
