"""All lanes of a process: started when there is something for them, looked after, and what crashes left is taken up."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from functools import partial

from runtime.store import Store
from sinks.push.channels.channel import Channel
from sinks.push.config import LONGEST_TIMEOUT_S
from sinks.push.lane import CALL_MARGIN_S, Lane, Office
from sinks.push.ledger import ledger

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 5.0
# So much longer than a call may take, its outcome is in the ledger if it ever will be.
ROOM_MS = 5_000
GONE = "the process ended during the call"


class Lanes:
    """A slow or dead receiver holds up its own lane and no other."""

    def __init__(self, office: Office, channels: Mapping[str, Channel]) -> None:
        self._office, self._channels = office, channels
        self._lanes: dict[str, Lane] = {}
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
                self._lanes[name].wake()

    async def take_up(self) -> None:
        """Settle what ended processes left behind in the shards in hand, and start the lanes that have work."""
        lanes = await self._office.clerk.do(partial(self._take_up, self._in_flight()))
        self.wake(lanes)

    async def sweep(self) -> None:
        """Take up, again and again, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            await self.take_up()

    async def settle(self, limit_s: float) -> None:
        """Wait until the calls under way have ended."""
        await asyncio.gather(*(lane.settle(limit_s) for lane in list(self._lanes.values())))

    async def stop(self, limit_s: float) -> None:
        """Begin nothing more; what is under way gets so long to end."""
        self._stopped = True
        self._office.shards.clear()
        for lane in self._lanes.values():
            lane.stop()
        await self.settle(limit_s)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _start(self, name: str, channel: Channel) -> None:
        lane = self._lanes[name] = Lane(name, channel, self._office)
        task = self._tasks[name] = asyncio.create_task(lane.run(), name=f"lane {name}")
        task.add_done_callback(partial(self._ended, name))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        if task.exception() is not None:
            log.critical("lane %s failed", name, exc_info=task.exception())
            self._office.failed.set()
        elif self._tasks.get(name) is task:
            del self._tasks[name], self._lanes[name]

    def _in_flight(self) -> set[str]:
        return {each for lane in self._lanes.values() for each in lane.in_flight}

    def _take_up(self, in_flight: set[str], store: Store) -> list[tuple[str, str]]:
        office, now = self._office, self._office.clock()
        shards = set(office.shards)
        for left in ledger.unfinished(store, shards):
            channel = self._channels.get(left.channel)
            if left.id in in_flight or self._may_be_alive(left, channel, now):
                continue
            again = channel is not None and channel.traits.idempotent
            ledger.give_up(store, left, ledger.RETRY if again else ledger.UNKNOWN, GONE, now)
        waiting = ledger.lanes(store, shards)
        for lane, channel_name in waiting:
            if channel_name not in self._channels:
                self._close_lane(store, lane, channel_name, shards, now)
        return [(lane, channel_name) for lane, channel_name in waiting if channel_name in self._channels]

    def _may_be_alive(self, left: ledger.Unfinished, channel: Channel | None, now: int) -> bool:
        """Whether the process that began it may still write how it ended: it is a former owner of the partition."""
        if left.owner == self._office.owner:
            # Nobody else runs under our name, so what we did not begin was begun by one that is gone.
            return False
        timeout_s = LONGEST_TIMEOUT_S if channel is None else channel.traits.timeout_s
        # Both ways: a stamp from the future is one of a clock that goes wrong, and holds nothing up for hours.
        return abs(now - left.intent_at) < (timeout_s + CALL_MARGIN_S) * 1000 + ROOM_MS

    @staticmethod
    def _close_lane(store: Store, lane: str, channel: str, shards: set[int], now: int) -> None:
        """Settle what waits for a channel that is not set up any more."""
        reason = f"channel {channel} is not set up any more"
        for send in ledger.waiting_in(store, lane, shards):
            state = ledger.UNKNOWN if send.state == ledger.RETRY else ledger.SUPPRESSED
            ledger.finish(store, [send.id], state, reason, now)
