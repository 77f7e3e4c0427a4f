"""A request that is repeated under its idempotency key."""

import asyncio

import pytest

from tests.event_api import SURVEY, Api, api, problem_of

__all__ = ["api"]


async def test_a_repeated_request_gets_the_same_answer_and_sends_nothing(api: Api):
    repeated = {"idempotency-key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
    first = await api.post([SURVEY, {}], headers=repeated)

    second = await api.post([SURVEY, {}], headers=repeated)

    assert (second.status_code, second.content) == (first.status_code, first.content) == (207, first.content)
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert len(api.values) == 1
    bare = {"idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
    assert (await api.post([SURVEY, {}], headers=bare)).content == first.content


async def test_the_key_of_another_request_is_refused(api: Api):
    repeated = {"idempotency-key": '"k"'}
    await api.post(SURVEY, headers=repeated)

    for body, headers in ((SURVEY | {"score": 1}, {}), (SURVEY, {"prefer": "handling=strict"})):
        answer = await api.post(body, headers=repeated | headers)
        assert (answer.status_code, problem_of(answer)) == (422, "idempotency-key-reused")
    assert (await api.post(SURVEY | {"score": 1}, headers=repeated, key=api.key())).status_code == 202
    assert len(api.values) == 2


async def test_a_repeat_while_the_first_is_under_way_is_a_conflict(api: Api):
    repeated = {"idempotency-key": '"k"'}
    api.producer.answer_after.clear()
    first = asyncio.create_task(api.post(SURVEY, headers=repeated))
    await asyncio.sleep(0.05)

    second = await api.post(SURVEY, headers=repeated)

    assert (second.status_code, problem_of(second)) == (409, "idempotency-key-in-use")
    api.producer.answer_after.set()
    assert (await first).status_code == 202
    assert (await api.post(SURVEY, headers=repeated)).headers["idempotent-replayed"] == "true"


async def test_what_failed_is_done_again(api: Api):
    repeated = {"idempotency-key": '"k"'}
    api.producer.loses = 1
    assert (await api.post(SURVEY, headers=repeated)).status_code == 503

    assert (await api.post(SURVEY, headers=repeated)).status_code == 202
    assert len(api.values) == 2


@pytest.mark.parametrize("value", ["", '""', '"a', "a b", '"é"', "x" * 256])
async def test_what_is_no_idempotency_key(api: Api, value: str):
    answer = await api.post(SURVEY, headers={"idempotency-key": value.encode()})

    assert (answer.status_code, problem_of(answer)) == (400, "idempotency-key-invalid")
    assert api.values == []
