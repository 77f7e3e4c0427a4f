"""The changelog topics of a worker, and what it asks of the topic of events before it starts."""

import logging

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from runtime.failure import REFUSED, ExitError
from runtime.kafka.topic_check import TopicPlan, not_authorized, other_partitions, topic_differences
from runtime.kafka.topic_state import TopicState, topic_states
from schemas.topics import Topic
from streams.changelog_names import changelog_names
from streams.worker.app import WorkerConfig

MAX_REQUEST_BYTES = 10 * 1024 * 1024

log = logging.getLogger(__name__)


def changelog_topics(app_id: str) -> list[Topic]:
    """The changelogs as they are to be: compacted, with room for the largest order."""
    settings = {"cleanup.policy": "compact", "max.message.bytes": str(MAX_REQUEST_BYTES)}
    return [Topic(name, settings) for name in changelog_names(app_id)]


async def prepare_topics(config: WorkerConfig) -> None:
    """Create the changelogs that do not exist yet, one partition for each of the events', and tell how others differ.

    Raises ExitError: 78 where the events or a changelog have another number of partitions than the setting.
    """
    admin = AIOKafkaAdminClient(**config.kafka)
    await admin.start()
    try:
        changelogs = changelog_topics(config.app_id)
        states = await topic_states(admin, [config.topics.events, *(topic.name for topic in changelogs)])
        for state in states.values():
            _refuse(state, config.partitions)
        plan = TopicPlan(config.partitions, config.replication, config.min_in_sync)
        await _create(admin, [topic for topic in changelogs if states[topic.name].absence == "missing"], plan)
        states = await topic_states(admin, [topic.name for topic in changelogs], with_config=True)
        for difference in topic_differences(changelogs, states, plan):
            log.warning(
                "topic differs",
                extra={"topic": difference.topic, "subject": difference.subject, "text": difference.text},
            )
    finally:
        await admin.close()


def _refuse(state: TopicState, partitions: int) -> None:
    if state.absence == "denied":
        raise ExitError(not_authorized(state.name))
    if not state.absence and len(state.partitions) != partitions:
        raise ExitError(other_partitions(state.name, len(state.partitions), partitions), REFUSED)


async def _create(admin: AIOKafkaAdminClient, topics: list[Topic], plan: TopicPlan) -> None:
    new_topics = [
        NewTopic(topic.name, plan.partitions, plan.replication, topic_configs=plan.config_of(topic)) for topic in topics
    ]
    answer = await admin.create_topics(new_topics, timeout_ms=30_000) if new_topics else None
    for name, code, *_ in answer.topic_errors if answer else ():
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"creating topic {name}")
