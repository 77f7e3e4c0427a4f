"""What is sent is acknowledged or said not to be; a producer that failed is replaced, one that hangs takes no more."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, OutOfOrderSequenceNumber

from runtime.failure import ExitError
from runtime.kafka import producer as producers
from runtime.kafka.producer import KafkaUnavailableError, OutgoingRecord, RenewingProducer

EVENTS = "service-events"
RECORDS = [OutgoingRecord(b"V1", b"one", (), 1), OutgoingRecord(b"V2", b"two", (("ce_id", b"1"),), 2)]


class Producer:
    """Gives each record the next of `futures`; without any, all are acknowledged."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.answers: list[Any] = []
        self.stopped = False

    async def send(self, topic: str, value: bytes, key: bytes, *, timestamp_ms: int, headers: Any) -> Any:
        self.sent.append((topic, value, key, timestamp_ms, headers))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception) and not isinstance(answer, OutOfOrderSequenceNumber):
            raise answer
        future = asyncio.get_running_loop().create_future()
        if answer == "hangs":
            self.hanging = future
        elif isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(None)
        return future

    async def stop(self) -> None:
        self.stopped = True


class Kafka:
    """Where the sender finds its producers."""

    def __init__(self) -> None:
        self.producers: list[Producer] = []
        self.away = False

    async def started(self) -> Producer:
        if self.away:
            raise KafkaConnectionError("away")
        self.producers.append(Producer())
        return self.producers[-1]


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def sender(kafka: Kafka) -> RenewingProducer:
    return RenewingProducer(kafka.started, ack_within_s=0.05)


async def test_each_record_goes_with_its_own_headers_and_those_of_the_request(sender: RenewingProducer, kafka: Kafka):
    assert await sender.send(EVENTS, RECORDS, [("source", b"dms")]) == [True, True]

    assert kafka.producers[0].sent == [
        (EVENTS, b"one", b"V1", 1, [("source", b"dms")]),
        (EVENTS, b"two", b"V2", 2, [("ce_id", b"1"), ("source", b"dms")]),
    ]
    await sender.close()
    assert kafka.producers[0].stopped


async def test_a_record_that_kafka_refuses_is_told_and_another_producer_goes_on(sender: RenewingProducer, kafka: Kafka):
    await sender.send(EVENTS, RECORDS)
    kafka.producers[0].answers = [None, OutOfOrderSequenceNumber()]

    assert await sender.send(EVENTS, RECORDS) == [True, False]
    assert await sender.send(EVENTS, RECORDS) == [True, True]
    assert len(kafka.producers) == 2
    await sender.close()
    assert all(producer.stopped for producer in kafka.producers)


async def test_what_could_not_be_handed_over_is_not_acknowledged(sender: RenewingProducer, kafka: Kafka):
    await sender.send(EVENTS, RECORDS)
    kafka.producers[0].answers = [None, KafkaConnectionError("gone")]

    assert await sender.send(EVENTS, [*RECORDS, *RECORDS]) == [True, False, False, False]
    assert await sender.send(EVENTS, RECORDS) == [True, True]


async def test_while_something_is_overdue_nothing_more_is_taken(sender: RenewingProducer, kafka: Kafka):
    await sender.send(EVENTS, RECORDS)
    kafka.producers[0].answers = [None, "hangs"]
    assert await sender.send(EVENTS, RECORDS) == [True, False]

    with pytest.raises(KafkaUnavailableError):
        await sender.send(EVENTS, RECORDS)
    kafka.producers[0].hanging.set_result(None)

    assert await sender.send(EVENTS, RECORDS) == [True, True]
    assert len(kafka.producers) == 1


async def test_a_producer_that_hangs_for_good_is_replaced(
    sender: RenewingProducer, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
):
    await sender.send(EVENTS, RECORDS)
    kafka.producers[0].answers = ["hangs"]
    assert await sender.send(EVENTS, RECORDS[:1]) == [False]
    monkeypatch.setattr(producers, "REPLACE_AFTER_S", 0.0)

    assert await sender.send(EVENTS, RECORDS) == [True, True]
    assert len(kafka.producers) == 2


async def test_kafka_is_not_asked_again_by_every_request(
    sender: RenewingProducer, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
):
    kafka.away = True
    for _ in range(3):
        with pytest.raises(KafkaUnavailableError):
            await sender.send(EVENTS, RECORDS)
    kafka.away = False
    with pytest.raises(KafkaUnavailableError):
        await sender.send(EVENTS, RECORDS)
    monkeypatch.setattr(producers, "PAUSE_S", 0.0)

    assert await sender.send(EVENTS, RECORDS) == [True, True]


async def test_a_topic_that_is_missing_is_named(kafka: Kafka):
    async def without_topic() -> Producer:
        raise ExitError("Kafka has no topic service-events yet")

    with pytest.raises(KafkaUnavailableError, match="no topic service-events"):
        await RenewingProducer(without_topic, ack_within_s=0.05).send(EVENTS, RECORDS)


async def test_many_that_send_at_once_share_one_producer(sender: RenewingProducer, kafka: Kafka):
    answers = await asyncio.gather(*(sender.send(EVENTS, RECORDS) for _ in range(20)))

    assert answers == [[True, True]] * 20
    assert len(kafka.producers) == 1


async def test_a_start_that_hangs_ends_in_time(kafka: Kafka):
    async def hanging() -> Producer:
        await asyncio.sleep(3600)
        return Producer()

    sender = RenewingProducer(hanging, ack_within_s=0.05, open_within_s=0.05)
    async with asyncio.timeout(5):
        with pytest.raises(KafkaUnavailableError, match="does not answer"):
            await sender.send(EVENTS, RECORDS)
    assert not sender.is_open
