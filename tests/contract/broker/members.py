"""Members of a consumer group driven request by request, and real ones in processes that can be killed."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest

from tests.contract.broker.clients import HEARTBEAT_MS, SESSION_MS, Lab

MEMBER_ID_REQUIRED = 79
COORDINATOR_COMING = (14, 15, 16)

SUBSCRIPTION = b"\x00\x00" + b"\x00\x00\x00\x00" + b"\xff\xff\xff\xff"
"""A subscription of the consumer protocol, version 0: no topic, no user data. Kafka reads it."""

Send = Callable[[Any], Awaitable[Any]]


@dataclass
class HandMember:
    """A member that does nothing by itself, so that a test can say what it does and when."""

    send: Send
    group: str
    instance_id: str | None = None
    session_ms: int = 10_000
    rebalance_ms: int = 10_000
    protocols: tuple[tuple[str, bytes], ...] = (("range", SUBSCRIPTION),)
    id: str = ""
    generation: int = -1

    async def join(self) -> Any:
        """Join and take over id and generation; an id that the broker wants back first is sent back."""
        answer = await self.ask_to_join()
        while answer.error_code in COORDINATOR_COMING:
            await asyncio.sleep(0.05)
            answer = await self.ask_to_join()
        if answer.error_code == MEMBER_ID_REQUIRED:
            self.id = answer.member_id
            answer = await self.ask_to_join()
        if answer.error_code == 0:
            self.id, self.generation = answer.member_id, answer.generation_id
        return answer

    async def ask_to_join(self) -> Any:
        """One JoinGroup request."""
        return await self.send(
            JoinGroupRequest(
                self.group,
                self.session_ms,
                self.rebalance_ms,
                self.id,
                self.instance_id,
                "consumer",
                list(self.protocols),
            )
        )

    async def sync(self, assignments: dict[str, bytes] | None = None) -> tuple[int, bytes]:
        """Error and assignment; the leader gives all assignments."""
        assigned = list((assignments or {}).items())
        answer = await self.send(SyncGroupRequest(self.group, self.generation, self.id, self.instance_id, assigned))
        return answer.error_code, answer.member_assignment

    async def heartbeat(self) -> int:
        return int((await self.send(HeartbeatRequest(self.group, self.generation, self.id))).error_code)

    async def leave(self) -> int:
        return int((await self.send(LeaveGroupRequest(self.group, self.id))).error_code)

    async def commit(self, topic: str, offset: int, **instead: Any) -> int:
        generation, member_id = instead.get("generation", self.generation), instead.get("id", self.id)
        position = [(topic, [(0, offset, "")])]
        answer = await self.send(OffsetCommitRequest(self.group, generation, member_id, -1, position))
        return int(answer.topics[0][1][0][1])


@asynccontextmanager
async def hand_members(lab: Lab, group: str, *options: dict[str, Any]) -> AsyncIterator[list[HandMember]]:
    """Members with connections of their own (a join blocks its connection), one for each set of options."""
    async with AsyncExitStack() as connections:
        senders = [await connections.enter_async_context(lab.raw()) for _ in options]
        yield [HandMember(send, group, **own) for send, own in zip(senders, options, strict=True)]


async def form_group(members: list[HandMember]) -> HandMember:
    """All members join one generation and sync, each with its own id as its assignment; the leader."""
    answers = await asyncio.gather(*(member.join() for member in members))
    assert {(answer.error_code, answer.generation_id) for answer in answers} == {(0, members[0].generation)}
    leader = next(member for member in members if member.id == answers[0].leader_id)
    await sync_group(members, leader)
    return leader


async def sync_group(members: list[HandMember], leader: HandMember) -> None:
    """All members of a generation sync, each with its own id as its assignment."""
    shares = {member.id: member.id.encode() for member in members}
    answers = await asyncio.gather(*(member.sync(shares if member is leader else {}) for member in members))
    assert answers == [(0, member.id.encode()) for member in members]


@dataclass
class ProcessMember:
    """A consumer in a process of its own; `lines` are its assignments as they change."""

    process: asyncio.subprocess.Process

    async def owns(self, count: int) -> list[int]:
        """Wait until it was given this many partitions; their numbers."""
        assert self.process.stdout is not None
        while True:
            line = await asyncio.wait_for(self.process.stdout.readline(), 20)
            partitions: list[int] = json.loads(line)
            if len(partitions) == count:
                return partitions

    async def kill(self) -> None:
        """Kill -9."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@asynccontextmanager
async def process_member(
    lab: Lab, topic: str, group: str, instance_id: str | None = None, session_ms: int = SESSION_MS
) -> AsyncIterator[ProcessMember]:
    """Start a consumer process; it is killed at the end at the latest."""
    arguments = [lab.bootstrap, topic, group, instance_id or "", str(session_ms), str(HEARTBEAT_MS)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MEMBER, *arguments, stdout=asyncio.subprocess.PIPE
    )
    member = ProcessMember(process)
    try:
        yield member
    finally:
        await member.kill()


MEMBER = """
import asyncio, json, sys
from aiokafka import AIOKafkaConsumer

async def main(bootstrap, topic, group, instance_id, session_ms, heartbeat_ms):
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=group, group_instance_id=instance_id or None,
        session_timeout_ms=int(session_ms), heartbeat_interval_ms=int(heartbeat_ms), rebalance_timeout_ms=5000,
        auto_offset_reset="earliest", enable_auto_commit=False,
    )
    await consumer.start()
    known = None
    while True:
        await consumer.getmany(timeout_ms=50)
        owned = sorted(one.partition for one in consumer.assignment())
        if owned != known:
            known = owned
            print(json.dumps(owned), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
