"""The watch box: reads its partitions of the topics, looks at the clock, writes notices and alerts.

Its consumer group shares the partitions among all that run. It commits nothing: whoever gets a partition reads it from
the beginning, and what was told before has its id in the topics.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from fixtrail.watch.acks import Acks
from fixtrail.watch.config import WatchConfig
from fixtrail.watch.open_order import TickOutput
from fixtrail.watch.quality import PARTITION, Compute, QualityCases
from fixtrail.watch.shard import Shard
from fixtrail.watch.telling import AlertChannel, close_all, left_open, open_channel
from fixtrail.watch.words import Wording
from runtime.clock import now_ms
from runtime.crash_point import crash_point
from runtime.failure import BUG, OK, REFUSED
from runtime.kafka.client import stop_client
from runtime.kafka.group import Box, ConsumerGroup, Membership
from runtime.progress import Progress
from runtime.retry import StopRequestedError
from runtime.tasks import end_all
from schemas.centers import Center
from schemas.facts import Alert
from schemas.order_key import OrderKey
from schemas.times import DAY_MS
from schemas.topics import ALERT_ACKS, ALERTS, CENTER_HOURS, JOURNEYS, NOTICES
from schemas.version import SCHEMA_HEADER, NewerSchemaError

log = logging.getLogger(__name__)

TOPICS = (JOURNEYS, NOTICES, CENTER_HOURS, ALERTS)
TICK_S = 1.0
# While more comes in than is read, the clock still is looked at now and then.
LATEST_TICK_S = 5.0
# Who stood still for so long may have lost its partitions: it must ask the group before it writes.
LEASE_S = 8.0
STOP_LIMIT_S = 2.0
# A producer that has lost its place among its own records never gets on again; a new process does.
FAILING_LIMIT_S = 60.0
HOURS_READ_MS = 36 * DAY_MS


@dataclass(frozen=True, slots=True)
class WatchBoxConfig:
    """What a watch box needs to know. `kafka` are the connection arguments of an aiokafka client.

    `stale_ms`: the age of the newest heartbeat from which on nothing new is said of orders. `quality` computes the
    quality warnings; without it there are none.
    """

    kafka: Mapping[str, Any]
    watch: WatchConfig
    instance: str
    group: str = "fixtrail-watch"
    centers: Mapping[str, Center] = field(default_factory=dict)
    stale_ms: int = 60_000
    quality: Compute | None = None


async def run_watch(config: WatchBoxConfig, stop: asyncio.Event, progress: Progress | None = None) -> int:
    """Watch until `stop` is set; the exit code of the process: 0 after a stop, 70 for a bug."""
    box = _Watch(config, stop, progress or Progress())
    try:
        return await box.run()
    except NewerSchemaError as error:
        log.critical("the watch refuses to go on: %s", error)
        return REFUSED
    except Exception:
        log.exception("the watch failed")
        return BUG
    finally:
        await box.close()


class _Watch(Box):
    def __init__(self, config: WatchBoxConfig, stop: asyncio.Event, progress: Progress) -> None:
        membership = Membership(
            config.kafka, TOPICS, config.group, config.instance, same_partitions=True, commits=False
        )
        self.group = ConsumerGroup(membership, self, stop, progress)
        self._config, self._progress = config, progress
        self._shards: dict[int, Shard] = {}
        self._offsets: dict[TopicPartition, int] = {}
        self._parked: dict[int, Shard] = {}
        self._ends: dict[int, dict[TopicPartition, int]] = {}
        self._acks = Acks(config.kafka)
        self._quality = QualityCases(config.watch, config.quality)
        self._writing = asyncio.Lock()
        self._ticked_at = time.monotonic()
        self._failing_since: float | None = None
        self._producer: Any = None
        wording = Wording(config.watch.locale, config.watch.time_zone, config.centers)
        self._channels = [
            AlertChannel(name, section, open_channel(name, section), wording, self._change, progress)
            for name, section in config.watch.ops.items()
        ]

    async def run(self) -> int:
        watching = asyncio.create_task(self._watch(), name="watch")
        tasks = {asyncio.create_task(channel.run(), name=f"ops channel {channel.name}") for channel in self._channels}
        tasks.add(asyncio.create_task(self._acks.run(), name="acknowledgements"))
        tasks.add(asyncio.create_task(self._quality.run(), name="quality warnings"))
        try:
            done, _ = await asyncio.wait({watching, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if watching not in done:
                raise RuntimeError(f"{done.pop().get_name()} ended")
            return OK
        finally:
            await end_all(watching, *tasks)

    async def close(self) -> None:
        """Leave the group and close everything."""
        await self.group.close()
        if self._producer is not None:
            await stop_client(self._producer, STOP_LIMIT_S)
        await close_all(self._channels)

    async def revoked(self, partitions: set[TopicPartition]) -> None:
        """Say nothing more of them. What is known is kept for those that come back at once."""
        for shard in self._shards.values():
            # Somebody else may have had it meanwhile: what was written since is read first.
            shard.live_since = None
        self._parked.update(self._shards)
        self._shards.clear()
        self._ends.clear()
        self._quality.needed.clear()

    async def assigned(self, partitions: set[TopicPartition]) -> None:
        for partition in {tp.partition for tp in partitions}:
            if (parked := self._parked.pop(partition, None)) is not None:
                self._shards[partition] = parked
            else:
                self._shards[partition] = Shard(
                    partition,
                    self._config.watch,
                    self._config.centers,
                    self._config.stale_ms,
                    self._acks,
                    self._quality,
                )
                for topic in TOPICS:
                    self._offsets.pop(TopicPartition(topic, partition), None)
        if PARTITION in self._shards:
            self._quality.needed.set()
        for tp in partitions:
            if (offset := self._offsets.get(tp)) is not None:
                self.group.consumer.seek(tp, offset)
                self.group.delivered[tp] = offset
        for parked_shard in self._parked.values():
            for channel in self._channels:
                channel.drop(parked_shard)
        self._parked.clear()

    # Reading

    async def _watch(self) -> None:
        with suppress(StopRequestedError):
            await self.group.retry.until_done(self._connect, (KafkaError, OSError), "Kafka cannot be reached")
            await self.group.run()

    async def _connect(self) -> None:
        """A producer that has lost its place among its own records is not renewed: the process ends and comes again."""
        producer = AIOKafkaProducer(
            **self._config.kafka, acks="all", enable_idempotence=True, linger_ms=2, request_timeout_ms=10_000
        )
        try:
            await producer.start()
        except BaseException:
            await stop_client(producer, STOP_LIMIT_S)
            raise
        self._producer = producer

    def apply(self, tp: TopicPartition, records: list[Any]) -> None:
        """Let the shard take them; it passes over what is none of ours, which other boxes name as dead letters."""
        if (shard := self._shards.get(tp.partition)) is None:
            return
        apply_record = {
            JOURNEYS: shard.apply_journey,
            NOTICES: shard.apply_notice,
            CENTER_HOURS: shard.apply_hour,
            ALERTS: shard.apply_alert,
        }[tp.topic]
        for record in records:
            apply_record(record)
        self._offsets[tp] = self.group.delivered[tp] = records[-1].offset + 1

    async def flush(self) -> None:
        """Let the shards speak that are live, when it is time to look at the clock."""
        await self._come_live()
        since = time.monotonic() - self._ticked_at
        if since >= LATEST_TICK_S or (since >= TICK_S and self._is_drained()):
            self._ticked_at = time.monotonic()
            await self._tick()

    @property
    def is_ready(self) -> bool:
        """Whether all shards speak and what they say can be written."""
        speak = (shard.live_since is not None and number in self._ends for number, shard in self._shards.items())
        return self._failing_since is None and all(speak)

    async def _come_live(self) -> None:
        """Let the shards speak that have read all that stood in their topics when they came."""
        for partition, shard in [*self._shards.items()]:
            if shard.live_since is not None and partition in self._ends:
                continue
            partitions = [TopicPartition(topic, partition) for topic in TOPICS]
            try:
                if partition not in self._ends:
                    await self._skip_old_hours(partition)
                    self._ends[partition] = await self.group.consumer.end_offsets(partitions)
                ends = self._ends[partition]
                if not self._acks.read.is_set() or not all([await self._position(tp) >= ends[tp] for tp in partitions]):
                    continue
            except (KafkaError, IllegalStateError, TimeoutError):
                # The partitions are about to move, or the brokers away.
                continue
            if self._shards.get(partition) is not shard:
                continue
            if shard.live_since is None:
                shard.live_since = now_ms()
                await self._take_over(shard)

    async def _skip_old_hours(self, partition: int) -> None:
        tp = TopicPartition(CENTER_HOURS, partition)
        if tp in self._offsets:
            return
        offsets = await self.group.consumer.offsets_for_times({tp: now_ms() - HOURS_READ_MS})
        if offsets.get(tp) is not None:
            self.group.consumer.seek(tp, offsets[tp].offset)

    async def _position(self, tp: TopicPartition) -> int:
        return int(await asyncio.wait_for(self.group.consumer.position(tp), 5.0))

    def _is_drained(self) -> bool:
        """Whether all that the brokers have shown has been read."""
        for partition in self._shards:
            for topic in TOPICS:
                tp = TopicPartition(topic, partition)
                with suppress(IllegalStateError, KeyError):
                    if (self.group.consumer.highwater(tp) or 0) > self._offsets.get(tp, 0) and tp in self._offsets:
                        return False
        return True

    # Writing

    async def _tick(self) -> None:
        began, now = time.monotonic(), self._progress.clock.now_ms()
        is_settling = self._progress.clock.is_settling
        for shard in [*self._shards.values()]:
            if shard.live_since is None:
                continue
            if is_settling:
                shard.clock_was_set(now)
                continue
            async with self._writing:
                if output := shard.tick(now):
                    await self._write(shard, output)
            if shard.is_behind:
                # Read on in between, or the group takes the partitions away.
                self._ticked_at = began - TICK_S
        self._show(now)
        self._progress.observe(("tick_seconds",), [time.monotonic() - began])

    async def _take_over(self, shard: Shard) -> None:
        """Continue the tellings that the shard's former owner left unfinished."""
        async with self._writing:
            untold = [
                alert
                for alert in shard.alerts.values()
                if not any(channel.is_telling(alert) for channel in self._channels)
            ]
            if left_alerts := left_open(untold, now_ms()):
                await self._write(shard, TickOutput(alerts={alert.alert_id: alert for alert in left_alerts}))
        for channel in self._channels:
            channel.offer(shard, shard.alerts.values())

    async def _change(self, shard: Shard, change: Callable[[Alert], Alert], ids: list[str]) -> bool:
        """Write a new version of these alerts; False where that failed or the shard went elsewhere."""
        async with self._writing:
            if self._shards.get(shard.partition) is not shard:
                return False
            changed = [change(shard.alerts[alert_id]) for alert_id in ids if alert_id in shard.alerts]
            return await self._write(shard, TickOutput(alerts={alert.alert_id: alert for alert in changed}))

    async def _write(self, shard: Shard, output: TickOutput) -> bool:
        """Returns once Kafka has acknowledged all of it; False where it has to be found again."""
        if time.monotonic() - self.group.polled_at > LEASE_S:
            shard.refuse(output)
            return False
        crash_point("watch.before_write")
        try:
            for acknowledgement in [await self._send(shard, *row) for row in _rows(output)]:
                await acknowledgement
        except KafkaError as error:
            shard.refuse(output)
            self._progress.counts["failed_writes", ""] += 1
            self._failing_since = self._failing_since or time.monotonic()
            if time.monotonic() - self._failing_since > FAILING_LIMIT_S:
                raise RuntimeError("nothing can be written for too long") from error
            log.warning("nothing could be written, it is tried again", extra={"error": type(error).__name__})
            return False
        crash_point("watch.written")
        self._failing_since = None
        self._note(shard, output)
        shard.accept(output)
        for channel in self._channels:
            channel.offer(shard, [shard.alerts[alert_id] for alert_id in output.alerts])
        return True

    async def _send(self, shard: Shard, topic: str, key: str, value: bytes | None) -> Any:
        # An acknowledgement stands where its key belongs: whoever acknowledges knows of no shards.
        partition = None if topic == ALERT_ACKS else shard.partition
        headers = None if value is None else [SCHEMA_HEADER]
        return await self._producer.send(topic, value, key=key.encode(), partition=partition, headers=headers)

    def _note(self, shard: Shard, output: TickOutput) -> None:
        for notice in output.notices:
            self._progress.counts["notices", notice["milestone"]] += 1
            log.info("customer told", extra={"milestone": notice["milestone"], "order_id": notice["order_id"]})
        for alert in output.alerts.values():
            before = shard.alerts.get(alert.alert_id)
            if (step := _step(before, alert)) is not None:
                self._progress.counts["alerts", alert.kind, step] += 1
                log.info(
                    "alert changed",
                    extra={"step": step, "rule": alert.rule, "subject": alert.subject, "alert_id": alert.alert_id},
                )

    def _show(self, now: int) -> None:
        progress, live = self._progress, [shard for shard in self._shards.values() if shard.live_since is not None]
        progress.gauges["open_orders",] = sum(map(len, live))
        progress.gauges["held_partitions",] = sum(progress.clock.is_settling or shard.is_stale(now) for shard in live)
        kinds = Counter(alert.kind for shard in live for alert in shard.open_alerts())
        progress.show("open_alerts", {(rule.kind,): float(kinds[rule.kind]) for rule in self._config.watch.rule})


def _rows(output: TickOutput) -> list[tuple[str, str, bytes | None]]:
    """The output of a tick as records: topic, key, value."""
    return [
        *((NOTICES, OrderKey.of(notice).encode().decode(), orjson.dumps(notice)) for notice in output.notices),
        *((ALERTS, alert.alert_id, alert.model_dump_json().encode()) for alert in output.alerts.values()),
        *((topic, alert_id, None) for alert_id in output.deleted_alerts for topic in (ALERTS, ALERT_ACKS)),
    ]


def _step(before: Alert | None, alert: Alert) -> str | None:
    """The alert's step since the last tick; None where only its delivery went on."""
    if before is None:
        return "opened"
    if alert.state != before.state:
        return alert.state
    return "escalated" if alert.level > before.level else None
