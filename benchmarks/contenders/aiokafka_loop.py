"""A hand-written aiokafka loop: fetch → rules → outputs → changelog → commit, each acknowledged before the next.

RULES says which rules (benchmarks/contenders/loop_rules.py). What it is spared: recovery of its state, dead letters,
fail-stop, memory of what was let go.
"""

import asyncio
import gc
import os
import signal

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.contenders.arguments import Task, task
from benchmarks.contenders.loop_rules import RULES, Rows, Rules

# More in hand at once brings nothing more.
MAX_RECORDS = 16_000
SESSION_MS = 120_000


async def loop(options: Task, rules: Rules) -> None:
    """Process until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    consumer, producer = _consumer(options), _producer(options)
    await consumer.start()
    await producer.start()
    try:
        while not stopped.is_set():
            fetched = await consumer.getmany(timeout_ms=200, max_records=MAX_RECORDS)
            outputs: Rows = {}
            changelog: Rows = {}
            for tp, records in fetched.items():
                rules.apply(tp.partition, records, outputs, changelog)
            await ship(producer, outputs)
            await ship(producer, changelog)
            if fetched:
                await consumer.commit({tp: records[-1].offset + 1 for tp, records in fetched.items()})
    finally:
        await consumer.stop()
        await producer.stop()


def _consumer(options: Task) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        options.source,
        bootstrap_servers=options.kafka,
        group_id=options.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # No heartbeat is sent beside a batch, which on a busy machine may take longer than the usual 10 s.
        session_timeout_ms=SESSION_MS,
        max_poll_interval_ms=SESSION_MS,
        max_partition_fetch_bytes=6 * 1024 * 1024,
        fetch_max_wait_ms=100,
    )


def _producer(options: Task) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=options.kafka,
        acks="all",
        enable_idempotence=True,
        max_batch_size=512 * 1024,
        max_request_size=8 * 1024 * 1024,
    )


async def ship(producer: AIOKafkaProducer, rows: Rows) -> None:
    """Send the rows as whole record batches and wait until all are acknowledged."""
    futures = []
    for (topic, partition), partition_rows in rows.items():
        batch = producer.create_batch()
        for key, value in partition_rows:
            if batch.append(timestamp=None, key=key, value=value) is None:
                batch.close()
                futures.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(timestamp=None, key=key, value=value)
        batch.close()
        futures.append(await producer.send_batch(batch, topic, partition=partition))
    for future in futures:
        await future


if __name__ == "__main__":
    # As the worker does.
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    uvloop.run(loop(task(), RULES[os.environ.get("RULES", "partition")](task())))
