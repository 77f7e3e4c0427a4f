"""A Faust worker for test_faust.py: which event ids it has seen of each vehicle, in a table."""

import os
import sys

import faust

BROKER, NAME = os.environ["BROKER"], os.environ["APP"]

app = faust.App(
    NAME,
    broker=f"kafka://{BROKER}",
    store="memory://",
    datadir=os.environ["DATA"],
    topic_partitions=2,
    topic_replication_factor=1,
    table_standby_replicas=0,
    web_enabled=False,
    broker_session_timeout=2.0,
    broker_heartbeat_interval=0.3,
    broker_rebalance_timeout=10.0,
    broker_commit_interval=0.2,
    stream_wait_empty=False,
)
events = app.topic(f"{NAME}-events", key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
event_ids = app.Table("seen", default=list, partitions=2)


@app.agent(events)
async def remember(stream: faust.StreamT[bytes]) -> None:
    async for vehicle, event in stream.items():
        key = vehicle.decode()
        event_ids[key] = sorted({*event_ids[key], event.decode()})


if __name__ == "__main__":
    sys.argv = ["faust", "worker", "--loglevel=info"]
    app.main()
