"""Quix Streams: a StreamingDataFrame with state, one event at a time, its state in RocksDB with a changelog."""

from typing import Any

from quixstreams import Application, State

from benchmarks.contenders.arguments import COMMIT_S, task
from benchmarks.contenders.rules import event_of, follow, key_of
from schemas.order_key import OrderKey, journey_key


def track(value: bytes, state: State[Any, Any]) -> dict[str, Any] | None:
    """The order's fact after this event; state is per record key, that is per vehicle."""
    event = event_of(value)
    if event is None:
        return None
    order = key_of(event).decode()
    followed = follow(state.get(order), event)
    if followed is None:
        return None
    after, fact = followed
    state.set(order, after)
    return fact


def main() -> None:
    options = task()
    app = Application(
        broker_address=options.kafka,
        consumer_group=options.group,
        auto_offset_reset="earliest",
        state_dir=options.data / "state",
        commit_interval=COMMIT_S,
        loglevel="WARNING",
    )
    events = app.topic(options.source, key_deserializer="bytes", value_deserializer="bytes")
    journeys = app.topic(options.output, key_serializer="str", value_serializer="json")
    frame = app.dataframe(events).apply(track, stateful=True)
    frame = frame.filter(lambda fact: fact is not None)
    frame.to_topic(journeys, key=lambda fact: journey_key(OrderKey.of(fact), fact["vehicle_id"]).decode())
    app.run()


if __name__ == "__main__":
    main()
