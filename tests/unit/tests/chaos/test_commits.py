"""Whether the chaos checker reads Kafka's own commits, and sees one that goes back."""

import asyncio
import struct
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.chaos.commits import Commit, commits_in, commits_that_went_back, stored_commits
from tests.kafka_cluster import KafkaNode, apache_kafka  # noqa: F401

COMMIT, GROUP = 1, 2


def a_record(group: str, offset: int, *, version: int = COMMIT) -> Any:
    key = struct.pack(">h", version) + b"".join(
        struct.pack(">h", len(text)) + text for text in (group.encode(), b"journeys")
    )
    value = struct.pack(">hqih", 3, offset, 0, 0)
    return SimpleNamespace(key=key + struct.pack(">i", 4), value=value, timestamp=time.time() * 1000)


def a_commit(at: float, offset: int, group: str = "-clickhouse") -> Commit:
    return Commit(at, group, "journeys", 4, offset)


def test_commits_of_the_apps_groups_are_read():
    deleted = SimpleNamespace(key=a_record("shop", 7).key, value=None, timestamp=0)
    records = [a_record("shop-clickhouse", 7), a_record("other", 9), deleted, a_record("shop", 3, version=GROUP)]

    (commit,) = commits_in(records, "shop")

    assert (commit.partition_key, commit.offset) == (("-clickhouse", "journeys", 4), 7)
    assert abs(commit.at - time.monotonic()) < 5


def test_a_lower_commit_is_seen_once():
    commits = [a_commit(1, 10), a_commit(2, 4), a_commit(2.5, 1, group=""), a_commit(3, 5), a_commit(4, 10)]

    assert list(commits_that_went_back(commits, [])) == ["2.0 s: ('-clickhouse', 'journeys', 4) from 10 to 4"]


@pytest.mark.parametrize(
    ("group", "began", "ended", "number"), [("-clickhouse", 1.5, 1.8, 0), ("", 1.5, 1.8, 1), ("-clickhouse", 3, 4, 1)]
)
def test_only_a_group_set_back_meanwhile_may_be_lower(group: str, began: float, ended: float, number: int):
    commits = [a_commit(1, 10), a_commit(2, 4)]

    assert len(list(commits_that_went_back(commits, [(group, began, ended)]))) == number


@pytest.mark.kafka
def test_commits_are_read_from_apache_kafka(apache_kafka: KafkaNode):  # noqa: F811
    asyncio.run(commit_each(apache_kafka.bootstrap, (5, 9, 3)))

    commits = stored_commits(apache_kafka.bootstrap, "commits-here")

    assert [commit.offset for commit in commits] == [5, 9, 3]
    assert len(list(commits_that_went_back(commits, []))) == 1


async def commit_each(bootstrap: str, offsets: tuple[int, ...]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("read-by-commits", 1, 1)])
    await admin.close()
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id="commits-here-clickhouse", enable_auto_commit=False
    ) as consumer:
        partition = TopicPartition("read-by-commits", 0)
        consumer.assign([partition])
        for offset in offsets:
            await consumer.commit({partition: offset})
