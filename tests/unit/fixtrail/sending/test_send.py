"""Lines go out byte for byte, and what is wrong with them is found before."""

import asyncio
import io
import random

from aiokafka.partitioner import DefaultPartitioner

from fixtrail.all_settings import Settings
from fixtrail.sealing import sealer_of
from fixtrail.sending.send import CheckResult, PartitionedSender, _read, check_lines
from runtime.kafka.partitioner import partition_of
from schemas.decode import decode_event
from schemas.topics import MAX_SENT_BYTES

CHECK_IN = (
    b'{"event_id":"e1","type":"check_in","order_id":"o1","vehicle_id":"v1","center_id":"c1",'
    b'"occurred_at":"2026-03-01T08:00:00Z","customer_id":"u1","lane":"quick"%s}'
)
LATEST_MS = 1_772_352_000_000


def test_a_vehicle_has_the_partition_that_kafka_itself_would_choose():
    rng = random.Random(1)
    partitions = list(range(7))
    for _ in range(500):
        key = rng.randbytes(rng.randrange(1, 40))
        assert partition_of(key, len(partitions)) == DefaultPartitioner()(key, partitions, partitions)


def lines_of(content: bytes, chunk_bytes: int) -> list[bytes]:
    async def collect():
        async def idle():
            pass

        return [line async for lines, _ in _read(io.BytesIO(content), idle, chunk_bytes) for line in lines]

    return asyncio.run(collect())


def test_lines_are_the_same_wherever_a_read_ends():
    content = b"one\n\ntwo \r\n" + b"x" * 50 + b"\n\xff\xfe\nlast without newline"
    for chunk_bytes in range(1, 70):
        assert lines_of(content, chunk_bytes) == content.split(b"\n")
    assert lines_of(b"a\nb\n", 3) == [b"a", b"b"]
    assert lines_of(b"", 3) == []


class FakeBatch:
    """Holds three records."""

    def __init__(self):
        self.records = []

    def append(self, *, key, value, timestamp, headers):
        if len(self.records) == 3:
            return None
        self.records.append((key, value))
        return timestamp

    def record_count(self):
        return len(self.records)


class FakeProducer:
    """Acknowledges batches until `fail_after` of them were taken; the topic has so many partitions by now."""

    def __init__(self, fail_after=1000, partitions=2):
        self.sent = []
        self.fail_after = fail_after
        self.client = self.cluster = self
        self.partitions = set(range(partitions))

    def partitions_for_topic(self, topic):
        return self.partitions

    def create_batch(self):
        return FakeBatch()

    async def send_batch(self, batch, topic, *, partition):
        acknowledged = asyncio.get_running_loop().create_future()
        if len(self.sent) >= self.fail_after:
            acknowledged.set_exception(OSError("the disk is full"))
        else:
            self.sent.append((partition, batch.records))
            acknowledged.set_result(None)
        return acknowledged


def send(lines, producer, seal=None):
    async def run():
        lanes = PartitionedSender(producer, [0, 1], seal=seal)
        for number, line in enumerate(lines, 1):
            await lanes.add(number, line)
            await asyncio.sleep(0)
        await lanes.flush()
        await lanes.settle()
        return lanes.sent

    return asyncio.run(run())


def test_every_line_arrives_once_in_order_with_its_vehicle_as_key():
    producer = FakeProducer()
    lines = [b'{"vehicle_id":"v%d","n":%d}' % (n % 3, n) for n in range(20)]
    sent = send([*lines, b"", b"{broken"], producer)

    assert (sent.acknowledged, sent.empty, sent.without_key, sent.complete) == (21, 1, 1, True)
    for vehicle in (b"v0", b"v1", b"v2"):
        arrived = [(part, value) for part, batch in producer.sent for key, value in batch if key == vehicle]
        assert [value for _, value in arrived] == [line for line in lines if b'"%s"' % vehicle in line]
        assert len({part for part, _ in arrived}) == 1
    assert [value for _, batch in producer.sent for key, value in batch if key is None] == [b"{broken"]


def test_personal_fields_are_sealed_before_lines_go_out_in_their_order(tmp_path):
    settings = Settings(data=tmp_path, hash_key="a key for these tests, long enough")
    lines = [CHECK_IN % b',"contact":["sms:+8613800138000"]', b'{"vehicle_id":"v1","type":"ready"}', CHECK_IN % b""]
    producer = FakeProducer()
    sent = send(lines, producer, sealer_of(settings))
    values = [value for _, batch in producer.sent for _, value in batch]

    assert (sent.acknowledged, sent.complete) == (3, True)
    assert values[1] == lines[1]
    assert b"8613800138000" not in b"".join(values) and b'"u1"' not in b"".join(values)
    assert [decode_event(value).vehicle_id for value in (values[0], values[2])] == ["v1", "v1"]


def test_without_a_secret_personal_lines_are_not_sent_and_others_are(tmp_path):
    seal = sealer_of(Settings(data=tmp_path, hash_key=None))

    assert send([b'{"vehicle_id":"v1"}'], FakeProducer(), seal).complete
    refused = send([CHECK_IN % b""], producer := FakeProducer(), seal)
    assert (refused.failed, producer.sent) == (1, [])
    assert "FIXTRAIL_SEAL=false" in refused.error


def test_a_line_that_no_topic_takes_is_named_and_the_others_go():
    sent = send([b"x" * (MAX_SENT_BYTES + 1), b"{}"], FakeProducer())

    assert (sent.too_long, sent.acknowledged, sent.complete) == ([1], 1, False)


def test_what_kafka_did_not_acknowledge_is_counted_and_told():
    lines = [b'{"vehicle_id":"v"}'] * 12
    sent = send(lines, FakeProducer(fail_after=2))

    assert (sent.acknowledged, sent.failed) == (6, 6)
    assert sent.error == "OSError: the disk is full"
    assert not sent.complete


def test_nothing_goes_on_to_a_topic_that_was_given_other_partitions_meanwhile():
    sent = send([CHECK_IN % b""] * 4, producer := FakeProducer(partitions=8))

    assert (producer.sent, sent.acknowledged, sent.failed) == ([], 0, 4)
    assert sent.error == "topic service-events has 8 partitions by now: send it again, nothing counts twice"


def checked(content: bytes, result: CheckResult, latest_ms: int = LATEST_MS):
    return check_lines(io.BytesIO(content), result, max_bytes=10_000, latest_ms=latest_ms)


def test_a_check_names_what_a_worker_would_refuse_as_stamped_in_the_future():
    errors = list(checked(CHECK_IN % b"", CheckResult(), latest_ms=LATEST_MS - 1))

    assert [(number, error.code) for number, error in errors] == [(1, "too_far_ahead")]


def test_a_check_names_the_line_the_code_and_unknown_fields():
    content = b"\n".join([CHECK_IN % b"", b"", CHECK_IN % b',"color":"red"', b'{"type":"wash"}', b"{"])
    result = CheckResult()
    errors = [(number, error.code) for number, error in checked(content, result)]

    assert errors == [(4, "unknown_type"), (5, "not_json")]
    assert result.as_json() == {
        "lines": 4,
        "empty": 1,
        "bad": 2,
        "types": {"check_in": 2},
        "codes": {"unknown_type": 1, "not_json": 1},
        "extra_fields": {"color": 1},
    }
