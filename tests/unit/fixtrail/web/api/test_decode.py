"""The API accepts exactly what every reader of the topic accepts, and whatever it is sent, it never breaks."""

import asyncio
import json
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtrail.web.api.bodies import MEDIA_TYPES
from schemas.decode import EventError, admit
from tests.bad_records import POISON, POISONED_VEHICLE, poison, poison_code
from tests.contract.events.test_event_types import EXAMPLES
from tests.event_api import SURVEY, Api, problem_of
from tests.kafka_record import KafkaRecord

QUOTA = 10**9
MODES: dict[str, Any] = {
    "plain": lambda value: (value, {}),
    "lines": lambda value: (value, {"content-type": "application/x-ndjson"}),
    "binary": lambda value: (value, {"ce-id": "1", "ce-source": "/s", "ce-type": "t", "ce-specversion": "1.0"}),
}
# Of these the bytes alone are good; Kafka's key is what is wrong, and over HTTP nobody sends one.
KEYED = ("no_key", "key_of_another_vehicle")


@cache
def the_api() -> Api:
    return Api(Path(tempfile.mkdtemp()), api_events_per_minute=QUOTA)


def ask(value: bytes, headers: dict[str, str] | None = None) -> Any:
    api = the_api()
    api.producer.sent.clear()
    return asyncio.run(api.post(value, headers=headers))


def admission(value: bytes, headers: Any = ()) -> str:
    """What a worker would say to the record: the code, or "accepted"."""
    vehicle = _vehicle_of(value)
    try:
        admit(KafkaRecord(value, vehicle, headers, int(time.time() * 1000)))
    except EventError as bad:
        return bad.code
    return "accepted"


def _vehicle_of(value: bytes) -> bytes:
    try:
        parsed = json.loads(value)
        return str(parsed.get("data", parsed)["vehicle_id"]).encode()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return b"?"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", [kind for kind in POISON if kind not in KEYED and kind != "tombstone"])
def test_every_kind_of_bad_event_is_refused_with_the_code_of_its_dead_letter(kind: str, mode: str):
    value = poison(kind) or b""
    if mode == "lines" and b"\n" in value:
        pytest.skip("lines cannot hold a newline")
    if mode == "plain" and kind == "json_array":
        pytest.skip("over HTTP an array is a batch")
    answer = ask(*MODES[mode](value))

    assert the_api().values == []
    if mode == "lines" and not value.strip():
        assert problem_of(answer) == "unreadable-body"
    else:
        assert 400 <= answer.status_code < 500
        assert [item["code"] for item in answer.json()["items"]] == [poison_code(kind)]
    assert "R-poison" not in answer.text and POISONED_VEHICLE not in answer.text


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_kind_of_good_event_is_accepted(name: str, mode: str):
    value = json.dumps(EXAMPLES[name], ensure_ascii=False).encode()

    assert ask(*MODES[mode](value)).json()["accepted"] == 1
    ((record, _),) = the_api().producer.sent
    assert admit(KafkaRecord(record.value, record.key, record.headers, record.timestamp))


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@st.composite
def spoilt_events(draw: st.DrawFn) -> dict[str, Any]:
    """An example of any type in which a few fields are missing, changed or added; many are still good."""
    event = dict(draw(st.sampled_from(list(EXAMPLES.values()))))
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([*event, "extra"]))
        if draw(st.booleans()):
            event.pop(name, None)
        else:
            event[name] = draw(_JSON)
    return event


@given(st.lists(spoilt_events(), min_size=1, max_size=6))
def test_a_batch_accepts_of_its_events_exactly_those_that_workers_admit(events: list[dict[str, Any]]):
    values = [json.dumps(event, ensure_ascii=False).encode() for event in events]
    try:
        body = b"[" + b" ,\n".join(values) + b"]"
        body.decode()
    except UnicodeError:
        return
    answer = ask(body)
    if answer.status_code == 400:
        # A lone surrogate or the like makes all of it no JSON.
        assert "not_json" in map(admission, values)
        return

    codes = [item.get("code", item["status"]) for item in answer.json()["items"]]
    assert codes == [admission(value) for value in values]
    assert the_api().values == [value for value, code in zip(values, codes, strict=True) if code == "accepted"]
    for record, headers in the_api().producer.sent:
        assert admit(KafkaRecord(record.value, record.key, (*record.headers, *headers), record.timestamp))


@given(spoilt_events(), st.sampled_from(sorted(MODES)))
def test_one_event_is_accepted_where_workers_admit_it(event: dict[str, Any], mode: str):
    value, headers = MODES[mode](json.dumps(event).encode())
    kafka = tuple((f"ce_{name[3:]}", text.encode()) for name, text in headers.items() if name.startswith("ce-"))

    (item,) = ask(value, headers).json()["items"]

    assert item.get("code", item["status"]) == admission(value, kafka)


_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from([*MEDIA_TYPES, "application/json; charset=x", "x/y", ";", "application/"]),
        "idempotency-key": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
        "prefer": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
        "ce-id": st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=5),
        "ce-specversion": st.sampled_from(["1.0", "%31.0", "2"]),
        "traceparent": st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
        "content-encoding": st.sampled_from(["identity", "gzip", ""]),
        "authorization": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=70),
    },
)
_GOOD = json.dumps(SURVEY).encode()
_NOISE = st.binary(max_size=60)
_BODIES = st.one_of(
    _NOISE,
    _JSON.map(lambda value: json.dumps(value).encode()),
    st.builds(lambda at, noise: _GOOD[:at] + noise + _GOOD[at:], st.integers(0, len(_GOOD)), _NOISE),
    st.builds(lambda at, noise: b"[" + _GOOD + b"," + _GOOD[:at] + noise, st.integers(0, len(_GOOD)), _NOISE),
    st.builds(lambda number: b"[" * number + b"]" * number, st.integers(1, 3000)),
    st.text(alphabet='[]{}",:\\ \n1an', max_size=40).map(str.encode),
)


@settings(max_examples=settings().max_examples * 2)
@given(_BODIES, _HEADERS)
def test_whatever_is_sent_is_answered_without_a_fault_of_ours(body: bytes, headers: dict[str, str]):
    answer = ask(body, headers)

    if answer.status_code in (202, 207):
        assert answer.json()["accepted"] == len(the_api().values) > 0
    else:
        assert 400 <= answer.status_code < 500
        assert problem_of(answer)
        assert the_api().values == []


@given(st.text(max_size=70))
def test_whatever_is_asked_for_is_answered(path: str):
    from urllib.parse import quote

    for path_of in (f"/orders/{quote(path, safe='')}", f"/centers/{quote(path)}/open", f"/{quote(path)}"):
        assert asyncio.run(the_api().get(path_of)).status_code in (404, 405, 422, 503)
