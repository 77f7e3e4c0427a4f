"""The push sink: topic `notices` into the ledger, and from there, lane by lane, to the customers."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from runtime.crash_point import crash_point
from runtime.kafka.client import stop_client
from runtime.kafka.lag import Done, show_lag
from runtime.progress import Progress
from schemas.centers import Center
from schemas.dead_letter import DeadLetter
from schemas.times import DAY_MS
from sinks.push.address import AddressKeys
from sinks.push.channels.registry import open_channels
from sinks.push.config import PushSettings
from sinks.push.journeys import Journeys
from sinks.push.lane import Office
from sinks.push.lanes import Lanes
from sinks.push.ledger import audience, ledger
from sinks.push.ledger.clerk import Clerk
from sinks.push.ledger.store import Store, StoreOutage, open_store
from sinks.push.plan import Planner, UnusableNotice, read_notice
from sinks.push.words.compose import Composer, Link
from sinks.push.words.words import Wordsmith

log = logging.getLogger(__name__)

OK, BUG, REFUSED = 0, 70, 78

NOTICES, DEAD_LETTERS = "notices", "service-events.dead-letter"
POLL_S = 0.25
POLL_RECORDS = 1000
COMMIT_LIMIT_S = 30.0
STOP_LIMIT_S = 20.0
REVOKE_LIMIT_S = 25.0
HOUSEKEEPING_S = 3600.0
SUBSCRIBED_DAYS = 60
LEDGER_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class PushConfig:
    """What a push sink needs to know. `kafka` are the connection arguments of an aiokafka client.

    `ledger` is a DSN (sinks.push.store). `instance` names this process among all that share the ledger; no two that
    run at the same time have the same one. `link` gives the address of an order's tracking page.
    """

    kafka: Mapping[str, Any]
    settings: PushSettings
    ledger: str
    hash_key: bytes = field(repr=False)
    instance: str
    group: str = "fixtrail-push"
    static_member: bool = True
    centers: Mapping[str, Center] = field(default_factory=dict)
    link: Link = lambda order_id, at: ""


async def run_push(config: PushConfig, stop: asyncio.Event, progress: Progress | None = None) -> int:
    """Send until `stop` is set; the exit code of the process: 0 after a stop, 78 for a bad configuration, 70 for a bug.

    What is under way at a stop gets a while to end. Whatever happens, nothing is committed that is not in the ledger.
    """
    try:
        keys = AddressKeys(config.hash_key)
        store = await _open_ledger(config.ledger, stop)
        if store is None:
            return OK
        sink = _Sink(config, keys, store, stop, progress or Progress())
    except ValueError as error:
        log.critical("the push sink cannot be set up: %s", error)
        return REFUSED
    except Exception:
        log.exception("the push sink cannot be set up")
        return BUG
    try:
        return await sink.run()
    except Exception:
        log.exception("the push sink failed")
        return BUG
    finally:
        await sink.close()


async def _open_ledger(dsn: str, stop: asyncio.Event) -> Store | None:
    """The ledger with its tables; waits for a database that is away, None when asked to stop meanwhile."""
    while not stop.is_set():
        try:
            store = await asyncio.to_thread(open_store, dsn)
            store.begin()
            ledger.create_tables(store)
            store.commit()
            return store
        except StoreOutage as error:
            log.warning("the ledger is away: %s; next attempt in %.0f s", error, LEDGER_PAUSE_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LEDGER_PAUSE_S)
    return None


class _Sink(ConsumerRebalanceListener):  # type: ignore[misc]
    """Reads notices into the ledger and commits; the lanes work from the ledger alone."""

    def __init__(
        self, config: PushConfig, keys: AddressKeys, store: Store, stop: asyncio.Event, progress: Progress
    ) -> None:
        settings = config.settings
        self._config, self._stop, self._progress = config, stop, progress
        self._channels = open_channels(settings, keys)
        self._planner = Planner(self._channels, keys, settings.also)
        self._clerk = Clerk(store)
        self._journeys = Journeys(config.kafka)
        self._office = Office(
            clerk=self._clerk,
            journeys=self._journeys,
            composer=Composer(
                Wordsmith(settings.templates, settings.locale),
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
        self._lanes = Lanes(self._office, self._channels)
        self._consumer: Any = None
        self._producer: Any = None
        self._committed: dict[TopicPartition, int] = {}

    async def run(self) -> int:
        tasks = {
            asyncio.create_task(self._journeys.run(), name="journeys"),
            asyncio.create_task(self._lanes.sweep(), name="sweep"),
            asyncio.create_task(self._keep_house(), name="housekeeping"),
            asyncio.create_task(self._office.failed.wait(), name="a lane"),
        }
        reading = asyncio.create_task(self._read_all())
        try:
            done, _ = await asyncio.wait({*tasks, reading}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {reading}:
                task.result()
                log.critical("%s ended", task.get_name())
                return BUG
            reading.result()
            self._progress.waiting = False
            await self._lanes.stop(STOP_LIMIT_S)
            return OK
        finally:
            for task in (*tasks, reading):
                task.cancel()
            await asyncio.gather(*tasks, reading, return_exceptions=True)

    async def close(self) -> None:
        """Leave the group and let go of everything."""
        self._office.shards.clear()
        await self._lanes.stop(0)
        for client in (self._consumer, self._producer):
            if client is not None:
                await stop_client(client, STOP_LIMIT_S)
        for channel in self._channels.values():
            await channel.close()
        await self._clerk.close()

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        """Begin nothing more for them, and let what is under way end: their next owner must find how it did."""
        self._office.shards.difference_update(tp.partition for tp in revoked)
        await self._lanes.settle(REVOKE_LIMIT_S)
        self._committed.clear()

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        self._office.shards.update(tp.partition for tp in assigned)
        await self._lanes.take_up()
        self._progress.ready = True
        log.info("assigned %d partitions", len(assigned))

    # Reading

    async def _read_all(self) -> None:
        await self._connect()
        watch = asyncio.create_task(show_lag(self._config.kafka, self._progress, self._done))
        try:
            while not self._stop.is_set():
                try:
                    found = await self._consumer.getmany(timeout_ms=int(POLL_S * 1000), max_records=POLL_RECORDS)
                except KafkaError as error:
                    await self._wait(1.0, f"Kafka does not give records: {error}")
                    continue
                if found:
                    self._progress.waiting = True
                    await self._take(found)
                    self._progress.waiting = False
        finally:
            watch.cancel()

    async def _take(self, found: dict[TopicPartition, list[Any]]) -> None:
        """Plan a batch, then commit it: in this order."""
        now, planned = self._office.clock(), []
        for tp, records in found.items():
            for record in records:
                if record.value is None:
                    continue
                try:
                    planned.append((read_notice(record.value), tp.partition))
                except UnusableNotice as error:
                    log.warning("record %d of partition %d is no notice: %s", record.offset, tp.partition, error)
                    await self._send_dead_letter(record, str(error))
            self._progress.count("records", tp.topic, len(records))
        new, lanes = await self._clerk.do(partial(self._plan, planned, now))
        crash_point("push-planned")
        self._progress.count("planned", "", new)
        self._lanes.wake(lanes)
        await self._commit({tp: records[-1].offset + 1 for tp, records in found.items()})
        crash_point("push-committed")

    def _plan(self, planned: list[tuple[Any, int]], now: int, store: Store) -> tuple[int, set[tuple[str, str]]]:
        subscribed = audience.subscriptions_of(store, sorted({notice.order_id for notice, _ in planned}))
        sends = [
            send
            for notice, shard in planned
            for send in self._planner.sends(notice, shard, now, subscribed.get(notice.order_id, ()))
        ]
        new = ledger.plan(store, sends)
        return new, {(send.lane, send.channel) for send in sends if send.state == ledger.PLANNED}

    async def _connect(self) -> None:
        """Join the group; waits for brokers that are not there yet."""
        while not self._stop.is_set():
            self._consumer = AIOKafkaConsumer(
                **self._config.kafka,
                group_id=self._config.group,
                group_instance_id=self._config.instance if self._config.static_member else None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=10_000,
                heartbeat_interval_ms=3_000,
                metadata_max_age_ms=30_000,
            )
            self._consumer.subscribe([NOTICES], listener=self)
            try:
                await self._consumer.start()
                return
            except (KafkaError, OSError) as error:
                await stop_client(self._consumer, STOP_LIMIT_S)
                self._consumer = None
                await self._wait(1.0, f"Kafka cannot be reached: {error}")

    async def _commit(self, ends: dict[TopicPartition, int]) -> None:
        while not self._stop.is_set():
            try:
                await asyncio.wait_for(self._consumer.commit(ends), COMMIT_LIMIT_S)
            except (CommitFailedError, IllegalStateError) as error:
                # Their new owner reads them again and finds them in the ledger.
                log.warning("commit refused, the partitions were taken away: %s", error)
                return
            except (KafkaError, TimeoutError) as error:
                await self._wait(1.0, f"commit failed: {error or type(error).__name__}")
            else:
                self._progress.count("commits", "")
                self._committed.update(ends)
                return

    async def _send_dead_letter(self, record: Any, reason: str) -> None:
        """Returns once Kafka has acknowledged the letter."""
        letter = DeadLetter("unusable_record", reason, record.topic, record.partition, record.offset, record.timestamp)
        headers = letter.headers(tuple(record.headers))
        while not self._stop.is_set():
            try:
                if self._producer is None:
                    producer = AIOKafkaProducer(**self._config.kafka, acks="all", enable_idempotence=True)
                    await producer.start()
                    self._producer = producer
                await self._producer.send_and_wait(DEAD_LETTERS, record.value, key=record.key, headers=headers)
                self._progress.count("dead_letters", "unusable_record")
                return
            except (KafkaError, OSError) as error:
                await self._wait(1.0, f"a dead letter could not be sent: {error}")
        raise KafkaError("stopped before the dead letter was acknowledged")

    # Beside it

    async def _keep_house(self) -> None:
        """Forget what nobody asks for any more, now and then."""
        while True:
            now = self._office.clock()
            final_before = now - self._config.settings.keep_days * DAY_MS
            subscribed_before = now - SUBSCRIBED_DAYS * DAY_MS
            await self._clerk.do(partial(ledger.purge, final_before=final_before, subscribed_before=subscribed_before))
            await asyncio.sleep(HOUSEKEEPING_S)

    async def _wait(self, seconds: float, why: str) -> None:
        """Sleep, or until asked to stop. Waiting for others is progress: the watchdog is for our own standing still."""
        log.warning("%s; next attempt in %.1f s", why, seconds)
        deadline = time.monotonic() + seconds
        while not self._stop.is_set() and (left := deadline - time.monotonic()) > 0:
            self._progress.moved += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), min(left, 5.0))

    async def _done(self) -> Done:
        """How far each partition in hand is planned."""
        consumer = self._consumer
        return {
            tp: self._committed[tp] if tp in self._committed else await consumer.committed(tp)
            for tp in consumer.assignment()
        }
