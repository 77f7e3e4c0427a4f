"""Static members: a worker that restarts takes its place in the group again."""

import asyncio
import time

from tests.contract.broker.clients import Lab, eventually, owns
from tests.contract.broker.members import form_group, hand_members, process_member, sync_group

UNKNOWN_MEMBER, REBALANCE, FENCED = 25, 27, 82
LONG_SESSION_MS = 20_000


async def test_a_killed_worker_that_comes_back_takes_its_place_at_once(lab: Lab) -> None:
    topic, group = await lab.topic(4), lab.name("group")
    async with lab.member(topic, group, group_instance_id="worker-1", session_timeout_ms=LONG_SESSION_MS) as second:
        async with process_member(lab, topic, group, "worker-2", LONG_SESSION_MS) as victim:
            await asyncio.gather(owns(second, 2), victim.owns(2))
            generation = second._coordinator.generation
            await victim.kill()
        before = time.monotonic()
        async with process_member(lab, topic, group, "worker-2", LONG_SESSION_MS) as heir:
            await heir.owns(2)
            back_after = time.monotonic() - before
            await owns(second, 2)

            assert second._coordinator.generation == generation

    assert back_after < 5


async def test_a_static_member_comes_back_into_the_same_generation(lab: Lab) -> None:
    options = ({"instance_id": "worker-1"}, {"instance_id": "worker-2"}, {"instance_id": "worker-2"})
    async with hand_members(lab, lab.name("group"), *options) as [first, old, back]:
        leader = await form_group([first, old])
        generation, old_share = old.generation, old.id.encode()

        answer = await back.join()

        assert (answer.error_code, back.generation) == (0, generation)
        assert back.id != old.id
        assert list(answer.members) == []
        assert answer.leader_id == leader.id
        assert await back.sync() == (0, old_share)
        assert await back.heartbeat() == 0
        assert await first.heartbeat() == 0
        assert await old.heartbeat() == UNKNOWN_MEMBER
        assert (await old.sync())[0] == FENCED
        assert (await old.ask_to_join()).error_code == FENCED


async def test_a_static_leader_comes_back_as_a_follower_until_the_next_rebalance(lab: Lab) -> None:
    names = [{"instance_id": f"worker-{number}"} for number in (1, 2)]
    group = lab.name("group")
    async with hand_members(lab, group, *names) as members:
        leader = await form_group(members)
        follower = next(member for member in members if member is not leader)
        async with hand_members(lab, group, {"instance_id": leader.instance_id}, {}) as [back, newcomer]:
            answer = await back.join()
            assert answer.leader_id != back.id
            assert await back.sync() == (0, leader.id.encode())

            joining = asyncio.create_task(newcomer.join())

            async def has_assignment() -> bool:
                return await follower.heartbeat() == REBALANCE

            await eventually(has_assignment)
            answers = await asyncio.gather(back.join(), follower.join(), joining)

            everyone = [back, follower, newcomer]
            chosen = next(member for member in everyone if member.id == answers[0].leader_id)
            assert chosen is back
            await sync_group(everyone, chosen)


async def test_a_static_member_that_is_away_keeps_its_share_in_a_rebalance(lab: Lab) -> None:
    short = {"rebalance_ms": 1000}
    options = ({"instance_id": "worker-1", **short}, {"instance_id": "worker-2", **short}, short)
    async with hand_members(lab, lab.name("group"), *options) as [first, away, newcomer]:
        await form_group([first, away])
        joining = asyncio.create_task(newcomer.join())

        async def has_assignment() -> bool:
            return await first.heartbeat() == REBALANCE

        await eventually(has_assignment)
        answers = await asyncio.gather(first.join(), joining)

    members = next(answer.members for answer in answers if answer.members)
    assert {member[1] for member in members} == {"worker-1", "worker-2", None}
    assert away.id in {member[0] for member in members}


async def test_the_session_of_a_static_member_ends_too(lab: Lab) -> None:
    options = ({"instance_id": "worker-1"}, {"instance_id": "worker-2", "session_ms": 1000})
    async with hand_members(lab, lab.name("group"), *options) as [first, silent]:
        await form_group([first, silent])

        async def has_assignment() -> bool:
            return await first.heartbeat() == REBALANCE

        await eventually(has_assignment)
        await first.join()

        assert await silent.heartbeat() == UNKNOWN_MEMBER


async def test_a_static_member_coming_back_in_a_rebalance_joins_it(lab: Lab) -> None:
    options = ({"instance_id": "worker-1"}, {"instance_id": "worker-2"}, {"instance_id": "worker-2"}, {})
    async with hand_members(lab, lab.name("group"), *options) as [first, old, back, newcomer]:
        await form_group([first, old])
        joining = asyncio.create_task(newcomer.join())

        async def has_assignment() -> bool:
            return await first.heartbeat() == REBALANCE

        await eventually(has_assignment)
        before = time.monotonic()
        answers = await asyncio.gather(first.join(), back.join(), joining)

        assert time.monotonic() - before < 3
        assert {answer.generation_id for answer in answers} == {first.generation}
        members = next(answer.members for answer in answers if answer.members)
        assert {member[0] for member in members} == {first.id, back.id, newcomer.id}
