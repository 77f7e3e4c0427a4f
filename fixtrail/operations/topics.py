"""The topics of Fixtrail: their names, what each is created with, and creating them."""

from typing import Any

from fixtrail.settings import KafkaSettings
from runtime.failure import REFUSED, ExitError
from schemas.topics import TOPICS


async def ensure_topics(settings: KafkaSettings) -> list[str]:
    """Create the topics that do not exist yet; the names of those created.

    Raises ExitError (78) where `service-events`, `journeys` … exist with another number of partitions than the setting:
    keys would land elsewhere than the state that belongs to them.
    """
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic
    from aiokafka.errors import TopicAlreadyExistsError, for_code

    from fixtrail.settings import client_options

    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        partitions = await partitions_by_topic(admin)
        _check_partitions(partitions, settings.partitions)
        missing = [topic for topic in TOPICS if topic.name not in partitions]
        if not missing:
            return []
        new_topics = [
            NewTopic(topic.name, settings.partitions, settings.replication, topic_configs=topic.config)
            for topic in missing
        ]
        answer = await admin.create_topics(new_topics, timeout_ms=30_000)
        for name, code, *texts in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise ExitError(f"Kafka did not create topic {name}: {error.__name__} {' '.join(filter(None, texts))}")
        return [topic.name for topic in missing]
    finally:
        await admin.close()


async def partitions_by_topic(admin: Any) -> dict[str, list[int]]:
    """The partitions of every topic that an aiokafka admin client sees.

    Asks for all topics, never for one by name: a broker may create what is asked for, with any number of partitions.
    """
    return {
        topic["topic"]: sorted(partition["partition"] for partition in topic["partitions"])
        for topic in await admin.describe_topics()
        if not topic["error_code"]
    }


async def require_topic(settings: KafkaSettings, name: str) -> list[int]:
    """The partitions of a topic. Raises ExitError where it does not exist."""
    from aiokafka.admin import AIOKafkaAdminClient

    from fixtrail.settings import client_options

    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        return partitions_in(await partitions_by_topic(admin), name)
    finally:
        await admin.close()


def partitions_in(partitions: dict[str, list[int]], name: str) -> list[int]:
    """The partitions of one topic out of `partitions_by_topic`. Raises ExitError where it is missing."""
    if name not in partitions:
        raise ExitError(f"Kafka has no topic {name} yet: run `fixtrail migrate`")
    return partitions[name]


def _check_partitions(partitions: dict[str, list[int]], count: int) -> None:
    for topic in TOPICS:
        if topic.name in partitions and len(partitions[topic.name]) != count:
            raise ExitError(
                f"topic {topic.name} has {len(partitions[topic.name])} partitions, FIXTRAIL_PARTITIONS says {count}: "
                "the number is frozen once a topic exists (docs/operators.md, 'More partitions')",
                REFUSED,
            )
