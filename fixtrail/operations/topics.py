"""The topics of Fixtrail: what each is created with, creating them, and how they differ from what they should be."""

from typing import Any

from fixtrail.settings import KafkaSettings, client_options
from runtime.failure import REFUSED, ExitError
from runtime.kafka.admin import admin_client
from runtime.kafka.topic_check import (
    TopicDifference,
    TopicPlan,
    missing,
    not_authorized,
    other_partitions,
    topic_differences,
)
from runtime.kafka.topic_state import TopicState, topic_states
from schemas.topics import PARTITION_MOVE, TOPICS


def plan_of(settings: KafkaSettings) -> TopicPlan:
    """What every topic is to be created with."""
    return TopicPlan(settings.partition_count, settings.replication, settings.min_in_sync)


async def ensure_topics(settings: KafkaSettings) -> list[str]:
    """Create the topics that do not exist yet; the names of those created.

    Raises ExitError (78) where `service-events`, `journeys` … exist with another number of partitions than the setting:
    keys would land elsewhere than the state that belongs to them.
    """
    from aiokafka.admin import NewTopic
    from aiokafka.errors import TopicAlreadyExistsError, for_code

    async with admin_client(client_options(settings)) as admin:
        states = await topic_states(admin, [PARTITION_MOVE, *(topic.name for topic in TOPICS)])
        if not states.pop(PARTITION_MOVE).absence:
            raise ExitError(
                "the topics are getting another number of partitions: give `fixtrail kafka partitions` again to end it",
                REFUSED,
            )
        _check_partitions(states, settings.partition_count)
        absent = [topic for topic in TOPICS if states[topic.name].absence == "missing"]
        if not absent:
            return []
        plan = plan_of(settings)
        new_topics = [
            NewTopic(topic.name, plan.partitions, plan.replication, topic_configs=plan.config_of(topic))
            for topic in absent
        ]
        answer = await admin.create_topics(new_topics, timeout_ms=30_000)
        for name, code, *texts in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise ExitError(f"Kafka did not create topic {name}: {error.__name__} {' '.join(filter(None, texts))}")
        return [topic.name for topic in absent]


async def check_topics(settings: KafkaSettings) -> list[TopicDifference]:
    """Everything in which the topics differ from what `ensure_topics` would create. Raises KafkaError or OSError."""
    async with admin_client(client_options(settings)) as admin:
        states = await topic_states(admin, [topic.name for topic in TOPICS], with_config=True)
    return topic_differences(TOPICS, states, plan_of(settings))


async def our_topics(admin: Any) -> dict[str, TopicState]:
    """Every topic of Fixtrail, as an aiokafka admin client sees it."""
    return await topic_states(admin, [topic.name for topic in TOPICS])


async def require_topic(settings: KafkaSettings, name: str) -> list[int]:
    """The partitions of a topic. Raises ExitError where it does not exist or may not be used."""
    async with admin_client(client_options(settings)) as admin:
        return partitions_in(await topic_states(admin, [name]), name)


def partitions_in(states: dict[str, TopicState], name: str) -> list[int]:
    """The partitions of one topic out of `our_topics`. Raises ExitError where it is missing or may not be used."""
    state = states[name]
    if state.absence == "denied":
        raise ExitError(not_authorized(name))
    if state.absence == "unavailable":
        raise ExitError(f"topic {name} has no leader now: try again")
    if state.absence:
        raise ExitError(missing(name))
    return list(state.partitions)


def _check_partitions(states: dict[str, TopicState], count: int) -> None:
    for name, state in states.items():
        if state.absence == "denied":
            raise ExitError(not_authorized(name))
        if not state.absence and len(state.partitions) != count:
            raise ExitError(other_partitions(name, len(state.partitions), count), REFUSED)
