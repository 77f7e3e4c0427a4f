"""What the ClickHouse writer makes of records: rows without personal data, and nothing of what is no event."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from schemas.dead_letter import DeadLetter
from schemas.decode import EventError
from sinks.clickhouse.batch import Batch, Reader
from sinks.clickhouse.dead_letter_rows import DEAD_LETTER_TABLE, DeadLetterRows
from sinks.clickhouse.event_rows import EVENTS, EventRows
from sinks.clickhouse.fact_rows import CENTER_HOURS, JOURNEYS, FactRows
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.progress import Progress
from sinks.clickhouse.tables import UnusableRecordError
from tests.workshop import (
    called_off,
    checked_in,
    complained,
    diagnosed,
    ms,
    order_after,
    part,
    quoted,
    repair,
    repaired_visit,
    sent,
    surveyed,
)

KEYED = KeyedHash(b"a secret of these tests")
ARRIVED = 1_900_000_000_000


def record(topic: str, value: bytes | None, *, key: bytes = b"V1", offset: int = 7, **fields: Any) -> Any:
    fields_of_record = {"headers": (), "timestamp": ARRIVED, "partition": 2, **fields}
    return SimpleNamespace(topic=topic, key=key, value=value, offset=offset, **fields_of_record)


def event_record(event: dict[str, Any], **fields: Any) -> Any:
    return record("service-events", json.dumps(event).encode(), key=event["vehicle_id"].encode(), **fields)


def fact_record(fact: dict[str, Any], **fields: Any) -> Any:
    return record("journeys", json.dumps(fact).encode(), **fields)


def row_of(event: dict[str, Any], **options: Any) -> dict[str, Any]:
    return dict(zip(EVENTS.columns, EventRows(KEYED, **options).row(event_record(event)), strict=True))


def read(*records: Any) -> tuple[Batch, Progress]:
    """A batch of the records, each given to the reader by itself."""
    batch, progress = Batch(), Progress()
    reader = Reader(KEYED, EventRows(KEYED), progress)
    for record in records:
        reader.add(batch, TopicPartition(record.topic, record.partition), [record])
    return batch, progress


# Keyed hashes


def test_the_same_id_gives_the_same_key_and_another_secret_gives_another() -> None:
    assert KEYED.vehicle("VIN1") == KeyedHash(b"a secret of these tests").vehicle("VIN1")
    assert KEYED.vehicle("VIN1") != KeyedHash(b"another").vehicle("VIN1")
    assert len(KEYED.vehicle("VIN1")) == 32 and set(KEYED.vehicle("VIN1")) <= set("0123456789abcdef")


def test_a_vehicle_and_a_customer_with_one_id_have_nothing_in_common() -> None:
    assert KEYED.vehicle("42") != KEYED.customer("42")


def test_a_long_secret_counts_to_its_end() -> None:
    assert KeyedHash(b"x" * 100 + b"a").vehicle("1") != KeyedHash(b"x" * 100 + b"b").vehicle("1")


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        KeyedHash(b"")


# Events


def test_an_event_s_row_says_where_it_came_from_and_what_happened() -> None:
    row = row_of(repair("started", "08:30", technician_id="T1", bay_id="B2"), clear_staff=True)

    assert row["vehicle_key"] == KEYED.vehicle("V1")
    assert (row["kafka_partition"], row["kafka_offset"], row["received_at"]) == (2, 7, ARRIVED)
    assert (row["type"], row["phase"], row["job_id"], row["technician_id"], row["bay_id"]) == (
        "repair",
        "started",
        "J1",
        "T1",
        "B2",
    )
    assert row["occurred_at"] == ms("08:30")
    assert json.loads(row["payload"]) == {"phase": "started", "job_id": "J1", "technician_id": "T1", "bay_id": "B2"}


def test_an_employee_is_a_pseudonym_another_one_at_each_center() -> None:
    here, again, there, different = (
        row_of(repair("started", "08:30", technician_id=name, center_id=center))
        for name, center in (("T-CANARY", "C1"), ("T-CANARY", "C1"), ("T-CANARY", "C2"), ("T2", "C1"))
    )
    handled = row_of(complained("08:30", handler_id="H-CANARY"))

    assert "CANARY" not in str((here, handled))
    assert here["technician_id"] == again["technician_id"] == json.loads(here["payload"])["technician_id"]
    assert len({row["technician_id"] for row in (here, there, different)}) == 3


def test_neither_vehicle_nor_customer_nor_contact_is_in_a_row() -> None:
    event = checked_in(
        "08:00", vehicle_id="LSVAA0000", customer_id="C-77", contact=["+86 138 0000", {"email": "a@b.c"}]
    )
    row = row_of(event)

    assert row["customer_key"] == KEYED.customer("C-77")
    assert json.loads(row["payload"]) == {"lane": "standard"}
    assert not any(personal in repr(row) for personal in ("LSVAA0000", "C-77", "138", "a@b.c"))


@pytest.mark.parametrize(
    ("event", "columns"),
    [
        (surveyed("12:00", score=3, reasons=["wait"], comment="call me: 138"), {"score": 3, "reasons": ["wait"]}),
        (called_off("12:00", reason="Mr Li moved away"), {}),
        (complained("12:00", resolution="Mrs Li got a wash"), {"category": "wait", "phase": "opened"}),
    ],
    ids=["survey", "cancellation", "complaint"],
)
def test_free_text_of_customers_is_kept_only_where_it_is_wanted(event: dict[str, Any], columns: dict[str, Any]) -> None:
    text = {name: event[name] for name in ("comment", "reason", "resolution") if name in event}

    assert json.loads(row_of(event)["payload"]) == columns
    assert json.loads(row_of(event, keep_free_text=True)["payload"]) == {**columns, **text}


def test_unknown_fields_are_never_stored() -> None:
    assert json.loads(row_of(surveyed("12:00", customer_phone="138"))["payload"]) == {"score": 9}


def test_a_payload_keeps_exact_amounts() -> None:
    payload = json.loads(row_of(quoted("08:30"))["payload"])

    assert payload["quote"]["parts"] == [{"part_no": "P-1", "quantity": "2", "unit_price": "99.95"}]


def test_half_a_millisecond_is_cut_even_before_1970() -> None:
    event = checked_in("08:00")

    assert row_of({**event, "occurred_at": "1969-12-31T23:59:59.9995Z"})["occurred_at"] == -1
    assert row_of({**event, "occurred_at": "2026-03-02T08:00:00.9999Z"})["occurred_at"] == ms("08:00") + 999


@pytest.mark.parametrize("timestamp", [-1, 0, 10**18])
def test_a_record_that_was_stamped_with_nonsense_was_received_at_no_known_time(timestamp: int) -> None:
    row = EventRows(KEYED).row(event_record(checked_in("08:00"), timestamp=timestamp))

    assert dict(zip(EVENTS.columns, row, strict=True))["received_at"] is None


def test_what_the_workers_refuse_is_no_event_here_either() -> None:
    rows = EventRows(KEYED)
    for bad in (
        record("service-events", b"{"),
        record("service-events", json.dumps(checked_in("08:00")).encode(), key=b"V2"),
        event_record(checked_in("08:00"), timestamp=ms("08:00") - 2 * 24 * 3600 * 1000),
    ):
        with pytest.raises(EventError):
            rows.row(bad)


# Facts


def journey(fact: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(JOURNEYS.columns, FactRows(KEYED).journey_row(fact), strict=True))


def test_a_journey_s_row_has_its_lists_as_columns() -> None:
    fact = order_after(*repaired_visit("brakes"), part("requested", "08:50"), surveyed("18:00", reasons=["staff"]))
    row = journey(fact)

    assert (row["vehicle_key"], row["customer_key"]) == (KEYED.vehicle("V1"), KEYED.customer("K1"))
    assert [*row["stages.activity"]] == [stage["activity"] for stage in fact["stages"]]
    assert row["parts.request_id"] == ("Q1",) and row["parts.quantity"] == ("1",)
    assert [*map(list, row["surveys.reasons"])] == [["staff"]]
    assert row["complaint_list.event_id"] == ()


def test_money_with_more_than_four_decimals_is_rounded_not_cut() -> None:
    fact = order_after(*repaired_visit("brakes"))
    row = journey({**fact, "quoted_amount": "1.00009", "approved_amount": "1E+3", "final_amount": "7.5"})

    assert (row["quoted_amount"], row["approved_amount"], row["final_amount"]) == ("1.0001", "1000.0000", "7.5")


@pytest.mark.parametrize(
    "value",
    [b"{", b"[]", b"7", b"{}", b'{"order_id": ["R1"], "vehicle_id": "V1", "version": 1}', b"null", b""],
)
def test_a_value_that_is_no_fact_is_named_and_not_written(value: bytes) -> None:
    for topic, table in (("journeys", JOURNEYS), ("center-hours", CENTER_HOURS)):
        batch, _ = read(record(topic, value))

        assert [reason for _, _, reason in batch.unusable]
        assert not batch.blocks[table].rows


def test_a_fact_that_lacks_one_field_is_not_written() -> None:
    fact = order_after(*repaired_visit("brakes"))
    del fact["wait_s"]

    assert [reason for _, _, reason in read(fact_record(fact))[0].unusable] == ["no journey fact: KeyError"]


def test_of_several_versions_in_one_batch_only_the_newest_is_written() -> None:
    fact = order_after(*repaired_visit("brakes"))
    versions = [{**fact, "version": version, "event_count": version} for version in (2, 5, 3, 5, 4)]
    batch, _ = read(*(fact_record(version, offset=offset) for offset, version in enumerate(versions)))
    block = batch.blocks[JOURNEYS]

    assert [row[JOURNEYS.columns.index("version")] for row in block.rows] == [5]
    assert [record.offset for record in block.records] == [3]
    assert batch.ends == {TopicPartition("journeys", 2): 5}


def test_orders_with_one_id_of_two_vehicles_are_two() -> None:
    fact = order_after(*repaired_visit("brakes"))
    batch, _ = read(fact_record(fact), fact_record({**fact, "vehicle_id": "V2"}))

    assert len(batch.blocks[JOURNEYS].rows) == 2


def test_a_tombstone_of_the_compacted_topic_is_passed_over() -> None:
    batch, progress = read(record("journeys", None))

    assert not batch.blocks[JOURNEYS].rows and not batch.unusable
    assert progress.counts["skipped", "journeys"] == 1
    assert batch.ends == {TopicPartition("journeys", 2): 8}


# Dead letters


def test_a_letter_s_row_names_the_record_and_never_shows_it() -> None:
    original = event_record(surveyed("12:00", comment="call me: 138"))
    letter = DeadLetter("too_late", "the state was let go", "service-events", 2, 7, ARRIVED)
    row = dict(
        zip(
            DEAD_LETTER_TABLE.columns,
            DeadLetterRows(EventRows(KEYED)).row(
                record("service-events.dead-letter", original.value, headers=letter.headers(), offset=3)
            ),
            strict=True,
        )
    )

    assert row == {
        "topic": "service-events",
        "kafka_partition": 2,
        "kafka_offset": 7,
        "letter_offset": 3,
        "code": "too_late",
        "reason": "the state was let go",
        "record_at": ARRIVED,
        "refused_at": ARRIVED,
        "diverted": True,
        "center_id": "C1",
        "source": "kafka",
    }


def test_a_letter_about_something_that_was_no_event_diverts_nothing() -> None:
    letter = DeadLetter("not_json", "no JSON", "service-events", 2, 7, ARRIVED)
    row = DeadLetterRows(EventRows(KEYED)).row(record("service-events.dead-letter", b"{", headers=letter.headers()))

    assert row[DEAD_LETTER_TABLE.columns.index("diverted")] is False


def test_a_tombstone_has_a_letter_too() -> None:
    letter = DeadLetter("tombstone", "no value", "service-events", 2, 7, ARRIVED)
    batch, _ = read(record("service-events.dead-letter", None, headers=letter.headers()))

    assert len(batch.blocks[DEAD_LETTER_TABLE].rows) == 1


def test_what_others_wrote_to_the_dead_letter_topic_is_passed_over() -> None:
    with pytest.raises(UnusableRecordError):
        DeadLetterRows(EventRows(KEYED)).row(record("service-events.dead-letter", b"{}"))
    batch, progress = read(record("service-events.dead-letter", b"{}"))

    assert not batch.unusable
    assert progress.counts["skipped", "service-events.dead-letter"] == 1


def test_every_type_of_event_has_a_row() -> None:
    from schemas.events import EVENT_TYPES

    needed: dict[str, dict[str, Any]] = {
        "check_in": {"customer_id": "K1", "lane": "quick"},
        "diagnosis": {"phase": "started"},
        "quote_decision": {"approved": True},
        "part_request": {"phase": "requested", "request_id": "Q1", "part_no": "P", "quantity": 1},
        "repair": {"phase": "started", "job_id": "J1"},
        "quality_check": {"passed": True},
        "survey": {"score": 9},
        "complaint": {"category": "noise"},
        "expert": {"phase": "joined", "session_id": "S1"},
        "follow_up": {"of": "k1", "phase": "contacted"},
        "appointment": {"phase": "booked", "starts_at": "2026-03-03T09:00:00Z"},
    }
    for name in EVENT_TYPES:
        row = row_of(sent(name, "09:00", **needed.get(name, {})))

        assert row["type"] == name and json.loads(row["payload"]) is not None


TYPED = "call me back on 13800138000"


@pytest.mark.parametrize(
    ("event", "stored"),
    [
        (surveyed("12:00", reasons=["wait", TYPED]), {"score": 9, "reasons": ["wait"]}),
        (complained("12:00", category=TYPED), {"category": "(free text)", "phase": "opened"}),
        (diagnosed("09:00", 0, "brakes", TYPED), {"phase": "completed", "fault_groups": ["brakes"]}),
    ],
    ids=["survey", "complaint", "diagnosis"],
)
def test_free_text_in_the_place_of_codes_is_kept_only_where_it_is_wanted(
    event: dict[str, Any], stored: dict[str, Any]
) -> None:
    assert json.loads(row_of(event)["payload"]) == stored
    assert TYPED in row_of(event, keep_free_text=True)["payload"].decode()


def test_an_event_s_row_names_who_sent_it_and_when():
    event = checked_in("08:00")
    headers = [("source", b"dms-east"), ("ce_time", b"2026-03-02T08:00:05+08:00")]
    row = EventRows(KEYED).row(record("service-events", json.dumps(event).encode(), key=b"V1", headers=headers))

    assert dict(zip(EVENTS.columns, row, strict=True))["source"] == "dms-east"
    assert dict(zip(EVENTS.columns, row, strict=True))["sent_at"] == ms("00:00:05")


def test_a_plain_record_comes_from_kafka_at_nobody_says_what_time():
    row = row_of(checked_in("08:00"))

    assert (row["source"], row["sent_at"]) == ("kafka", None)
