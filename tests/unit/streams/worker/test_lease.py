"""The lease: no write goes out once another process may own the partitions."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from aiokafka.protocol.produce import ProduceRequest

from runtime.failure import STALLED
from streams.worker import lease
from streams.worker.lease import Lease
from tests.unit.streams.worker.conftest import StoppedError


class FakeClient:
    """Sends a request as soon as it is asked to; answers are the test's."""

    def __init__(self, *codes: int) -> None:
        self.sent: list[Any] = []
        self._codes = list(codes)

    async def send(self, node: int, request: Any, **options: Any) -> Any:
        self.sent.append(request)
        return SimpleNamespace(error_code=self._codes.pop(0) if self._codes else 0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time as the lease sees it; `at` may be moved."""
    clock = SimpleNamespace(at=1000.0)
    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=lambda: clock.at))
    return clock


def guarded(lease: Lease) -> FakeClient:
    client = FakeClient()
    lease.guard(SimpleNamespace(client=client))  # type: ignore[arg-type]
    return client


def followed(lease: Lease, *codes: int) -> FakeClient:
    client = FakeClient(*codes)
    lease.watch(SimpleNamespace(_client=client))
    return client


WRITE = ProduceRequest(required_acks=-1, timeout=1000, topics=[], transactional_id=None)
HEARTBEAT = HeartbeatRequest("fixtrail", 1, "member")
SYNC = SyncGroupRequest("fixtrail", 1, "member", None, [])


async def test_a_write_waits_while_no_heartbeat_was_answered_within_the_session(clock: SimpleNamespace):
    lease = Lease(10.0)
    producer, group = guarded(lease), followed(lease)

    clock.at += 9.5
    writing = asyncio.create_task(producer.send(0, WRITE))
    await asyncio.sleep(0.1)
    assert producer.sent == []

    await group.send(0, HEARTBEAT)
    await asyncio.wait_for(writing, 5)
    assert producer.sent == [WRITE]


async def test_what_counts_is_when_the_heartbeat_was_sent(clock: SimpleNamespace):
    lease = Lease(10.0)
    producer = guarded(lease)

    lease.note_answer(clock.at - 9.5, 0)
    writing = asyncio.create_task(producer.send(0, WRITE))
    await asyncio.sleep(0.1)

    assert producer.sent == []
    writing.cancel()


@pytest.mark.parametrize("code", [22, 25, 82], ids=["old generation", "unknown member", "fenced instance"])
async def test_a_process_that_the_group_took_for_dead_ends_rather_than_to_write(
    code: int, clock: SimpleNamespace, stops: list[int]
):
    lease = Lease(10.0)
    producer, group = guarded(lease), followed(lease, code)
    await group.send(0, HEARTBEAT)

    with pytest.raises(StoppedError, match="took it for dead"):
        await producer.send(0, WRITE)

    assert (stops, producer.sent) == ([STALLED], [])


async def test_once_it_is_a_member_again_it_may_write(clock: SimpleNamespace, stops: list[int]):
    lease = Lease(10.0)
    producer, group = guarded(lease), followed(lease, 25, 0)
    await group.send(0, HEARTBEAT)
    await group.send(0, SYNC)

    await producer.send(0, WRITE)

    assert (stops, producer.sent) == ([], [WRITE])


async def test_during_a_rebalance_a_member_may_finish_its_writes(clock: SimpleNamespace):
    lease = Lease(10.0)
    producer, group = guarded(lease), followed(lease, 27)

    clock.at += 8
    await group.send(0, HEARTBEAT)
    clock.at += 8
    await producer.send(0, WRITE)

    assert producer.sent == [WRITE]


async def test_what_is_no_write_goes_out_at_any_time(clock: SimpleNamespace):
    lease = Lease(10.0)
    producer = guarded(lease)

    clock.at += 60
    await producer.send(0, HEARTBEAT)

    assert producer.sent == [HEARTBEAT]
