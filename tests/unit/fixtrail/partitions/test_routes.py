"""Where records go when topics get another number of partitions."""

import orjson
import pytest

from fixtrail.partitions.content import LetterRewrite
from fixtrail.partitions.routes import PartitionerCheck, crc32, route_of
from fixtrail.partitions.tables import LOST_PARTITION
from runtime.failure import ExitError
from runtime.kafka.partitioner import partition_of
from schemas.dead_letter import DeadLetter, read_dead_letter
from schemas.heartbeat import heartbeat_headers, heartbeat_key
from schemas.order_key import OrderKey, journey_key
from tests.kafka_record import KafkaRecord

VEHICLES = [f"V{number}".encode() for number in range(40)]
ORDER = OrderKey("C1", "R1")


def placed(by: object, partitions: int) -> list[KafkaRecord]:
    return [KafkaRecord(b'{"vehicle_id":"%s"}' % key, key=key, partition=by(key, partitions)) for key in VEHICLES]  # type: ignore[operator]


@pytest.mark.parametrize(("by", "name"), [(partition_of, "murmur2"), (crc32, "crc32")])
def test_the_partitioner_of_the_producers_is_found_out(by: object, name: str):
    check = PartitionerCheck([4])
    for record in placed(by, 4):
        check.note(record)

    assert check.partitioner() == name


def test_a_topic_that_somebody_has_grown_is_explained_by_both_of_its_numbers():
    check = PartitionerCheck([4, 8])
    for record in [*placed(partition_of, 4), *placed(partition_of, 8)]:
        check.note(record)

    assert check.partitioner() == "murmur2"


def test_keys_that_are_anywhere_are_refused():
    check = PartitionerCheck([4])
    for number, key in enumerate(VEHICLES):
        check.note(KafkaRecord(b'{"vehicle_id":"%s"}' % key, key=key, partition=number % 4))

    with pytest.raises(ExitError, match="where their keys do not put them") as refusal:
        check.partitioner()
    assert refusal.value.exit_code == 78


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", None])
def test_junk_in_a_wrong_partition_stops_no_backup(content: bytes | None):
    check = PartitionerCheck([4])
    for record in placed(crc32, 4):
        check.note(record)
    for partition in range(4):
        check.note(KafkaRecord(content, key=b"x", partition=partition))

    assert check.partitioner() == "crc32"


def test_a_journey_goes_where_the_notices_of_its_order_go():
    journey = KafkaRecord(b"{}", key=journey_key(ORDER, "V1"), topic="journeys")
    notice = KafkaRecord(b"{}", key=ORDER.encode(), topic="notices")

    assert route_of("journeys", 8)(journey) == route_of("notices", 8)(notice)


def test_heartbeats_stay_behind():
    beat = KafkaRecord(None, key=heartbeat_key(1), headers=tuple(heartbeat_headers(1)))

    assert route_of("journeys", 8)(beat) is None
    assert route_of("service-events", 8)(beat) is None


def test_an_alert_goes_with_its_order_and_so_does_what_deletes_it():
    route = route_of("alerts", 8)
    alert = orjson.dumps({"order_id": "R1", "center_id": "C1", "subject": "R1"})

    partition = route(KafkaRecord(alert, key=b"a1"))

    assert partition == partition_of(ORDER.encode(), 8)
    assert route(KafkaRecord(None, key=b"a1")) == partition


JUNK = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"\xff",
    b'{"a":' * 3000,
    b'{"order_id":1,"center_id":[]}',
    b'{"subject":"' + b"\xc2\xb2" + b'"}',
]


@pytest.mark.parametrize("content", JUNK)
def test_a_record_that_is_none_of_ours_stops_no_copy_and_no_restoration(content: bytes):
    alert = KafkaRecord(content, key=b"a1", partition=11, topic="alerts")
    journey = KafkaRecord(b"{}", key=content, partition=11, topic="journeys")

    assert route_of("alerts", 8)(alert) in range(8)
    assert route_of("journeys", 8)(journey) in range(8)


def test_what_kafka_would_not_take_into_a_compacted_topic_stays_behind():
    assert route_of("alert-acks", 8)(KafkaRecord(b"{}", key=None, partition=3, topic="alert-acks")) is None
    assert route_of("notices", 8)(KafkaRecord(b"{}", key=None, partition=3, topic="notices")) == 3


def test_a_dead_letter_names_where_its_record_stands_now():
    rewrite = LetterRewrite({(3, 17), (3, 2)})
    rewrite.note_event(KafkaRecord(b"{}", partition=3, offset=17), 5, 4)
    headers = DeadLetter("too_late", "late", "service-events", 3, 17, 0).headers()
    diverted = DeadLetter("too_late", "late", "service-events", 3, 2, 0).headers()

    moved = [read_dead_letter(rewrite.rewrite(KafkaRecord(b"{}", headers=tuple(of)))[1]) for of in (headers, diverted)]

    assert [(letter.partition, letter.offset) for letter in moved] == [(5, 4), (3 + LOST_PARTITION, 2)]
