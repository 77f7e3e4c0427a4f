"""Bodies that are made to be slow: refused before they are parsed, and on the account of the key that sends them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fixtrail.web.api.bodies import MOST_VALUES, read_body
from fixtrail.web.api.problems import ApiError
from tests.event_api import SURVEY, Api, problem_of

EIGHT_MIB = 8 * 1024 * 1024
JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/x-ndjson"}
SLOW = {
    "empty lists": (b"[" + b"[]," * (EIGHT_MIB // 3 - 2) + b"[]]", JSON),
    "empty objects": (b"[" + b"{}," * (EIGHT_MIB // 3 - 2) + b"{}]", JSON),
    "zeros": (b"[" + b"0," * (EIGHT_MIB // 2 - 2) + b"0]", JSON),
    "depth": (b"[" * (EIGHT_MIB // 2) + b"]" * (EIGHT_MIB // 2), JSON),
    "lines": (b"\n" * (EIGHT_MIB - 1), LINES),
}


@pytest.mark.parametrize("name", SLOW)
def test_a_body_of_millions_of_values_is_refused_before_it_is_parsed(name: str):
    body, headers = SLOW[name]
    began = time.process_time()
    with pytest.raises(ApiError) as refusal:
        read_body(body, headers, 1000)
    assert refusal.value.status == 413
    # Parsing took 0.3 to 3.4 s.
    assert time.process_time() - began < 0.15


async def test_what_is_refused_as_a_whole_is_paid_by_the_key(tmp_path: Path):
    api = Api(tmp_path, api_events_per_minute=10_000)
    body, _ = SLOW["empty lists"]
    answers = [await api.post(body) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [413, 413, 429, 429]
    assert problem_of(answers[-1]) == "rate-limited"
    # Another key is not concerned.
    assert (await api.post(SURVEY, key=api.key())).status_code == 202


async def test_a_small_body_that_is_no_json_costs_one_event(tmp_path: Path):
    api = Api(tmp_path, api_events_per_minute=3)
    answers = [(await api.post(b"[broken")).status_code for _ in range(4)]
    assert answers == [400, 400, 400, 429]


async def test_while_a_large_batch_is_parsed_others_are_served(tmp_path: Path):
    api = Api(tmp_path)
    comment = "ä" * 3000
    batch = [{**SURVEY, "event_id": f"e{number}", "comment": comment, "score": 99} for number in range(1000)]
    sending = asyncio.create_task(api.post(batch))
    slowest, last = 0.0, time.perf_counter()
    while not sending.done():
        await asyncio.sleep(0)
        slowest, last = max(slowest, time.perf_counter() - last), time.perf_counter()
    assert (await sending).status_code == 422
    assert slowest < 2.0


def test_a_batch_of_the_largest_events_has_room():
    parts = [{"part_number": f"P{number}", "name": "Bremsbelag, vorn", "quantity": 2} for number in range(50)]
    batch = [{**SURVEY, "event_id": f"e{number}", "parts": parts} for number in range(1000)]
    text = json.dumps(batch).encode()
    assert sum(map(text.count, (b",", b"[", b"{"))) < MOST_VALUES
    assert len(read_body(text, JSON, 1000).items) == 1000


async def test_bodies_that_come_slowly_take_room_of_their_own_key_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("fixtrail.web.api.state.BYTES_OF_KEY", 10_000)
    api = Api(tmp_path)
    going_on = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"[" + b" " * 8_000
        await going_on.wait()
        yield b"]"

    first = asyncio.create_task(api._ask("POST", "/events", content=slowly(), headers=JSON | api._login(None)))
    while not api.state.bytes_under_way:
        await asyncio.sleep(0)

    second = await api.post(b"[" + b" " * 8_000 + b"]")
    assert (second.status_code, problem_of(second)) == (503, "busy")
    assert (await api.post(SURVEY, key=api.key())).status_code == 202
    going_on.set()
    assert (await first).status_code == 400
    assert not api.state.bytes_under_way
