"""Events over HTTP: each is accepted and with Kafka, or refused with the reason; nothing happens silently."""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtrail.web import api as api_package
from fixtrail.web.api.problems import TITLES
from tests.event_api import SURVEY, Api, api, problem_of

__all__ = ["api"]


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def numbered(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{**SURVEY, "event_id": f"e{number}", **fields} for number in range(count)]


# What is accepted


async def test_an_event_goes_to_kafka_byte_for_byte_under_its_vehicle(api: Api):
    body = b'  {"score": 9.0e0, ' + json.dumps(SURVEY | {"vehicle_id": "粤B·1", "score": 7}).encode()[1:] + b"\n"
    body = body.replace(b'"score": 9.0e0, ', b"")

    answer = await api.post(body)

    assert answer.status_code == 202
    assert answer.json() == {"accepted": 1, "refused": 0, "items": [{"index": 0, "status": "accepted"}]}
    ((record, headers),) = api.producer.sent
    assert (record.value, record.key) == (body, "粤B·1".encode())
    assert headers == (("source", b"dms"), ("fixtrail-schema", b"1"))
    assert answer.headers["cache-control"] == "no-store"


async def test_each_event_of_a_batch_keeps_its_bytes(api: Api):
    tricky = {**SURVEY, "comment": 'a "}, {" b \\', "x": {"y": [1, [2, "]"]]}}
    exact = json.dumps(SURVEY).encode().replace(b'"score": 9', b'"score":9,"amount":0.12345678901234567890')
    body = b"\n[ " + json.dumps(tricky).encode() + b" ,\n\t" + exact + b",{}] "

    answer = await api.post(body)

    assert answer.status_code == 207
    assert [item["status"] for item in answer.json()["items"]] == ["accepted", "accepted", "refused"]
    assert api.values == [json.dumps(tricky).encode(), exact]


async def test_a_thousand_events_are_one_batch_and_one_more_is_too_many(api: Api):
    assert (await api.post(numbered(1000))).json()["accepted"] == 1000

    answer = await api.post(numbered(1001))

    assert (answer.status_code, problem_of(answer)) == (413, "too-large")
    assert len(api.values) == 1000


async def test_lines_are_judged_one_by_one_even_where_one_is_no_json(api: Api):
    lines = b"\n".join([json.dumps(SURVEY).encode(), b"{broken", b"", json.dumps(SURVEY).encode()]) + b"\r\n"

    answer = await api.post(lines, headers={"content-type": "application/x-ndjson"})

    assert answer.status_code == 207
    assert [item.get("code") for item in answer.json()["items"]] == [None, "not_json", None]


# CloudEvents


# What is refused


async def test_a_refusal_says_code_and_field_and_nothing_that_was_sent(api: Api):
    answer = await api.post(SURVEY | {"score": "canary", "comment": "canary-comment"})

    assert (answer.status_code, problem_of(answer)) == (422, "refused")
    assert answer.json()["items"] == [
        {
            **{"index": 0, "status": "refused", "code": "invalid_field", "field": "score"},
            "reason": "score: Input should be a valid integer",
        }
    ]
    assert "canary" not in answer.text
    assert api.values == []


@pytest.mark.parametrize(
    ("event", "code", "field", "status"),
    [
        ({**SURVEY, "type": "wash"}, "unknown_type", "type", 422),
        ({name: value for name, value in SURVEY.items() if name != "order_id"}, "missing_field", "order_id", 422),
        ({**SURVEY, "occurred_at": "2290-01-01T00:00:00Z"}, "too_far_ahead", "occurred_at", 422),
        ({**SURVEY, "comment": "x" * 300_000}, "too_large", None, 413),
        ({**SURVEY, "type": "quality_check", "phase": "completed"}, "invalid_field", None, 422),
    ],
)
async def test_one_event_has_the_status_of_its_refusal(
    api: Api, event: dict[str, Any], code: str, field: str | None, status: int
):
    answer = await api.post(event)

    (item,) = answer.json()["items"]
    assert (answer.status_code, item["code"], item.get("field")) == (status, code, field)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"{", "not_json"),
        (b"17", "not_an_object"),
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b"\xff", "not_utf8"),
    ],
)
async def test_what_cannot_be_read_is_a_400(api: Api, body: bytes, code: str):
    answer = await api.post(body)

    assert (answer.status_code, answer.json()["items"][0]["code"]) == (400, code)


@pytest.mark.parametrize("body", [b"[", b"[{},]", b"[1] [2]", b'["\xff"]', b"[NaN]", b"[]", b"[" * 5000])
async def test_a_batch_that_is_no_json_is_refused_as_a_whole(api: Api, body: bytes):
    answer = await api.post(body)

    assert (answer.status_code, problem_of(answer)) == (400, "unreadable-body")
    assert api.values == []


async def test_a_batch_in_which_all_is_refused_is_a_422(api: Api):
    answer = await api.post([{}, 1])

    assert (answer.status_code, problem_of(answer), answer.json()["refused"]) == (422, "refused", 2)


