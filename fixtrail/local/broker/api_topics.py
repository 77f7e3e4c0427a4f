"""Requests about topics: metadata, making, changing and deleting them, settings, offsets."""

from collections import Counter

from fixtrail.local.broker.broker import CLUSTER_ID, HOST, NODE_ID, Broker
from fixtrail.local.broker.config import DEFAULTS
from fixtrail.local.broker.errors import ErrorCode
from fixtrail.local.broker.topics import BrokerTopic, TopicRefusedError
from fixtrail.local.broker.wire import Fields, RequestHeader

TOPIC_RESOURCE, BROKER_RESOURCE = 2, 4
DYNAMIC_TOPIC_CONFIG, DEFAULT_CONFIG = 1, 5
EARLIEST, LATEST = -2, -1


def metadata(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    """The one broker, and the topics asked for."""
    names = request["topics"]
    if names is None or (header.version == 0 and not names):
        names = [topic.name for topic in broker.topics]
    create = broker.options.auto_create and request.get("allow_auto_topic_creation", True)
    return {
        "brokers": [{"node_id": NODE_ID, "host": HOST, "port": broker.port}],
        "cluster_id": CLUSTER_ID,
        "controller_id": NODE_ID,
        "topics": [_topic_metadata(broker, name, create=create) for name in dict.fromkeys(names)],
    }


def _topic_metadata(broker: Broker, name: str, *, create: bool) -> Fields:
    topic = broker.topics.get(name)
    error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if topic is None:
        try:
            broker.topics.check_new(name, -1, {})
            topic = broker.topics.create(name, -1, {}) if create else None
        except TopicRefusedError as refused:
            error = refused.code
    if topic is None:
        return {"error_code": error, "topic": name, "partitions": []}
    partitions = [
        {"error_code": 0, "partition": number, "leader": NODE_ID, "replicas": [NODE_ID], "isr": [NODE_ID]}
        for number in range(len(topic.logs))
    ]
    return {"error_code": 0, "topic": name, "partitions": partitions}


def create_topics(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    times_named = Counter(entry["topic"] for entry in request["create_topic_requests"])
    answers = []
    for entry in request["create_topic_requests"]:
        try:
            if times_named[entry["topic"]] > 1:
                raise TopicRefusedError(ErrorCode.INVALID_REQUEST, "Duplicate topic name.")
            _create_topic(broker, entry, dry_run=bool(request.get("validate_only")))
            answers.append({"topic": entry["topic"]})
        except TopicRefusedError as refused:
            answers.append({"topic": entry["topic"], "error_code": refused.code, "error_message": refused.message})
    return {"topic_errors": answers}


def _create_topic(broker: Broker, entry: Fields, *, dry_run: bool) -> None:
    name, partitions, replicas = entry["topic"], entry["num_partitions"], entry["replication_factor"]
    settings = {setting["config_key"]: setting["config_value"] for setting in entry["configs"]}
    assigned = entry["replica_assignment"]
    if assigned:
        partitions, replicas = len(assigned), max(len(replica_list["replicas"]) for replica_list in assigned)
    broker.topics.check_new(name, partitions, settings)
    if replicas not in (-1, 1):
        message = f"Replication factor {replicas} is not possible: there is 1 broker."
        raise TopicRefusedError(ErrorCode.INVALID_REPLICATION_FACTOR, message)
    if not dry_run:
        broker.topics.create(name, partitions, settings)


def delete_topics(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    answers = []
    for name in request["topics"]:
        try:
            broker.topics.delete(name)
            broker.groups.forget_topic(name)
            answers.append({"topic": name})
        except TopicRefusedError as refused:
            answers.append({"topic": name, "error_code": refused.code})
    return {"topic_error_codes": answers}


def create_partitions(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    answers = []
    for entry in request["topic_partitions"]:
        name = entry["topic"]
        try:
            broker.topics.grow(name, entry["new_partitions"]["count"], dry_run=request["validate_only"])
            answers.append({"topic": name})
        except TopicRefusedError as refused:
            answers.append({"topic": name, "error_code": refused.code, "error_message": refused.message})
    return {"topic_errors": answers}


def delete_records(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    def delete(name: str, partition: Fields) -> Fields:
        number = partition["partition_index"]
        try:
            start = broker.topics.delete_records(name, number, partition["offset"])
        except TopicRefusedError as refused:
            return {"partition_index": number, "low_watermark": -1, "error_code": refused.code}
        return {"partition_index": number, "low_watermark": start}

    return {
        "topics": [
            {
                "name": topic["name"],
                "partitions": [delete(topic["name"], partition) for partition in topic["partitions"]],
            }
            for topic in request["topics"]
        ]
    }


def describe_configs(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    return {"resources": [_describe(broker, resource) for resource in request["resources"]]}


def _describe(broker: Broker, resource: Fields) -> Fields:
    kind, name = resource["resource_type"], resource["resource_name"]
    answer: Fields = {"resource_type": kind, "resource_name": name, "config_entries": []}
    topic = broker.topics.get(name) if kind == TOPIC_RESOURCE else None
    if kind == TOPIC_RESOURCE and topic is None:
        return {**answer, "error_code": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    if kind not in (TOPIC_RESOURCE, BROKER_RESOURCE):
        return {**answer, "error_code": ErrorCode.INVALID_REQUEST}
    names = resource["config_names"]
    settings = topic.settings if topic else {}
    values = {**DEFAULTS, **settings} if topic else {}
    entries = [
        {
            "config_names": key,
            "config_value": value,
            "read_only": False,
            "is_default": key not in settings,
            "config_source": DYNAMIC_TOPIC_CONFIG if key in settings else DEFAULT_CONFIG,
        }
        for key, value in values.items()
        if names is None or key in names
    ]
    return {**answer, "config_entries": entries}


def alter_configs(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    answers = []
    for resource in request["resources"]:
        kind, name = resource["resource_type"], resource["resource_name"]
        answer: Fields = {"resource_type": kind, "resource_name": name}
        try:
            if kind != TOPIC_RESOURCE:
                raise TopicRefusedError(ErrorCode.INVALID_REQUEST, "Only topics can be configured.")
            settings = {entry["config_name"]: entry["config_value"] for entry in resource["config_entries"]}
            broker.topics.configure(name, settings, dry_run=request["validate_only"])
        except TopicRefusedError as refused:
            answer |= {"error_code": refused.code, "error_message": refused.message}
        answers.append(answer)
    return {"resources": answers}


def list_offsets(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    committed = request.get("isolation_level") == 1
    return {
        "topics": [
            {
                "topic": topic["topic"],
                "partitions": [
                    _list_offset(broker.topics.get(topic["topic"]), partition, committed=committed)
                    for partition in topic["partitions"]
                ],
            }
            for topic in request["topics"]
        ]
    }


def _list_offset(topic: BrokerTopic | None, partition: Fields, *, committed: bool) -> Fields:
    number, time_ms = partition["partition"], partition["timestamp"]
    answer: Fields = {"partition": number, "timestamp": -1, "offset": -1}
    if topic is None or not 0 <= number < len(topic.logs):
        return {**answer, "error_code": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    log = topic.logs[number]
    end = log.stable_end if committed else log.end
    if time_ms == LATEST:
        return {**answer, "offset": end}
    if time_ms == EARLIEST:
        return {**answer, "offset": log.start}
    position = log.offset_for_time(time_ms)
    if position is None or position[0] >= end:
        return answer
    return {**answer, "offset": position[0], "timestamp": position[1]}
