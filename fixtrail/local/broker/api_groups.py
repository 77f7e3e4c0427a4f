"""Requests about consumer groups and their offsets."""

import asyncio

from fixtrail.local.broker.broker import HOST, NODE_ID, Broker
from fixtrail.local.broker.errors import ErrorCode
from fixtrail.local.broker.groups import LONGEST_METADATA, Commit
from fixtrail.local.broker.member import JoinRequest
from fixtrail.local.broker.wire import Fields, RequestHeader

MEMBER_ID_SINCE = 4


def find_coordinator(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    """This broker, for groups and transactions alike."""
    return {"coordinator_id": NODE_ID, "host": HOST, "port": broker.port}


async def join_group(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    """Waits until the group's next generation begins."""
    session_s = request["session_timeout"] / 1000
    join = JoinRequest(
        member_id=request["member_id"],
        instance_id=request.get("group_instance_id"),
        client_id=header.client_id,
        session_s=session_s,
        rebalance_s=request["rebalance_timeout"] / 1000 if "rebalance_timeout" in request else session_s,
        protocol_type=request["protocol_type"],
        protocols=tuple(
            (protocol["protocol_name"], protocol["protocol_metadata"]) for protocol in request["group_protocols"]
        ),
        must_know_id=header.version >= MEMBER_ID_SINCE,
    )
    answer = broker.groups.join(request["group"], join)
    try:
        joined = await answer
    except asyncio.CancelledError:
        group = broker.groups.get(request["group"])
        if group is not None:
            group.lost(answer)
        raise
    return {
        "error_code": joined.error,
        "generation_id": joined.generation,
        "group_protocol": joined.protocol,
        "leader_id": joined.leader,
        "member_id": joined.member_id,
        "members": [
            {"member_id": member_id, "group_instance_id": instance_id, "member_metadata": metadata}
            for member_id, instance_id, metadata in joined.members
        ],
    }


async def sync_group(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    """Waits until the leader has brought the assignments."""
    group = broker.groups.get(request["group"])
    if group is None:
        return {"error_code": ErrorCode.UNKNOWN_MEMBER_ID, "member_assignment": b""}
    assignments = {assigned["member_id"]: assigned["member_metadata"] for assigned in request["group_assignment"]}
    synced = await group.sync(
        request["member_id"], request.get("group_instance_id"), request["generation_id"], assignments
    )
    return {"error_code": synced.error, "member_assignment": synced.assignment}


def heartbeat(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    group = broker.groups.get(request["group"])
    if group is None:
        return {"error_code": ErrorCode.UNKNOWN_MEMBER_ID}
    return {"error_code": group.heartbeat(request["member_id"], request["generation_id"])}


def leave_group(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    group = broker.groups.get(request["group"])
    if group is None:
        return {"error_code": ErrorCode.UNKNOWN_MEMBER_ID}
    return {"error_code": group.leave(request["member_id"])}


def offset_commit(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    group_id = request["consumer_group"]
    refusal = broker.groups.check_commit(group_id, request["consumer_id"], request["consumer_group_generation_id"])
    commits: list[Commit] = []
    answers = []
    for topic in request["topics"]:
        partitions = []
        for position in topic["partitions"]:
            error = refusal or check_position(broker, topic["topic"], position)
            if not error:
                commits.append(
                    Commit(topic["topic"], position["partition"], position["offset"], position["metadata"] or "")
                )
            partitions.append({"partition": position["partition"], "error_code": error})
        answers.append({"topic": topic["topic"], "partitions": partitions})
    broker.groups.commit(group_id, commits)
    return {"topics": answers}


def check_position(broker: Broker, topic: str, position: Fields) -> ErrorCode:
    """Whether an offset can be committed for the partition it names."""
    if broker.topics.log(topic, position["partition"]) is None:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if len(position["metadata"] or "") > LONGEST_METADATA:
        return ErrorCode.OFFSET_METADATA_TOO_LARGE
    return ErrorCode.NONE


def offset_fetch(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    """Committed offsets of the partitions asked for, or of all; -1 where there is none."""
    committed = broker.groups.committed(request["consumer_group"])
    partitions_by_topic: dict[str, list[int]] = {}
    if request["topics"] is None:
        for topic, partition in sorted(committed):
            partitions_by_topic.setdefault(topic, []).append(partition)
    else:
        partitions_by_topic = {entry["topic"]: entry["partitions"] for entry in request["topics"]}
    answers = []
    for topic, partitions in partitions_by_topic.items():
        positions = [committed.get((topic, number), Commit(topic, number, -1, "")) for number in partitions]
        fields = [
            {"partition": position.partition, "offset": position.offset, "metadata": position.metadata}
            for position in positions
        ]
        answers.append({"topic": topic, "partitions": fields})
    return {"topics": answers}


def describe_groups(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    return {"groups": [_describe(broker, group_id) for group_id in request["groups"]]}


def _describe(broker: Broker, group_id: str) -> Fields:
    group = broker.groups.get(group_id)
    if group is None:
        state = "Empty" if broker.groups.has_offsets(group_id) else "Dead"
        return {"group": group_id, "state": state, "protocol_type": "", "protocol": "", "members": []}
    members = [
        {
            "member_id": member.id,
            "client_id": member.client_id,
            "client_host": f"/{HOST}",
            "member_metadata": member.metadata(group.protocol),
            "member_assignment": member.assignment,
        }
        for member in group.members.values()
    ]
    return {
        "group": group_id,
        "state": group.state,
        "protocol_type": group.protocol_type,
        "protocol": group.protocol,
        "members": members,
    }


def list_groups(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    groups = []
    for group_id in broker.groups.ids():
        group = broker.groups.get(group_id)
        groups.append({"group": group_id, "protocol_type": group.protocol_type if group else ""})
    return {"groups": groups}


def delete_groups(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    names = request["groups_names"]
    return {"results": [{"group_id": name, "error_code": broker.groups.delete(name)} for name in names]}