async def test_fields_that_nobody_reads_are_warnings_and_a_refusal_where_that_is_asked(api: Api):
    event = SURVEY | {"plate": "canary", "reasons": 7}
    answer = await api.post(event)
    strict = await api.post(event, headers={"prefer": "handling=strict"})

    assert (answer.status_code, answer.json()["items"]) == (
        202,
        [{"index": 0, "status": "accepted", "warnings": ["plate", "reasons"]}],
    )
    assert (strict.status_code, strict.json()["items"][0]["code"]) == (422, "ignored_field")
    assert len(api.values) == 1 and "canary" not in strict.text


async def test_a_center_that_the_reference_data_do_not_know_is_a_warning_and_a_refusal_where_that_is_asked(api: Api):
    api.state.limits = replace(api.state.limits, centers=lambda: {"C1"})
    mistyped = SURVEY | {"center_id": "canary-center"}

    (item,) = (await api.post(mistyped)).json()["items"]
    assert item["status"] == "accepted" and item["warnings"][0].startswith("center_id")
    strict = await api.post(mistyped, headers={"prefer": "handling=strict"})
    assert (strict.status_code, strict.json()["items"][0]["code"]) == (422, "unknown_center")
    assert "canary" not in strict.text
    api.state.limits = replace(api.state.limits, centers=tuple)
    assert "warnings" not in (await api.post(mistyped)).json()["items"][0], "there are no reference data"


async def test_a_byte_order_mark_is_no_content(api: Api):
    mark = b"\xef\xbb\xbf"
    lines = mark + json.dumps(SURVEY).encode() + b"\n" + json.dumps(SURVEY).encode()

    assert (await api.post(mark + json.dumps(SURVEY).encode())).status_code == 202
    assert (await api.post(mark + json.dumps([SURVEY]).encode())).status_code == 202
    assert (await api.post(lines, headers={"content-type": "application/x-ndjson"})).json()["accepted"] == 2
    assert all(value.startswith(b"{") for value in api.values)


async def test_whoever_wants_all_or_nothing_gets_it(api: Api):
    answer = await api.post([SURVEY, {}], headers={"prefer": 'respond-async, handling="strict"'})

    assert (answer.status_code, problem_of(answer)) == (422, "refused")
    assert [item["status"] for item in answer.json()["items"]] == ["not_sent", "refused"]
    assert api.values == []
    assert (await api.post([SURVEY], headers={"prefer": "handling=strict"})).status_code == 202


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk"]
)
async def test_another_media_type_is_not_guessed_at(api: Api, media_type: str):
    answer = await api.post(SURVEY, headers={"content-type": media_type})

    assert (answer.status_code, problem_of(answer)) == (415, "unsupported-media-type")


async def test_a_packed_body_is_not_unpacked(api: Api):
    assert problem_of(await api.post(SURVEY, headers={"content-encoding": "gzip"})) == "unsupported-media-type"


async def test_a_body_over_the_limit_is_refused(tmp_path: Path):
    api = Api(tmp_path, api_body_bytes=2000)

    assert (await api.post(numbered(5))).status_code == 202
    assert problem_of(await api.post(numbered(20))) == "too-large"


# Who may


@pytest.mark.parametrize("key", ["", "ftk_000000000000_" + "x" * 43, "nonsense", "ftk_é"])
async def test_without_a_valid_key_nothing_is_taken(api: Api, key: str):
    answer = await api.post(SURVEY, headers={"authorization": f"Bearer {key}".encode()} if key else {}, key="")

    assert (answer.status_code, problem_of(answer)) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_a_key_for_reading_sends_nothing(api: Api):
    answer = await api.post(SURVEY, key=api.key(scopes=["orders:read"]))

    assert (answer.status_code, problem_of(answer)) == (403, "scope-missing")
    assert 'scope="events:write"' in answer.headers["www-authenticate"]


async def test_a_key_of_some_centers_and_types_sends_no_others(api: Api):
    key = api.key(types=["survey"], centers=["C1", "C2"])
    complaint = {**SURVEY, "type": "complaint", "category": "wait"}

    answer = await api.post([SURVEY, complaint, {**SURVEY, "center_id": "C9"}], key=key)

    codes = [(item.get("code"), item.get("field")) for item in answer.json()["items"]]
    assert codes == [(None, None), ("type_not_allowed", "type"), ("center_not_allowed", "center_id")]
    alone = await api.post(complaint, key=key)
    assert (alone.status_code, problem_of(alone)) == (403, "not-allowed")


