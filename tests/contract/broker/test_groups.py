"""Consumer groups: joining, sharing partitions, losing members, committing."""

import asyncio
import time

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError
from aiokafka.protocol.admin import DeleteGroupsRequest
from aiokafka.protocol.group import LeaveGroupRequest
from aiokafka.structs import OffsetAndMetadata

from tests.contract.broker.clients import Lab, eventually, owns, take
from tests.contract.broker.members import SUBSCRIPTION, HandMember, form_group, hand_members, process_member, sync_group

UNKNOWN_TOPIC, ILLEGAL_GENERATION, INCONSISTENT_PROTOCOL = 3, 22, 23
INVALID_GROUP, UNKNOWN_MEMBER, INVALID_SESSION, REBALANCE, MEMBER_ID_REQUIRED = 24, 25, 26, 27, 79


async def test_the_first_member_need_not_wait_long(lab: Lab) -> None:
    topic, group = await lab.topic(4), lab.name("group")
    async with lab.member(topic, lab.name("warm-up")):
        pass
    before = time.monotonic()
    async with lab.member(topic, group) as consumer:
        await owns(consumer, 4)

    assert time.monotonic() - before < 2


async def test_two_members_share_and_a_leaver_gives_back(lab: Lab) -> None:
    topic, group = await lab.topic(4), lab.name("group")
    for partition in range(4):
        await lab.send(topic, [b"%d" % number for number in range(10)], partition=partition)

    async with lab.member(topic, group) as first:
        assert len(await take(first, 40)) == 40
        await first.commit()
        async with lab.member(topic, group) as second:
            await asyncio.gather(owns(first, 2), owns(second, 2))
            assert not first.assignment() & second.assignment()
            await lab.send(topic, [b"new"], partition=next(iter(second.assignment())).partition)
            assert [record.value for record in await take(second, 1)] == [b"new"]
            await second.commit()
        await owns(first, 4)
        committed = [await first.committed(TopicPartition(topic, number)) for number in range(4)]

    assert sorted(committed) == [10, 10, 10, 11]


async def test_the_partitions_of_a_killed_member_go_to_the_others(lab: Lab) -> None:
    topic, group = await lab.topic(4), lab.name("group")
    async with lab.member(topic, group) as survivor, process_member(lab, topic, group) as victim:
        await asyncio.gather(owns(survivor, 2), victim.owns(2))
        before = time.monotonic()
        await victim.kill()
        await owns(survivor, 4)

    assert 0.5 < time.monotonic() - before < 8


async def test_a_group_whose_only_member_was_killed_can_be_joined(lab: Lab) -> None:
    topic, group = await lab.topic(2), lab.name("group")
    async with process_member(lab, topic, group) as victim:
        await victim.owns(2)
        await victim.kill()
    async with lab.member(topic, group) as heir:
        await owns(heir, 2)


async def test_a_new_member_is_first_given_its_id(lab: Lab) -> None:
    """So that a member that never comes back for the answer does not stay in the group."""
    async with hand_members(lab, lab.name("group"), {}) as [member]:
        answer = await member.ask_to_join()

        assert answer.error_code == MEMBER_ID_REQUIRED
        assert answer.member_id


async def test_members_get_the_leaders_assignment(lab: Lab) -> None:
    async with hand_members(lab, lab.name("group"), {}, {}, {}) as members:
        leader = await form_group(members)

        assert [await member.heartbeat() for member in members] == [0, 0, 0]
        assert await leader.sync() == (0, leader.id.encode())


async def test_only_the_leader_is_told_of_the_members(lab: Lab) -> None:
    async with hand_members(lab, lab.name("group"), {}, {}) as members:
        answers = await asyncio.gather(*(member.join() for member in members))

    ids = {member.id for member in members}
    for member, answer in zip(members, answers, strict=True):
        member_ids = {member[0] for member in answer.members}
        assert member_ids == (ids if member.id == answer.leader_id else set())
        assert answer.group_protocol == "range"


async def test_a_newcomer_makes_all_members_join_again(lab: Lab) -> None:
    async with hand_members(lab, lab.name("group"), {}, {}, {}) as [first, two, newcomer]:
        await form_group([first, two])
        generation = first.generation
        joining = asyncio.create_task(newcomer.join())
        await eventually(lambda: _is_told_to_rejoin(first))

        assert await first.heartbeat() == REBALANCE
        assert (await first.sync())[0] == REBALANCE
        assert await first.commit(await lab.topic(), 3) == 0
        answers = await asyncio.gather(first.join(), two.join(), joining)

        assert {answer.generation_id for answer in answers} == {generation + 1}
        leader = next(member for member in (first, two, newcomer) if member.id == answers[0].leader_id)
        await sync_group([first, two, newcomer], leader)


