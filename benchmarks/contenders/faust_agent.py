"""A textbook Faust agent: a table, `table[key] = …` and one `send` per event.

As the documentation shows it, with default settings. FAUST_TUNED=1 sets those that the settings reference offers for
throughput.
"""

import os
import sys
from typing import Any

import faust

from benchmarks.contenders.arguments import COMMIT_S, task
from benchmarks.contenders.rules import event_of, follow, key_of

TUNED = {
    "consumer_max_fetch_size": 4 * 1024 * 1024,
    "stream_buffer_maxsize": 16_384,
    "stream_wait_empty": False,
    "producer_linger": 0.005,
    "producer_max_batch_size": 256 * 1024,
    "broker_check_crcs": False,
}

options = task()
app = faust.App(
    options.group,
    broker=f"kafka://{options.kafka}",
    store="memory://",
    datadir=str(options.data),
    topic_partitions=options.partitions,
    topic_disable_leader=True,
    broker_commit_interval=COMMIT_S,
    **(TUNED if os.environ.get("FAUST_TUNED") else {}),
)
events = app.topic(options.source, key_type=bytes, value_type=bytes, value_serializer="raw", key_serializer="raw")
journeys = app.topic(options.output, key_type=str, value_serializer="json", key_serializer="raw")
orders = app.Table("orders", partitions=options.partitions)


@app.agent(events)  # type: ignore[untyped-decorator]
async def track(stream: Any) -> None:
    async for value in stream:
        event = event_of(value)
        if event is None:
            continue
        order = key_of(event).decode()
        followed = follow(orders.get(order), event)
        if followed is not None:
            orders[order], fact = followed
            await journeys.send(key=order, value=fact)


if __name__ == "__main__":
    sys.argv = ["faust", "worker", "--loglevel", "warn", "--without-web"]
    app.main()
