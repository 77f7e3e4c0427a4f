"""The log of a key's requests: what it sent lately and how that was answered, for the key itself and the operator."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fixtrail.cli.main import app
from fixtrail.web.api.request_log import LogQuery, RequestLog, RequestRecord
from schemas.times import HOUR_MS
from tests.event_api import SURVEY, Api, api, problem_of

__all__ = ["api"]

BAD = {**SURVEY, "event_id": "e-bad", "score": 11, "comment": "call 13812345678, Mrs Li"}


async def requests_of(api: Api, query: str = "", key: str | None = None) -> list[dict[str, Any]]:
    answer = await api.get(f"/requests{query}", key=key)
    assert answer.status_code == 200, answer.text
    requests: list[dict[str, Any]] = answer.json()["requests"]
    return requests


def command(*words: str, folder: Path) -> Any:
    return CliRunner().invoke(app, ["api-keys", "log", *words, "--data", str(folder)])


async def test_a_key_reads_what_it_sent_with_status_problem_and_event_ids(api: Api):
    await api.post([SURVEY, BAD])
    await api.post(BAD)
    await api.get("/orders/RO-4711")

    read, refused, mixed = await requests_of(api)
    assert (mixed["method"], mixed["route"], mixed["status"], mixed["problem"]) == ("POST", "/events", 207, None)
    assert [(item["event_id"], item["status"], item["code"]) for item in mixed["items"]] == [
        ("e1", "accepted", None),
        ("e-bad", "refused", "invalid_field"),
    ]
    assert (refused["status"], refused["problem"], refused["accepted"], refused["refused"]) == (422, "refused", 0, 1)
    assert (read["status"], read["problem"], read["items"]) == (503, "not-ready", [])
    assert read["route"] == "/orders/{order_id}"


async def test_nothing_of_what_was_sent_is_in_it_but_event_ids(api: Api, tmp_path: Path):
    phone = {**SURVEY, "event_id": "li@example.com"}
    await api.post([BAD, phone], headers={"prefer": "handling=strict"})
    await api.post(b'{"event_id": "cut off", "comment": "canary')
    await api.get("/orders/canary-order?center_id=canary-center")

    text = json.dumps(await requests_of(api))
    api.state.requests.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("api-requests.sqlite3*"))
    for secret in ("13812345678", "Mrs Li", "li@example.com", "canary", "cut off", "V1"):
        assert secret not in text
        assert secret.encode() not in stored
    assert "e-bad" in text


async def test_a_key_reads_its_own_log_alone_whatever_it_asks(api: Api):
    second_key = api.key(scopes=["events:write", "orders:read", "centers:read", "personal:read"])
    own_id, other_id = (text.split("_")[1] for text in (api.text, second_key))
    await api.post({**SURVEY, "event_id": "secret-of-the-first"})

    attacks = (
        "",
        f"?key={own_id}",
        f"?key_id={own_id}",
        "?event_id=secret-of-the-first",
        "?event_id=%25",
        "?event_id=' OR 1=1 --",
        "?problem=x' OR '1'='1",
        "?before=999999999&limit=1000",
    )
    for attack in attacks:
        answer = await api.get(f"/requests{attack}", key=second_key)
        assert (answer.json()["key"], answer.json()["requests"]) == (other_id, [])
    assert len(await requests_of(api, "?event_id=secret-of-the-first")) == 1


async def test_without_a_valid_key_nobody_reads_and_nothing_is_noted(api: Api):
    await api.post(SURVEY, key="ftk_000000000000_" + "a" * 43)

    assert problem_of(await api.get("/requests", key="")) == "unauthenticated"
    assert await requests_of(api) == []


@pytest.mark.parametrize("query", ["?since=yesterday", "?limit=0", "?limit=100000", "?status=9", "?before=-1"])
async def test_a_question_that_makes_no_sense_is_a_problem(api: Api, query: str):
    assert problem_of(await api.get(f"/requests{query}")) == "invalid-request"


async def test_one_finds_an_event_a_status_a_problem_and_what_was_refused(api: Api):
    await api.post({**SURVEY, "event_id": "e_1"})
    await api.post({**SURVEY, "event_id": "E_1"})
    await api.post([SURVEY, BAD])

    assert [request["items"][0]["event_id"] for request in await requests_of(api, "?event_id=e_1")] == ["e_1"]
    assert [request["status"] for request in await requests_of(api, "?refused=true")] == [207]
    assert len(await requests_of(api, "?status=202")) == 2
    assert await requests_of(api, "?problem=refused") == []
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    assert await requests_of(api, f"?since={later}") == []


async def test_a_long_log_is_read_page_by_page(api: Api):
    for number in range(5):
        await api.post({**SURVEY, "event_id": f"e{number}"})

    ids, query = [], "?limit=2"
    for _ in range(3):
        page = (await api.get(f"/requests{query}")).json()
        ids += [request["items"][0]["event_id"] for request in page["requests"]]
        query = f"?limit=2&before={page['next']}"
    assert (ids, page["next"]) == (["e4", "e3", "e2", "e1", "e0"], None)


async def test_of_a_large_batch_the_refused_events_are_noted_before_others(api: Api):
    await api.post([{**SURVEY, "event_id": f"e{number}"} for number in range(300)] + [BAD])

    (request,) = await requests_of(api)
    assert (request["accepted"], request["refused"], len(request["items"])) == (300, 1, 100)
    assert (request["items_left_out"], request["items"][-1]["event_id"]) == (201, "e-bad")


async def test_a_repeat_is_noted_as_one(api: Api):
    for _ in range(2):
        await api.post(SURVEY, headers={"idempotency-key": '"one"'})

    assert [request["replayed"] for request in await requests_of(api)] == [True, False]


async def test_the_operator_reads_it_by_command(api: Api, tmp_path: Path):
    key_id = api.text.split("_")[1]
    await api.post([SURVEY, BAD])
    await api.get("/centers/C1/open")
    await asyncio.to_thread(api.state.requests.flush)

    listed = json.loads(command(key_id, "--json", folder=tmp_path).stdout)
    assert [(request["source"], request["status"]) for request in listed] == [("dms", 503), ("dms", 207)]
    rows = list(csv.DictReader(io.StringIO(command("--refused", "--csv", "-", folder=tmp_path).stdout)))
    assert [(row["event_id"], row["event_status"], row["code"]) for row in rows][1:] == [
        ("e1", "accepted", ""),
        ("e-bad", "refused", "invalid_field"),
    ]
    assert "e-bad" in command("--event-id", "e-bad", folder=tmp_path).stdout
    assert json.loads(command("--event-id", "e-none", "--json", folder=tmp_path).stdout) == []


def test_what_the_operator_cannot_ask_for_is_one_line(tmp_path: Path):
    for words in (("0f3a9c1e77d2",), ("--json", "--csv", "-"), ("--hours", "0"), ("--status", "7")):
        outcome = command(*words, folder=tmp_path)
        assert getattr(outcome.exception, "exit_code", outcome.exit_code) == 2
    # Looking makes no file: the server might not be allowed to write it.
    assert json.loads(command("--json", folder=tmp_path).stdout) == []
    assert list(tmp_path.iterdir()) == []


class Clock:
    """Says what it is told."""

    def __init__(self) -> None:
        self.now = 1_770_000_000.0

    def __call__(self) -> float:
        return self.now


def write_requests(log: RequestLog, clock: Clock, key_id: str, count: int) -> None:
    items = ({"index": 0, "event_id": "e" * 100, "status": "accepted"},)
    log._waiting.extend(
        RequestRecord(key_id, int(clock.now * 1000), "POST", "/events", 202, items=items) for _ in range(count)
    )
    log.flush()


def test_it_is_bounded_in_age_and_in_each_key_s_size(tmp_path: Path):
    clock = Clock()
    log = RequestLog(f"sqlite:///{tmp_path / 'log'}", hours=72, key_bytes=100_000, clock=clock)
    write_requests(log, clock, "quiet", 3)
    for _ in range(20):
        write_requests(log, clock, "noisy", 200)

    noisy = log.read(LogQuery("noisy", limit=10_000)).records
    assert 100 < len(noisy) < 500
    assert len(log.read(LogQuery("quiet")).records) == 3
    clock.now += 73 * HOUR_MS / 1000
    assert log.read(LogQuery(limit=10_000)).records == []
    write_requests(log, clock, "quiet", 1)
    assert log._opened().run("SELECT count(*) FROM api_requests") == [(1,)]
    log.close()


async def test_events_are_taken_while_the_log_cannot_be_written(api: Api, tmp_path: Path):
    (tmp_path / "api-requests.sqlite3").mkdir()

    assert (await api.post(SURVEY)).status_code == 202
    assert problem_of(await api.get("/requests")) == "log-away"
    (tmp_path / "api-requests.sqlite3").rmdir()
    assert len(await requests_of(api)) == 1


async def test_no_log_is_kept_where_none_is_wanted(tmp_path: Path):
    api = Api(tmp_path, api_log_hours=0)
    await api.post(SURVEY)

    assert await requests_of(api) == []