async def test_a_member_that_does_not_rejoin_in_time_is_left_out(lab: Lab) -> None:
    short = {"rebalance_ms": 1200}
    async with hand_members(lab, lab.name("group"), short, short, short) as [first, sleeper, newcomer]:
        await form_group([first, sleeper])
        joining = asyncio.create_task(newcomer.join())
        await eventually(lambda: _is_told_to_rejoin(first))
        answers = await asyncio.gather(first.join(), joining)

        leader = first if answers[0].leader_id == first.id else newcomer
        await sync_group([first, newcomer], leader)
        assert await sleeper.heartbeat() == UNKNOWN_MEMBER


async def test_the_session_of_a_silent_member_ends(lab: Lab) -> None:
    async with hand_members(lab, lab.name("group"), {}, {"session_ms": 1000}) as [first, silent]:
        await form_group([first, silent])
        await eventually(lambda: _is_told_to_rejoin(first))
        await first.join()

        assert await silent.heartbeat() == UNKNOWN_MEMBER
        assert (await silent.sync())[0] == UNKNOWN_MEMBER
        assert (await silent.ask_to_join()).error_code == UNKNOWN_MEMBER


async def test_heartbeats_keep_a_session(lab: Lab) -> None:
    async with hand_members(lab, lab.name("group"), {"session_ms": 1000}) as [member]:
        await form_group([member])
        for _ in range(6):
            await asyncio.sleep(0.25)
            assert await member.heartbeat() == 0


async def test_a_member_that_leaves_is_gone_at_once(lab: Lab) -> None:
    async with hand_members(lab, lab.name("group"), {}, {}) as [first, leaver]:
        await form_group([first, leaver])

        assert await leaver.leave() == 0
        assert await first.heartbeat() == REBALANCE
        assert await leaver.leave() == UNKNOWN_MEMBER
        assert (await first.join()).leader_id == first.id


async def test_a_leader_that_rejoins_starts_a_rebalance_a_follower_does_not(lab: Lab) -> None:
    async with hand_members(lab, lab.name("group"), {}, {}) as members:
        leader = await form_group(members)
        follower = next(member for member in members if member is not leader)
        generation = leader.generation

        assert (await follower.join()).generation_id == generation
        rejoining = asyncio.create_task(leader.join())
        await eventually(lambda: _is_told_to_rejoin(follower))
        await asyncio.gather(rejoining, follower.join())

        assert leader.generation == follower.generation == generation + 1


async def test_the_protocol_that_all_know_is_chosen(lab: Lab) -> None:
    knows_both = {"protocols": (("sticky", SUBSCRIPTION), ("range", SUBSCRIPTION))}
    async with hand_members(lab, lab.name("group"), knows_both, {}) as members:
        answers = await asyncio.gather(*(member.join() for member in members))
    assert {answer.group_protocol for answer in answers} == {"range"}


async def test_members_that_do_not_fit_are_refused(lab: Lab) -> None:
    group = lab.name("group")
    options = {"protocols": (("other", SUBSCRIPTION),)}
    async with hand_members(lab, group, {}, options, {"session_ms": 100}, {"id": "stranger"}) as members:
        fitting, foreign, hasty, stranger = members
        await form_group([fitting])

        assert (await foreign.ask_to_join()).error_code == INCONSISTENT_PROTOCOL
        assert (await hasty.ask_to_join()).error_code == INVALID_SESSION
        assert (await stranger.ask_to_join()).error_code == UNKNOWN_MEMBER
        assert await stranger.heartbeat() == UNKNOWN_MEMBER
        nameless = HandMember(fitting.send, "")
        assert (await nameless.ask_to_join()).error_code == INVALID_GROUP


async def test_only_members_of_the_present_generation_may_commit(lab: Lab) -> None:
    topic = await lab.topic()
    async with hand_members(lab, lab.name("group"), {}) as [member]:
        await form_group([member])
        generation = member.generation

        assert await member.commit(topic, 3) == 0
        assert await member.commit(topic, 4, generation=generation - 1) == ILLEGAL_GENERATION
        assert await member.commit(topic, 4, generation=generation + 5) == ILLEGAL_GENERATION
        assert await member.commit(topic, 4, id="stranger") == UNKNOWN_MEMBER
        assert await member.commit(topic, 4, generation=-1, id="") == UNKNOWN_MEMBER
        assert await member.commit(lab.name("nothing"), 4) == UNKNOWN_TOPIC
        unknown_group = HandMember(member.send, lab.name("group"), id="x", generation=3)
        assert await unknown_group.commit(topic, 4) == ILLEGAL_GENERATION
        assert await member.leave() == 0
        assert await member.commit(topic, 4) == UNKNOWN_MEMBER

    async with lab.consumer(group_id=member.group) as reader:
        reader.assign([TopicPartition(topic, 0)])
        assert await reader.committed(TopicPartition(topic, 0)) == 3


