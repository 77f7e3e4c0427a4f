"""Making, changing, describing and deleting topics."""

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidPartitionsError, UnknownTopicOrPartitionError

from tests.contract.broker.clients import Lab, eventually

UNKNOWN_TOPIC, BAD_NAME, EXISTS, BAD_PARTITIONS, BAD_REPLICATION, BAD_CONFIG = 3, 17, 36, 37, 38, 40


async def test_a_new_topic_has_its_partitions_and_settings(lab: Lab) -> None:
    topic = await lab.topic(5, cleanup_policy="compact", retention_ms="3600000")
    async with lab.admin() as admin:
        [described] = await admin.describe_topics([topic])
        assert topic in await admin.list_topics()

    assert sorted(partition["partition"] for partition in described["partitions"]) == [0, 1, 2, 3, 4]

    async def is_known() -> bool:
        settings = await lab.settings(topic)
        return settings.get("cleanup.policy") == "compact" and settings["retention.ms"] == "3600000"

    await eventually(is_known)
    settings = await lab.settings(topic)
    assert settings["max.message.bytes"] == "1048588"
    assert settings["delete.retention.ms"] == "86400000"


@pytest.mark.parametrize(
    ("new", "error"),
    [
        ({"name": "no spaces please"}, BAD_NAME),
        ({"name": ".."}, BAD_NAME),
        ({"name": "x" * 250}, BAD_NAME),
        ({"num_partitions": 0}, BAD_PARTITIONS),
        ({"num_partitions": -3}, BAD_PARTITIONS),
        ({"replication_factor": 2}, BAD_REPLICATION),
        ({"replication_factor": 0}, BAD_REPLICATION),
        ({"topic_configs": {"no.such.setting": "1"}}, BAD_CONFIG),
        ({"topic_configs": {"retention.ms": "soon"}}, BAD_CONFIG),
        ({"topic_configs": {"cleanup.policy": "burn"}}, BAD_CONFIG),
        ({"topic_configs": {"min.cleanable.dirty.ratio": "7"}}, BAD_CONFIG),
    ],
)
async def test_a_topic_that_cannot_be_is_refused(lab: Lab, new: dict[str, Any], error: int) -> None:
    topic = {"name": lab.name("topic"), "num_partitions": 1, "replication_factor": 1, **new}
    async with lab.admin() as admin:
        answer = await admin.create_topics([NewTopic(**topic)])

        assert answer.topic_errors[0][1] == error
        assert topic["name"] not in await admin.list_topics()


async def test_a_topic_is_made_once(lab: Lab) -> None:
    topic = await lab.topic(2)
    await lab.send(topic, [b"kept"])
    async with lab.admin() as admin:
        answer = await admin.create_topics([NewTopic(topic, 3, 1)])

    assert answer.topic_errors[0][1] == EXISTS
    assert await lab.bounds(topic) == (0, 1)


async def test_names_that_differ_by_dot_and_underscore_collide(lab: Lab) -> None:
    name = lab.name("a.b")
    async with lab.admin() as admin:
        await admin.create_topics([NewTopic(name, 1, 1)])
        answer = await admin.create_topics([NewTopic(name.replace(".", "_"), 1, 1)])

    assert answer.topic_errors[0][1] == BAD_NAME


async def test_a_topic_can_be_tried_without_making_it(lab: Lab) -> None:
    name = lab.name("trial")
    async with lab.admin() as admin:
        answer = await admin.create_topics([NewTopic(name, 1, 1)], validate_only=True)

        assert answer.topic_errors[0][1] == 0
        assert name not in await admin.list_topics()


async def test_partitions_can_be_added_but_not_taken_away(lab: Lab) -> None:
    topic = await lab.topic(2)
    await lab.send(topic, [b"kept"], partition=1)
    async with lab.admin() as admin:
        await admin.create_partitions({topic: NewPartitions(6)})

        async def grown() -> bool:
            described = await _described(admin, topic)
            return described is not None and len(described["partitions"]) == 6

        await eventually(grown)
        with pytest.raises(InvalidPartitionsError):
            await admin.create_partitions({topic: NewPartitions(3)})
        with pytest.raises(UnknownTopicOrPartitionError):
            await admin.create_partitions({lab.name("nothing"): NewPartitions(3)})
    assert await lab.bounds(topic, 1) == (0, 1)
    await lab.send(topic, [b"new"], partition=5)


async def test_settings_are_replaced_as_a_whole(lab: Lab) -> None:
    topic = await lab.topic(1, cleanup_policy="compact", retention_ms="3600000")

    async def alter(name: str, settings: dict[str, str]) -> int:
        async with lab.admin() as admin:
            [answer] = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, settings)])
        return int(answer.resources[0][0])

    assert await alter(topic, {"retention.ms": "7200000"}) == 0

    async def replaced() -> bool:
        settings = await lab.settings(topic)
        return settings["retention.ms"] == "7200000" and settings["cleanup.policy"] == "delete"

    await eventually(replaced)
    assert await alter(topic, {"retention.ms": "-7"}) == BAD_CONFIG
    assert await alter(lab.name("nothing"), {"retention.ms": "1"}) == UNKNOWN_TOPIC


async def test_a_deleted_topic_is_gone_and_a_new_one_starts_empty(lab: Lab) -> None:
    topic, group = await lab.topic(2), lab.name("group")
    where = TopicPartition(topic, 0)
    await lab.send(topic, [b"old"] * 3)
    async with lab.consumer(group_id=group) as consumer:
        consumer.assign([where])
        await consumer.commit({where: 3})

    async with lab.admin() as admin:
        deleted = await admin.delete_topics([topic])
        again = await admin.delete_topics([topic])

        async def made_again() -> bool:
            return (await admin.create_topics([NewTopic(topic, 3, 1)])).topic_errors[0][1] == 0

        await eventually(made_again)
        described = await eventually(lambda: _described(admin, topic))

    assert (deleted.topic_error_codes[0][1], again.topic_error_codes[0][1]) == (0, UNKNOWN_TOPIC)
    assert len(described["partitions"]) == 3
    assert await lab.bounds(topic) == (0, 0)
    async with lab.consumer(group_id=group) as consumer:
        consumer.assign([where])
        assert await consumer.committed(where) is None


async def test_unknown_topics_are_not_made_by_asking_for_them(lab: Lab) -> None:
    name = lab.name("nothing")
    async with lab.admin() as admin:
        [described] = await admin.describe_topics([name])

        assert described["error_code"] == UNKNOWN_TOPIC
        assert name not in await admin.list_topics()


async def _described(admin: Any, topic: str) -> Any:
    [described] = await admin.describe_topics([topic])
    return described if described["error_code"] == 0 else None
