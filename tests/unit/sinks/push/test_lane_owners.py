"""What a process that ended or hangs leaves behind, and who takes it over."""

from pathlib import Path

import pytest

from sinks.push.delivery_queue import CALL_MARGIN_S
from sinks.push.delivery_queues import PROCESS_ENDED, ROOM_MS
from sinks.push.ledger import ledger
from sinks.push.ledger.ledger import INTENT, SENT, SUPPRESSED, UNKNOWN
from tests.providers.messages import HOUR
from tests.unit.sinks.push.desk import NOON, a_desk


@pytest.mark.parametrize(("idempotent", "becomes"), [(False, UNKNOWN), (True, SENT)])
async def test_what_a_killed_process_had_begun_is_settled_by_the_next(tmp_path: Path, idempotent: bool, becomes: str):
    async with a_desk(tmp_path, idempotent=idempotent) as desk:
        (send,) = await desk.tell("repair_started")
        await desk.clerk.execute(lambda store: ledger.claim(store, [send], "", "me", NOON, None))
        await desk.settled(becomes)

        assert len(desk.channel.messages) == (becomes == SENT)
        assert idempotent or (await desk.states())["repair_started"][1] == PROCESS_ENDED


async def test_what_another_process_has_begun_is_its_own_until_it_cannot_be_alive(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        (send,) = await desk.tell("repair_started")
        await desk.clerk.execute(lambda store: ledger.claim(store, [send], "", "another process", NOON, None))
        await desk.lanes.recover()
        assert (await desk.states())["repair_started"][0] == INTENT

        desk.now += round(1000 * (desk.channel.traits.timeout_s + CALL_MARGIN_S)) + ROOM_MS
        await desk.settled(UNKNOWN)


async def test_what_a_former_owner_ends_after_all_is_corrected(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        (send,) = await desk.tell("repair_started")
        await desk.clerk.execute(lambda store: ledger.claim(store, [send], "", "another process", NOON, None))
        desk.now += HOUR
        await desk.settled(UNKNOWN)
        await desk.clerk.execute(lambda store: ledger.finish(store, [send.id], SENT, "", desk.now))

        assert (await desk.states())["repair_started"][0] == SENT


async def test_a_stamp_of_a_clock_that_is_hours_ahead_holds_nothing_up(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        (send,) = await desk.tell("repair_started")
        await desk.clerk.execute(lambda store: ledger.claim(store, [send], "", "another process", NOON + HOUR, None))

        await desk.settled(UNKNOWN)


async def test_a_stop_waits_for_what_is_under_way(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        desk.channel.answers = [0.3]
        await desk.tell("repair_started")
        await desk.until(lambda: desk.channel.messages)
        await desk.lanes.stop(5)

        assert (await desk.states())["repair_started"][0] == SENT


async def test_what_waits_for_a_channel_that_was_taken_away_is_settled(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        await desk.tell("repair_started", channel="pager", lane="pager")
        await desk.settled(SUPPRESSED)

        assert (await desk.states())["repair_started"][1] == "channel pager is not set up any more"


async def test_what_was_planned_while_the_clock_was_ahead_does_not_wait_for_that_time(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        desk.now += HOUR
        await desk.tell("repair_started", planned_at=desk.now, at_ms=desk.now)
        desk.now -= HOUR
        await desk.lanes.recover()
        desk.now += 2 * 60_000
        await desk.settled(SENT)

        assert len(desk.channel.messages) == 1
