"""Making, deleting and closing topics while they get another number of partitions."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from runtime.failure import ExitError
from runtime.kafka.topic_state import topic_states

# No producer that asks for all replicas gets an acknowledgement any more.
CLOSED = {"min.insync.replicas": "1000"}
_DYNAMIC_TOPIC_CONFIG = 1
_LIMIT_S = 60.0


async def settings_of(admin: Any, topic: str) -> dict[str, str]:
    """The settings that somebody gave the topic itself."""
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    (resource,) = answer.to_object()["resources"]
    return {
        entry["config_names"]: entry["config_value"]
        for entry in resource["config_entries"]
        if entry.get("config_source") == _DYNAMIC_TOPIC_CONFIG or entry.get("is_default") is False
    }


async def set_settings(admin: Any, topic: str, settings: dict[str, str]) -> None:
    """Give the topic these settings and no others. Raises ExitError where Kafka refuses."""
    for answer in await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=settings)]):
        for resource in answer.to_object()["resources"]:
            if resource["error_code"]:
                error = for_code(resource["error_code"]).__name__
                raise ExitError(f"Kafka did not change the settings of topic {topic}: {error}")


async def create(admin: Any, topic: str, partitions: int, replication: int, settings: dict[str, str]) -> None:
    """Make the topic; while one of its name is still being deleted, wait. Raises ExitError where Kafka refuses."""
    new_topic = NewTopic(topic, partitions, replication, topic_configs=settings)
    for _ in range(round(_LIMIT_S / 0.5)):
        answer = await admin.create_topics([new_topic], timeout_ms=30_000)
        ((_, code, *texts),) = answer.topic_errors
        if not code:
            await _until(admin, topic, partitions)
            return
        if for_code(code) is not TopicAlreadyExistsError:
            raise ExitError(
                f"Kafka did not create topic {topic}: {for_code(code).__name__} {' '.join(filter(None, texts))}"
            )
        await asyncio.sleep(0.5)
    raise ExitError(f"topic {topic} exists, still: give the command again")


async def delete(admin: Any, topics: Iterable[str]) -> None:
    """Delete those of the topics that exist. Raises ExitError where Kafka refuses, or they are still there."""
    for topic in topics:
        answer = await admin.delete_topics([topic])
        ((_, code, *_),) = answer.topic_error_codes
        if code and for_code(code) is not UnknownTopicOrPartitionError:
            raise ExitError(f"Kafka did not delete topic {topic}: {for_code(code).__name__} (delete.topic.enable?)")
        await _until(admin, topic, 0)


async def _until(admin: Any, topic: str, partitions: int) -> None:
    for _ in range(round(_LIMIT_S / 0.2)):
        state = (await topic_states(admin, [topic]))[topic]
        if len(state.partitions) == partitions and state.absence in ("", "missing"):
            return
        await asyncio.sleep(0.2)
    raise ExitError(f"topic {topic} does not come to {partitions} partitions: give the command again")