async def test_whoever_guesses_keys_has_to_wait(api: Api):
    wrong = "ftk_000000000000_" + "x" * 43
    for _ in range(60):
        assert (await api.post(SURVEY, key=wrong)).status_code == 401

    answer = await api.post(SURVEY, key=wrong)

    assert (answer.status_code, problem_of(answer)) == (429, "rate-limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_nobody_is_kept_out_by_the_wrong_keys_of_others_at_the_same_address(api: Api):
    for _ in range(61):
        await api.post(SURVEY, key="ftk_000000000000_" + "x" * 43)

    assert (await api.post(SURVEY)).status_code == 202


# How much


async def test_a_quota_is_told_and_kept(api: Api):
    key = api.key(events_per_minute=10)
    first = await api.post(numbered(8), key=key)
    assert first.headers["ratelimit-policy"] == '"events";q=10;w=60'
    assert first.headers["ratelimit"].startswith('"events";r=2;t=')

    refused = await api.post(numbered(3), key=key)

    assert (refused.status_code, problem_of(refused)) == (429, "rate-limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert len(api.values) == 8
    assert (await api.post(numbered(2), key=key)).status_code == 202
    assert (await api.post(SURVEY, key=api.key())).status_code == 202, "another key has its own"


async def test_more_than_fits_into_memory_is_put_off(api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fixtrail.web.api.state.BYTES_UNDER_WAY", 1000)
    api.producer.answer_after.clear()
    first = asyncio.create_task(api.post(numbered(4)))
    await asyncio.sleep(0.05)

    second = await api.post(numbered(4))

    assert (second.status_code, problem_of(second)) == (503, "busy")
    api.producer.answer_after.set()
    assert (await first).status_code == 202
    assert (await api.post(numbered(4))).status_code == 202


# When Kafka is away


async def test_what_kafka_has_not_acknowledged_is_never_called_accepted(api: Api):
    api.producer.loses = 2

    answer = await api.post([*numbered(3), {}])

    assert (answer.status_code, problem_of(answer)) == (503, "kafka-away")
    statuses = [item["status"] for item in answer.json()["items"]]
    assert statuses == ["accepted", "not_acknowledged", "not_acknowledged", "refused"]
    assert int(answer.headers["retry-after"]) > 0


async def test_kafka_away_is_a_503(api: Api):
    api.producer.away = True

    answer = await api.post(SURVEY)

    assert (answer.status_code, problem_of(answer)) == (503, "kafka-away")
    assert answer.json()["items"] == [{"index": 0, "status": "not_sent"}]
    assert (await api.post({})).status_code == 422, "what is wrong is wrong without Kafka"


# Repeating


# The rest


async def test_the_trace_of_the_request_goes_on(api: Api):
    await api.post(SURVEY, headers={"traceparent": TRACEPARENT, "tracestate": "a=1"})
    await api.post(SURVEY, headers={"traceparent": "00-0-0-01"})

    assert [dict(headers) for _, headers in api.producer.sent] == [
        {"source": b"dms", "fixtrail-schema": b"1", "traceparent": TRACEPARENT.encode(), "tracestate": b"a=1"},
        {"source": b"dms", "fixtrail-schema": b"1"},
    ]


async def test_the_trace_goes_on_below_our_own_span(api: Api):
    from tests.unit.runtime.test_tracing import Traced

    traced = Traced()
    api.state.tracing = traced.tracing

    await api.post(numbered(2), headers={"traceparent": TRACEPARENT})

    (span,) = traced.spans
    assert span.parent is not None and format(span.parent.span_id, "016x") == "00f067aa0ba902b7"
    sent = [dict(headers)["traceparent"].decode() for _, headers in api.producer.sent]
    assert sent == [f"00-4bf92f3577b34da6a3ce929d0e0e4736-{span.context.span_id:016x}-01"] * 2


async def test_every_error_is_a_problem(api: Api, monkeypatch: pytest.MonkeyPatch):
    assert problem_of(await api.get("/nothing")) == "not-found"
    assert problem_of(await api.get("/events")) == "method-not-allowed"
    assert problem_of(await api.get("/orders/" + "x" * 65)) == "invalid-request"
    monkeypatch.setattr(api.producer, "send", None)
    assert problem_of(await api.post(SURVEY)) == "internal-error"


async def test_answers_are_counted_without_any_id(api: Api):
    await api.post([SURVEY, SURVEY, {}])
    await api.get("/orders/R1")
    await api.get("/secret-42")

    assert {measure: count for measure, count in api.progress.counts.items() if measure[0].startswith("api_")} == {
        ("api_requests", "/events", "207"): 1,
        ("api_requests", "/orders/{order_id}", "503"): 1,
        ("api_requests", "(none)", "404"): 1,
        ("api_items", "accepted"): 2,
        ("api_items", "missing_field"): 1,
    }


def test_every_problem_has_a_title():
    text = "".join(path.read_text() for path in Path(api_package.__file__).parent.glob("*.py"))
    used = set(re.findall(r'ApiError\(\s*\d{3},\s*"([a-z-]+)"', text)) | set(re.findall(r'\d{3}, "([a-z-]+)"\)?', text))

    assert used <= set(TITLES)
    assert len(used) > 12
