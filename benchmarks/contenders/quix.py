"""Quix Streams: a StreamingDataFrame with state, one event at a time, its state in RocksDB with a changelog."""

from typing import Any

from quixstreams import Application, State

from benchmarks.contenders.arguments import COMMIT_S, task
from benchmarks.contenders.rules import event_of, follow
from schemas.order_key import OrderKey


def track(value: bytes, state: State[Any, Any]) -> dict[str, Any] | None:
    """The order's fact after this event; state is per record key, that is per vehicle."""
    event = event_of(value)
    if event is None:
        return None
    order = event.order.encode().decode()
    followed = follow(state.get(order), event)
    if followed is None:
        return None
    after, fact = followed
    state.set(order, after)
    return fact


def main() -> None:
    given = task()
    app = Application(
        broker_address=given.kafka,
        consumer_group=given.group,
        auto_offset_reset="earliest",
        state_dir=given.data / "state",
        commit_interval=COMMIT_S,
        loglevel="WARNING",
    )
    events = app.topic(given.source, key_deserializer="bytes", value_deserializer="bytes")
    journeys = app.topic(given.output, key_serializer="str", value_serializer="json")
    frame = app.dataframe(events).apply(track, stateful=True)
    frame = frame.filter(lambda fact: fact is not None)
    frame.to_topic(journeys, key=lambda fact: OrderKey.of(fact).encode().decode())
    app.run()


if __name__ == "__main__":
    main()
