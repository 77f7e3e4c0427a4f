"""The event and read API over real HTTP, in front of a real broker."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from runtime.kafka.partitioner import partition_of
from schemas.decode import admit
from streams.journey.batch import journey_facts
from tests.contract.broker.brokers import EmbeddedBroker, start_embedded
from tests.event_api import SURVEY
from tests.kafka_io import produce, read_topic
from tests.stack import wait_for
from tests.web_process import WebProcess, web_process
from tests.workshop import checked_in, event_of, part

EVENTS = "service-events"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    running = start_embedded(tmp_path_factory.mktemp("broker"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def web(broker: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    with web_process(tmp_path_factory.mktemp("web"), broker.bootstrap) as running:
        yield running


def events(count: int, name: str) -> list[dict[str, Any]]:
    return [
        {**SURVEY, "event_id": f"{name}-{number}", "vehicle_id": f"V{number % 17}", "order_id": f"R{number % 17}"}
        for number in range(count)
    ]


def records(bootstrap: str, name: str) -> list[Any]:
    """The records whose event ids begin with the name."""
    return [
        record
        for record in read_topic(bootstrap, EVENTS)
        if record.value and orjson.loads(record.value).get("event_id", "").startswith(f"{name}-")
    ]


def test_what_is_accepted_is_in_the_topic_where_workers_admit_it(web: WebProcess):
    sent = events(300, "batch")
    with web.client() as client:
        answer = client.post("/events", json=[*sent, {"type": "survey"}])

    assert (answer.status_code, answer.json()["accepted"], answer.json()["refused"]) == (207, 300, 1)
    stored = records(web.bootstrap, "batch")
    assert Counter(orjson.loads(record.value)["event_id"] for record in stored) == Counter(
        event["event_id"] for event in sent
    )
    for record in stored:
        event, _ = admit(record)
        assert record.partition == partition_of(event.vehicle_id.encode(), 4)
        assert dict(record.headers) == {"source": b"dms", "fixtrail-schema": b"1"}
        assert abs(record.timestamp / 1000 - time.time()) < 60


def test_each_cloudevents_mode_arrives_as_kafka_has_it(web: WebProcess):
    envelope = {"specversion": "1.0", "id": "1", "source": "/tablet", "type": "org.example.survey"}
    structured, binary, first, two = events(4, "ce")
    with web.client() as client:
        answers = [
            client.post("/events", json=binary, headers={f"ce-{name}": value for name, value in envelope.items()}),
            client.post(
                "/events",
                content=json.dumps(envelope | {"data": structured}),
                headers={"content-type": "application/cloudevents+json"},
            ),
            client.post(
                "/events",
                content=json.dumps([envelope | {"data": first}, envelope | {"data": two}]),
                headers={"content-type": "application/cloudevents-batch+json"},
            ),
        ]

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    stored = [record for record in read_topic(web.bootstrap, EVENTS) if b'"ce-' in record.value]
    assert sorted(admit(record)[0].event_id for record in stored) == ["ce-0", "ce-1", "ce-2", "ce-3"]


def test_many_clients_at_once_get_what_is_theirs(web: WebProcess):
    def send(number: int) -> int:
        with web.client(key) as client:
            return sum(client.post("/events", json=event).json()["accepted"] for event in events(20, f"client{number}"))

    key = web.key()
    with ThreadPoolExecutor(8) as pool:
        accepted = list(pool.map(send, range(8)))

    assert accepted == [20] * 8
    counts = Counter(orjson.loads(record.value)["event_id"] for record in records_of_clients(web))
    assert set(counts.values()) == {1} and len(counts) == 160


def records_of_clients(web: WebProcess) -> list[Any]:
    return [record for record in read_topic(web.bootstrap, EVENTS) if b'"client' in record.value]


def test_a_revoked_key_is_refused_from_the_next_request_on(web: WebProcess):
    from fixtrail.all_settings import Settings
    from fixtrail.web.api.command import revoke_key

    text = web.key(source="lost-tablet")
    with web.client(text) as client:
        assert client.post("/events", json=SURVEY).status_code == 202
        revoke_key(Settings(data=web.folder), text.split("_")[1])
        assert client.post("/events", json=SURVEY).status_code == 401


def test_orders_are_read_from_the_journeys(web: WebProcess):
    facts = list(journey_facts(map(event_of, [checked_in("08:00"), part("requested", "08:10", request_id="Q1")])))
    produce(web.bootstrap, "journeys", [(fact["order_id"].encode(), orjson.dumps(fact)) for fact in facts])
    with web.client() as client:
        wait_for(lambda: client.get("/orders/R1").status_code == 200, 120, "the order is there")
        first, open_orders = client.get("/orders/R1").json(), client.get("/centers/C1/open").json()["orders"]
        second = client.get("/orders/R1").json()

    assert (first["activity"], [order["order_id"] for order in open_orders]) == ("parts", ["R1"])
    assert second["wait_s"] >= first["wait_s"] > 600
    assert "vehicle_id" not in first or first["vehicle_id"] is None


def test_a_body_that_is_too_large_is_refused_without_reading_it(web: WebProcess):
    host, port = web.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {web.key()}\r\n"
            "Content-Type: application/json\r\nContent-Length: 999999999\r\n\r\n["
        )
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_leaves_within_its_body_harms_nobody(web: WebProcess):
    host, port = web.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {web.key()}\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n[{}"
        )
        connection.sendall(head.encode())
    with web.client() as client:
        assert client.post("/events", json=SURVEY).status_code == 202
    assert "Traceback" not in web.log()


def test_nothing_personal_is_in_the_log(web: WebProcess):
    with web.client() as client:
        client.post("/events", json=SURVEY | {"score": "canary-score", "comment": "canary-comment"})
        client.get("/orders/canary-order")

    assert "canary" not in web.log()
    assert "ftk_" not in web.log()


@pytest.mark.long
def test_what_was_accepted_outlives_a_broker_killed_in_the_middle_of_batches(tmp_path: Path):
    """202 and `accepted` mean that Kafka has it, however it dies; while it is away, a 503 says so soon."""
    broker = start_embedded(tmp_path / "broker")
    accepted: list[str] = []
    statuses: Counter[int] = Counter()
    longest = 0.0
    over = threading.Event()

    def send(web: WebProcess, name: str) -> None:
        nonlocal longest
        number = 0
        with web.client() as client:
            while not over.is_set():
                number += 1
                batch = events(200, f"{name}-{number}")
                began = time.monotonic()
                answer = client.post("/events", json=batch)
                longest = max(longest, time.monotonic() - began)
                statuses[answer.status_code] += 1
                items = answer.json().get("items", [])
                accepted.extend(batch[item["index"]]["event_id"] for item in items if item["status"] == "accepted")
                if answer.status_code == 503:
                    assert int(answer.headers["retry-after"]) > 0
                    time.sleep(0.2)

    def more(status: int, answers: int) -> None:
        before = statuses[status]
        wait_for(lambda: statuses[status] >= before + answers, 180, f"{answers} more answers are {status}")

    settings = {"FIXTRAIL_API_EVENTS_PER_MINUTE": "10000000", "FIXTRAIL_API_ACK_S": "2"}
    with web_process(tmp_path / "web", broker.bootstrap, settings) as web:
        with ThreadPoolExecutor(2) as pool:
            sending = [pool.submit(send, web, f"kill{number}") for number in range(2)]
            try:
                for _ in range(2):
                    more(202, 3)
                    broker.kill()
                    more(503, 1)
                    broker = start_embedded(tmp_path / "broker")
                more(202, 3)
            finally:
                over.set()
            for task in sending:
                task.result()
        counts = Counter(orjson.loads(record.value)["event_id"] for record in read_topic(broker.bootstrap, EVENTS))

    assert set(statuses) == {202, 503}
    assert len(accepted) >= 200 * statuses[202]
    assert [event_id for event_id in accepted if event_id not in counts] == []
    # 2 s for the acknowledgement, 5 s to connect, and a busy machine.
    assert longest < 25
    broker.stop()


def test_without_topics_nothing_is_accepted_and_none_is_made(broker: EmbeddedBroker, tmp_path: Path):
    """A topic made by asking for it would have the wrong number of partitions."""
    import asyncio

    from fixtrail.all_settings import Settings
    from fixtrail.web.api.state import event_producer
    from runtime.kafka.producer import KafkaUnavailableError, OutgoingRecord

    bare = start_embedded(tmp_path / "bare")

    async def send() -> None:
        producer = event_producer(Settings(kafka=bare.bootstrap, api_ack_s=5.0))
        try:
            await producer.send("service-events", [OutgoingRecord(b"V1", b"{}")])
        finally:
            await producer.close()

    with pytest.raises(KafkaUnavailableError, match="no topic service-events"):
        asyncio.run(send())
    bare.stop()
