"""An event for tests of decoding, and how its refusal is asked for."""

from typing import Any

import pytest

from schemas.decode import (
    EventError,
    decode_event,
)
from tests.workshop import bytes_of

SURVEY = {
    **{"event_id": "e1", "type": "survey", "order_id": "R1", "vehicle_id": "V1", "center_id": "C1"},
    **{"occurred_at": "2026-03-02T08:00:00.000Z", "score": 9},
}


ORDERED = {name: value for name, value in SURVEY.items() if name != "score"} | {
    **{"type": "part_request", "phase": "requested", "request_id": "Q", "part_no": "P", "quantity": 1}
}


ENVELOPE = {"specversion": "1.0", "id": "1", "source": "/tablet", "type": "org.example.survey"}


CE_HEADERS = [(f"ce_{name}", value.encode()) for name, value in ENVELOPE.items()]


STRUCTURED = [("content-type", b"application/cloudevents+json")]


def refusal(value: bytes | None, headers: Any = (), **limits: int) -> EventError:
    with pytest.raises(EventError) as refused:
        decode_event(value, headers, **limits)
    return refused.value


def code_of(event: Any, headers: Any = ()) -> str:
    return refusal(bytes_of(event), headers).code
