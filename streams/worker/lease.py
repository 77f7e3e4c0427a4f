"""The lease: a process writes only while its consumer group counts it as a member.

Every rule here was seen to lose or double data when it was missing (faust-streaming 0.15.3).
"""

import asyncio
import time
from typing import Any

from aiokafka import AIOKafkaProducer, errors
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from aiokafka.protocol.produce import ProduceRequest

from runtime.failure import STALLED, fail_stop

_STILL_A_MEMBER = frozenset({errors.NoError.errno, errors.RebalanceInProgressError.errno})
_FENCED_INSTANCE_ID = 82  # not among aiokafka's errors
_NOT_A_MEMBER = frozenset({errors.UnknownMemberIdError.errno, errors.IllegalGenerationError.errno, _FENCED_INSTANCE_ID})


class Lease:
    """Whether the group still holds this process for the owner of its partitions.

    It does for a session's length after the last heartbeat that it answered was sent, less what a write may take. A
    process that stood still for longer (frozen, swapped out, cut off) must not write what it had prepared: the next
    owner may be further. Brokers cannot tell (their fencing of producers needs transactions), so the producer asks.
    """

    IN_FLIGHT_S = 1.0

    def __init__(self, session_s: float) -> None:
        self._holds_s = session_s - self.IN_FLIGHT_S
        self._until = time.monotonic() + self._holds_s
        self._lost = False

    def watch(self, consumer: Any) -> None:
        """Follow the answers to the heartbeats and joins that this consumer's client sends, from its thread."""
        send = consumer._client.send

        async def followed(node: int, request: Any, **options: Any) -> Any:
            sent_at = time.monotonic()
            answer = await send(node, request, **options)
            if isinstance(request, HeartbeatRequest):
                self.note_answer(sent_at, answer.error_code)
            elif isinstance(request, SyncGroupRequest) and answer.error_code == errors.NoError.errno:
                self.joined(sent_at)
            return answer

        consumer._client.send = followed

    def joined(self, sent_at: float) -> None:
        """The group takes the process for a member, by what it sent at `sent_at` (monotonic)."""
        self._until = sent_at + self._holds_s
        self._lost = False

    def note_answer(self, sent_at: float, error_code: int) -> None:
        """Apply the group's answer to the heartbeat that was sent at `sent_at` (monotonic)."""
        if error_code in _STILL_A_MEMBER:
            self._until = sent_at + self._holds_s
        elif error_code in _NOT_A_MEMBER:
            self._lost = True

    def guard(self, producer: AIOKafkaProducer) -> None:
        """Let nothing out of this producer, first tries and further ones, but while the lease is held."""
        send = producer.client.send

        async def guarded(node: int, request: Any, **options: Any) -> Any:
            if isinstance(request, ProduceRequest):
                await self.wait_until_held()
            return await send(node, request, **options)

        producer.client.send = guarded

    async def wait_until_held(self) -> None:
        """Return once the lease is held, at once where it is; end the process where the partitions are gone."""
        while self._lost or time.monotonic() > self._until:
            if self._lost:
                fail_stop("the group took it for dead and may have given its partitions to another", STALLED)
            await asyncio.sleep(0.05)
