"""What comes in over HTTP is sealed before it goes to Kafka, and read again only by who may."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.decode import decode_event
from tests.event_api import SURVEY, Api, problem_of

CANARY = "canary 13800138000"
CHECK_IN = {
    **{name: item for name, item in SURVEY.items() if name not in ("score", "reasons", "comment")},
    "type": "check_in",
    "customer_id": CANARY,
    "lane": "quick",
    "contact": ["sms:+8613800138000"],
    "note": CANARY,
}
STRUCTURED = {"content-type": "application/cloudevents+json"}


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path, seal=True)


@pytest.mark.parametrize("event", [CHECK_IN, {**SURVEY, "comment": CANARY}], ids=["check-in", "survey"])
async def test_kafka_gets_no_personal_text(api: Api, event: dict[str, Any]):
    answer = await api.post(event)

    assert answer.status_code == 202
    assert "13800138000" not in api.values[0].decode()
    assert decode_event(api.values[0]).order_id == SURVEY["order_id"]


async def test_a_warning_still_names_the_field_that_nobody_reads(api: Api):
    (item,) = (await api.post(CHECK_IN)).json()["items"]

    assert item["warnings"] == ["note"]


async def test_an_envelope_goes_without_its_content_type(api: Api):
    envelope = {"specversion": "1.0", "id": "1", "source": "/tablet", "type": "check-in", "data": CHECK_IN}
    await api.post(json.dumps(envelope).encode(), headers=STRUCTURED)

    ((record, _),) = api.producer.sent
    assert record.headers == ()
    assert "13800138000" not in record.value.decode()
    assert decode_event(record.value).event_id == SURVEY["event_id"]


async def test_nothing_is_sent_while_the_store_of_keys_is_away(tmp_path: Path):
    api = Api(tmp_path, seal=True, person_keys="postgresql://127.0.0.1:1/nowhere?connect_timeout=1")
    answer = await api.post(CHECK_IN)

    assert (answer.status_code, problem_of(answer)) == (503, "keys-away")
    assert api.values == []


def large_quote(number: int) -> dict[str, Any]:
    """A diagnosis whose quote has so many lines of some 500 bytes."""
    line = {"part_no": "p" * 100, "quantity": 1, "unit_price": 1, "name": "n" * 250, "note": "x" * 90}
    quote = {"labour_hours": 1, "labour_rate": 1, "currency": "CNY", "parts": [line] * number}
    diagnosis = {name: item for name, item in SURVEY.items() if name != "score"}
    return {**diagnosis, "type": "diagnosis", "phase": "completed", "quote": quote}


async def test_what_is_accepted_is_not_refused_by_its_readers_for_what_nobody_reads(api: Api):
    event = {**large_quote(480), "extra": "x" * 15_000}
    assert len(json.dumps(event)) < api.state.limits.max_bytes

    answer = await api.post(event)

    assert answer.status_code == 202
    assert decode_event(api.values[0]).event_id == SURVEY["event_id"]


async def test_what_is_too_large_once_it_is_encrypted_is_refused_at_once(tmp_path: Path):
    api = Api(tmp_path, seal=True, max_record_bytes=1024)
    event = {**SURVEY, "comment": "c" * 750}
    assert len(json.dumps(event)) < 1024

    answer = await api.post([event, {**SURVEY, "event_id": "e2"}])

    assert [item.get("code") for item in answer.json()["items"]] == ["too_large", None]
    assert (answer.status_code, len(api.values)) == (207, 1)
    strict = await api.post([event, SURVEY], headers={"prefer": "handling=strict"})
    assert (strict.status_code, len(api.values)) == (422, 1)
