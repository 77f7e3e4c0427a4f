"""The push sink: topic `notices` into the ledger, and from there, queue by queue, to the customers."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

from aiokafka import TopicPartition

from runtime.crash_point import crash_point
from runtime.failure import BUG, OK, REFUSED
from runtime.kafka.group import Box, ConsumerGroup, Membership
from runtime.personal.vault import Vault
from runtime.progress import Progress
from runtime.retry import Retry, StopRequestedError
from runtime.store import Store, StoreUnavailableError, open_store, transaction
from runtime.tasks import end_all
from schemas.centers import Center
from schemas.facts import Notice
from schemas.order_key import OrderKey
from schemas.personal import is_sealed
from schemas.times import DAY_MS
from schemas.topics import NOTICES
from schemas.version import NewerSchemaError
from sinks.push.address import AddressKeys
from sinks.push.channels.registry import open_channels
from sinks.push.config import PushSettings
from sinks.push.delivery_queue import PushContext
from sinks.push.delivery_queues import DeliveryQueues
from sinks.push.journeys import NoticeJourneys
from sinks.push.ledger import ledger, recipients, upgrade
from sinks.push.ledger.group_commit import GroupCommitThread
from sinks.push.ledger.ledger import Send
from sinks.push.ledger.restored import restored_at, unsure
from sinks.push.plan import Planner, UnusableNoticeError, read_notice
from sinks.push.words.compose import Composer, Link
from sinks.push.words.words import TemplateRenderer

log = logging.getLogger(__name__)

POLL_RECORDS = 1000
STOP_LIMIT_S = 20.0
REVOKE_LIMIT_S = 25.0
HOUSEKEEPING_S = 3600.0
SUBSCRIBED_DAYS = 60


@dataclass(frozen=True, slots=True)
class PushConfig:
    """What a push sink needs to know. `kafka` are the connection arguments of an aiokafka client.

    `ledger` and `person_keys`, the store of the keys that addresses are sealed with, are DSNs (runtime.store).
    `instance` names this process among all that share the ledger; no two that run at the same time have the same one.
    `link` gives the address of an order's tracking page. `webhook_keys` sign webhooks: the present one, then the one
    before; without any, the hash key does.
    """

    kafka: Mapping[str, Any]
    settings: PushSettings
    ledger: str
    hash_key: bytes = field(repr=False)
    instance: str
    group: str = "fixtrail-push"
    static_member: bool = True
    centers: Mapping[str, Center] = field(default_factory=dict)
    link: Link = lambda order, vehicle_id, at: ""
    webhook_keys: tuple[bytes, ...] = field(default=(), repr=False)
    person_keys: str | None = field(default=None, repr=False)
    person_keys_days: int = 0


async def run_push(config: PushConfig, stop: asyncio.Event, progress: Progress | None = None) -> int:
    """Send until `stop` is set; the exit code of the process: 0 after a stop, 78 for a bad configuration, 70 for a bug.

    What is under way at a stop gets a while to end. Whatever happens, nothing is committed that is not in the ledger.
    """
    progress = progress or Progress()
    try:
        keys = AddressKeys(config.hash_key)
        retry = Retry(stop, progress)
        open_ledger = partial(asyncio.to_thread, _open_ledger, config.ledger)
        store = await retry.until_done(open_ledger, (StoreUnavailableError,), "the ledger is away")
        sink = _Sink(config, keys, store, stop, progress)
    except StopRequestedError:
        return OK
    except ValueError as error:
        log.critical("the push sink cannot be set up: %s", error)
        return REFUSED
    except Exception:
        log.exception("the push sink cannot be set up")
        return BUG
    try:
        return await sink.run()
    except NewerSchemaError as error:
        log.critical("%s", error)
        return REFUSED
    except Exception:
        log.exception("the push sink failed")
        return BUG
    finally:
        await sink.close()


def _open_ledger(dsn: str) -> Store:
    """The ledger with its tables. Raises StoreUnavailableError while its database is away."""
    store = open_store(dsn)
    with transaction(store):
        ledger.create_tables(store)
    return store


@dataclass(slots=True)
class _Batch:
    """What was read since the last flush: notices with their partitions, records that are none, ends to commit."""

    notices: list[tuple[Notice, int]] = field(default_factory=list)
    unusable: list[tuple[Any, str]] = field(default_factory=list)
    ends: dict[TopicPartition, int] = field(default_factory=dict)


class _Sink(Box):
    """Reads notices into the ledger and commits; the queues work from the ledger alone."""

    def __init__(
        self, config: PushConfig, keys: AddressKeys, store: Store, stop: asyncio.Event, progress: Progress
    ) -> None:
        settings = config.settings
        instance = config.instance if config.static_member else None
        membership = Membership(config.kafka, (NOTICES,), config.group, instance, poll_records=POLL_RECORDS)
        self.group = ConsumerGroup(membership, self, stop, progress)
        self._config, self._progress = config, progress
        self._channels = open_channels(settings, config.webhook_keys or (config.hash_key,))
        # Prometheus sees no increase in a first value.
        for name, answer in product(self._channels, ("NotSent", "Unclear")):
            progress.counts["answers", name, answer] = 0
        self._planner = Planner(self._channels, keys, settings.also)
        self._vault = None if config.person_keys is None else Vault(config.person_keys, config.hash_key)
        self._ledger_thread = GroupCommitThread(store, progress)
        self._journeys = NoticeJourneys(config.kafka)
        self._context = PushContext(
            ledger_thread=self._ledger_thread,
            journeys=self._journeys,
            composer=Composer(
                TemplateRenderer(settings.templates, settings.locale),
                config.centers,
                settings.time_zone,
                settings.currency,
                config.link,
            ),
            policy=settings.policy(),
            centers=config.centers,
            owner=config.instance,
            progress=progress,
        )
        self._queues = DeliveryQueues(self._context, self._channels)
        self._batch = _Batch()
        self._is_newly_assigned = False

    async def run(self) -> int:
        tasks = {
            asyncio.create_task(self._journeys.run(), name="journeys"),
            asyncio.create_task(self._queues.sweep(), name="sweep"),
            asyncio.create_task(self._purge_regularly(), name="housekeeping"),
            asyncio.create_task(self._context.failed.wait(), name="a delivery queue"),
        }
        reading = asyncio.create_task(self.group.run())
        try:
            done, _ = await asyncio.wait({*tasks, reading}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {reading}:
                task.result()
                log.critical("%s ended", task.get_name())
                return BUG
            reading.result()
            await self._queues.stop(STOP_LIMIT_S)
            return OK
        finally:
            await end_all(*tasks, reading)

    async def close(self) -> None:
        """Leave the group and close everything."""
        self._context.shards.clear()
        await self._queues.stop(0)
        await self.group.close()
        for channel in self._channels.values():
            await channel.close()
        await self._ledger_thread.close()
        if self._vault:
            self._vault.close()

    async def revoked(self, partitions: set[TopicPartition]) -> None:
        """Begin no more calls for them and let those under way end: their next owner must find the outcomes."""
        self._batch = _Batch()
        self._context.shards.difference_update(tp.partition for tp in partitions)
        await self._queues.settle(REVOKE_LIMIT_S)

    async def assigned(self, partitions: set[TopicPartition]) -> None:
        self._context.shards.update(tp.partition for tp in partitions)
        self._is_newly_assigned = True

    def apply(self, tp: TopicPartition, records: list[Any]) -> None:
        for record in records:
            if record.value is None:
                continue
            try:
                self._batch.notices.append((read_notice(record.value), tp.partition))
            except UnusableNoticeError as error:
                self._batch.unusable.append((record, str(error)))
        self._batch.ends[tp] = records[-1].offset + 1

    async def flush(self) -> None:
        """Plan what was read, then commit it: in this order. Before that comes what ended processes left behind."""
        if self._is_newly_assigned:
            self._is_newly_assigned = False
            await self._queues.recover()
        batch, self._batch = self._batch, _Batch()
        if not batch.ends:
            return
        for record, reason in batch.unusable:
            log.warning("record %d of partition %d is no notice: %s", record.offset, record.partition, reason)
            await self.group.dead_letters.send(record, "unusable_record", reason)
        new_sends, queues = await self._ledger_thread.execute(
            partial(self._plan, batch.notices, self._alone(batch), self._context.clock())
        )
        crash_point("push.planned")
        self._progress.count("planned", "", new_sends)
        self._queues.wake(queues)
        await self.group.commit(batch.ends)
        crash_point("push.committed")

    def _alone(self, batch: _Batch) -> list[OrderKey]:
        """The orders of the batch whose number no other center uses, as far as that is known yet."""
        if not self._journeys.read.is_set():
            return []
        orders = {notice.order for notice, _ in batch.notices}
        return [order for order in orders if self._journeys.numbered(order.order_id) == [order]]

    def _plan(
        self, planned: list[tuple[Notice, int]], alone: list[OrderKey], now: int, store: Store
    ) -> tuple[int, set[tuple[str, str]]]:
        is_upgraded = upgrade.is_upgraded(store)
        if is_upgraded:
            upgrade.adopt_followers(store, alone)
        subscribed = recipients.subscriptions_of(store, {notice.order for notice, _ in planned})
        sealed = [text for notice, _ in planned for text in notice.recipients if is_sealed(text)]
        unsealed = self._vault.unseal(sealed) if self._vault else {}
        sends = [
            send
            for notice, shard in planned
            for send in self._planner.sends(notice, shard, now, subscribed.get(notice.order, ()), unsealed)
        ]
        if is_upgraded:
            sends = _not_planned_before(store, sends)
        if restored := restored_at(store):
            sends = unsure(sends, restored)
        new_sends = ledger.plan(store, sends)
        return new_sends, {(send.lane, send.channel) for send in sends if send.state == ledger.PLANNED}

    async def _purge_regularly(self) -> None:
        """Purge old rows of the ledger once an hour."""
        while True:
            now = self._context.clock()
            final_before = now - self._config.settings.keep_days * DAY_MS
            subscribed_before = now - SUBSCRIBED_DAYS * DAY_MS
            await self._ledger_thread.execute(
                partial(ledger.purge, final_before=final_before, subscribed_before=subscribed_before)
            )
            if self._vault and self._config.person_keys_days:
                keys_before = now - self._config.person_keys_days * DAY_MS
                with suppress(StoreUnavailableError):
                    await asyncio.to_thread(self._vault.forget_before, keys_before)
            await asyncio.sleep(HOUSEKEEPING_S)


def _not_planned_before(store: Store, sends: list[Send]) -> list[Send]:
    """Without those that an earlier version planned under another id: a replay sends nothing again."""
    planned = upgrade.planned_before(store, sorted({send.order_id for send in sends}))
    new = []
    for send in sends:
        send_id, centers = planned.get((send.person, send.order_id, send.milestone, send.event_id), ("", set()))
        if send_id in ("", send.id) or not centers & {"", send.center_id}:
            new.append(send)
    return new
