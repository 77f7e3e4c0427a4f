"""The worker process: one Faust app, its outbox and the tasks that watch them."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from typing import Any

import faust
import uvloop
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from faust.types import TP

from runtime.crash_point import crash_point
from runtime.failure import BUG, STALLED, fail_stop
from runtime.kafka.lag import Delivered, show_lag
from runtime.kafka.lost_records import LostRecords
from runtime.kafka.topic_check import failure_text
from runtime.process import STOP_WITHIN_S, collect_rarely, end_within
from streams.worker.app import SESSION_S, Tables, WorkerConfig, make_app
from streams.worker.changelog_ends import ChangelogEnds
from streams.worker.changelogs import MAX_REQUEST_BYTES, prepare_topics
from streams.worker.crash_marks import CrashMarks
from streams.worker.lease import Lease
from streams.worker.measures import Progress
from streams.worker.outbox import Outbox
from streams.worker.recovery import Recovery
from streams.worker.tracker import Tracker, track_orders

BATCH_BYTES = 512 * 1024
DRAIN_S = 20.0

log = logging.getLogger(__name__)

Started = Callable[[asyncio.AbstractEventLoop], None]


def run_worker(config: WorkerConfig, progress: Progress, started: Started = lambda _: None) -> int:
    """Process events until SIGTERM or SIGINT; the exit code 0.

    `progress` tells other threads how it goes; `started` is called on the event loop once it turns. Fail-stops end the
    process from within: 70 a failed write or rule, 75 a stall, 78 too many dead letters.
    """
    for library in ("faust", "mode", "aiokafka"):
        logging.getLogger(library).setLevel(logging.WARNING)
    collect_rarely()
    # As policy, so that Faust's consumer thread gets such a loop, too.
    uvloop.install()
    asyncio.run(_serve(config, progress, started))
    return 0


async def _serve(config: WorkerConfig, progress: Progress, started: Started) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    started(loop)
    await prepare_topics(config)
    lease = Lease(SESSION_S)
    lost = LostRecords(progress)
    app, tables, events = make_app(config, lease, lost)
    worker = Worker(config, app, tables, progress, lease)
    track_orders(app, events, worker.tracker.process)
    await worker.start()
    log.info("worker started", extra={"instance": config.instance})
    running = asyncio.create_task(app.start())
    watching = [asyncio.create_task(worker.watch(running)), asyncio.create_task(worker.show_lag(lost))]
    await stop.wait()
    end_within(STOP_WITHIN_S)
    log.info("worker stops")
    progress.ready = False
    for task in watching:
        task.cancel()
    await worker.finish()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(app.stop(), DRAIN_S)
    running.cancel()
    await worker.stop()
    log.info("worker stopped")


class Worker:
    """Connects the Faust app with the tracker and its outbox."""

    def __init__(self, config: WorkerConfig, app: faust.App, tables: Tables, progress: Progress, lease: Lease) -> None:
        self._config, self._app, self._tables, self._progress = config, app, tables, progress
        self._producer = AIOKafkaProducer(
            **config.kafka,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=30_000,
        )
        lease.guard(self._producer)
        self._ends = ChangelogEnds(self._recovered_end)
        self._outbox = Outbox(self._producer, logged=self._note_logged)
        marks = CrashMarks(config.data / f"{config.app_id}-crashes.json")
        self.tracker = Tracker(config, tables, self._outbox, marks, progress)
        self._recovery = Recovery()
        app.on_partitions_revoked.connect(self._on_revoked, weak=False)

    async def start(self) -> None:
        """Make ready for the first batch."""
        await self._producer.start()
        self._outbox.start()

    async def finish(self) -> None:
        """Let unfinished batches become durable and commit them; those too slow are processed again later."""
        self._app.consumer.stop_flow()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.tracker.drained(), DRAIN_S)
            await asyncio.wait_for(self._app.consumer.commit(), DRAIN_S)

    async def stop(self) -> None:
        """Stop writing."""
        await self._outbox.stop()
        await self._producer.stop()

    def _recovered_end(self, topic: str, partition: int) -> int | None:
        """The changelog's end offset as the last recovery saw it."""
        last: int | None = self._app.tables.recovery.active_highwaters.get(TP(topic, partition))
        return None if last is None else last + 1

    def _note_logged(self, metadata: Any) -> None:
        """End the process where the state lacks changelog records; what it has just written is not acknowledged."""
        if unread := self._ends.unread(metadata):
            fail_stop(
                f"recovery ended {unread} records before the end of {metadata.topic} {metadata.partition}: the broker "
                "told an end that was too low. The next start reads them",
                STALLED,
            )

    async def _on_revoked(self, app: Any, revoked: set[Any], **kwargs: Any) -> None:
        """Before partitions go: finish and commit the batches under way, and drop all state of these partitions."""
        self._progress.ready = False
        crash_point("worker.before_revoke")
        if revoked:
            try:
                await asyncio.wait_for(self.tracker.drained(), DRAIN_S)
            except TimeoutError:
                # Else it would be written when the partitions have another owner.
                fail_stop("what was under way could not be written before the partitions go", STALLED)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._app.consumer.commit(), DRAIN_S)
        self.tracker.forget_states()
        self._ends.forget()
        crash_point("worker.revoked")

    async def watch(self, running: "asyncio.Task[Any]") -> None:
        """Keep `progress` up to date, and end the process when the app has crashed."""
        while True:
            await asyncio.sleep(0.5)
            if self._app.crash_reason is not None or (running.done() and running.exception()):
                error = self._app.crash_reason or running.exception()
                if isinstance(error, TopicAuthorizationFailedError):
                    fail_stop(failure_text(error), STALLED)
                log.error("the app crashed", exc_info=error)
                fail_stop(f"the app crashed: {type(error).__name__}", BUG)
            if isinstance(self._app.consumer.refusal, GroupAuthorizationFailedError):
                fail_stop(failure_text(self._app.consumer.refusal), STALLED)
            self._update_progress()

    def _update_progress(self) -> None:
        progress, recovering = self._progress, self._is_recovering()
        if not recovering:
            self._app.consumer.skip_control_records()
        lag = {} if recovering else self._lag()
        progress.ready = not recovering
        progress.waiting = recovering or sum(lag.values()) > 0 or self._outbox.under_way() > 0
        for name in ("orders", "vehicles", "hours"):
            progress.gauges["state_entries", name] = len(getattr(self._tables, name).data)
        newest = self.tracker.newest_events().items()
        progress.show("newest_event_timestamp_seconds", {(str(number),): at / 1000 for number, at in newest})
        progress.gauges["batches_under_way",] = self._outbox.under_way()
        for name, number in self.tracker.intake.extras.items():
            progress.counts["unknown_fields", name] = number
        for name, number in self.tracker.intake.free_text.items():
            progress.counts["free_text", name] = number
        if recovering:
            read = sum(offset or 0 for offset in self._app.tables.recovery.active_offsets.values())
            progress.moved += self._recovery.steps(progress.moved, read, self._app.rebalancing_count)

    def _is_recovering(self) -> bool:
        app = self._app
        return bool(not app.tables.recovery.completed.is_set() or app.in_recovery or app.rebalancing)

    def _lag(self) -> dict[int, int]:
        """By partition, as far as the consumer itself knows."""
        highwater = self._app.consumer.highwater
        return {
            tp.partition: max(0, (highwater(tp) or 0) - (delivered or 0)) for tp, delivered in self._settled().items()
        }

    def _settled(self) -> Delivered:
        consumer = self._app.consumer
        partitions = [tp for tp in consumer.assignment() if tp.topic == self._config.topics.events]
        return {TopicPartition(*tp): consumer.settled.get(tp, consumer._committed_offset[tp]) for tp in partitions}

    async def show_lag(self, lost: LostRecords) -> None:
        """Keep the lag that the brokers know of in `progress`."""

        async def done() -> Delivered:
            return {} if self._is_recovering() else self._settled()

        await show_lag(self._config.kafka, self._progress, done, lost)
