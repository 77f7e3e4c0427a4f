"""All delivery queues of a process: starts them when there is work, watches them, and recovers sends after crashes."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from functools import partial

from runtime.store import Store
from runtime.tasks import end_all
from sinks.push.channel import Channel
from sinks.push.config import LONGEST_TIMEOUT_S
from sinks.push.delivery_queue import CALL_MARGIN_S, DeliveryQueue, PushContext
from sinks.push.ledger import ledger

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 5.0
# So much longer than a call may take, its outcome is in the ledger if it ever will be.
ROOM_MS = 5_000
PROCESS_ENDED = "the process ended during the call"


class DeliveryQueues:
    """A slow or dead receiver delays its own queue and no other."""

    def __init__(self, context: PushContext, channels: Mapping[str, Channel]) -> None:
        self._context, self._channels = context, channels
        self._queues: dict[str, DeliveryQueue] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopped = False

    def wake(self, lanes: Iterable[tuple[str, str]]) -> None:
        """There is something to do in these (lane, channel); start those that do not run."""
        for name, channel in lanes:
            if self._stopped or channel not in self._channels:
                continue
            task = self._tasks.get(name)
            if task is None or task.done():
                self._start(name, self._channels[channel])
            else:
                self._queues[name].wake()

    async def recover(self) -> None:
        """Settle the INTENTs of ended processes in the shards in hand, and start the queues that have work."""
        lanes = await self._context.ledger_thread.execute(partial(self._recover, self._in_flight()))
        self.wake(lanes)

    async def sweep(self) -> None:
        """Recover, again and again, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            await self.recover()

    async def settle(self, limit_s: float) -> None:
        """Wait until the calls under way have ended."""
        await asyncio.gather(*(queue.settle(limit_s) for queue in list(self._queues.values())))

    async def stop(self, limit_s: float) -> None:
        """Begin nothing more; what is under way gets so long to end."""
        self._stopped = True
        self._context.shards.clear()
        for queue in self._queues.values():
            queue.stop()
        await self.settle(limit_s)
        await end_all(*self._tasks.values())

    def _start(self, name: str, channel: Channel) -> None:
        queue = self._queues[name] = DeliveryQueue(name, channel, self._context)
        task = self._tasks[name] = asyncio.create_task(queue.run(), name=f"lane {name}")
        task.add_done_callback(partial(self._ended, name))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        if task.exception() is not None:
            log.critical("lane %s failed", name, exc_info=task.exception())
            self._context.failed.set()
        elif self._tasks.get(name) is task:
            del self._tasks[name], self._queues[name]

    def _in_flight(self) -> set[str]:
        return {send_id for queue in self._queues.values() for send_id in queue.in_flight}

    def _recover(self, in_flight: set[str], store: Store) -> list[tuple[str, str]]:
        context, now = self._context, self._context.clock()
        shards = set(context.shards)
        for intent in ledger.unfinished(store, shards):
            channel = self._channels.get(intent.channel)
            if intent.id in in_flight or self._may_be_alive(intent, channel, now):
                continue
            is_retry = channel is not None and channel.traits.idempotent
            ledger.give_up(store, intent, ledger.RETRY if is_retry else ledger.UNKNOWN, PROCESS_ENDED, now)
        if not context.progress.clock.is_settling:
            ledger.bring_forward(store, now)
        waiting = ledger.lanes(store, shards)
        for lane, channel_name in waiting:
            if channel_name not in self._channels:
                self._close_lane(store, lane, channel_name, shards, now)
        return [(lane, channel_name) for lane, channel_name in waiting if channel_name in self._channels]

    def _may_be_alive(self, intent: ledger.Unfinished, channel: Channel | None, now: int) -> bool:
        """Whether the process that began it may still write how it ended: it is a former owner of the partition."""
        if intent.owner == self._context.owner:
            # Nobody else runs under our name, so what we did not begin was begun by one that is gone.
            return False
        timeout_s = LONGEST_TIMEOUT_S if channel is None else channel.traits.timeout_s
        # Both ways: a stamp from the future is one of a clock that goes wrong, and holds nothing up for hours.
        return abs(now - intent.intent_at) < (timeout_s + CALL_MARGIN_S) * 1000 + ROOM_MS

    @staticmethod
    def _close_lane(store: Store, lane: str, channel: str, shards: set[int], now: int) -> None:
        """Settle what waits for a channel that is not set up any more."""
        reason = f"channel {channel} is not set up any more"
        for send in ledger.waiting_in(store, lane, shards):
            state = ledger.UNKNOWN if send.state == ledger.RETRY else ledger.SUPPRESSED
            ledger.finish(store, [send.id], state, reason, now)
