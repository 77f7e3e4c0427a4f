"""Rows of reference events: pseudonyms, and a version that is a function of the event alone."""

import json
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from sinks.clickhouse.batch import Batch, Reader
from sinks.clickhouse.event_rows import EventRows
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.progress import Progress
from sinks.clickhouse.reference_rows import REFERENCE_EVENTS, ReferenceRows
from tests.kafka_record import KafkaRecord

KEYED = KeyedHash(b"a secret of these tests")
TOPIC = "reference-events"
STOCK = {
    **{"event_id": "e1", "type": "stock_level", "center_id": "C1", "part_no": "P1", "on_hand": 4},
    **{"occurred_at": "2026-03-02T08:00:00.000Z"},
}
SHIFT = {
    **{"event_id": "e1", "type": "staff_shift", "center_id": "C1", "staff_id": "t1", "role": "technician"},
    **{"starts_at": "2026-03-02T00:00:00Z", "ends_at": "2026-03-02T08:00:00Z", "phase": "planned"},
    "occurred_at": "2026-03-02T08:00:00.000Z",
}
ANSWER = {
    **{"event_id": "e1", "type": "staff_survey", "center_id": "C1", "round": "1", "role": "technician"},
    **{"respondent_key": "t1", "score": 70, "occurred_at": "2026-03-02T08:00:00.000Z"},
}


def row_of(event: dict[str, Any], **settings: Any) -> SimpleNamespace:
    value = json.dumps(event).encode()
    row = ReferenceRows(KEYED, **settings).row(KafkaRecord(value, event.get("center_id", "").encode(), topic=TOPIC))
    columns = SimpleNamespace(**dict(zip(REFERENCE_EVENTS.columns, row, strict=True)))
    columns.payload = json.loads(columns.payload)
    return columns


def test_who_works_a_shift_is_who_does_the_jobs_of_orders():
    assert row_of(SHIFT).natural_key[0] == KEYED.staff("C1", "t1")
    assert row_of(SHIFT, clear_staff=True).natural_key[0] == "t1"


def test_a_grade_of_all_centers_is_of_the_person_whom_a_shift_names():
    grade = {name: STOCK[name] for name in ("event_id", "occurred_at")}
    row = row_of(grade | {"type": "staff_grade", "staff_id": "t1", "grade": "senior", "from": "2026-03-01"})

    assert (row.center_id, row.natural_key[0]) == ("", row_of(SHIFT).payload["person_key"])


def test_an_answer_leads_to_nobody_even_where_staff_is_named():
    for clear in (False, True):
        respondent = row_of(ANSWER, clear_staff=clear).natural_key[1]
        assert respondent not in ("t1", KEYED.staff("C1", "t1"))


def test_a_later_moment_has_the_greater_version_and_other_content_another_one():
    first = row_of(STOCK).version

    assert row_of(STOCK).version == first
    assert row_of(STOCK | {"occurred_at": "2026-03-02T08:00:00.001Z", "on_hand": 0}).version > first
    assert row_of(STOCK | {"on_hand": 5}).version != first


def test_what_is_no_event_is_a_dead_letter_with_its_reason_and_the_rest_is_written():
    records = [
        KafkaRecord(json.dumps(STOCK).encode(), b"C1", offset=0, topic=TOPIC),
        KafkaRecord(b"{", b"C1", offset=1, topic=TOPIC),
        KafkaRecord(None, b"C1", offset=2, topic=TOPIC),
        KafkaRecord(json.dumps(STOCK).encode(), b"C2", offset=3, topic=TOPIC),
    ]
    batch = Batch()

    Reader(KEYED, EventRows(KEYED), Progress()).add(batch, TopicPartition(TOPIC, 0), records)

    assert [(record.offset, code) for record, code, _ in batch.unusable] == [
        (1, "not_json"),
        (2, "tombstone"),
        (3, "key_mismatch"),
    ]
    assert len(batch.blocks[REFERENCE_EVENTS].rows) == 1
    assert batch.ends[TopicPartition(TOPIC, 0)] == 4