async def test_an_evicted_consumer_cannot_commit(lab: Lab) -> None:
    topic, group = await lab.topic(), lab.name("group")
    await lab.send(topic, [b"1", b"2"])
    async with (
        lab.member(topic, group, session_timeout_ms=10_000, heartbeat_interval_ms=3000) as consumer,
        lab.raw() as send,
    ):
        await take(consumer, 2)
        evicted = await send(LeaveGroupRequest(group, consumer._coordinator.member_id))
        assert evicted.error_code == 0

        with pytest.raises(CommitFailedError):
            await consumer.commit()


async def test_reading_goes_on_where_the_group_committed(lab: Lab) -> None:
    topic, group = await lab.topic(2), lab.name("group")
    for partition in range(2):
        await lab.send(topic, [b"%d" % number for number in range(10)], partition=partition)
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    async with lab.member(topic, group) as consumer:
        await take(consumer, 20)
        await consumer.commit({first: OffsetAndMetadata(5, "half"), second: OffsetAndMetadata(10, "")})

    async with lab.member(topic, group) as consumer:
        resumed = await take(consumer, 6, timeout_s=0.7)
    async with lab.admin() as admin:
        offsets = await admin.list_consumer_group_offsets(group)
        committed = await admin.list_consumer_group_offsets(group, partitions=[first, TopicPartition(topic, 7)])

    assert [(record.partition, record.offset) for record in resumed] == [(0, number) for number in range(5, 10)]
    assert offsets == {first: OffsetAndMetadata(5, "half"), second: OffsetAndMetadata(10, "")}
    assert committed == {first: OffsetAndMetadata(5, "half"), TopicPartition(topic, 7): OffsetAndMetadata(-1, "")}


async def test_a_consumer_without_group_membership_may_commit(lab: Lab) -> None:
    topic, group = await lab.topic(), lab.name("group")
    where = TopicPartition(topic, 0)
    async with lab.consumer(group_id=group) as consumer:
        consumer.assign([where])
        await consumer.commit({where: 42})
        await consumer.commit({where: 41})

        assert await consumer.committed(where) == 41
    async with lab.raw() as send:
        member = HandMember(send, group)
        assert await member.commit(topic, 1, generation=-1, id="") == 0


async def test_groups_are_listed_and_described(lab: Lab) -> None:
    topic, group = await lab.topic(2), lab.name("group")
    async with lab.admin() as admin:
        async with lab.member(topic, group, client_id="worker-7") as consumer:
            await owns(consumer, 2)
            [answer] = await admin.describe_consumer_groups([group])
            error, name, state, kind, protocol, members = answer.groups[0][:6]
            assert (error, name, state, kind, protocol) == (0, group, "Stable", "consumer", "roundrobin")
            assert [(member[1], member[2]) for member in members] == [("worker-7", "/127.0.0.1")]
            assert members[0][4]
            assert (group, "consumer") in await admin.list_consumer_groups()

        async def is_empty() -> bool:
            [answer] = await admin.describe_consumer_groups([group])
            return answer.groups[0][2] == "Empty"

        await eventually(is_empty)
        [answer] = await admin.describe_consumer_groups([lab.name("nothing")])
        assert answer.groups[0][2] == "Dead"


async def test_a_group_is_deleted_only_without_members(lab: Lab) -> None:
    topic, group = await lab.topic(), lab.name("group")
    async with lab.raw() as send:

        async def delete(name: str) -> int:
            return int((await send(DeleteGroupsRequest([name]))).results[0][1])

        async with lab.member(topic, group) as consumer:
            await owns(consumer, 1)
            await consumer.commit({TopicPartition(topic, 0): 0})
            assert await delete(group) == 68
        assert await delete(group) == 0
        assert await delete(group) == 69
    async with lab.admin() as admin:
        assert group not in [name for name, _ in await admin.list_consumer_groups()]
        assert await admin.list_consumer_group_offsets(group) == {}


async def _is_told_to_rejoin(member: HandMember) -> bool:
    return await member.heartbeat() == REBALANCE
