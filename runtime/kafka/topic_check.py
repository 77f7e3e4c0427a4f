"""How topics differ from what they should be, each difference as a sentence that says what to do."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

from runtime.kafka.topic_state import TopicState
from schemas.topics import Topic

# What Kafka takes where a topic says nothing of its own.
_CLEANUP, _MAX_BYTES = "delete", "1048588"
_DENIED = "allow it to this user (`fixtrail kafka acls` prints what each box needs)"


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """What every topic is created with."""

    partitions: int
    replication: int = 1
    min_in_sync: int = 1

    def config_of(self, topic: Topic) -> dict[str, str]:
        """The topic's own settings, and how many replicas must have a record before it counts as written."""
        return {**topic.config, "min.insync.replicas": str(self.min_in_sync)}


@dataclass(frozen=True, slots=True)
class TopicDifference:
    """One difference. `subject` is what differs: `partitions`, `replication`, a setting's name, `missing`, `denied`."""

    topic: str
    subject: str
    actual: str
    expected: str
    text: str

    @property
    def stops(self) -> bool:
        """Whether a box that needs the topic cannot do its work."""
        return self.subject in ("missing", "denied", "partitions")


def topic_differences(
    topics: Iterable[Topic], states: Mapping[str, TopicState], plan: TopicPlan
) -> list[TopicDifference]:
    """Everything in which the topics differ from the plan; one that is missing or denied is one difference."""
    return [difference for topic in topics for difference in _differences(topic, states[topic.name], plan)]


def _differences(topic: Topic, state: TopicState, plan: TopicPlan) -> Iterator[TopicDifference]:
    if state.absence:
        if state.absence != "unavailable":
            yield _absence(state)
        return
    if len(state.partitions) != plan.partitions:
        yield _partitions(state, plan.partitions)
    yield from _replication(state, plan)
    if state.config is None:
        text = f"not authorized to read the settings of topic {topic.name}: {_DENIED}; until then they are not checked"
        yield TopicDifference(topic.name, "settings", "", "", text)
    else:
        yield from _settings(topic, state.config, plan)
        yield from _too_strict(state, state.config)


def _absence(state: TopicState) -> TopicDifference:
    if state.absence == "denied":
        return TopicDifference(state.name, "denied", "", "", not_authorized(state.name))
    return TopicDifference(state.name, "missing", "", "", missing(state.name))


def missing(topic: str) -> str:
    """What to do about a topic that does not exist."""
    return f"Kafka has no topic {topic} yet: run `fixtrail migrate`"


def not_authorized(topic: str) -> str:
    """What to do about a topic that this user may not use."""
    return f"not authorized for topic {topic}: {_DENIED}"


def failure_text(error: Exception) -> str:
    """What to say of a failure of Kafka: the right that is missing, else the error's name."""
    if error.args and isinstance(error, TopicAuthorizationFailedError):
        # aiokafka names one, or a set of them.
        topics = error.args[0]
        return not_authorized(topics if isinstance(topics, str) else ", ".join(sorted(topics)))
    if error.args and isinstance(error, GroupAuthorizationFailedError):
        return f"not authorized for group {error.args[0]}: {_DENIED}"
    return type(error).__name__


def _partitions(state: TopicState, expected: int) -> TopicDifference:
    actual = len(state.partitions)
    return TopicDifference(
        state.name, "partitions", str(actual), str(expected), other_partitions(state.name, actual, expected)
    )


def other_partitions(topic: str, actual: int, expected: int) -> str:
    """Why nothing may go on while a topic has another number of partitions than the setting."""
    return (
        f"topic {topic} has {actual} partitions, FIXTRAIL_PARTITIONS says {expected}: "
        "the number is frozen once a topic exists (docs/operators.md, 'More partitions')"
    )


def _replication(state: TopicState, plan: TopicPlan) -> Iterator[TopicDifference]:
    name = state.name
    if state.replicas < plan.replication:
        text = (
            f"topic {name} has partitions with {state.replicas} replicas, FIXTRAIL_REPLICATION says "
            f"{plan.replication}: add replicas with kafka-reassign-partitions.sh, or lower the setting"
        )
        yield TopicDifference(name, "replication", str(state.replicas), str(plan.replication), text)
    if state.in_sync < state.replicas:
        text = (
            f"topic {name} has partitions with {state.in_sync} of {state.replicas} replicas in sync: "
            "look for a broker that is away or behind"
        )
        yield TopicDifference(name, "in_sync", str(state.in_sync), str(state.replicas), text)


def _settings(topic: Topic, config: Mapping[str, str], plan: TopicPlan) -> Iterator[TopicDifference]:
    expected = {"cleanup.policy": _CLEANUP, "max.message.bytes": _MAX_BYTES, **plan.config_of(topic)}
    for name, value in expected.items():
        actual = config.get(name)
        if actual is None or _satisfies(name, actual, value):
            continue
        text = (
            f"topic {topic.name} has {name}={actual} and should have {value}{_REASONS[name]}: kafka-configs.sh "
            f"--bootstrap-server … --alter --entity-type topics --entity-name {topic.name} "
            f"--add-config {name}={_quoted(value)}"
        )
        yield TopicDifference(topic.name, name, actual, value, text)


def _too_strict(state: TopicState, config: Mapping[str, str]) -> Iterator[TopicDifference]:
    in_sync = int(config.get("min.insync.replicas", "1"))
    if in_sync > 1 and in_sync >= state.replicas:
        text = (
            f"topic {state.name} has min.insync.replicas={in_sync} of {state.replicas} replicas: "
            "without one broker nothing can be written. Lower it, or add replicas"
        )
        yield TopicDifference(state.name, "min.insync.replicas", str(in_sync), str(state.replicas - 1), text)


_REASONS = {
    "min.insync.replicas": " (FIXTRAIL_MIN_INSYNC_REPLICAS), or an acknowledged record may be on too few brokers",
    "cleanup.policy": ", or records stay too long or go too soon",
    "retention.ms": ", or records stay too long or go too soon",
    "max.message.bytes": ", or what is large is refused",
}


def _satisfies(name: str, actual: str, expected: str) -> bool:
    if name == "cleanup.policy":
        return set(actual.split(",")) == set(expected.split(","))
    if name in ("max.message.bytes", "min.insync.replicas"):
        return int(actual) >= int(expected)
    return actual == expected


def _quoted(value: str) -> str:
    return f"[{value}]" if "," in value else value
