"""What is sent is acknowledged or said not to be; a producer that failed is replaced, one that hangs takes no more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, OutOfOrderSequenceNumber

from fixtrail.all_settings import Settings
from fixtrail.web.api import sender as sending
from fixtrail.web.api.judge import Record
from fixtrail.web.api.sender import KafkaAway, Sender

RECORDS = [Record(b"V1", b"one", (), 1), Record(b"V2", b"two", (("ce_id", b"1"),), 2)]


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

    async def opened(self) -> Producer:
        if self.away:
            raise KafkaConnectionError("away")
        self.producers.append(Producer())
        return self.producers[-1]


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def sender(kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sender:
    found = Sender(Settings(data=tmp_path), ack_within_s=0.05)
    monkeypatch.setattr(found, "_opened", kafka.opened)
    return found


async def test_each_record_goes_with_its_own_headers_and_those_of_the_request(sender: Sender, kafka: Kafka):
    assert await sender.send(RECORDS, [("source", b"dms")]) == [True, True]

    assert kafka.producers[0].sent == [
        ("service-events", b"one", b"V1", 1, [("source", b"dms")]),
        ("service-events", b"two", b"V2", 2, [("ce_id", b"1"), ("source", b"dms")]),
    ]
    await sender.close()
    assert kafka.producers[0].stopped


async def test_a_record_that_kafka_refuses_is_told_and_another_producer_goes_on(sender: Sender, kafka: Kafka):
    await sender.send(RECORDS)
    kafka.producers[0].answers = [None, OutOfOrderSequenceNumber()]

    assert await sender.send(RECORDS) == [True, False]
    assert await sender.send(RECORDS) == [True, True]
    assert len(kafka.producers) == 2
    await sender.close()
    assert all(producer.stopped for producer in kafka.producers)


async def test_what_could_not_be_handed_over_is_not_acknowledged(sender: Sender, kafka: Kafka):
    await sender.send(RECORDS)
    kafka.producers[0].answers = [None, KafkaConnectionError("gone")]

    assert await sender.send([*RECORDS, *RECORDS]) == [True, False, False, False]
    assert await sender.send(RECORDS) == [True, True]


async def test_while_something_is_overdue_nothing_more_is_taken(sender: Sender, kafka: Kafka):
    await sender.send(RECORDS)
    kafka.producers[0].answers = [None, "hangs"]
    assert await sender.send(RECORDS) == [True, False]

    with pytest.raises(KafkaAway):
        await sender.send(RECORDS)
    kafka.producers[0].hanging.set_result(None)

    assert await sender.send(RECORDS) == [True, True]
    assert len(kafka.producers) == 1


async def test_a_producer_that_hangs_for_good_is_replaced(
    sender: Sender, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
):
    await sender.send(RECORDS)
    kafka.producers[0].answers = ["hangs"]
    assert await sender.send(RECORDS[:1]) == [False]
    monkeypatch.setattr(sending, "REPLACE_AFTER_S", 0.0)

    assert await sender.send(RECORDS) == [True, True]
    assert len(kafka.producers) == 2


async def test_kafka_is_not_asked_again_by_every_request(sender: Sender, kafka: Kafka, monkeypatch: pytest.MonkeyPatch):
    kafka.away = True
    for _ in range(3):
        with pytest.raises(KafkaAway):
            await sender.send(RECORDS)
    kafka.away = False
    with pytest.raises(KafkaAway):
        await sender.send(RECORDS)
    monkeypatch.setattr(sending, "PAUSE_S", 0.0)

    assert await sender.send(RECORDS) == [True, True]
