"""Events sent as CloudEvents: binary, structured, and several at once."""

import base64
import json
from typing import Any

import pytest

from tests.event_api import SURVEY, Api, api

__all__ = ["api"]


ENVELOPE = {"specversion": "1.0", "id": "1", "source": "/tablet", "type": "org.example.survey"}


STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}


BATCH = {"content-type": "application/cloudevents-batch+json"}


async def test_binary_mode_has_its_attributes_in_headers(api: Api):
    headers = {f"ce-{name}": value for name, value in ENVELOPE.items()} | {"ce-subject": "R%C3%A9"}

    assert (await api.post(SURVEY, headers=headers)).status_code == 202
    ((record, _),) = api.producer.sent
    assert dict(record.headers) == {
        **{f"ce_{name}": value.encode() for name, value in ENVELOPE.items()},
        "ce_subject": "Ré".encode(),
    }


@pytest.mark.parametrize("missing", ENVELOPE)
async def test_binary_mode_without_an_attribute_is_refused(api: Api, missing: str):
    answer = await api.post(
        SURVEY, headers={f"ce-{name}": value for name, value in ENVELOPE.items() if name != missing}
    )

    assert answer.json()["items"][0]["code"] == "cloudevent_invalid"


async def test_an_extension_alone_makes_no_cloudevent(api: Api):
    answer = await api.post([SURVEY, SURVEY | {"event_id": "another"}], headers={"ce-traceparent": "00-a-b-01"})

    assert answer.status_code == 202
    assert [record.headers for record, _ in api.producer.sent] == [(), ()]


@pytest.mark.parametrize(
    "data", [{"data": SURVEY}, {"data_base64": base64.b64encode(json.dumps(SURVEY).encode()).decode()}]
)
async def test_structured_mode_goes_on_as_it_came(api: Api, data: dict[str, Any]):
    assert (await api.post(ENVELOPE | data, headers=STRUCTURED)).status_code == 202

    ((record, _),) = api.producer.sent
    assert (json.loads(record.value), record.key) == (ENVELOPE | data, b"V1")
    assert record.headers == (("content-type", b"application/cloudevents+json"),)


async def test_a_batch_of_envelopes(api: Api):
    answer = await api.post([ENVELOPE | {"data": SURVEY}, SURVEY], headers=BATCH)

    assert answer.status_code == 207
    assert answer.json()["items"][1]["code"] == "cloudevent_invalid"
