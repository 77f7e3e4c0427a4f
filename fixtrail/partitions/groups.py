"""The consumer groups whose offsets go over to topics with another number of partitions."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from fixtrail.partitions.copying import borders_of
from fixtrail.settings import KafkaSettings, client_options
from runtime.failure import REFUSED, ExitError
from runtime.kafka.admin import admin_client
from runtime.kafka.client import new_consumer, stop_client
from schemas.topics import SERVICE_EVENTS
from sinks.clickhouse.tables import TOPICS as WRITTEN_TOPICS

SUFFIXES = ("", "-clickhouse", "-push", "-watch")
BOXES = {"": "worker", "-clickhouse": "sink clickhouse", "-push": "sink push", "-watch": "watch"}

LEFT_WITHIN_S = 25.0

Commits = dict[str, dict[str, dict[int, int]]]  # by topic, group and partition


async def require_stopped(admin: Any, app_id: str) -> None:
    """Raises ExitError (78) where a box stays a member of its group; one that ends is until its session is over."""
    deadline = time.monotonic() + LEFT_WITHIN_S
    while running := await _running(admin, app_id):
        if time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            continue
        raise ExitError(
            f"{', '.join(running)} still run as {app_id}: stop every box first (worker, watch, web and pulse, then the "
            "sinks once `fixtrail status` shows them level)",
            REFUSED,
        )


async def _running(admin: Any, app_id: str) -> list[str]:
    answers = [(box, await admin.describe_consumer_groups([app_id + suffix])) for suffix, box in BOXES.items()]
    groups = [(box, group) for box, (answer,) in answers for group in answer.to_object()["groups"]]
    return [box for box, group in groups if group["members"]]


async def until_level(settings: KafkaSettings, limit_s: float) -> bool:
    """Whether the sinks have read within the limit what the other boxes wrote."""
    async with admin_client(client_options(settings)) as admin:
        deadline = time.monotonic() + limit_s
        while await _behind(settings, await commits_of(admin, settings.app_id)):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.5)
        return True


async def _behind(settings: KafkaSettings, commits: Commits) -> int:
    group, behind = f"{settings.app_id}-clickhouse", 0
    for topic in WRITTEN_TOPICS:
        if topic != SERVICE_EVENTS:
            committed = commits.get(topic, {}).get(group, {})
            borders = await borders_of(client_options(settings), topic, settings.partition_count)
            behind += lag_of(borders, committed)
    return behind


def lag_of(borders: Mapping[int, tuple[int, int]], committed: Mapping[int, int]) -> int:
    """How many records a group has not committed."""
    return sum(max(0, end - max(start, committed.get(number, 0))) for number, (start, end) in borders.items())


async def commits_of(admin: Any, app_id: str) -> Commits:
    """What the groups have committed. A group that has committed nothing at all is left out."""
    commits: Commits = {}
    for suffix in SUFFIXES:
        group = app_id + suffix
        for tp, offset in (await admin.list_consumer_group_offsets(group)).items():
            if offset.offset >= 0:
                commits.setdefault(tp.topic, {}).setdefault(group, {})[tp.partition] = offset.offset
    return commits


async def commit(kafka: Mapping[str, Any], commits: Commits) -> None:
    """Set the groups' offsets. Raises KafkaError where a group has members meanwhile."""
    groups = {group for by_group in commits.values() for group in by_group}
    for group in sorted(groups):
        offsets = {
            TopicPartition(topic, partition): OffsetAndMetadata(offset, "")
            for topic, by_group in commits.items()
            for partition, offset in by_group.get(group, {}).items()
        }
        consumer = new_consumer(**kafka, group_id=group)
        await consumer.start()
        try:
            consumer.assign([*offsets])
            await consumer.commit(offsets)
        finally:
            await stop_client(consumer)
