"""What the brokers say about topics: partitions, replicas and settings, or why they do not say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError
from aiokafka.protocol.metadata import MetadataRequest

Absence = Literal["", "missing", "denied", "unavailable"]


@dataclass(frozen=True, slots=True)
class TopicState:
    """One topic. `replicas` and `in_sync` are those of the partition with the fewest; `config` is None where denied."""

    name: str
    absence: Absence = ""
    partitions: tuple[int, ...] = ()
    replicas: int = 0
    in_sync: int = 0
    config: Mapping[str, str] | None = field(default=None)


async def topic_states(admin: Any, names: Iterable[str], *, with_config: bool = False) -> dict[str, TopicState]:
    """The topics of these names, as an aiokafka admin client sees them. Raises KafkaError or OSError.

    Asked by name, as a list of all topics leaves out those that this user may not see, and without letting the broker
    create what is asked for.
    """
    names = list(names)
    answer = await admin._send_request(MetadataRequest(names, allow_auto_topic_creation=False))
    topics = {topic["topic"]: topic for topic in answer.to_object()["topics"]}
    present = [name for name in names if name in topics and not topics[name]["error_code"]]
    configs = await _configs(admin, present) if with_config and present else {}
    return {name: _state(name, topics.get(name), configs.get(name)) for name in names}


def _state(name: str, topic: Any, config: Mapping[str, str] | None) -> TopicState:
    code = topic["error_code"] if topic else UnknownTopicOrPartitionError.errno
    if code:
        return TopicState(name, _absence(code))
    partitions = topic["partitions"]
    return TopicState(
        name,
        partitions=tuple(sorted(partition["partition"] for partition in partitions)),
        replicas=min((len(partition["replicas"]) for partition in partitions), default=0),
        in_sync=min((len(partition["isr"]) for partition in partitions), default=0),
        config=config,
    )


def _absence(code: int) -> Absence:
    if code == TopicAuthorizationFailedError.errno:
        return "denied"
    # Another error is a broker's that has no leader for it yet.
    return "missing" if code == UnknownTopicOrPartitionError.errno else "unavailable"


async def _configs(admin: Any, names: list[str]) -> dict[str, Mapping[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configs: dict[str, Mapping[str, str]] = {}
    for answer in await admin.describe_configs(resources):
        for code, _, _, name, entries in answer.resources:
            if not code:
                configs[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
    return configs
