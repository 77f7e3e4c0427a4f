"""A heartbeat goes the way of the events and leaves nothing behind: no event, no dead letter, no row."""

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from runtime.progress import Progress
from schemas.heartbeat import HEADER, heartbeat_headers, heartbeat_key, heartbeat_sent_at
from sinks.clickhouse.batch import Batch, Reader
from sinks.clickhouse.event_rows import EventRows
from sinks.clickhouse.keyed_hash import KeyedHash
from streams.worker.app import WorkerConfig
from streams.worker.crash_marks import CrashMarks
from streams.worker.intake import Intake
from streams.worker.tracker import Tracker
from tests.workshop import checked_in


def record(offset: int, value: bytes | None, headers=(), key: bytes | None = b"V1", topic="service-events") -> Any:
    return SimpleNamespace(
        topic=topic, partition=0, offset=offset, key=key, value=value, headers=tuple(headers), timestamp=0
    )


def event(offset: int) -> Any:
    return record(offset, json.dumps(checked_in("08:00")).encode())


def heartbeat(offset: int, sent_ms: int, topic="service-events") -> Any:
    return record(offset, None, heartbeat_headers(sent_ms), heartbeat_key(0), topic)


@pytest.mark.parametrize("header", [b"", b"soon", b"-5", b"99999999999999", "٣".encode()])
def test_a_header_that_names_no_time_makes_no_heartbeat(header):
    assert heartbeat_sent_at(record(0, None, [(HEADER, header)])) is None


def test_an_event_that_carries_the_header_is_still_an_event():
    admitted = Intake().admit([record(0, event(0).value, heartbeat_headers(5))])

    assert len(admitted.events) == 1
    assert admitted.heartbeat_ms == 0


def test_the_worker_takes_a_heartbeat_for_neither_event_nor_dead_letter():
    admitted = Intake().admit([event(0), heartbeat(1, 1000), record(2, None), heartbeat(3, 2000)])

    assert [offset for offset, _ in admitted.events] == [0]
    assert [letter.code for _, letter in admitted.refused] == ["tombstone"]
    assert admitted.heartbeat_ms == 2000


def test_heartbeats_alone_never_stop_a_worker():
    Intake().admit(heartbeat(offset, 1000) for offset in range(200))


class Outbox:
    """Keeps what it is given, and has it done at once."""

    def __init__(self) -> None:
        self.outputs: dict[Any, Any] = {}

    async def put(self, outputs, changelog, done):
        self.outputs.update(outputs)
        assert not changelog
        done()


async def test_the_worker_sends_a_heartbeat_on_and_measures_it(tmp_path):
    outbox, progress, acked = Outbox(), Progress(), []
    table = SimpleNamespace(partition=lambda _: {}, changelog_name=lambda: "changelog")
    tables = SimpleNamespace(orders=table, vehicles=table, hours=table)
    config = WorkerConfig(kafka={}, data=tmp_path)
    tracker = Tracker(config, tables, outbox, CrashMarks(tmp_path / "marks"), progress)
    sent_ms = int(time.time() * 1000) - 1500

    await tracker.process([heartbeat(7, sent_ms)], lambda: acked.append(True))

    assert outbox.outputs == {("journeys", 0): [(heartbeat_key(0), None, heartbeat_headers(sent_ms))]}
    assert acked == [True]
    assert progress.gauges["heartbeat_timestamp_seconds", "0"] == sent_ms / 1000
    assert 1.5 <= progress.gauges["heartbeat_delay_seconds", "0"] < 10
    assert not progress.counts["events", "new"]


@pytest.mark.parametrize("topic", ["service-events", "journeys"])
def test_the_writer_makes_no_row_of_a_heartbeat_but_moves_past_it(topic):
    progress, batch, tp = Progress(), Batch(), TopicPartition(topic, 0)
    keyed = KeyedHash(b"secret")

    Reader(keyed, EventRows(keyed), progress).add(batch, tp, [heartbeat(4, 1000, topic), heartbeat(5, 2000, topic)])

    assert batch.longest == 0
    assert batch.unusable == []
    assert batch.ends == {tp: 6}
    assert batch.heartbeats == {tp: 2000}
    assert progress.counts["skipped", topic] == 0


def test_an_older_heartbeat_read_again_changes_nothing():
    progress = Progress()
    progress.note_heartbeat(("0",), 2_000_000)
    before = dict(progress.gauges)
    progress.note_heartbeat(("0",), 1_000_000)

    assert progress.gauges == before
    progress.forget_heartbeats()
    assert progress.gauges == {}
